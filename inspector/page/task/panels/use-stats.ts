/** Watches what a task uses for as long as it is shown: nothing is measured for nobody. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { troupe } from '../../connection.ts'
import { StatsSeries } from './stats-series.ts'

export type Watching =
  | { readonly is: 'watching' }
  /** The task is final. */
  | { readonly is: 'ended' }
  | { readonly is: 'failed'; readonly why: string }

export interface StatsShown {
  readonly series: StatsSeries
  readonly watching: Watching
  /** Rises with every sample. */
  readonly version: number
}

export function useStats(taskId: string, isLive: boolean): StatsShown {
  const series = useRef(new StatsSeries())
  const [watching, setWatching] = useState<Watching>({ is: 'watching' })
  const [version, setVersion] = useState(0)
  const from = troupe.value
  useEffect(() => {
    const fresh = new StatsSeries()
    series.current = fresh
    setVersion((before) => before + 1)
    setWatching({ is: 'watching' })
    if (from === undefined || !isLive) return undefined
    const stop = new AbortController()
    void (async () => {
      try {
        for await (const sample of from.stats(taskId, { signal: stop.signal })) {
          if (stop.signal.aborted) return
          fresh.push(sample)
          setVersion((before) => before + 1)
        }
        if (!stop.signal.aborted) setWatching({ is: 'ended' })
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        if (!stop.signal.aborted) setWatching({ is: 'failed', why })
      }
    })()
    return () => stop.abort()
  }, [from, taskId, isLive])
  return { series: series.current, watching, version }
}
