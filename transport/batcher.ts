/**
 * Puts all messages that were ready in the same turn into one frame, and lets the urgent go first.
 *
 * Two lanes: `control` is sent whatever the connection says (its own limit closes it in the end); `bulk`, the output
 * of tasks, goes in frames of its own, one per turn and only behind control, and waits while the other end does not
 * keep up. What a message is, and how it is put in a frame, is its user's affair.
 */
import { TransportError } from './transport.ts'

export type Lane = 'control' | 'bulk'

export interface BatcherOptions<T> {
  /** Sends these as one frame. Answers and throws as `Connection.send` does. */
  readonly send: (messages: readonly T[]) => boolean
  /** Runs a callback once the current turn is over: `queueMicrotask`, or a simulation's own. */
  readonly schedule: (flush: () => void) => void
  /** Messages in one frame, at most. */
  readonly messagesMax: number
  /** The bytes of a message, roughly; needed for `bulkBytesMax` only. */
  readonly bytesHint?: (message: T) => number
  /** Bytes of messages in one bulk frame; a single larger message still goes, alone. Default: no bound. */
  readonly bulkBytesMax?: number
  /** A message that no frame can carry was dropped. Those beside it were sent. */
  readonly onRefused: (message: T, error: TransportError) => void
}

export interface Batcher<T> {
  /** Takes a message for this turn's frame. False = bulk is held back: make no more of it until it drained. */
  push(message: T, lane?: Lane): boolean
  /** To be called from `Connection.onDrain`: bulk may go on. */
  drained(): void
  /** Sends what is in the control lane now, before a close for instance. */
  flush(): void
  /** Forgets what waits, and takes no more. */
  close(): void
  /** Messages that wait, in both lanes. */
  readonly waiting: number
}

export function createBatcher<T>(options: BatcherOptions<T>): Batcher<T> {
  return new TwoLanes(options)
}

class TwoLanes<T> implements Batcher<T> {
  readonly #options: BatcherOptions<T>
  #control: T[] = []
  #bulk: T[] = []
  #scheduled = false
  #held = false
  #closed = false

  constructor(options: BatcherOptions<T>) {
    this.#options = options
  }

  get waiting(): number {
    return this.#control.length + this.#bulk.length
  }

  push(message: T, lane: Lane = 'control'): boolean {
    if (this.#closed) return false
    if (lane === 'control') this.#control.push(message)
    else this.#bulk.push(message)
    this.#schedule()
    return !this.#held
  }

  drained(): void {
    this.#held = false
    this.#schedule()
  }

  flush(): void {
    const messages = this.#control
    this.#control = []
    for (let i = 0; i < messages.length && !this.#closed; i += this.#options.messagesMax) {
      this.#send(messages.slice(i, i + this.#options.messagesMax))
    }
  }

  close(): void {
    this.#closed = true
    this.#control = []
    this.#bulk = []
  }

  #schedule(): void {
    const ready = this.#control.length > 0 || (this.#bulk.length > 0 && !this.#held)
    if (this.#scheduled || this.#closed || !ready) return
    this.#scheduled = true
    this.#options.schedule(() => this.#turn())
  }

  /** One bulk frame at most, and then another turn: whatever control comes up meanwhile overtakes the rest. */
  #turn(): void {
    this.#scheduled = false
    this.flush()
    if (!this.#closed && !this.#held && this.#bulk.length > 0) this.#send(this.#bulk.splice(0, this.#bulkCount()))
    this.#schedule()
  }

  #bulkCount(): number {
    const { messagesMax, bytesHint, bulkBytesMax = Number.POSITIVE_INFINITY } = this.#options
    const countMax = Math.min(messagesMax, this.#bulk.length)
    let bytes = 0
    for (let count = 0; count < countMax; count++) {
      bytes += bytesHint?.(this.#bulk[count] as T) ?? 0
      if (bytes > bulkBytesMax) return Math.max(count, 1)
    }
    return countMax
  }

  /** Only the encoder knows the bytes of a frame, so one that proves too large is halved until its parts fit. */
  #send(messages: readonly T[]): void {
    try {
      if (!this.#options.send(messages)) this.#held = true
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      const half = Math.ceil(messages.length / 2)
      if (half === messages.length) this.#options.onRefused(messages[0] as T, error)
      else for (const part of [messages.slice(0, half), messages.slice(half)]) this.#send(part)
    }
  }
}
