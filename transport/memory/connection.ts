/** One end of a connection within the process. What waits for the other end counts as this one's send buffer. */
import { closes, fitReason, tooSlowReason } from '../close.ts'
import { type Codec, createCodec } from '../codec.ts'
import type { MemorySchedule } from '../memory.ts'
import { type Connection, TransportError, type TransportLimits } from '../transport.ts'

interface Ending {
  readonly code: number
  readonly reason: string
}

interface End {
  readonly name: string
  readonly limits: TransportLimits
}

export interface PairOptions {
  readonly protocol: string
  readonly dialler: End
  readonly listener: End
  readonly schedule: MemorySchedule
  /** An end has told its user of the close. */
  readonly onOver: (connection: MemoryConnection) => void
}

/** The dialler's end and the listener's. Both begin held back, until `begin`. */
export function joinedPair(options: PairOptions): [dialled: MemoryConnection, accepted: MemoryConnection] {
  const dialled = new MemoryConnection(options.dialler, options.listener, options)
  const accepted = new MemoryConnection(options.listener, options.dialler, options)
  dialled.join(accepted)
  accepted.join(dialled)
  return [dialled, accepted]
}

export class MemoryConnection implements Connection {
  readonly protocol: string
  readonly peer: string
  onFrame: (frame: unknown) => void = () => {}
  onDrain: () => void = () => {}
  onClose: (code: number, reason: string) => void = () => {}
  readonly #name: string
  readonly #limits: TransportLimits
  readonly #codec: Codec
  readonly #options: PairOptions
  /** What the other end has sent, oldest first. */
  #inbox: (Uint8Array | Ending)[] = []
  /** How many of these have arrived; the others are still under way. */
  #arrived = 0
  #other: MemoryConnection | undefined
  #undeliveredBytes = 0
  #starting = true
  #paused = false
  #blocked = false
  /** This end has closed, or was cut: what it will tell its own user. */
  #closing: Ending | undefined
  /** Decided while the user could not have set its handlers yet. */
  #deferred: Ending | undefined
  #closed = false

  constructor(own: End, other: End, options: PairOptions) {
    this.protocol = options.protocol
    this.peer = other.name
    this.#name = own.name
    this.#limits = own.limits
    this.#codec = createCodec(options.protocol, own.limits)
    this.#options = options
  }

  join(other: MemoryConnection): void {
    this.#other = other
  }

  isAt(name: string): boolean {
    return this.#name === name
  }

  get bufferedBytes(): number {
    return this.#undeliveredBytes
  }

  send(frame: unknown): boolean {
    if (this.#closed || this.#closing !== undefined) return false
    const bytes = this.#codec.encode(frame)
    this.#undeliveredBytes += bytes.length
    this.#post(bytes)
    const { sendBufferBytesHigh, sendBufferBytesMax } = this.#limits
    if (this.#undeliveredBytes > sendBufferBytesMax) this.close(closes.tooSlow, tooSlowReason(sendBufferBytesMax))
    else if (this.#undeliveredBytes >= sendBufferBytesHigh) this.#blocked = true
    return !this.#blocked && this.#closing === undefined
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#drainInbox()
  }

  /** Nothing in here loses an answer, so this end need not wait for one. */
  close(code: number, reason: string): void {
    if (this.#closed || this.#closing !== undefined) return
    const ending = { code, reason: fitReason(reason) }
    this.#post(ending)
    this.#endWith(ending)
  }

  /** Both ends lose what was under way, and hear of it without a word from the other. */
  cut(): void {
    const ending = { code: closes.cut, reason: '' }
    this.#endWith(ending)
    if (this.#other !== undefined) this.#other.#endWith(ending)
  }

  /** The user can have set its handlers by now. */
  begin(): void {
    this.#starting = false
    if (this.#deferred !== undefined) this.#tell(this.#deferred)
    else this.#drainInbox()
  }

  #post(item: Uint8Array | Ending): void {
    const other = this.#other
    if (other === undefined || other.#closed || other.#closing !== undefined) return
    other.#inbox.push(item)
    this.#options.schedule(() => other.#arrive(), { from: this.#name, to: this.peer })
  }

  #arrive(): void {
    this.#arrived++
    this.#drainInbox()
  }

  #drainInbox(): void {
    while (!this.#paused && !this.#starting && this.#arrived > 0 && this.#closing === undefined && !this.#closed) {
      this.#arrived--
      const item = this.#inbox.shift()
      if (item instanceof Uint8Array) this.#take(item)
      else if (item !== undefined) this.#tell(item)
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#other !== undefined) this.#other.#delivered(bytes.length)
    let frame: unknown
    try {
      frame = this.#codec.decode(bytes)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      this.close(error.code === 'too-large' ? closes.tooBig : closes.malformed, error.message)
      return
    }
    this.onFrame(frame)
  }

  #delivered(bytes: number): void {
    this.#undeliveredBytes -= bytes
    if (!this.#blocked || this.#undeliveredBytes >= this.#limits.sendBufferBytesHigh) return
    this.#blocked = false
    if (!this.#closed && this.#closing === undefined) this.onDrain()
  }

  /** Nothing more comes in or goes out; the user hears of it in a later turn. */
  #endWith(ending: Ending): void {
    if (this.#closed || this.#closing !== undefined) return
    this.#closing = ending
    this.#inbox = []
    this.#arrived = 0
    this.#options.schedule(() => this.#tell(ending), { from: this.#name, to: this.#name })
  }

  #tell(ending: Ending): void {
    if (this.#closed) return
    if (this.#starting) {
      this.#deferred = ending
      return
    }
    this.#closed = true
    this.#inbox = []
    this.#options.onOver(this)
    this.onClose(ending.code, ending.reason)
  }
}
