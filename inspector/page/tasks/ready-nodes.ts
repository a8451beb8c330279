/** How many nodes there are, and how many of them are ready: asked for now and then, while somebody looks. */
import { useEffect, useState } from 'preact/hooks'
import { connectionState, troupe } from '../connection.ts'

/** Between two questions, in milliseconds. */
const everyMs = 5_000

export interface ReadyNodes {
  readonly ready: number
  readonly total: number
}

export function useReadyNodes(): ReadyNodes | undefined {
  const [nodes, setNodes] = useState<ReadyNodes>()
  const opened = troupe.value
  const isLive = connectionState.value.type === 'live'
  useEffect(() => {
    if (opened === undefined || !isLive) return
    const asking = new AbortController()
    const ask = async () => {
      if (document.hidden) return
      try {
        const all = await opened.nodes({ signal: asking.signal })
        const ready = all.filter(({ state, draining }) => state === 'Ready' && !draining).length
        setNodes((before) =>
          before?.ready === ready && before.total === all.length ? before : { ready, total: all.length },
        )
      } catch {
        // What was known stays; the header says that the connection is lost.
      }
    }
    void ask()
    const timer = setInterval(() => void ask(), everyMs)
    return () => {
      clearInterval(timer)
      asking.abort()
    }
  }, [opened, isLive])
  return nodes
}
