/**
 * Where the subscriptions of one connection meet it. They hand over no more than it takes: once the other end does not
 * keep up, each of them keeps only its place, and is called in turn when there is room again. So a reader that is slow, or
 * reads nothing at all, holds a bounded part of the manager's memory.
 */
import type { ClientReply } from '../../../actors/protocol/client.ts'
import type { Channel } from '../../host/channel.ts'

/** Someone who has more to tell than the connection took. */
export interface Teller {
  /** Tells a page; asks to be called again if there is more. */
  advance(): Promise<void>
}

export class Outlet {
  readonly #channel: Channel<ClientReply>
  readonly #pageBytes: number
  readonly #waiting = new Set<Teller>()
  /** Bytes handed over in this turn, of which the connection knows nothing yet. */
  #turnBytes = 0
  #running = false
  #closed = false
  /** Since when those who wait have seen nothing move, and what waited to be read then. */
  #stalled: { readonly sinceMs: number; readonly bytes: number } | undefined

  constructor(channel: Channel<ClientReply>, pageBytes: number) {
    this.#channel = channel
    this.#pageBytes = pageBytes
  }

  /** Whether more may be handed over now. */
  get room(): boolean {
    return !this.#closed && !this.#channel.held && this.#turnBytes < this.#pageBytes
  }

  /** `bytes`: roughly what it takes. */
  send(reply: ClientReply, bytes: number): void {
    if (this.#closed) return
    if (this.#turnBytes === 0) queueMicrotask(() => this.#turnIsOver())
    this.#turnBytes += bytes + 32
    this.#channel.send(reply)
  }

  /** Calls this one when there is room, after those who wait already. */
  wait(teller: Teller): void {
    this.#waiting.add(teller)
    this.run()
  }

  forget(teller: Teller): void {
    this.#waiting.delete(teller)
  }

  /** There may be room again. */
  run(): void {
    if (this.#running) return
    this.#running = true
    void this.#serve()
  }

  /** One at a time, so that one page at most is in memory. */
  async #serve(): Promise<void> {
    for (;;) {
      // Whoever asked is told of later: not within its own call.
      await undefined
      const [next] = this.#waiting
      if (next === undefined || !this.room) {
        // At once: whoever calls `run` from here on must find it at rest.
        this.#running = false
        return
      }
      this.#waiting.delete(next)
      this.#stalled = undefined
      await next.advance()
    }
  }

  #turnIsOver(): void {
    this.#turnBytes = 0
    if (this.#waiting.size > 0) this.run()
  }

  /** Whether someone has waited for so long, and nothing was read in all that time. */
  isStalled(nowMs: number, stalledMs: number): boolean {
    const bytes = this.#channel.connection.bufferedBytes
    if (this.#waiting.size === 0 || !this.#channel.held) {
      this.#stalled = undefined
      return false
    }
    if (this.#stalled === undefined || bytes < this.#stalled.bytes) this.#stalled = { sinceMs: nowMs, bytes }
    return nowMs - this.#stalled.sinceMs >= stalledMs
  }

  close(): void {
    this.#closed = true
    this.#waiting.clear()
  }
}
