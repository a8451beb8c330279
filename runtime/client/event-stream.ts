/**
 * Transitions of tasks, in order, each once: across lost connections and restarts of the manager, and however slowly
 * they are read. A reader that falls behind gives its subscription up, and takes another from where it is once it has
 * read what waits; so neither end has to hold more.
 */
import type { TaskEvent } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import type { Counters } from './counters.ts'
import { isRetryable, type Link } from './link.ts'
import type { LogPosition, Subscription } from './subscription.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

export const eventLimits = {
  /** Events that may wait for the reader before the subscription is given up until they are read. */
  waitingMax: 1_024,
} as const

/** Which transitions, and from where on. */
export interface EventsOptions extends StreamOptions {
  /** Only of tasks that fit all of this: `ids` (at most 500), `labels`, `states`, `nodes`, `drivers`, `name`. Default: of all. */
  readonly filter?: TaskFilter
  /**
   * `now`: what happens from now on. `snapshot`: what is remembered first (of all tasks, the newest 500). A position:
   * strictly what came after it, as `EventStream.position` gave it out. Default `now`.
   */
  readonly from?: 'now' | 'snapshot' | LogPosition
  /**
   * What came after the position is not known any more, and why; the iteration goes on with what is remembered. Default:
   * it throws TroupeError `LostHistory`, so that a gap is never silent.
   */
  readonly onReset?: (reason: string) => void
}

/** To be read once. It hears from the moment it was made, and until it is left, closed or aborted. */
export interface EventStream extends AsyncIterable<TaskEvent> {
  /**
   * Where the reader is: the place just after the event in its hand. To go on from there later, even in another process,
   * pass it as `from`. Undefined until the manager has answered.
   */
  readonly position: LogPosition | undefined
  /** Ends the iteration quietly. */
  close(): void
}

export interface EventSource extends EventsOptions {
  readonly link: Link
  readonly counters: Counters
  /** The stream ends after this event. */
  readonly isLast?: (event: TaskEvent) => boolean
  readonly onClosed: (stream: EventReader) => void
}

interface Batch {
  readonly logId: string
  readonly events: TaskEvent[]
  /** Where its last event leads; undefined as long as more of that revision follow. */
  to: LogPosition | undefined
}

/** Where that event leads; undefined if others of its revision follow, or may. */
function placeAfter({ logId, events, to }: Batch, at: number): LogPosition | undefined {
  const revision = events[at]?.revision as number
  const next = events[at + 1]
  if (next === undefined) return to
  return next.revision > revision ? { logId, revision } : undefined
}

export class EventReader implements EventStream {
  readonly #source: EventSource
  readonly #waiting: Batch[] = []
  readonly #closing = new AbortController()
  #forget: () => void = () => {}
  #waitingEvents = 0
  /** What was taken from the manager, read or not. */
  #takenTo: LogPosition | undefined
  #position: LogPosition | undefined
  /** The newest event taken, and how many of its revision were: a stream that comes back may repeat them. */
  #newest: { readonly logId: string; revision: number; count: number } | undefined
  #error: unknown
  #stop: (() => void) | undefined
  #isHearing = false
  #wake: (() => void) | undefined

