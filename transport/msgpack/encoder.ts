/**
 * Writes plain MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), and only that.
 *
 * Our own and not msgpackr's, because no set of its options keeps the promise of the public wire: integers over 2^32
 * (every time in milliseconds) come out as floats, which typed readers refuse; a Date, Set or BigInt slips out as an
 * extension; extensions are registered for the whole process, so an application that embeds us could change our wire;
 * and a small frame that waits keeps alive the large buffer it was cut from. It is as fast
 * to write, and to read once the scan for depth is counted that msgpackr would need before it.
 */
import {
  forbiddenKey,
  framePartsMax,
  isPlainMap,
  keyForbidden,
  notPlain,
  numberNotFinite,
  tooDeep,
  tooLarge,
  tooManyParts,
} from '../frame-faults.ts'
import type { TransportLimits } from '../transport.ts'

type Limits = Pick<TransportLimits, 'frameBytesMax' | 'frameDepthMax'>

export interface MsgpackEncoder {
  encode(value: unknown): Uint8Array
}

export function createMsgpackEncoder(limits: Limits): MsgpackEncoder {
  return new Encoder(limits)
}

/** Scratch that is kept from frame to frame; a larger one is given up after the frame that needed it. */
const scratchBytesKept = 64 * 1_024
/** Below this many characters a loop beats the call into the platform's encoder. */
const loopCharsMax = 40
const two32 = 2 ** 32
const utf8 = new TextEncoder()

class Encoder implements MsgpackEncoder {
  readonly #limits: Limits
  readonly #partsMax: number
  #bytes = new Uint8Array(scratchBytesKept)
  #view = new DataView(this.#bytes.buffer)
  #at = 0
  #parts = 0

  constructor(limits: Limits) {
    this.#limits = limits
    this.#partsMax = framePartsMax(limits)
  }

