/** One open WebSocket as a `Connection` of the port. Either end; the codec follows the subprotocol agreed on. */
import type { RawData, WebSocket } from 'ws'
import { closes, fitReason, tooSlowReason } from '../close.ts'
import { type Codec, createCodec } from '../codec.ts'
import { type Connection, TransportError } from '../transport.ts'
import type { WebsocketContext } from './context.ts'

interface Ending {
  readonly code: number
  readonly reason: string
}

export class WebsocketConnection implements Connection {
  readonly protocol: string
  readonly peer: string
  onFrame: (frame: unknown) => void = () => {}
  onDrain: () => void = () => {}
  onClose: (code: number, reason: string) => void = () => {}
  readonly #socket: WebSocket
  readonly #codec: Codec
  readonly #context: WebsocketContext
  /** Frames that were in the same chunk as the one whose handler paused us; `ws` gives a chunk's frames at one go. */
  readonly #held: unknown[] = []
  #starting = false
  #paused = false
  #blocked = false
  /** Set once this end has decided to close, with what it will tell its own user. */
  #closing: Ending | undefined
  /** The other end closed in order, and its last frames still wait for `resume`. */
  #deferred: Ending | undefined
  #closed = false

  constructor(socket: WebSocket, peer: string, context: WebsocketContext) {
    this.protocol = socket.protocol
    this.peer = peer
    this.#socket = socket
    this.#codec = createCodec(socket.protocol, context.limits)
    this.#context = context
    socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', (code, reason) => this.#ended({ code, reason: reason.toString() }))
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(frame: unknown): boolean {
    if (this.#isOver()) return false
    const bytes = this.#codec.encode(frame)
    this.#socket.send(bytes, { binary: !this.#codec.text, compress: false }, this.#written)
    const { sendBufferBytesHigh, sendBufferBytesMax } = this.#context.limits
    const buffered = this.#socket.bufferedAmount
    if (buffered > sendBufferBytesMax) this.#refuse(closes.tooSlow, tooSlowReason(sendBufferBytesMax))
    else if (buffered >= sendBufferBytesHigh) this.#blocked = true
    return !this.#blocked && this.#closing === undefined
  }

  /** Holds everything back until the turn after this one, so that a dialler can set its handlers first. */
  begin(): void {
    this.#starting = true
    this.#socket.pause()
    setImmediate(() => {
      this.#starting = false
      if (this.#deferred?.code === closes.cut) this.#tell(this.#deferred)
      else if (!this.#paused) this.#go()
    })
  }

  pause(): void {
    if (this.#closed || this.#closing !== undefined) return
    this.#paused = true
    // A socket on its way to its end has to be read on; what it brought is held here.
    if (this.#socket.readyState === 1) this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (!this.#starting) this.#go()
  }

  #go(): void {
    while (!this.#paused && this.#held.length > 0 && !this.#closed) this.onFrame(this.#held.shift())
    if (this.#paused || this.#closed) return
    if (this.#deferred !== undefined) this.#tell(this.#deferred)
    else this.#socket.resume()
  }

  close(code: number, reason: string): void {
    if (this.#closed || this.#closing !== undefined) return
    this.#closing = { code, reason: fitReason(reason) }
    this.#held.length = 0
    if (this.#deferred !== undefined) {
      // Nothing is left to close but what our user knows; told in a later turn, as every close is.
      const deferred = this.#deferred
      setImmediate(() => this.#tell(deferred))
      return
    }
    this.#socket.close(code, this.#closing.reason)
    // The other end's answer has to be read, whether its frames are wanted or not.
    this.#socket.resume()
  }

  /** Neither end may still speak. `readyState` 1 is OPEN. */
  #isOver(): boolean {
    return this.#closed || this.#closing !== undefined || this.#socket.readyState !== 1
  }

  /** Called by `ws` for each frame that went to the system; an arrow function, so that one serves for all of them. */
  readonly #written = (): void => {
    if (!this.#blocked || this.#isOver()) return
    if (this.#socket.bufferedAmount >= this.#context.limits.sendBufferBytesHigh) return
    this.#blocked = false
    this.onDrain()
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.#closed || this.#closing !== undefined) return
    if (isBinary === this.#codec.text) {
      const wanted = this.#codec.text ? 'text' : 'binary'
      this.#refuse(closes.malformed, `${this.protocol} travels in ${wanted} frames.`)
      return
    }
    const frame = this.#decode(data as Buffer)
    if (this.#closing !== undefined) return
    if (this.#paused || this.#starting) this.#held.push(frame)
    else this.onFrame(frame)
  }

  #decode(bytes: Buffer): unknown {
    try {
      return this.#codec.decode(bytes)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      this.#refuse(error.code === 'too-large' ? closes.tooBig : closes.malformed, error.message)
      return undefined
    }
  }

  #refuse(code: number, reason: string): void {
    this.#context.logger.warn('A connection is closed for what its other end did.', { peer: this.peer, code, reason })
    this.close(code, reason)
  }

  /** What `ws` finds wrong in the framing it answers with a close of its own; here it only gets its name. */
  #failed(error: Error & { code?: string }): void {
    if (this.#closed || this.#closing !== undefined || error.code?.startsWith('WS_ERR_') !== true) return
    const tooBig = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    const { frameBytesMax } = this.#context.limits
    const reason = tooBig
      ? `A frame over ${frameBytesMax} bytes came.`
      : `The WebSocket protocol was broken: ${error.message}.`
    this.#closing = { code: tooBig ? closes.tooBig : closes.malformed, reason: fitReason(reason) }
    this.#held.length = 0
    this.#context.logger.warn('A connection is closed for what its other end did.', {
      peer: this.peer,
      ...this.#closing,
    })
  }

  #ended(ending: Ending): void {
    const orderly = this.#closing === undefined && ending.code !== closes.cut
    if (this.#starting || (this.#paused && orderly)) this.#deferred = this.#closing ?? ending
    else this.#tell(this.#closing ?? ending)
  }

  #tell(ending: Ending): void {
    if (this.#closed) return
    this.#closed = true
    this.#held.length = 0
    this.onClose(ending.code, ending.reason)
  }
}
