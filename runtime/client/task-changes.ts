/**
 * All tasks that fit a filter, as they are now and as they change: what a table that stays up to date is made of. A reader
 * that is slow misses steps in between and holds one state per task, never more.
 */
import type { TaskView } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import type { Counters } from './counters.ts'
import { isRetryable, type Link } from './link.ts'
import type { LogPosition, Subscription } from './subscription.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

/** Which tasks are watched. */
export interface WatchOptions extends StreamOptions {
  /** Only tasks that fit all of this. Default: all. */
  readonly filter?: TaskFilter
}

/** What is new of one task. */
export type TaskChange =
  | { readonly type: 'Changed'; readonly task: TaskView }
  /** It does not fit the filter any more (`unfit`), or is not remembered (`gone`). */
  | { readonly type: 'Removed'; readonly id: string; readonly why: 'unfit' | 'gone' }

/** To be read once. */
export interface TaskChanges extends AsyncIterable<TaskChange> {
  /** Ends the iteration quietly. */
  close(): void
}

export interface ChangeSource extends WatchOptions {
  readonly link: Link
  readonly counters: Counters
  readonly onClosed: (reader: ChangeReader) => void
}

export class ChangeReader implements TaskChanges {
  readonly #source: ChangeSource
  /** The newest of each task that was not read yet, the longest waiting first. */
  readonly #waiting = new Map<string, TaskChange>()
  /** The newest revision told of each live task. */
  readonly #live = new Map<string, number>()
  readonly #closing = new AbortController()
  #forget: () => void = () => {}
  #logId: string | undefined
  #at: LogPosition | undefined
  #error: unknown
  #wake: (() => void) | undefined

  constructor(source: ChangeSource) {
    this.#source = source
    const ends = { onAbort: () => this.close(), onLate: (error: unknown) => this.fail(error) }
    this.#forget = limitTime(source.link.clock, 'the end of the changes', source, ends)
    void this.#hear()
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  close(): void {
    this.#waiting.clear()
    this.fail(undefined)
  }

  /** What waits is still read, then it throws. */
  fail(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#error = error
    this.#closing.abort()
    this.#forget()
    this.#source.onClosed(this)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TaskChange, void> {
    try {
      for (;;) {
        const [next] = this.#waiting
        if (next !== undefined) {
          this.#waiting.delete(next[0])
          yield next[1]
        } else if (this.#error !== undefined) throw this.#error
        else if (this.#closing.signal.aborted) return
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.close()
    }
  }

  async #hear(): Promise<void> {
    const { link } = this.#source
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries += 1) {
      const before = this.#at
      try {
        const client = await link.client()
        if (!signal.aborted) await this.#hearOn(client)
      } catch (error) {
        if (!isRetryable(error)) return this.fail(error)
      }
      if (this.#at !== before) tries = 0
      await pause(link.clock, backOffMs(tries, link.random), signal)
    }
  }

  /** Resolves when it was closed. Rejects with what ended the subscription. */
  #hearOn(client: Client): Promise<void> {
    const { filter, counters } = this.#source
    if (this.#logId !== client.welcome.logId) this.#live.clear()
    this.#logId = client.welcome.logId
    const seen = new Set<string>()
    return new Promise((resolve, reject) => {
      const stream: Subscription = client.subscribe(
        { topic: 'tasks', from: this.#at ?? 'snapshot', ...(filter === undefined ? {} : { filter }) },
        {
          onSnapshot: ({ tasks = [], more }) => {
            for (const task of tasks) {
              seen.add(task.id)
              this.#changed(task)
            }
            if (more) return
            // What was live, and is not among all that are now, went while nobody could tell.
            for (const id of [...this.#live.keys()]) if (!seen.has(id)) this.#removed(id, 'gone')
            seen.clear()
            this.#at = stream.position
          },
          onDelta: ({ task }) => {
            if (task) this.#changed(task)
            this.#at = stream.position
          },
          onRemoved: ({ id, why }) => {
            this.#removed(id, why)
            this.#at = stream.position
          },
          onMark: () => {
            this.#at = stream.position
          },
          onReset: () => {
            counters.resets += 1
            this.#at = undefined
          },
          onEnd: (error) => {
            forget()
            reject(error)
          },
        },
      )
      const forget = onAbort(this.#closing.signal, () => {
        void stream.close()
        resolve()
      })
    })
  }

  #changed(task: TaskView): void {
    this.#source.counters.views += 1
    const { id, revision } = task
    if ((this.#live.get(id) ?? -1) >= revision) return
    if (task.outcome === null) this.#live.set(id, revision)
    else this.#live.delete(id)
    this.#put(id, { type: 'Changed', task })
  }

  #removed(id: string, why: 'unfit' | 'gone'): void {
    this.#live.delete(id)
    this.#put(id, { type: 'Removed', id, why })
  }

  #put(id: string, change: TaskChange): void {
    if (this.#closing.signal.aborted) return
    this.#waiting.set(id, change)
    this.#wake?.()
  }
}
