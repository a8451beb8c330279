/**
 * Asks until it is answered: on the live connection or the next one, with back-off, until a deadline or an abort. What
 * is asked may be done twice without harm, because whoever asks chooses the ids; so nothing is ever guessed.
 */
import { modelLimits } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import type { Counters } from './counters.ts'
import { isRetryable, type Link } from './link.ts'

export const askLimits = {
  /** How long an answer may take with all the asking again, in milliseconds, unless told otherwise. */
  timeoutMs: 30_000,
  /** Requests under way at once; the others wait their turn within their own time. */
  underWayMax: 512,
} as const

/** What every call takes. */
export interface CallOptions {
  /**
   * Gives up when aborted. Before anything was sent, and for what changes nothing, the call rejects with the signal's
   * reason; else with TroupeError `OutcomeUnknown`, whose `cause` is that reason.
   */
  readonly signal?: AbortSignal
  /**
   * How long the answer may take, lost connections and asking again included, in milliseconds, 0 to 2^31 - 1. Default
   * 30,000. Past it the call rejects with TroupeError `Unavailable`, or `OutcomeUnknown` if it may have been done.
   */
  readonly timeoutMs?: number
}

export interface Asked {
  /** For a sentence such as "stopping task a". */
  readonly what: string
  /** It changes something, so that without an answer nobody knows whether it was done. */
  readonly changes: boolean
  readonly taskId?: string
  /** It must not be done twice: after `OutcomeUnknown` it is not asked again. */
  readonly once?: boolean
  /** Default 30,000. */
  readonly usualMs?: number
}

/** `mayBeDone`: it was asked before, and nobody knows whether it was done then. */
type Action<T> = (client: Client, mayBeDone: boolean) => Promise<T>

export class Asking {
  readonly #link: Link
  readonly #counters: Counters
  readonly #queue: (() => void)[] = []
  #underWay = 0

  constructor(link: Link, counters: Counters) {
    this.#link = link
    this.#counters = counters
  }

  async ask<T>(asked: Asked, options: CallOptions, action: Action<T>): Promise<T> {
    const limit = new Limit(this.#link, asked, options)
    try {
      await this.#enter(limit)
      try {
        return await this.#persist(asked, limit, action)
      } finally {
        this.#leave()
      }
    } finally {
      limit.end()
    }
  }

  async #persist<T>(asked: Asked, limit: Limit, action: Action<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      const client = await limit.hold(this.#link.client()).catch((error: unknown) => {
        throw limit.judge(error)
      })
      this.#counters.requests += 1
      if (tries > 0) this.#counters.askedAgain += 1
      limit.isSent = true
      try {
        return await limit.hold(action(client, limit.mayBeDone))
      } catch (error) {
        if (limit.isOver) throw error
        limit.isSent = false
        limit.take(error)
        if (!isRetryable(error) || (asked.once === true && limit.mayBeDone)) throw error
      }
      await limit.hold(pause(this.#link.clock, backOffMs(tries, this.#link.random)))
    }
  }

  async #enter(limit: Limit): Promise<void> {
    if (this.#underWay < askLimits.underWayMax) {
      this.#underWay += 1
      return
    }
    let pass = () => {}
    const turn = new Promise<void>((resolve) => {
      pass = resolve
      this.#queue.push(resolve)
    })
    try {
      await limit.hold(turn)
    } catch (error) {
      const at = this.#queue.indexOf(pass)
      // Its turn had come in the same moment: it is passed on.
      if (at < 0) this.#leave()
      else this.#queue.splice(at, 1)
      throw error
    }
  }

  #leave(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#underWay -= 1
    else next()
  }
}

/** The deadline and the signal of one call, and what its end would mean. */
class Limit {
  /** It is on its way, and unanswered. */
  isSent = false
  /** It was sent once and not answered. */
  mayBeDone = false
  isOver = false
  readonly #asked: Asked
  readonly #over: Promise<never>
  readonly #cancel: () => void
  #last: unknown

  constructor(link: Link, asked: Asked, { signal, timeoutMs = asked.usualMs ?? askLimits.timeoutMs }: CallOptions) {
    this.#asked = asked
    if (!(timeoutMs >= 0 && timeoutMs <= modelLimits.durationMsMax)) {
      const range = `0 to ${modelLimits.durationMsMax} milliseconds`
      throw new TroupeError('Invalid', `A timeoutMs of ${timeoutMs} cannot be: give ${range}.`)
    }
    let giveUp: (error: unknown) => void = () => {}
    this.#over = new Promise((_, reject) => {
      giveUp = reject
    })
    this.#over.catch(() => undefined)
    const end = (error: unknown) => {
      this.isOver = true
      giveUp(error)
    }
    const cancelTimer = link.clock.setTimer(() => end(this.#late(timeoutMs)), timeoutMs)
    const forget = onAbort(signal, () => end(this.#aborted(signal?.reason)))
    this.#cancel = () => {
      cancelTimer()
      forget()
    }
  }

  /** The same, but no longer than the limit. */
  async hold<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined)
    return Promise.race([this.#over, work])
  }

  take(error: unknown): void {
    this.#last = error
    if (error instanceof TroupeError && (error.code === 'OutcomeUnknown' || error.code === 'StorageFailed')) {
      this.mayBeDone = true
    }
  }

  /** What it means that nobody can be asked any more. */
  judge(error: unknown): unknown {
    if (this.isOver || !this.#isOpen) return error
    return this.#unknown(`nobody can be asked any more (${(error as Error).message})`, error)
  }

  end(): void {
    this.#cancel()
  }

  get #isOpen(): boolean {
    return this.#asked.changes && (this.isSent || this.mayBeDone)
  }

  #late(timeoutMs: number): TroupeError {
    const cause = this.#last
    if (this.#isOpen) return this.#unknown(`no answer came within ${timeoutMs / 1_000} s`, cause)
    if (cause instanceof TroupeError && cause.code === 'Overloaded') return cause
    const why = cause instanceof Error ? ` The last that was heard: ${cause.message}` : ''
    const text = `No answer to ${this.#asked.what} within ${timeoutMs / 1_000} s.${why}`
    return new TroupeError('Unavailable', text, { cause })
  }

  #aborted(reason: unknown): unknown {
    return this.#isOpen ? this.#unknown('the call was aborted before it was answered', reason) : reason
  }

  #unknown(why: string, cause: unknown): TroupeError {
    const { what, taskId } = this.#asked
    const next = taskId === undefined ? 'Look before you ask again.' : `Ask again by the id ${taskId}.`
    const options = taskId === undefined ? { cause } : { cause, taskId }
    return new TroupeError('OutcomeUnknown', `Whether ${what} was done is not known: ${why}. ${next}`, options)
  }
}
