/**
 * The output of one attempt as it comes from the manager, with flow control: no more than `logCreditBytes` are ever
 * under way or waiting here, because the manager sends on only as the reader takes.
 */
import { type ClientReplies, clientLimits } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { frameLimits } from '../../actors/protocol/frame.ts'

/** One piece of a task's output. Bytes, not text: a character may be split between two. */
export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr'
  /** Empty at most beside `lostBytes`. */
  readonly data: Uint8Array
  /** At least so many bytes of this stream came before this piece and are gone from the worker; 0 = unknown how many. */
  readonly lostBytes?: number
}

export const outputLimits = {
  /** Credit is given back in portions of this many bytes, so that small chunks do not cost a message each. */
  creditPortionBytes: clientLimits.logCreditBytes / 4,
  /** What a manager that keeps to its credit can never exceed: the credit and one frame. */
  waitingBytesMax: clientLimits.logCreditBytes + frameLimits.logFrameBytesMax,
} as const

export interface OutputWires {
  /** Tells the manager that so many bytes were taken. */
  credit(bytes: number): void
  /** Tells the manager that no more is wanted. */
  cancel(): void
}

export class OutputStream implements AsyncIterable<OutputPiece> {
  readonly #wires: OutputWires
  readonly #waiting: OutputPiece[] = []
  #waitingBytes = 0
  #takenBytes = 0
  #done = false
  #error: TroupeError | undefined
  #wake: (() => void) | undefined

  constructor(wires: OutputWires) {
    this.#wires = wires
  }

  /** Takes what the manager sent. */
  push(message: ClientReplies['Output']): void {
    if (this.#done) return
    for (const chunk of message.chunks) {
      const { stream, data, lostBytes } = chunk
      // The schema leaves bytes to the codec.
      if (!(data instanceof Uint8Array)) throw new TroupeError('Protocol', 'The manager sent output that is no bytes.')
      this.#waiting.push(lostBytes === undefined ? { stream, data } : { stream, data, lostBytes })
      this.#waitingBytes += data.byteLength
    }
    if (this.#waitingBytes > outputLimits.waitingBytesMax) {
      this.#wires.cancel()
      this.end(new TroupeError('Protocol', 'The manager sent more output than it was allowed to.'))
    }
    this.#wake?.()
  }

  /** No more comes; what waits is still read, then `error` is thrown if there is one. */
  end(error?: TroupeError): void {
    if (this.#done) return
    this.#done = true
    this.#error = error
    this.#wake?.()
  }

  /** The reader has gone: what waits is dropped. */
  abandon(): void {
    if (!this.#done) this.#wires.cancel()
    this.end()
    this.#error = undefined
    this.#waiting.length = 0
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputPiece, void> {
    try {
      for (;;) {
        const piece = this.#waiting.shift()
        if (piece) {
          yield piece
          this.#take(piece.data.byteLength)
        } else if (this.#done) {
          if (this.#error) throw this.#error
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.abandon()
    }
  }

  #take(bytes: number): void {
    this.#waitingBytes -= bytes
    this.#takenBytes += bytes
    if (this.#done || this.#takenBytes < outputLimits.creditPortionBytes) return
    this.#wires.credit(this.#takenBytes)
    this.#takenBytes = 0
  }
}
