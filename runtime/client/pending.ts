/** Requests that wait for their reply, each with a deadline. */
import type { ClientReplies, ClientReply } from '../../actors/protocol/client.ts'
import { type ErrorCode, errorCodes, TroupeError } from '../../actors/protocol/errors.ts'
import type { Clock } from '../clock.ts'

export const requestLimits = {
  /** How long a reply may take, in milliseconds, unless told otherwise. */
  requestMs: 10_000,
  /** How long a backup may take, in milliseconds. */
  backupMs: 3_600_000,
  /** Requests of one connection that wait at the same time. */
  requestsMax: 1_024,
} as const

export interface RequestTraits {
  /** The type of the reply that is expected. */
  readonly reply: keyof ClientReplies
  /** What is asked, for a sentence such as "stopping task a". */
  readonly what: string
  /** It changes something, so that without a reply nobody knows whether it was done. */
  readonly changes: boolean
  /** How long the reply may take, in milliseconds, where that is not the usual time. */
  readonly limitMs?: number
}

/** That of requests which were made in the same turn: one timer for each of them would cost more than what it guards. */
interface Deadline {
  readonly limitMs: number
  readonly reqs: number[]
  /** Those of them that still wait. */
  left: number
  cancelTimer: () => void
}

interface Waiting {
  readonly traits: RequestTraits
  readonly resolve: (reply: ClientReply) => void
  readonly reject: (error: TroupeError) => void
  readonly deadline: Deadline
}

export class PendingRequests {
  readonly #clock: Clock
  readonly #requestMs: number
  readonly #waiting = new Map<number, Waiting>()
  /** Of this turn. */
  #deadline: Deadline | undefined

  constructor(clock: Clock, requestMs: number) {
    this.#clock = clock
    this.#requestMs = requestMs
  }

  /** Resolves with the reply to `req`; rejects at its deadline, or with the manager's Error. */
  add(req: number, traits: RequestTraits): Promise<ClientReply> {
    if (this.#waiting.size >= requestLimits.requestsMax) {
      const message = `${requestLimits.requestsMax} requests are waiting already (requestsMax); wait for some to be answered.`
      return Promise.reject(new TroupeError('Overloaded', message))
    }
    const deadline = this.#deadlineIn(traits.limitMs ?? this.#requestMs)
    deadline.reqs.push(req)
    deadline.left += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(req, { traits, resolve, reject, deadline })
    })
  }

  #deadlineIn(limitMs: number): Deadline {
    if (this.#deadline?.limitMs === limitMs) return this.#deadline
    const deadline: Deadline = { limitMs, reqs: [], left: 0, cancelTimer: () => {} }
    deadline.cancelTimer = this.#clock.setTimer(() => this.#late(deadline), limitMs)
    this.#deadline = deadline
    // A later turn has a later one.
    queueMicrotask(() => {
      if (this.#deadline === deadline) this.#deadline = undefined
    })
    return deadline
  }

  #late({ reqs, limitMs }: Deadline): void {
    for (const req of reqs) {
      const waiting = this.#remove(req)
      waiting?.reject(unanswered(waiting.traits, `the manager did not answer within ${limitMs / 1_000} s`))
    }
  }

  /** Settles the request that this answers. False if none waits for it. */
  settle(req: number, reply: ClientReply): boolean {
    const waiting = this.#remove(req)
    if (!waiting) return false
    if (reply.type === 'Error') waiting.reject(errorOf(reply))
    else if (reply.type === waiting.traits.reply) waiting.resolve(reply)
    else {
      const { reply: due, what } = waiting.traits
      const message = `The manager answered ${reply.type} where ${due} was due (${what}).`
      waiting.reject(new TroupeError('Protocol', message))
    }
    return true
  }

  /** It was never sent: nothing was done. False if none waits for it. */
  fail(req: number, error: TroupeError): boolean {
    const waiting = this.#remove(req)
    waiting?.reject(error)
    return waiting !== undefined
  }

  /** The connection is gone; `why` continues a sentence. */
  failAll(why: string): void {
    for (const req of [...this.#waiting.keys()]) {
      const waiting = this.#remove(req)
      waiting?.reject(unanswered(waiting.traits, why))
    }
  }

  #remove(req: number): Waiting | undefined {
    const waiting = this.#waiting.get(req)
    if (waiting === undefined) return undefined
    this.#waiting.delete(req)
    const { deadline } = waiting
    deadline.left -= 1
    if (deadline.left > 0) return waiting
    // One that nobody is under any more takes nobody else.
    if (this.#deadline === deadline) this.#deadline = undefined
    deadline.cancelTimer()
    return waiting
  }
}

function unanswered({ changes, what }: RequestTraits, why: string): TroupeError {
  if (!changes) return new TroupeError('Unavailable', `No answer to ${what}: ${why}.`)
  return new TroupeError('OutcomeUnknown', `Whether ${what} was done is not known: ${why}. Ask again by id.`)
}

/** A manager's Error as ours; a code that this version does not know counts as `Internal`. */
export function errorOf(reply: ClientReplies['Error']): TroupeError {
  const code = Object.hasOwn(errorCodes, reply.code) ? (reply.code as ErrorCode) : 'Internal'
  return new TroupeError(code, reply.message)
}

/** Why an output is not complete; undefined if it is. A manager of before does not say which kind of failure it was. */
export function endOfOutput({ error, code }: ClientReplies['OutputEnded' | 'StatsEnded']): TroupeError | undefined {
  if (error === undefined) return undefined
  const known = code !== undefined && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'Unavailable'
  return new TroupeError(known, error)
}
