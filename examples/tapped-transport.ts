/** A transport of one's own, around another: somebody is told of all that goes by. `examples/own-transport.ts` counts it. */
import type { Connection, Transport } from 'troupe'

export type Direction = 'in' | 'out'

/** Hears of a frame before whom it is for, or once it was handed over to be sent. It may look at it, not change it. */
export type Tap = (direction: Direction, frame: unknown, peer: string) => void

/** Carries what `transport` carries, and keeps to all that it keeps to. */
export function tapTransport(transport: Transport, tap: Tap): Transport {
  const tapped = (connection: Connection) => new TappedConnection(connection, tap)
  return {
    listen: (address, options) =>
      transport.listen(address, {
        ...options,
        onConnection: (connection) => options.onConnection(tapped(connection)),
      }),
    connect: (url, options) => transport.connect(url, options).then(tapped),
  }
}

class TappedConnection implements Connection {
  readonly #inner: Connection
  readonly #tap: Tap
  #isOpen = true
  onFrame: Connection['onFrame'] = () => {}
  onDrain: Connection['onDrain'] = () => {}
  onClose: Connection['onClose'] = () => {}

  constructor(inner: Connection, tap: Tap) {
    this.#inner = inner
    this.#tap = tap
    // At once: what comes in a later turn must find them.
    inner.onFrame = (frame) => {
      tap('in', frame, inner.peer)
      this.onFrame(frame)
    }
    inner.onDrain = () => this.onDrain()
    inner.onClose = (code, reason) => {
      this.#isOpen = false
      this.onClose(code, reason)
    }
  }

  get protocol(): string {
    return this.#inner.protocol
  }

  get peer(): string {
    return this.#inner.peer
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  send(frame: unknown): boolean {
    const wasOpen = this.#isOpen
    // A frame that is refused is thrown out of here, and nobody is told of it.
    const keepsUp = this.#inner.send(frame)
    if (wasOpen) this.#tap('out', frame, this.#inner.peer)
    return keepsUp
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  close(code: number, reason: string): void {
    this.#isOpen = false
    this.#inner.close(code, reason)
  }
}
