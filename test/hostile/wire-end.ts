/** One end of a connection that a test speaks from, frame by frame, as the codec would hand them over. */
import type { Connection, Transport } from '../../transport/transport.ts'

export class WireEnd implements Connection {
  readonly protocol = 'troupe.v1.msgpack'
  readonly peer = 'hostile'
  readonly bufferedBytes = 0
  onFrame: (frame: unknown) => void = () => {}
  onDrain: () => void = () => {}
  onClose: (code: number, reason: string) => void = () => {}
  /** What this end has said, message by message. */
  readonly said: { readonly type: string; readonly [field: string]: unknown }[] = []
  closed: { readonly code: number; readonly reason: string } | undefined
  readonly #waiting: unknown[] = []
  #paused = false

  send(frame: unknown): boolean {
    if (this.closed !== undefined) return false
    this.said.push(...(frame as { m: WireEnd['said'] }).m)
    return true
  }

  /** The other end says this. */
  hear(frame: unknown): void {
    this.#waiting.push(frame)
    this.#deliver()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#deliver()
  }

  close(code: number, reason: string): void {
    if (this.closed !== undefined) return
    this.closed = { code, reason }
    setImmediate(() => this.onClose(code, reason))
  }

  #deliver(): void {
    while (!this.#paused && this.#waiting.length > 0) {
      const frame = this.#waiting.shift()
      if (this.closed === undefined) this.onFrame(frame)
    }
  }
}

/** Dials whatever it is told to, and hands over an end of which `onEnd` is told. */
export const transportOf = (onEnd: (end: WireEnd) => void): Transport => ({
  listen: () => Promise.reject(new Error('nobody listens here')),
  connect: async () => {
    const end = new WireEnd()
    setImmediate(() => onEnd(end))
    return end
  },
})

/** Lets everything that is ready happen. */
export async function settle(turns = 6): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
