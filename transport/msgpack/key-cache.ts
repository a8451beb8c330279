/**
 * Remembers the keys of maps, which repeat in every frame: finding one again is cheaper than making its string anew,
 * and the engine then has it interned already.
 */
export interface KeyCache {
  /** The string at these bytes, or undefined where it is long or not ASCII and has to be decoded. */
  find(bytes: Uint8Array, at: number, length: number): string | undefined
}

/** A power of two. Whoever fills it with other keys only costs us their decoding. */
const slots = 512
const keyBytesMax = 32

export function createKeyCache(): KeyCache {
  const keys = new Array<string | undefined>(slots).fill(undefined)
  return {
    find(bytes, at, length) {
      if (length > keyBytesMax) return undefined
      const slot = hash(bytes, at, length) & (slots - 1)
      const known = keys[slot]
      if (known !== undefined && same(known, bytes, at, length)) return known
      let key = ''
      for (let i = at; i < at + length; i++) {
        const byte = bytes[i] ?? 0
        if (byte >= 0x80) return undefined
        key += String.fromCharCode(byte)
      }
      keys[slot] = key
      return key
    },
  }
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hash(bytes: Uint8Array, at: number, length: number): number {
  let value = 0x811c9dc5
  for (let i = at; i < at + length; i++) value = Math.imul(value ^ (bytes[i] ?? 0), 0x01000193)
  return value
}

function same(key: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (key.length !== length) return false
  for (let i = 0; i < length; i++) if (key.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
