/** Reads a task's output into a store, a batch per frame; who reads slowly slows the sender down. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { troupe } from '../../connection.ts'
import type { LineGiven } from './log-store.ts'
import { LogStore } from './log-store.ts'

/** Lines taken between two frames at most. */
const batchLinesMax = 1_000

export type Reading =
  | { readonly is: 'reading' }
  /** It has come to its end. */
  | { readonly is: 'ended' }
  | { readonly is: 'failed'; readonly why: string }

export interface Log {
  readonly store: LogStore
  readonly reading: Reading
  /** Rises with every batch. */
  readonly version: number
  /** Draws anew after the store was asked for something else. */
  readonly redraw: () => void
}

export interface LogOf {
  readonly taskId: string
  /** Of this attempt only; undefined: the newest and those after it. */
  readonly attempt: number | undefined
  /** What was saved, of a history from a file: then nothing is read. */
  readonly saved: readonly LineGiven[] | undefined
}

export function useLog({ taskId, attempt, saved }: LogOf): Log {
  const store = useRef(new LogStore())
  const [reading, setReading] = useState<Reading>({ is: 'reading' })
  const [version, setVersion] = useState(0)
  const redraw = () => setVersion((before) => before + 1)
  const from = troupe.value
  useEffect(() => {
    const fresh = new LogStore()
    store.current = fresh
    redraw()
    if (saved !== undefined) {
      fresh.push(attempt === undefined ? saved : saved.filter((line) => line.attempt === attempt))
      setReading({ is: 'ended' })
      return undefined
    }
    setReading({ is: 'reading' })
    if (from === undefined) return undefined
    const stop = new AbortController()
    const batch = new Batch((lines) => {
      fresh.push(lines)
      redraw()
    })
    const options = { follow: true, signal: stop.signal, ...(attempt === undefined ? {} : { attempt }) }
    const onIncomplete = (number: number, why: string) => {
      batch.flush()
      fresh.note(`the output of attempt ${number} is not complete: ${why}`)
      redraw()
    }
    void (async () => {
      try {
        for await (const line of from.logs(taskId, { ...options, onIncomplete })) {
          await batch.add(line)
          if (stop.signal.aborted) return
        }
        batch.flush()
        if (!stop.signal.aborted) setReading({ is: 'ended' })
      } catch (error) {
        batch.flush()
        const why = error instanceof Error ? error.message : String(error)
        if (!stop.signal.aborted) setReading({ is: 'failed', why })
      }
    })()
    return () => {
      stop.abort()
      batch.close()
    }
  }, [from, taskId, attempt, saved])
  return { store: store.current, reading, version, redraw }
}

/** Lines that wait for the next frame. */
class Batch {
  readonly #take: (lines: readonly LineGiven[]) => void
  #lines: LineGiven[] = []
  #frame: number | undefined
  #wake: (() => void) | undefined

  constructor(take: (lines: readonly LineGiven[]) => void) {
    this.#take = take
  }

  /** Resolves at once, or with the next frame where enough waits for it. */
  add(line: LineGiven): Promise<void> | undefined {
    this.#lines.push(line)
    this.#frame ??= requestAnimationFrame(() => this.flush())
    if (this.#lines.length < batchLinesMax) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  flush(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    this.#frame = undefined
    const lines = this.#lines
    this.#lines = []
    if (lines.length > 0) this.#take(lines)
    this.#wake?.()
    this.#wake = undefined
  }

  close(): void {
    this.#lines = []
    this.flush()
  }
}
