/** One open WebSocket of a browser as a `Connection` of the port. */
import { closeAnswerMs, closes, fitReason, tooSlowReason } from '../close.ts'
import { type Codec, createCodec } from '../codec.ts'
import { type Connection, TransportError } from '../transport.ts'
import type { BrowserContext, BrowserSocket } from './socket.ts'

/** How often a send buffer that was full is looked at, in milliseconds: browsers tell nobody when it empties. */
const drainPollMs = 20

interface Ending {
  readonly code: number
  readonly reason: string
}

type FrameHandler = Connection['onFrame']
type CloseHandler = Connection['onClose']

export class BrowserConnection implements Connection {
  readonly protocol: string
  readonly peer: string
  onDrain: () => void = () => {}
  readonly #socket: BrowserSocket
  readonly #codec: Codec
  readonly #context: BrowserContext
  readonly #utf8 = new TextEncoder()
  readonly #text = new TextDecoder()
  #onFrame: FrameHandler = () => {}
  #onClose: CloseHandler = () => {}
  /** What has come and waits for `resume`, with its size on the wire. */
  readonly #held: { readonly frame: unknown; readonly bytes: number }[] = []
  #heldBytes = 0
  /** Nothing is handed over before somebody listens. */
  #listening = false
  #paused = false
  #blocked = false
  /** Set once this end has decided to close, with what it will tell its own user. */
  #closing: Ending | undefined
  /** The other end closed in order, and its last frames still wait. */
  #deferred: Ending | undefined
  #closed = false

  /** Throws TransportError `subprotocol` where the other end chose one that is not known here. */
  constructor(socket: BrowserSocket, peer: string, context: BrowserContext) {
    this.protocol = socket.protocol
    this.peer = peer
    this.#socket = socket
    this.#codec = createCodec(socket.protocol, context.limits)
    this.#context = context
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#received(data))
    socket.addEventListener('close', ({ code, reason }) => this.#ended({ code, reason }))
  }

  get onFrame(): FrameHandler {
    return this.#onFrame
  }

  set onFrame(handler: FrameHandler) {
    this.#onFrame = handler
    this.#listen()
  }

  get onClose(): CloseHandler {
    return this.#onClose
  }

  set onClose(handler: CloseHandler) {
    this.#onClose = handler
    this.#listen()
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(frame: unknown): boolean {
    if (this.#isOver()) return false
    const bytes = this.#codec.encode(frame)
    this.#socket.send(this.#codec.text ? this.#text.decode(bytes) : bytes)
    const { sendBufferBytesHigh, sendBufferBytesMax } = this.#context.limits
    const buffered = this.#socket.bufferedAmount
    if (buffered > sendBufferBytesMax) this.#refuse(closes.tooSlow, tooSlowReason(sendBufferBytesMax))
    else if (buffered >= sendBufferBytesHigh && !this.#blocked) this.#awaitDrain()
    return !this.#blocked && this.#closing === undefined
  }

  pause(): void {
    if (!this.#closed && this.#closing === undefined) this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#go()
  }

  close(code: number, reason: string): void {
    if (this.#closed || this.#closing !== undefined) return
    const ending = { code, reason: fitReason(reason) }
    this.#closing = ending
    this.#drop()
    const deferred = this.#deferred
    if (deferred !== undefined) {
      // Nothing is left to close but what our user knows; told in a later turn, as every close is.
      this.#context.clock.setTimer(() => this.#tell(deferred), 0)
      return
    }
    this.#socket.close(sendable(code), ending.reason)
    this.#context.clock.setTimer(() => this.#tell(ending), closeAnswerMs)
  }

  /** In a later turn than the one that set a handler, so that all of them are set. */
  #listen(): void {
    if (this.#listening) return
    queueMicrotask(() => {
      this.#listening = true
      this.#go()
    })
  }

  #go(): void {
    if (this.#deferred?.code === closes.cut) this.#tell(this.#deferred)
    while (!this.#waits() && !this.#closed) {
      const next = this.#held.shift()
      if (next === undefined) break
      this.#heldBytes -= next.bytes
      this.#onFrame(next.frame)
    }
    if (!this.#waits() && this.#deferred !== undefined) this.#tell(this.#deferred)
  }

  #waits(): boolean {
    return this.#paused || !this.#listening
  }

  #isOver(): boolean {
    return this.#closed || this.#closing !== undefined || this.#socket.readyState !== 1
  }

  #awaitDrain(): void {
    this.#blocked = true
    this.#context.clock.setTimer(() => {
      if (this.#isOver()) return
      this.#blocked = false
      if (this.#socket.bufferedAmount >= this.#context.limits.sendBufferBytesHigh) this.#awaitDrain()
      else this.onDrain()
    }, drainPollMs)
  }

  #received(data: unknown): void {
    if (this.#closed || this.#closing !== undefined) return
    if ((typeof data === 'string') !== this.#codec.text) {
      const wanted = this.#codec.text ? 'text' : 'binary'
      this.#refuse(closes.malformed, `${this.protocol} travels in ${wanted} frames.`)
      return
    }
    const bytes = typeof data === 'string' ? this.#utf8.encode(data) : new Uint8Array(data as ArrayBuffer)
    const frame = this.#decode(bytes)
    if (this.#closing === undefined) this.#take(frame, bytes.length)
  }

  #decode(bytes: Uint8Array): unknown {
    try {
      return this.#codec.decode(bytes)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      this.#refuse(error.code === 'too-large' ? closes.tooBig : closes.malformed, error.message)
      return undefined
    }
  }

  /** A browser reads on whatever its page does, so what is held has a bound of its own. */
  #take(frame: unknown, bytes: number): void {
    this.#held.push({ frame, bytes })
    this.#heldBytes += bytes
    const { sendBufferBytesMax } = this.#context.limits
    if (!this.#waits()) this.#go()
    else if (this.#heldBytes > sendBufferBytesMax) {
      this.#refuse(closes.tooSlow, `This page holds ${sendBufferBytesMax} bytes that it has not read.`)
    }
  }

  #refuse(code: number, reason: string): void {
    this.#context.logger.warn('A connection is closed for what its other end did.', { peer: this.peer, code, reason })
    this.close(code, reason)
  }

  #ended(ending: Ending): void {
    const orderly = this.#closing === undefined && ending.code !== closes.cut
    if (!this.#listening || (this.#paused && orderly)) this.#deferred = this.#closing ?? ending
    else this.#tell(this.#closing ?? ending)
  }

  #tell(ending: Ending): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    this.#onClose(ending.code, ending.reason)
  }

  #drop(): void {
    this.#held.length = 0
    this.#heldBytes = 0
  }
}

/** Browsers let a page send 1000 and the applications' own codes only; the others are said as "broken protocol". */
function sendable(code: number): number {
  return code === 1_000 || code >= 3_000 ? code : closes.malformed
}
