/** Inspects actors for as long as a view shows them, drawn anew at most once a frame. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ActorsOptions, TroupeError } from '../../../runtime/browser.ts'
import { troupe } from '../connection.ts'
import { ActorTable } from './actor-table.ts'

export interface UsedActors {
  readonly table: ActorTable
  readonly state: 'loading' | 'ready'
  /** Why it ended, in a sentence. */
  readonly failure: string | undefined
  /** When the page began to look, in milliseconds since 1970. */
  readonly sinceMs: number
}

/** Between two looks at what came while nobody looks at the page, in milliseconds. */
const hiddenMs = 1_000

/** `undefined`: everything but tasks and attempts. */
export function useActors(filter: ActorsOptions['filter']): UsedActors {
  const opened = troupe.value
  const key = JSON.stringify(filter ?? null)
  const used = useRef<{ key: string } & UsedActors>(undefined)
  const [, draw] = useState(0)
  if (used.current?.key !== key) used.current = { key, ...begun() }
  useEffect(() => {
    if (opened === undefined) return
    const mine = { key, ...begun() }
    used.current = mine
    const closing = new AbortController()
    let isScheduled = false
    const schedule = () => {
      if (isScheduled) return
      isScheduled = true
      const show = () => {
        isScheduled = false
        if (!closing.signal.aborted) draw((count) => count + 1)
      }
      if (document.hidden) setTimeout(show, hiddenMs)
      else requestAnimationFrame(show)
    }
    const read = async () => {
      const { signal } = closing
      try {
        for await (const news of opened.actors({ signal, ...(filter === undefined ? {} : { filter }) })) {
          mine.table.take(news)
          mine.state = 'ready'
          schedule()
        }
      } catch (error) {
        mine.failure = wordsOf(error)
        schedule()
      }
    }
    void read()
    return () => closing.abort()
  }, [opened, key])
  return used.current
}

const begun = (): { table: ActorTable; state: 'loading' | 'ready'; failure: string | undefined; sinceMs: number } => ({
  table: new ActorTable(),
  state: 'loading',
  failure: undefined,
  sinceMs: Date.now(),
})

function wordsOf(error: unknown): string {
  if (error instanceof TroupeError && error.code === 'Overloaded') {
    return 'This page looks at too many machines at once; close another view of it and come back.'
  }
  return error instanceof Error ? error.message : String(error)
}
