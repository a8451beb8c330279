/**
 * The transport port: moves frames between two ends and knows no message. A frame is any value of plain MessagePack
 * types (null, boolean, integer up to 2^53, float, string, bytes, array, map with string keys); `undefined` fields are
 * left out.
 *
 * Within a connection frames arrive in order and whole; a cut loses a suffix.
 */
export interface TransportLimits {
  /** The largest frame taken or given, in bytes once encoded. */
  readonly frameBytesMax: number
  /** The deepest nesting of arrays and maps in a frame taken. */
  readonly frameDepthMax: number
  /** Bytes waiting to be sent at which `send` answers false. */
  readonly sendBufferBytesHigh: number
  /** Bytes waiting to be sent at which the connection is closed as too slow (close code 4005). */
  readonly sendBufferBytesMax: number
}

/** One end of an open connection. */
export interface Connection {
  /** The subprotocol that was agreed on. */
  readonly protocol: string
  /** Where the other end is, for people. */
  readonly peer: string
  /**
   * Hands over a frame. Answers true while the other end keeps up; false = back-pressure: the frame was taken, but
   * send no more of what can wait until `onDrain`. After the close it does nothing and answers false.
   * Throws TransportError `too-large` for a frame over `frameBytesMax`, and `malformed` for one that is no frame: a
   * class instance, a function, a number that is not finite, a cycle or nesting over `frameDepthMax`. Then nothing
   * was sent and the connection goes on.
   */
  send(frame: unknown): boolean
  /** The bytes that wait to be sent. */
  readonly bufferedBytes: number
  /**
   * One handler each; set them in the turn in which the connection is handed over, or frames may be missed. A frame,
   * and the bytes in it, belong to whoever gets it.
   */
  onFrame: (frame: unknown) => void
  /** The send buffer is below `sendBufferBytesHigh` again. */
  onDrain: () => void
  /** Called exactly once, whoever closed it. 1006 = cut without a word. */
  onClose: (code: number, reason: string) => void
  /**
   * Stop and go on reading: back-pressure towards the sender. While stopped no frame is handed over, and an orderly
   * close waits behind the frames that came before it; a cut is told as soon as it is noticed. Frames that came
   * meanwhile may be handed over before `resume` returns.
   */
  pause(): void
  /** Goes on reading; without effect if it was not stopped. */
  resume(): void
  /**
   * Sends what was handed over, then closes with this code; frames that still come are dropped. Not answered within
   * 1 s, the connection is cut. A reason over 123 bytes is cut short.
   */
  close(code: number, reason: string): void
}

/** What the listener's end may check before it takes a connection. Refused: HTTP `status` (400 to 499) and one sentence. */
export interface Handshake {
  readonly peer: string
  readonly origin: string | undefined
  readonly host: string | undefined
}

/** A plain HTTP request; a body that it may have is not read. */
export interface HttpRequest {
  /** In capitals. */
  readonly method: string
  /** As it came, without what stands behind a `?`. */
  readonly path: string
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** What is answered. The length is added; to a HEAD the body is left out, and its length said all the same. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** How a listener takes connections. */
export interface ListenOptions {
  /** Subprotocols spoken, best first; a connection that offers none of them is refused with close code 4002. */
  readonly protocols: readonly string[]
  /** Undefined = welcome. */
  readonly admit?: (handshake: Handshake) => { readonly status: number; readonly message: string } | undefined
  /**
   * Answers plain HTTP at the same address, admitted as connections are. A transport that has no such thing ignores it.
   * Default: such requests are told to dial.
   */
  readonly serve?: (request: HttpRequest) => Promise<HttpAnswer>
  /** Set the handlers of the connection before this returns. */
  readonly onConnection: (connection: Connection) => void
}

/** A port that is listened on. */
export interface Listener {
  /** What others can dial, `ws://127.0.0.1:4747`. */
  readonly address: string
  /** Takes no more, closes what there is with 1001, resolves when the port is free. */
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly protocols: readonly string[]
  /** Give up after this long. Default 5,000. */
  readonly timeoutMs?: number
  /** Give up when aborted: rejects with its reason, and nothing of the dial is left. */
  readonly signal?: AbortSignal
}

/** Moves frames: what a Troupe listens and dials with. `transportConformance` says what it must hold to. */
export interface Transport {
  /** `address` as `host:port`, port 0 = any. Rejects with TransportError (`address-in-use`, `address-not-available`, `permission`, `certificate`, `bad-url`). */
  listen(address: string, options: ListenOptions): Promise<Listener>
  /** Rejects with TransportError (`unreachable`, `refused`, `timeout`, `subprotocol`, `certificate`, `bad-url`). */
  connect(url: string, options: ConnectOptions): Promise<Connection>
}

export type TransportErrorCode =
  | 'address-in-use'
  | 'address-not-available'
  | 'permission'
  | 'certificate'
  | 'unreachable'
  | 'refused'
  | 'timeout'
  | 'subprotocol'
  | 'too-large'
  | 'malformed'
  | 'bad-url'

/** What may pass without anybody's doing here. */
const passing: ReadonlySet<TransportErrorCode> = new Set([
  'address-in-use',
  'unreachable',
  'refused',
  'timeout',
  // One that has run out is renewed, and one that was taken for another's is exchanged, without anybody's doing here.
  'certificate',
])

/** Why there is no connection, or why a frame was not sent. The message is one sentence with the next step. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  /** What to tell cases apart by. */
  readonly code: TransportErrorCode
  /** Whether the very same again can help: nobody was there, or somebody else has the port. */
  readonly retryable: boolean
  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.retryable = passing.has(code)
  }
}
