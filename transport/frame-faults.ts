/** What can be wrong with a frame, in one place, so that every codec refuses the same things in the same words. */
import { TransportError, type TransportLimits } from './transport.ts'

/**
 * Arrays and maps in a frame: one for every 8 bytes that a frame may have. An empty map takes one byte on the wire and
 * some sixty in memory, so bytes alone would let a small frame become a large heap; honest frames stay far below.
 */
const bytesPerPart = 8

export function framePartsMax(limits: Pick<TransportLimits, 'frameBytesMax'>): number {
  return Math.ceil(limits.frameBytesMax / bytesPerPart)
}

export function malformed(why: string): TransportError {
  return new TransportError('malformed', `That is no frame: ${why}.`)
}

export function tooLarge(limits: Pick<TransportLimits, 'frameBytesMax'>): TransportError {
  return new TransportError('too-large', `A frame may have at most ${limits.frameBytesMax} bytes; send it in parts.`)
}

export function tooDeep(limits: Pick<TransportLimits, 'frameDepthMax'>): TransportError {
  return malformed(`its arrays and maps are nested more than ${limits.frameDepthMax} deep`)
}

export function tooManyParts(limits: Pick<TransportLimits, 'frameBytesMax'>): TransportError {
  return malformed(`it holds more than ${framePartsMax(limits)} arrays and maps`)
}

/** This key would change the prototype of whatever object a frame is copied into. */
export const forbiddenKey = '__proto__'

export function keyForbidden(): TransportError {
  return malformed(`a map has the key ${forbiddenKey}`)
}

export function textBroken(): TransportError {
  return malformed('a string in it holds half a surrogate pair, which is no character')
}

export function numberNotFinite(): TransportError {
  return malformed('a number in it is not finite')
}

export function notPlain(value: unknown): TransportError {
  const kind = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value
  return malformed(`it holds a ${kind}, which is no plain value`)
}

/** Made by a literal, `JSON.parse` or `Object.create(null)`, in this realm or another. */
export function isPlainMap(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}
