/**
 * How a frame becomes bytes, one codec per subprotocol. Both speak of the same values, so that a client may choose
 * either: null, booleans, finite numbers, strings, bytes, arrays, and maps with string keys. `undefined` in a map is
 * left out, in an array it is null; -0 is 0. Nothing here needs Node, so a browser can use it as it is.
 */
import { createJsonCodec } from './json.ts'
import { createMsgpackCodec } from './msgpack.ts'
import { TransportError, type TransportLimits } from './transport.ts'

export type CodecLimits = Pick<TransportLimits, 'frameBytesMax' | 'frameDepthMax'>

/** One way to write frames as bytes. Not to be called again from within a call of its own. */
export interface Codec {
  /** The subprotocol that names it. */
  readonly protocol: string
  /** The bytes are UTF-8 text, and travel in text frames. */
  readonly text: boolean
  /**
   * Answers bytes of its own, never touched again.
   * Throws TransportError `too-large` over `frameBytesMax`, `malformed` for what is no frame.
   */
  encode(frame: unknown): Uint8Array
  /**
   * Answers the frame; bytes within it are copies, of their own. Limits are held before memory is spent.
   * Throws TransportError `too-large` over `frameBytesMax`, `malformed` for anything that cannot be read.
   */
  decode(bytes: Uint8Array): unknown
}

const codecs: Readonly<Record<string, (protocol: string, limits: CodecLimits) => Codec>> = {
  'troupe.v1.msgpack': createMsgpackCodec,
  'troupe.v1.json': createJsonCodec,
}

/** Throws TransportError `subprotocol` for a name that no codec bears. */
export function createCodec(protocol: string, limits: CodecLimits): Codec {
  const create = Object.hasOwn(codecs, protocol) ? codecs[protocol] : undefined
  if (create !== undefined) return create(protocol, limits)
  const known = Object.keys(codecs).join(' and ')
  throw new TransportError('subprotocol', `There is no subprotocol "${protocol}"; there are ${known}.`)
}
