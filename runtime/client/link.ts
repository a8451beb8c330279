/**
 * A connection that comes back: when it is lost, a new one is dialled with jittered back-off for a while. What was
 * under way on the old one fails; whoever asked decides whether to ask again (`persist`) or to resume a stream.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'

export const linkLimits = {
  /** How long a lost connection is dialled again before it is given up, in milliseconds. */
  giveUpMs: 30_000,
  /** How often a quiet connection is asked whether it is still there, in milliseconds. */
  probeMs: 15_000,
} as const

export interface LinkOptions {
  /** Dials once. It is aborted when the link is closed meanwhile. */
  readonly connect: (signal: AbortSignal | undefined) => Promise<Client>
  readonly clock: Clock
  readonly random: Random
  /** Default 30,000. */
  readonly giveUpMs?: number
  /** The connection was lost and is being dialled again. */
  readonly onLost?: (why: string) => void
  /** It is back. */
  readonly onBack?: () => void
}

/** The first connection is not tried again: rejects as `connectClient` does. */
export async function openLink(options: LinkOptions): Promise<Link> {
  return new Link(options, await options.connect(undefined))
}

export class Link {
  readonly clock: Clock
  readonly random: Random
  readonly #options: LinkOptions
  readonly #closing = new AbortController()
  #current: Promise<Client>
  #newest: Client

  /** Use `openLink`. */
  constructor(options: LinkOptions, first: Client) {
    this.clock = options.clock
    this.random = options.random
    this.#options = options
    this.#current = Promise.resolve(first)
    this.#newest = first
    this.#guard(first)
  }

  /** What the manager of the newest connection said first, also while there is none. */
  get welcome(): Client['welcome'] {
    return this.#newest.welcome
  }

  /** The live connection, or the next one. Rejects once it was given up or closed: `Unavailable`, `Unauthorized`, … */
  client(): Promise<Client> {
    return this.#closing.signal.aborted ? Promise.reject(closedByUs()) : this.#current
  }

  /**
   * Does `action` until it is answered: what a retry can help (`retryable`) is tried again for `giveUpMs`, on a new
   * connection if need be. So `action` must be harmless when done twice.
   */
  async persist<T>(action: (client: Client) => Promise<T>): Promise<T> {
    let deadlineMs: number | undefined
    for (let tries = 0; ; tries += 1) {
      const client = await this.client()
      try {
        return await action(client)
      } catch (error) {
        if (!isRetryable(error)) throw error
        deadlineMs ??= this.clock.uptimeMs() + this.#giveUpMs
        if (this.clock.uptimeMs() >= deadlineMs || this.#closing.signal.aborted) throw error
      }
      await pause(this.clock, backOffMs(tries, this.random), this.#closing.signal)
    }
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    const client = await this.#current.catch(() => undefined)
    await client?.close()
  }

  get #giveUpMs(): number {
    return this.#options.giveUpMs ?? linkLimits.giveUpMs
  }

  #guard(client: Client): void {
    this.#newest = client
    const stopProbing = this.#probe(client)
    void client.closed.then(({ reason, code }) => {
      stopProbing()
      if (this.#closing.signal.aborted) return
      this.#options.onLost?.(reason || `code ${code}`)
      this.#current = this.#dialAgain()
      this.#current.catch(() => undefined)
    })
  }

  // A cut without a word (a cable, a suspended machine) is noticed only by asking.
  #probe(client: Client): () => void {
    let cancel = () => {}
    const ask = async () => {
      try {
        await client.query({ scope: 'all', limit: 1 })
        arm()
      } catch (error) {
        if (error instanceof TroupeError && error.code === 'Unavailable') await client.close()
        else arm()
      }
    }
    let stopped = false
    const arm = () => {
      if (!stopped) cancel = this.clock.setTimer(() => void ask(), linkLimits.probeMs)
    }
    arm()
    return () => {
      stopped = true
      cancel()
    }
  }

  async #dialAgain(): Promise<Client> {
    const { signal } = this.#closing
    const deadlineMs = this.clock.uptimeMs() + this.#giveUpMs
    for (let tries = 0; ; tries += 1) {
      await pause(this.clock, backOffMs(tries, this.random), signal)
      if (signal.aborted) throw closedByUs()
      try {
        const client = await unlessClosed(this.#options.connect(signal), signal)
        this.#guard(client)
        this.#options.onBack?.()
        return client
      } catch (error) {
        if (!isRetryable(error) || this.clock.uptimeMs() >= deadlineMs) throw error
      }
    }
  }
}

/** A dial, however long whoever listens keeps silent, is not waited for once the link is closed. */
function unlessClosed(dialled: Promise<Client>, closing: AbortSignal): Promise<Client> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(closing, () => {
      reject(closedByUs())
      // A transport of somebody else's may come back with a connection all the same.
      void dialled.then(
        (client) => client.close(),
        () => undefined,
      )
    })
    dialled.then(resolve, reject)
    dialled.then(forget, forget)
  })
}

const closedByUs = () => new TroupeError('Unavailable', 'The connection was closed by this client.')

/** Whether trying the same again can help. */
export const isRetryable = (error: unknown): boolean => error instanceof TroupeError && error.retryable