  encode(value: unknown): Uint8Array {
    this.#at = 0
    this.#parts = 0
    try {
      this.#value(value, 0)
      if (this.#at > this.#limits.frameBytesMax) throw tooLarge(this.#limits)
      return this.#bytes.slice(0, this.#at)
    } finally {
      if (this.#bytes.length > scratchBytesKept) this.#use(new Uint8Array(scratchBytesKept))
    }
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  /** Makes sure of room for `count` more bytes. */
  #room(count: number): void {
    const needed = this.#at + count
    if (needed <= this.#bytes.length) return
    if (this.#at > this.#limits.frameBytesMax) throw tooLarge(this.#limits)
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#use(larger)
  }

  #value(value: unknown, depth: number): void {
    const type = typeof value
    if (type === 'string') this.#string(value as string)
    else if (type === 'number') this.#number(value as number)
    else if (type === 'boolean') this.#byte(value === true ? 0xc3 : 0xc2)
    else if (value === undefined || value === null) this.#byte(0xc0)
    else if (type !== 'object') throw notPlain(value)
    else if (value instanceof Uint8Array) this.#bin(value)
    else this.#part(value as object, depth)
  }

  #part(value: object, depth: number): void {
    if (depth >= this.#limits.frameDepthMax) throw tooDeep(this.#limits)
    if (++this.#parts > this.#partsMax) throw tooManyParts(this.#limits)
    if (Array.isArray(value)) this.#array(value, depth + 1)
    else if (isPlainMap(value)) this.#map(value, depth + 1)
    else throw notPlain(value)
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  #number(value: number): void {
    this.#room(9)
    if (!Number.isSafeInteger(value)) {
      if (!Number.isFinite(value)) throw numberNotFinite()
      this.#bytes[this.#at] = 0xcb
      this.#view.setFloat64(this.#at + 1, value)
      this.#at += 9
    } else if (value >= 0) this.#positive(value)
    else this.#negative(value)
  }

  #positive(value: number): void {
    const at = this.#at
    if (value < 0x80) {
      this.#bytes[at] = value
      this.#at += 1
    } else if (value < 0x100) {
      this.#bytes[at] = 0xcc
      this.#bytes[at + 1] = value
      this.#at += 2
    } else if (value < 0x10000) {
      this.#bytes[at] = 0xcd
      this.#view.setUint16(at + 1, value)
      this.#at += 3
    } else if (value < two32) {
      this.#bytes[at] = 0xce
      this.#view.setUint32(at + 1, value)
      this.#at += 5
    } else {
      this.#bytes[at] = 0xcf
      this.#view.setUint32(at + 1, Math.floor(value / two32))
      this.#view.setUint32(at + 5, value % two32)
      this.#at += 9
    }
  }

  #negative(value: number): void {
    const at = this.#at
    if (value >= -0x20) {
      this.#bytes[at] = value + 0x100
      this.#at += 1
    } else if (value >= -0x80) {
      this.#bytes[at] = 0xd0
      this.#view.setInt8(at + 1, value)
      this.#at += 2
    } else if (value >= -0x8000) {
      this.#bytes[at] = 0xd1
      this.#view.setInt16(at + 1, value)
      this.#at += 3
    } else if (value >= -0x80000000) {
      this.#bytes[at] = 0xd2
      this.#view.setInt32(at + 1, value)
      this.#at += 5
    } else {
      const high = Math.floor(value / two32)
      this.#bytes[at] = 0xd3
      this.#view.setInt32(at + 1, high)
      this.#view.setUint32(at + 5, value - high * two32)
      this.#at += 9
    }
  }

  #string(text: string): void {
    const chars = text.length
    // A character has at least one byte, so this refuses a giant before room is made for it.
    if (chars > this.#limits.frameBytesMax) throw tooLarge(this.#limits)
    this.#room(chars * 3 + 5)
    const guess = stringHeaderBytes(chars)
    const start = this.#at + guess
    let length = chars <= loopCharsMax ? this.#ascii(text, start) : -1
    if (length < 0) length = utf8.encodeInto(text, this.#bytes.subarray(start)).written
    const header = stringHeaderBytes(length)
    if (header !== guess) this.#bytes.copyWithin(this.#at + header, start, start + length)
    if (header === 1) this.#bytes[this.#at++] = 0xa0 | length
    else this.#header(0xd9, header, length)
    this.#at += length
  }

  /** Answers the bytes written, or -1 at the first character outside ASCII. */
  #ascii(text: string, start: number): number {
    const bytes = this.#bytes
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(i)
      if (char >= 0x80) return -1
      bytes[start + i] = char
    }
    return text.length
  }

  /** A header of `size` bytes (2, 3 or 5) whose first byte counts up from `first`. */
  #header(first: number, size: number, length: number): void {
    const at = this.#at
    if (size === 2) {
      this.#bytes[at] = first
      this.#bytes[at + 1] = length
    } else if (size === 3) {
      this.#bytes[at] = first + 1
      this.#view.setUint16(at + 1, length)
    } else {
      this.#bytes[at] = first + 2
      this.#view.setUint32(at + 1, length)
    }
    this.#at += size
  }

  #bin(value: Uint8Array): void {
    const length = value.length
    if (length > this.#limits.frameBytesMax) throw tooLarge(this.#limits)
    this.#room(length + 5)
    this.#header(0xc4, length < 0x100 ? 2 : length < 0x10000 ? 3 : 5, length)
    this.#bytes.set(value, this.#at)
    this.#at += length
  }

  #array(items: readonly unknown[], depth: number): void {
    const length = items.length
    this.#room(5)
    if (length < 0x10) this.#bytes[this.#at++] = 0x90 | length
    else this.#header(0xdb, length < 0x10000 ? 3 : 5, length)
    for (let i = 0; i < length; i++) this.#value(items[i], depth)
  }

  #map(map: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(map)
    const headerAt = this.#at
    const header = keys.length < 0x10 ? 1 : keys.length < 0x10000 ? 3 : 5
    this.#room(header)
    this.#at += header
    let count = 0
    for (const key of keys) {
      const value = map[key]
      if (value === undefined) continue
      if (key === forbiddenKey) throw keyForbidden()
      this.#string(key)
      this.#value(value, depth)
      count++
    }
    // Only now is it known how many fields were defined. The buffer may have been exchanged meanwhile, so write last.
    const end = this.#at
    this.#at = headerAt
    if (header === 1) this.#bytes[headerAt] = 0x80 | count
    else this.#header(0xdd, header, count)
    this.#at = end
  }
}

function stringHeaderBytes(length: number): number {
  return length < 0x20 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5
}
