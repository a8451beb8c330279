/** How connections end: what every adapter of the port agrees on. */

/** The close codes that a transport gives by itself (RFC 6455, section 7.4). The others are its users'. */
export const closes = {
  /** The listener is closing. */
  goingAway: 1001,
  /** Cut without a word; never sent. */
  cut: 1006,
  /** A frame over `frameBytesMax` came. */
  tooBig: 1009,
  /** What came cannot be read as a frame. */
  malformed: 4000,
  /** No subprotocol in common. */
  subprotocol: 4002,
  /** The other end fell behind by more than `sendBufferBytesMax`. */
  tooSlow: 4005,
} as const

/** A close that is not answered within this is a cut. */
export const closeAnswerMs = 1_000

/** A reason shares the 125 bytes of a control frame with the code (RFC 6455, section 5.5). */
const reasonBytesMax = 123
const utf8 = new TextEncoder()

/** Cuts a reason to what a close frame can hold, between two characters. */
export function fitReason(reason: string): string {
  if (utf8.encode(reason).length <= reasonBytesMax) return reason
  const kept = new Uint8Array(reasonBytesMax - 3)
  const { read } = utf8.encodeInto(reason, kept)
  return `${reason.slice(0, read)}…`
}

export function tooSlowReason(sendBufferBytesMax: number): string {
  return `You read too slowly: more than ${sendBufferBytesMax} bytes are waiting for you.`
}

export function subprotocolReason(protocols: readonly string[]): string {
  return `No subprotocol in common; here ${protocols.join(' and ')} are spoken.`
}
