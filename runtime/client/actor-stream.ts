/**
 * The actors of a cluster, as they stand and as they step: what an inspector is made of. Live only: after a lost connection
 * it begins anew. A reader that is slow misses steps, and is told how many; it holds about one per actor then.
 */
import { bytesOfActor } from '../../actors/inspection.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { ActorStep, ActorView } from '../../actors/protocol/inspection.ts'
import { StepQueue } from '../../actors/step-queue.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { Subscription } from './subscription.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

/** Which actors are inspected. */
export interface ActorsOptions extends StreamOptions {
  /**
   * `ids`: these tasks (at most 500, by clear beginnings of ids) and their attempts. `nodes`: these nodes, by name or id,
   * each with its worker and session. One of the two. Default: the manager, and all nodes with their workers and sessions.
   */
  readonly filter?: Pick<TaskFilter, 'ids' | 'nodes'>
}

/** What is new of the actors. */
export type ActorNews =
  /** How all of them stand. `isAgain`: it began anew, after a lost connection or because this reader was too slow. */
  | { readonly type: 'Snapshot'; readonly actors: readonly ActorView[]; readonly isAgain: boolean }
  /**
   * What they did since, in the order of each actor. `missed`: so many steps before these were left out, because this
   * reader or the way to it was too slow; the newest of each actor is never among them.
   */
  | { readonly type: 'Steps'; readonly steps: readonly ActorStep[]; readonly missed: number }

/** To be read once. */
export interface ActorStream extends AsyncIterable<ActorNews> {
  /** Ends the iteration quietly. */
  close(): void
}

export interface ActorSource extends ActorsOptions {
  readonly link: Link
  readonly onClosed: (reader: ActorReader) => void
}

export class ActorReader implements ActorStream {
  readonly #source: ActorSource
  readonly #closing = new AbortController()
  /** Nobody is told by how much a reader of its own process may be behind: the newest of each actor always fits. */
  readonly #steps = new StepQueue({ bytesMax: Number.POSITIVE_INFINITY })
  #forget: () => void = () => {}
  #snapshot: Extract<ActorNews, { type: 'Snapshot' }> | undefined
  #snapshots = 0
  #error: unknown
  #wake: (() => void) | undefined

  constructor(source: ActorSource) {
    this.#source = source
    const ends = { onAbort: () => this.close(), onLate: (error: unknown) => this.fail(error) }
    this.#forget = limitTime(source.link.clock, 'the end of the inspection', source, ends)
    void this.#hear()
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  close(): void {
    this.#snapshot = undefined
    this.#steps.take()
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

  async *[Symbol.asyncIterator](): AsyncGenerator<ActorNews, void> {
    try {
      for (;;) {
        const news = this.#next()
        if (news !== undefined) yield news
        else if (this.#error !== undefined) throw this.#error
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

  #next(): ActorNews | undefined {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (snapshot !== undefined) return snapshot
    const waiting = this.#steps.take()
    return waiting && { type: 'Steps', ...waiting }
  }

  async #hear(): Promise<void> {
    const { link } = this.#source
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries += 1) {
      const before = this.#snapshots
      try {
        const client = await link.client()
        if (!signal.aborted) await this.#hearOn(client)
      } catch (error) {
        if (!isRetryable(error) || (this.#snapshots === 0 && isRefusal(error))) return this.fail(error)
      }
      if (this.#snapshots !== before) tries = 0
      await pause(link.clock, backOffMs(tries, link.random), signal)
    }
  }

  /** Resolves when it was closed. Rejects with what ended the subscription. */
  #hearOn(client: Client): Promise<void> {
    const { filter } = this.#source
    let page: ActorView[] = []
    return new Promise((resolve, reject) => {
      const stream: Subscription = client.subscribe(
        { topic: 'actors', from: 'snapshot', ...(filter === undefined ? {} : { filter }) },
        {
          onSnapshot: ({ actors = [], more }) => {
            page.push(...actors)
            if (more) return
            this.#begin(page)
            page = []
          },
          onSteps: ({ steps, missed }) => this.#add(steps, missed),
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

  /** What waited is told by it as well. */
  #begin(actors: readonly ActorView[]): void {
    if (this.#closing.signal.aborted) return
    this.#steps.drop()
    this.#snapshot = { type: 'Snapshot', actors, isAgain: this.#snapshots > 0 }
    this.#snapshots += 1
    this.#wake?.()
  }

  #add(steps: readonly ActorStep[], missed = 0): void {
    if (this.#closing.signal.aborted) return
    this.#steps.miss(missed)
    for (const step of steps) this.#steps.add(step, bytesOfActor(step))
    this.#wake?.()
  }
}

/** A limit of the manager's that was reached already. Waiting for another to leave would look like a cluster without actors. */
const isRefusal = (error: unknown): boolean => error instanceof TroupeError && error.code === 'Overloaded'
