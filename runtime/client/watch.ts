/** Watches one task until it is final, across lost connections and restarts of the manager, without a gap. */
import type { TaskEvent, TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { LogPosition, Subscription } from './subscription.ts'

export const watchLimits = {
  /** How long the last events may come after the final state, in milliseconds. */
  lastEventsMs: 2_000,
} as const

export interface WatchHandlers {
  /** The newest state, each time it changed; steps in between may be left out. */
  readonly onView?: (view: TaskView) => void
  /** Every transition once, in order. */
  readonly onEvent?: (event: TaskEvent) => void
  /** The manager could not go on from where this was; its history begins anew. */
  readonly onReset?: (reason: string) => void
  /** How far a start is, for people. */
  readonly onProgress?: (text: string) => void
}

export const isFinal = (view: TaskView): boolean => view.state === 'Completed' || view.state === 'Failed'

interface Waiter {
  readonly fits: (view: TaskView) => boolean
  readonly resolve: (view: TaskView) => void
  readonly reject: (error: unknown) => void
}

export class TaskWatch {
  /** Resolves with the final state, after its last event was told. Rejects when the task is unknown or the link given up. */
  readonly final: Promise<TaskView>
  readonly #link: Link
  readonly #taskId: string
  readonly #handlers: WatchHandlers
  readonly #waiters = new Set<Waiter>()
  #view: TaskView | undefined
  #tasksAt: LogPosition | undefined
  #eventsAt: LogPosition | undefined
  #failure: { readonly error: unknown } | undefined

  /** Begins at once, with the task's recorded history. `taskId` must be the whole id. */
  constructor(link: Link, taskId: string, handlers: WatchHandlers = {}) {
    this.#link = link
    this.#taskId = taskId
    this.#handlers = handlers
    this.final = this.#run().catch((error: unknown) => {
      this.#failure = { error }
      for (const waiter of this.#waiters) waiter.reject(error)
      this.#waiters.clear()
      throw error
    })
    // Whoever only asks `until` hears of the failure there.
    this.final.catch(() => undefined)
  }

  /** The first state from now on that fits, the present one included. Rejects as `final` does. */
  until(fits: (view: TaskView) => boolean): Promise<TaskView> {
    if (this.#view && fits(this.#view)) return Promise.resolve(this.#view)
    if (this.#failure) return Promise.reject(this.#failure.error)
    return new Promise((resolve, reject) => {
      this.#waiters.add({ fits, resolve, reject })
    })
  }

  async #run(): Promise<TaskView> {
    for (let tries = 0; ; tries += 1) {
      const client = await this.#link.client()
      try {
        return await this.#watchOn(client)
      } catch (error) {
        if (!isRetryable(error)) throw error
      }
      await pause(this.#link.clock, backOffMs(tries, this.#link.random))
    }
  }

  // Both topics on one connection; ends with the final state, or with what ended the subscriptions.
  async #watchOn(client: Client): Promise<TaskView> {
    const streams: Subscription[] = []
    let cancelTimer = () => {}
    try {
      return await new Promise<TaskView>((resolve, reject) => {
        const settle = () => {
          const view = this.#view
          if (!view || !isFinal(view)) return
          if (!this.#handlers.onEvent || (this.#eventsAt?.revision ?? -1) >= view.revision) resolve(view)
          else {
            cancelTimer()
            cancelTimer = this.#link.clock.setTimer(() => resolve(view), watchLimits.lastEventsMs)
          }
        }
        streams.push(this.#watchViews(client, settle, reject))
        if (this.#handlers.onEvent) streams.push(this.#watchEvents(client, settle, reject))
      })
    } finally {
      cancelTimer()
      for (const stream of streams) void stream.close()
    }
  }

  #watchViews(client: Client, settle: () => void, onEnd: (error: TroupeError) => void): Subscription {
    const from = this.#tasksAt ?? 'snapshot'
    const stream: Subscription = client.subscribe(
      { topic: 'tasks', taskId: this.#taskId, from },
      {
        onSnapshot: ({ tasks = [] }) => {
          const view = tasks.find(({ id }) => id === this.#taskId)
          if (view) this.#tell(view)
          // It may have been known once: it has ended since, and was trimmed.
          else onEnd(new TroupeError('NotFound', `There is no task ${this.#taskId}.`))
          this.#tasksAt = stream.position
          settle()
        },
        onDelta: ({ task }) => {
          if (task) this.#tell(task)
          this.#tasksAt = stream.position
          settle()
        },
        onEnd,
      },
    )
    return stream
  }

  #watchEvents(client: Client, settle: () => void, onEnd: (error: TroupeError) => void): Subscription {
    const from = this.#eventsAt ?? 'snapshot'
    const stream: Subscription = client.subscribe(
      { topic: 'events', taskId: this.#taskId, from },
      {
        onSnapshot: ({ events = [], logId }) => {
          // A snapshot after a reset repeats what was told, unless the log is another one.
          const toldTo = this.#eventsAt?.logId === logId ? this.#eventsAt.revision : -1
          for (const event of events) if (event.revision > toldTo) this.#handlers.onEvent?.(event)
          this.#eventsAt = stream.position
          settle()
        },
        onDelta: ({ events = [] }) => {
          for (const event of events) this.#handlers.onEvent?.(event)
          this.#eventsAt = stream.position
          settle()
        },
        onReset: (reason) => this.#handlers.onReset?.(reason),
        onProgress: (text) => this.#handlers.onProgress?.(text),
        onEnd,
      },
    )
    return stream
  }

  #tell(view: TaskView): void {
    this.#view = view
    this.#handlers.onView?.(view)
    for (const waiter of this.#waiters) {
      if (!waiter.fits(view)) continue
      this.#waiters.delete(waiter)
      waiter.resolve(view)
    }
  }
}
