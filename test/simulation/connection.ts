/** A connection as a living process holds it: once the process is dead, nothing goes out and nothing comes in. */
import type { Connection } from '../../transport/transport.ts'
import type { Life } from './life.ts'

export interface LivingConnectionEvents {
  /** A frame is about to be handed over. Answers what is handed over instead; undefined = nothing. */
  readonly onFrame: (frame: unknown) => unknown
  readonly onOver: () => void
}

export class LivingConnection implements Connection {
  readonly inner: Connection
  /** Of the last frame that bore one. */
  heardEpoch: number | undefined
  readonly #life: Life
  readonly #events: LivingConnectionEvents
  onFrame: (frame: unknown) => void = () => {}
  onDrain: () => void = () => {}
  onClose: (code: number, reason: string) => void = () => {}

  constructor(inner: Connection, life: Life, events: LivingConnectionEvents) {
    this.inner = inner
    this.#life = life
    this.#events = events
    inner.onFrame = (frame) => this.take(frame)
    inner.onDrain = () => {
      if (life.alive) this.onDrain()
    }
    inner.onClose = (code, reason) => {
      events.onOver()
      if (life.alive) this.onClose(code, reason)
    }
  }

  get protocol(): string {
    return this.inner.protocol
  }

  get peer(): string {
    return this.inner.peer
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes
  }

  /** As if it had come from the other end. */
  take(frame: unknown): void {
    if (!this.#life.alive) return
    this.heardEpoch = (frame as { e?: number }).e ?? this.heardEpoch
    const heard = this.#events.onFrame(frame)
    if (heard !== undefined) this.onFrame(heard)
  }

  send(frame: unknown): boolean {
    return this.#life.alive && this.inner.send(frame)
  }

  pause(): void {
    this.inner.pause()
  }

  resume(): void {
    this.inner.resume()
  }

  close(code: number, reason: string): void {
    if (this.#life.alive) this.inner.close(code, reason)
  }
}