  constructor(source: EventSource) {
    this.#source = source
    this.#takenTo = typeof source.from === 'object' ? source.from : undefined
    this.#position = this.#takenTo
    const ends = { onAbort: () => this.close(), onLate: (error: unknown) => this.fail(error) }
    this.#forget = limitTime(source.link.clock, 'the end of the events', source, ends)
    if (!this.isClosed) void this.#hear()
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  get position(): LogPosition | undefined {
    return this.#position
  }

  close(): void {
    this.#waiting.length = 0
    this.#end(undefined)
  }

  /** What waits is still read, then it throws. */
  fail(error: unknown): void {
    this.#end(error)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TaskEvent, void> {
    try {
      for (;;) {
        const batch = this.#waiting.shift()
        if (batch !== undefined) {
          this.#waitingEvents -= batch.events.length
          for (const [at, event] of batch.events.entries()) {
            this.#position = placeAfter(batch, at) ?? this.#position
            yield event
            if (this.#source.isLast?.(event)) return
          }
        } else if (this.#error !== undefined) throw this.#error
        else if (this.#closing.signal.aborted) return
        else if (this.#isHearing) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        } else void this.#hear()
      }
    } finally {
      this.close()
    }
  }

  #end(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#error = error
    this.#closing.abort()
    this.#forget()
    this.#stop?.()
    this.#source.onClosed(this)
    this.#wake?.()
  }

  async #hear(): Promise<void> {
    const { link } = this.#source
    const { signal } = this.#closing
    this.#isHearing = true
    for (let tries = 0; !signal.aborted; tries += 1) {
      const taken = this.#takenTo
      try {
        const client = await link.client()
        if (signal.aborted) return
        await this.#hearOn(client)
        // The reader is behind: it begins again when it has read what waits.
        this.#isHearing = false
        this.#wake?.()
        return
      } catch (error) {
        if (!isRetryable(error)) return this.fail(error)
      }
      if (this.#takenTo !== taken) tries = 0
      await pause(link.clock, backOffMs(tries, link.random), signal)
    }
  }

  /** Resolves when it was stopped. Rejects with what ended the subscription. */
  #hearOn(client: Client): Promise<void> {
    const { filter, from = 'now', onReset, counters } = this.#source
    const { logId } = client.welcome
    if (this.#newest?.logId !== logId) this.#newest = undefined
    const isNew = this.#sieve(logId)
    return new Promise((resolve, reject) => {
      let stream: Subscription | undefined
      this.#stop = () => {
        void stream?.close()
        resolve()
      }
      // After a log that begins anew, what it remembers is all that can be had.
      const where = this.#takenTo ?? (typeof from === 'object' ? 'snapshot' : from)
      stream = client.subscribe(
        { topic: 'events', from: where, ...(filter === undefined ? {} : { filter }) },
        {
          onSnapshot: ({ events = [], more }) =>
            this.#take(logId, events.filter(isNew), more ? undefined : stream?.position),
          onDelta: ({ events = [], more }) =>
            this.#take(logId, events.filter(isNew), more ? undefined : stream?.position),
          onMark: () => this.#take(logId, [], stream?.position),
          onReset: (reason) => {
            counters.resets += 1
            this.#takenTo = undefined
            if (onReset !== undefined) onReset(reason)
            else this.fail(new TroupeError('LostHistory', `Events may be missing: ${reason}.`))
          },
          onEnd: reject,
        },
      )
    })
  }

  /** Passes over what was taken before; events come in the order of their revisions. */
  #sieve(logId: string): (event: TaskEvent) => boolean {
    let repeated = 0
    return ({ revision }) => {
      const newest = this.#newest
      if (newest !== undefined && revision < newest.revision) return false
      if (newest === undefined || revision > newest.revision) {
        repeated = 1
        this.#newest = { logId, revision, count: 1 }
        return true
      }
      repeated += 1
      if (repeated <= newest.count) return false
      newest.count = repeated
      return true
    }
  }

  #take(logId: string, events: readonly TaskEvent[], to: LogPosition | undefined): void {
    this.#source.counters.events += events.length
    if (to !== undefined) this.#takenTo = to
    const last = this.#waiting.at(-1)
    if (events.length > 0 && last !== undefined && last.to === undefined) {
      last.events.push(...events)
      last.to = to
    } else if (events.length > 0) this.#waiting.push({ logId, events: [...events], to })
    else if (last !== undefined) last.to = to ?? last.to
    else this.#position = to ?? this.#position
    this.#waitingEvents += events.length
    this.#wake?.()
    if (this.#waitingEvents > eventLimits.waitingMax && to !== undefined) this.#stop?.()
  }
}
