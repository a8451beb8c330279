/**
 * All tasks that fit a filter, as they are now and as they change: what a table that stays up to date is made of. A reader
 * that is slow misses steps in between and holds one state per task, never more.
 */
import type { TaskView } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { Client } from './client.ts'
import type { Counters } from './counters.ts'
import { type Hearing, NewsReader, type NewsSource } from './news-reader.ts'
import type { LogPosition, Subscription } from './subscription.ts'
import type { StreamOptions } from './time-limit.ts'

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

export interface ChangeSource extends NewsSource, WatchOptions {
  readonly counters: Counters
}

export class ChangeReader extends NewsReader<TaskChange> implements TaskChanges {
  readonly #source: ChangeSource
  /** The newest of each task that was not read yet, the longest waiting first. */
  readonly #waiting = new Map<string, TaskChange>()
  /** The newest revision told of each live task. */
  readonly #live = new Map<string, number>()
  #logId: string | undefined
  #at: LogPosition | undefined

  constructor(source: ChangeSource) {
    super(source)
    this.#source = source
    this.begin('the end of the changes')
  }

  protected next(): TaskChange | undefined {
    const [first] = this.#waiting
    if (first !== undefined) this.#waiting.delete(first[0])
    return first?.[1]
  }

  protected drop(): void {
    this.#waiting.clear()
  }

  protected progress(): unknown {
    return this.#at
  }

  protected hearing(client: Client, stream: () => Subscription): Hearing {
    const { filter, counters } = this.#source
    if (this.#logId !== client.welcome.logId) this.#live.clear()
    this.#logId = client.welcome.logId
    const seen = new Set<string>()
    const goOn = () => {
      this.#at = stream().position
    }
    return {
      ask: { topic: 'tasks', from: this.#at ?? 'snapshot', ...(filter === undefined ? {} : { filter }) },
      handlers: {
        onSnapshot: ({ tasks = [], more }) => {
          for (const task of tasks) {
            seen.add(task.id)
            this.#changed(task)
          }
          if (more) return
          // What was live, and is not among all that are now, went while nobody could tell.
          for (const id of [...this.#live.keys()]) if (!seen.has(id)) this.#removed(id, 'gone')
          seen.clear()
          goOn()
        },
        onDelta: ({ task }) => {
          if (task) this.#changed(task)
          goOn()
        },
        onRemoved: ({ id, why }) => {
          this.#removed(id, why)
          goOn()
        },
        onMark: goOn,
        onReset: () => {
          counters.resets += 1
          this.#at = undefined
        },
      },
    }
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
    if (this.isClosed) return
    this.#waiting.set(id, change)
    this.wake()
  }
}
