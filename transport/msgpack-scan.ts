/**
 * Looks once over MessagePack from someone who may mean harm, before msgpackr builds anything of it: every length is
 * held against the bytes that are there, nesting and the number of arrays and maps are bounded, and what is not plain
 * is refused. It allocates nothing and does not recurse, so a frame can cost no more than the time to read it.
 */
import {
  forbiddenKey,
  framePartsMax,
  keyForbidden,
  malformed,
  numberNotFinite,
  tooDeep,
  tooManyParts,
} from './frame-faults.ts'
import type { TransportLimits } from './transport.ts'
import { isUtf8 } from './utf8.ts'

/** Bytes that follow each of 0xc0 to 0xdf: of a number, or of a length. -1 = not plain. */
const sizes = Int8Array.of(
  ...[0, -1, 0, 0, 1, 2, 4, -1, -1, -1, 4, 8, 1, 2, 4, 8],
  ...[1, 2, 4, 8, -1, -1, -1, -1, -1, 1, 2, 4, 2, 4, 2, 4],
)
const forbiddenBytes = new TextEncoder().encode(forbiddenKey)
const nothing = new Uint8Array(0)

export class MsgpackScan {
  readonly #limits: Pick<TransportLimits, 'frameBytesMax' | 'frameDepthMax'>
  readonly #partsMax: number
  /** Of each array or map that is open: the values yet to come (keys count too), and whether it is a map. */
  readonly #left: Uint32Array
  readonly #isMap: Uint8Array
  #bytes: Uint8Array = nothing
  #at = 0
  #depth = 0
  #parts = 0

  constructor(limits: Pick<TransportLimits, 'frameBytesMax' | 'frameDepthMax'>) {
    this.#limits = limits
    this.#partsMax = framePartsMax(limits)
    this.#left = new Uint32Array(limits.frameDepthMax + 1)
    this.#isMap = new Uint8Array(limits.frameDepthMax + 1)
  }

  /** Throws TransportError `malformed` unless the bytes are exactly one plain value within the limits. */
  check(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
    this.#depth = 0
    this.#parts = 0
    this.#left[0] = 1
    try {
      this.#values()
    } finally {
      this.#bytes = nothing
    }
    if (this.#at !== bytes.length) throw malformed(`${bytes.length - this.#at} bytes follow after its end`)
  }

  #values(): void {
    for (;;) {
      const left = this.#left[this.#depth] as number
      if (left === 0) {
        if (this.#depth === 0) return
        this.#depth--
        continue
      }
      this.#left[this.#depth] = left - 1
      const token = this.#bytes[this.#take(1)] as number
      // Keys and values take turns, so an even number left is a key's turn.
      if (this.#isMap[this.#depth] === 1 && left % 2 === 0) this.#key(token)
      else if (token < 0x80 || token >= 0xe0) continue
      else if (token < 0x90) this.#open(token & 0x0f, 1)
      else if (token < 0xa0) this.#open(token & 0x0f, 0)
      else if (token < 0xc0) this.#string(token & 0x1f)
      else this.#long(token)
    }
  }

  /** Steps over `count` bytes that must be there, and answers where they begin. */
  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw malformed('it ends too early')
    this.#at = at + count
    return at
  }

  /** 0xc0 to 0xdf: all that says in bytes of its own how large it is, or what. */
  #long(token: number): void {
    const size = sizes[token - 0xc0] as number
    if (size < 0) throw malformed(`the type 0x${token.toString(16)} is not plain MessagePack`)
    const at = this.#take(size)
    if (token < 0xc4) return
    if (token <= 0xc6) this.#take(this.#uint(at, size))
    else if (token === 0xca || token === 0xcb) this.#finite(at, token)
    else if (token === 0xcf || token === 0xd3) this.#safe(at, token)
    else if (token <= 0xd3) return
    else if (token <= 0xdb) this.#string(this.#uint(at, size))
    else this.#open(this.#uint(at, size), token >= 0xde ? 1 : 0)
  }

  #uint(at: number, size: number): number {
    let value = 0
    for (let i = at; i < at + size; i++) value = value * 0x100 + (this.#bytes[i] as number)
    return value
  }

  /** A float whose exponent is all ones is infinite, or no number. */
  #finite(at: number, token: number): void {
    const exponentEnd = token === 0xca ? 0x80 : 0xf0
    const [high, low] = [this.#bytes[at] as number, this.#bytes[at + 1] as number]
    if ((high & 0x7f) === 0x7f && (low & exponentEnd) === exponentEnd) throw numberNotFinite()
  }

  #safe(at: number, token: number): void {
    const high = this.#uint(at, 4)
    const signed = token === 0xd3 ? high | 0 : high
    if (!Number.isSafeInteger(signed * 2 ** 32 + this.#uint(at + 4, 4))) {
      throw malformed('an integer in it is beyond 2^53 - 1')
    }
  }

  #string(length: number): number {
    const at = this.#take(length)
    if (!isUtf8(this.#bytes, at, at + length)) throw malformed('a string in it is no UTF-8')
    return at
  }

  #key(token: number): void {
    let length = token & 0x1f
    if (token >= 0xd9 && token <= 0xdb) {
      const size = sizes[token - 0xc0] as number
      length = this.#uint(this.#take(size), size)
    } else if (token < 0xa0 || token >= 0xc0) throw malformed('a key in it is no string')
    const at = this.#string(length)
    if (length !== forbiddenBytes.length) return
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== forbiddenBytes[i]) return
    throw keyForbidden()
  }

  /** Steps into an array or map, unless its entries cannot be there at all. */
  #open(length: number, isMap: 0 | 1): void {
    if (this.#depth >= this.#limits.frameDepthMax) throw tooDeep(this.#limits)
    if (++this.#parts > this.#partsMax) throw tooManyParts(this.#limits)
    const values = isMap === 1 ? length * 2 : length
    if (values > this.#bytes.length - this.#at) throw malformed('it ends too early')
    this.#depth++
    this.#left[this.#depth] = values
    this.#isMap[this.#depth] = isMap
  }
}
