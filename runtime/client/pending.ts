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

interface Waiting extends RequestTraits {
  readonly resolve: (reply: ClientReply) => void
  readonly reject: (error: TroupeError) => void
  readonly cancelTimer: () => void
}

export class PendingRequests {
  readonly #clock: Clock
  readonly #requestMs: number
  readonly #waiting = new Map<number, Waiting>()

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
    const limitMs = traits.limitMs ?? this.#requestMs
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.setTimer(() => {
        this.#waiting.delete(req)
        reject(unanswered(traits, `the manager did not answer within ${limitMs / 1_000} s`))
      }, limitMs)
      this.#waiting.set(req, { ...traits, resolve, reject, cancelTimer })
    })
  }

  /** Settles the request that this answers. False if none waits for it. */
  settle(req: number, reply: ClientReply): boolean {
    const waiting = this.#remove(req)
    if (!waiting) return false
    if (reply.type === 'Error') waiting.reject(errorOf(reply))
    else if (reply.type === waiting.reply) waiting.resolve(reply)
    else {
      const message = `The manager answered ${reply.type} where ${waiting.reply} was due (${waiting.what}).`
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
      waiting?.reject(unanswered(waiting, why))
    }
  }

  #remove(req: number): Waiting | undefined {
    const waiting = this.#waiting.get(req)
    this.#waiting.delete(req)
    waiting?.cancelTimer()
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
