/**
 * Reads plain MessagePack from someone who may mean harm: every length is checked against the bytes that are there,
 * nesting and the number of arrays and maps are bounded while reading, nothing is allocated on the word of a header,
 * and what is not plain (extensions, keys that are not strings, integers beyond 2^53) is refused and never guessed at.
 * One pass does it all; `encoder.ts` says why this is not msgpackr's.
 */
import {
  forbiddenKey,
  framePartsMax,
  keyForbidden,
  malformed,
  numberNotFinite,
  tooDeep,
  tooLarge,
  tooManyParts,
} from '../frame-faults.ts'
import type { TransportLimits } from '../transport.ts'
import { createKeyCache } from './key-cache.ts'

type Limits = Pick<TransportLimits, 'frameBytesMax' | 'frameDepthMax'>

export interface MsgpackDecoder {
  decode(bytes: Uint8Array): unknown
}

export function createMsgpackDecoder(limits: Limits): MsgpackDecoder {
  return new Decoder(limits)
}

/** Below this many bytes a loop beats the call into the platform's decoder. */
const loopBytesMax = 32
const two32 = 2 ** 32
const nothing = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Decoder implements MsgpackDecoder {
  readonly #limits: Limits
  readonly #partsMax: number
  readonly #keys = createKeyCache()
  #bytes: Uint8Array = nothing
  #view: DataView = new DataView(nothing.buffer)
  #at = 0
  #parts = 0

  constructor(limits: Limits) {
    this.#limits = limits
    this.#partsMax = framePartsMax(limits)
  }

  decode(bytes: Uint8Array): unknown {
    if (bytes.length > this.#limits.frameBytesMax) throw tooLarge(this.#limits)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
    this.#parts = 0
    try {
      const value = this.#value(0)
      if (this.#at !== bytes.length) throw malformed(`${bytes.length - this.#at} bytes follow after its end`)
      return value
    } finally {
      this.#bytes = nothing
    }
  }

  /** Steps over `count` bytes that must be there, and answers where they begin. */
  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw malformed('it ends too early')
    this.#at = at + count
    return at
  }

  #value(depth: number): unknown {
    const token = this.#bytes[this.#take(1)] ?? 0
    if (token < 0x80) return token
    if (token >= 0xe0) return token - 0x100
    if (token < 0x90) return this.#map(token & 0x0f, depth)
    if (token < 0xa0) return this.#array(token & 0x0f, depth)
    if (token < 0xc0) return this.#string(token & 0x1f)
    return token < 0xd0 ? this.#upper(token) : this.#lower(token, depth)
  }

  /** 0xc0 to 0xcf: nil, booleans, bytes, floats and integers without sign. */
  #upper(token: number): unknown {
    switch (token) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.#bin(this.#uint8())
      case 0xc5:
        return this.#bin(this.#uint16())
      case 0xc6:
        return this.#bin(this.#uint32())
      case 0xca:
        return finite(this.#view.getFloat32(this.#take(4)))
      case 0xcb:
        return finite(this.#view.getFloat64(this.#take(8)))
      case 0xcc:
        return this.#uint8()
      case 0xcd:
        return this.#uint16()
      case 0xce:
        return this.#uint32()
      case 0xcf:
        return safe(this.#uint32() * two32 + this.#uint32())
      default:
        throw notPlainType(token)
    }
  }

  /** 0xd0 to 0xdf: integers with sign, and the long forms of strings, arrays and maps. */
  #lower(token: number, depth: number): unknown {
    switch (token) {
      case 0xd0:
        return this.#view.getInt8(this.#take(1))
      case 0xd1:
        return this.#view.getInt16(this.#take(2))
      case 0xd2:
        return this.#view.getInt32(this.#take(4))
      case 0xd3:
        return safe(this.#view.getInt32(this.#take(4)) * two32 + this.#uint32())
      case 0xd9:
        return this.#string(this.#uint8())
      case 0xda:
        return this.#string(this.#uint16())
      case 0xdb:
        return this.#string(this.#uint32())
      case 0xdc:
        return this.#array(this.#uint16(), depth)
      case 0xdd:
        return this.#array(this.#uint32(), depth)
      case 0xde:
        return this.#map(this.#uint16(), depth)
      case 0xdf:
        return this.#map(this.#uint32(), depth)
      default:
        throw notPlainType(token)
    }
  }

  #uint8(): number {
    return this.#bytes[this.#take(1)] ?? 0
  }

  #uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  /** A view, not a copy: the frame's bytes belong to it alone. Plain, even where the frame came in a Buffer. */
  #bin(length: number): Uint8Array {
    const at = this.#take(length)
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  #string(length: number): string {
    const at = this.#take(length)
    if (length <= loopBytesMax) {
      const text = ascii(this.#bytes, at, length)
      if (text !== undefined) return text
    }
    return this.#utf8(at, length)
  }

  #utf8(at: number, length: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(at, at + length))
    } catch {
      throw malformed('a string in it is no UTF-8')
    }
  }

  /** Counts an array or map in, and checks that `length` entries of at least so many bytes can be there at all. */
  #open(length: number, entryBytesMin: number, depth: number): void {
    if (depth >= this.#limits.frameDepthMax) throw tooDeep(this.#limits)
    if (++this.#parts > this.#partsMax) throw tooManyParts(this.#limits)
    if (length * entryBytesMin > this.#bytes.length - this.#at) throw malformed('it ends too early')
  }

  #array(length: number, depth: number): unknown[] {
    this.#open(length, 1, depth)
    // Grown as items come: nested headers could otherwise each reserve room for all the bytes that are left.
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.#value(depth + 1))
    return items
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#open(length, 2, depth)
    const map: Record<string, unknown> = {}
    for (let i = 0; i < length; i++) {
      const key = this.#key()
      if (key === forbiddenKey) throw keyForbidden()
      map[key] = this.#value(depth + 1)
    }
    return map
  }

  #key(): string {
    const token = this.#uint8()
    let length: number
    if (token >= 0xa0 && token < 0xc0) length = token & 0x1f
    else if (token === 0xd9) length = this.#uint8()
    else if (token === 0xda) length = this.#uint16()
    else if (token === 0xdb) length = this.#uint32()
    else throw malformed('a key in it is no string')
    const at = this.#take(length)
    return this.#keys.find(this.#bytes, at, length) ?? this.#utf8(at, length)
  }
}

/** Answers undefined when a byte of it is not ASCII. */
function ascii(bytes: Uint8Array, at: number, length: number): string | undefined {
  let text = ''
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i] ?? 0
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw numberNotFinite()
  return value
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw malformed('an integer in it is beyond 2^53')
  return value
}

function notPlainType(token: number): Error {
  return malformed(`the type 0x${token.toString(16)} is not plain MessagePack`)
}
