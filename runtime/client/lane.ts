/** One subscription to the newest state of some tasks, by their ids, that comes back after a cut where it was. */
import type { TaskView } from '../../actors/model.ts'
import type { TroupeError } from '../../actors/protocol/errors.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { LogPosition, Subscription } from './subscription.ts'

export interface LaneHandlers {
  onView(view: TaskView, logId: string): void
  onReset(): void
  /** The manager knows no such task; `error`: in its own words. */
  onUnknown(taskId: string, error?: TroupeError): void
  /** The manager knows one of them not, and does not say which. */
  onSplit(): void
  /** It was given up. */
  onEnd(error: TroupeError): void
}

export class Lane {
  readonly #link: Link
  readonly #handlers: LaneHandlers
  readonly #ids: Set<string>
  readonly #closing = new AbortController()
  #at: LogPosition | undefined

  constructor(link: Link, ids: readonly string[], handlers: LaneHandlers) {
    this.#link = link
    this.#ids = new Set(ids)
    this.#handlers = handlers
  }

  get ids(): string[] {
    return [...this.#ids]
  }

  get size(): number {
    return this.#ids.size
  }

  open(): void {
    void this.#run()
  }

  /** Answers true if it was the last one: then the lane is closed. */
  drop(taskId: string): boolean {
    this.#ids.delete(taskId)
    if (this.#ids.size > 0) return false
    this.close()
    return true
  }

  close(): void {
    this.#closing.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        const client = await this.#link.client()
        if (signal.aborted) return
        await this.#hear(client, () => {
          tries = 0
        })
      } catch (error) {
        if (signal.aborted) return
        if (!isRetryable(error)) {
          this.#giveUp(error as TroupeError)
          return
        }
      }
      await pause(this.#link.clock, backOffMs(tries, this.#link.random), signal)
    }
  }

  #giveUp(error: TroupeError): void {
    this.close()
    if (error.code !== 'NotFound') this.#handlers.onEnd(error)
    else if (this.#ids.size > 1) this.#handlers.onSplit()
    else for (const id of this.ids) this.#handlers.onUnknown(id, error)
  }

  /** Rejects with what ended the subscription; resolves when the lane is closed. */
  #hear(client: Client, onHeard: () => void): Promise<void> {
    const { logId } = client.welcome
    const seen = new Set<string>()
    return new Promise((resolve, reject) => {
      const stream: Subscription = client.subscribe(
        { topic: 'tasks', filter: { ids: this.ids }, from: this.#at ?? 'snapshot' },
        {
          onSnapshot: ({ tasks = [], more }) => {
            onHeard()
            for (const view of tasks) {
              seen.add(view.id)
              this.#handlers.onView(view, logId)
            }
            if (more) return
            this.#at = stream.position
            for (const id of this.ids) if (!seen.has(id)) this.#handlers.onUnknown(id)
            seen.clear()
          },
          onDelta: ({ task }) => {
            onHeard()
            if (task) this.#handlers.onView(task, logId)
            this.#at = stream.position
          },
          onMark: () => {
            this.#at = stream.position
          },
          onRemoved: ({ id, why }) => {
            if (why === 'gone') this.#handlers.onUnknown(id)
            this.#at = stream.position
          },
          onReset: () => {
            this.#at = undefined
            this.#handlers.onReset()
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
}
