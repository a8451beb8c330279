/**
 * Frames as plain MessagePack, by msgpackr. It trusts both sides more than we may: it writes a Date or a class as
 * whatever comes near, and reads extensions that anyone in the process has registered. So each value is looked over
 * before it is written, and each frame before it is read (`msgpack-scan.ts`); in between msgpackr does the work.
 *
 * Integers from 2^32 on go out as floats of integral value, as msgpackr writes every number that no 32 bits hold.
 * Where its native part is missing (in a browser, for one), it loses a byte order mark before a string of over 64 bytes.
 */
import { type Options, Packr, RESET_BUFFER_MODE, Unpackr } from 'msgpackr'
import type { Codec, CodecLimits } from './codec.ts'
import {
  forbiddenKey,
  framePartsMax,
  isPlainMap,
  keyForbidden,
  malformed,
  notPlain,
  numberNotFinite,
  tooDeep,
  tooLarge,
  tooManyParts,
} from './frame-faults.ts'
import { MsgpackScan } from './msgpack-scan.ts'
import { joined, sharingMessages, type Written } from './shared.ts'

/** In msgpackr's manual, and lacking in its types: fields with such a value are left out. */
interface SkipValues {
  readonly skipValues: { includes(value: unknown): boolean }
}

const writing: Options & SkipValues = {
  useRecords: false,
  // Off, for a plain map may have a field of this name.
  useToJSON: false,
  // Also what lets a map have more than 65,535 entries.
  variableMapSize: true,
  skipValues: { includes: (value) => value === undefined },
  encodeUndefinedAsNil: true,
}

const reading: Options = {
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: 'number',
  // Bytes that someone keeps must not keep the whole frame alive.
  copyBuffers: true,
}

/** msgpackr's scratch is as large as the largest frame was; above this it is given up after the frame that needed it. */
const scratchBytesKept = 64 * 1_024

/** Of the kind that msgpackr makes for itself, whose methods it calls. */
function newScratch(): Uint8Array {
  return typeof Buffer === 'undefined' ? new Uint8Array(scratchBytesKept) : Buffer.alloc(scratchBytesKept)
}

export function createMsgpackCodec(protocol: string, limits: CodecLimits): Codec {
  const packr = new Packr(writing)
  const unpackr = new Unpackr(reading)
  const scan = new MsgpackScan(limits)
  const check = new FrameCheck(limits)
  // What is within a frame is that much less deep.
  const messageCheck = new FrameCheck({ ...limits, frameDepthMax: limits.frameDepthMax - messageDepth })
  const fieldCheck = new FrameCheck({ ...limits, frameDepthMax: limits.frameDepthMax - messageDepth - 1 })
  const write = (checked: unknown): Uint8Array => {
    const scratch = packr.pack(checked, RESET_BUFFER_MODE)
    if (scratch.buffer.byteLength > scratchBytesKept) packr.useBuffer(newScratch())
    if (scratch.length > limits.frameBytesMax) throw tooLarge(limits)
    return new Uint8Array(scratch)
  }
  const writeField = (value: unknown): Uint8Array => write(fieldCheck.plain(value))
  const keys = new Map<string, Uint8Array>()
  /** Of a field that is shared: there are few, all named by our own code. */
  const writeKey = (key: string): Uint8Array => {
    const known = keys.get(key)
    if (known !== undefined) return known
    const bytes = write(key)
    keys.set(key, bytes)
    return bytes
  }
  const writeMessage = ({ plain, shared }: Written): Uint8Array[] => {
    const map = write(messageCheck.plain(plain))
    if (shared === undefined) return [map]
    // One field more in a map of fewer than 16, whose number is in its first byte: all messages are such.
    if ((map[0] as number) >= smallestMap + 15) throw notPlain(plain)
    map[0] = (map[0] as number) + 1
    return [map, writeKey(shared.key), shared.value.bytes(protocol, writeField)]
  }
  return {
    protocol,
    text: false,
    encode(frame) {
      const messages = sharingMessages(frame)
      if (messages === undefined) return write(check.plain(frame))
      const parts = [frameHead(messages.length), ...messages.flatMap(writeMessage)]
      if (parts.reduce((sum, part) => sum + part.length, 0) > limits.frameBytesMax) throw tooLarge(limits)
      return joined(parts)
    },
    decode(bytes) {
      if (bytes.length > limits.frameBytesMax) throw tooLarge(limits)
      scan.check(bytes)
      // A plain view, for of a Buffer msgpackr would hand out Buffers.
      const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      try {
        return unpackr.unpack(view)
      } catch {
        // Nothing that the scan lets through is known to get here, but no stranger's bytes may end the process. Its
        // own words may quote the frame, which may hold secrets, so they go no further.
        throw malformed('msgpackr cannot read it')
      }
    },
  }
}

/** The lists and maps that a message of a frame is in: `{m: [message]}`. */
const messageDepth = 2
/** The first byte of a map without fields. */
const smallestMap = 0x80

/** `{m: [` as MessagePack has it, for so many messages: a map of one field, its name, a list of up to 65,535. */
const frameHead = (count: number): Uint8Array =>
  Uint8Array.of(smallestMap + 1, 0xa1, 0x6d, 0xdc, count >> 8, count & 255)

/** What Node 20 and browsers have, and the es2023 types lack. */
type Text = string & { isWellFormed(): boolean; toWellFormed(): string }

/** Refuses what is no frame, before msgpackr writes it as something else or a giant costs memory. */
class FrameCheck {
  readonly #limits: CodecLimits
  readonly #partsMax: number
  #bytesLeft = 0
  #parts = 0
  #broken = false

  constructor(limits: CodecLimits) {
    this.#limits = limits
    this.#partsMax = framePartsMax(limits)
  }

  /** Answers the frame itself; only where half a surrogate pair is in it, a copy that can be written as UTF-8. */
  plain(frame: unknown): unknown {
    this.#bytesLeft = this.#limits.frameBytesMax
    this.#parts = 0
    this.#broken = false
    this.#value(frame, 0)
    return this.#broken ? mended(frame) : frame
  }

  #value(value: unknown, depth: number): void {
    const type = typeof value
    if (type === 'string') this.#string(value as string)
    else if (type === 'number') {
      if (!Number.isFinite(value)) throw numberNotFinite()
      this.#spend(1)
    } else if (type === 'boolean' || value === undefined || value === null) this.#spend(1)
    else if (type !== 'object') throw notPlain(value)
    else if (value instanceof Uint8Array) this.#spend(value.length)
    else this.#part(value as object, depth)
  }

  #part(value: object, depth: number): void {
    if (depth >= this.#limits.frameDepthMax) throw tooDeep(this.#limits)
    if (++this.#parts > this.#partsMax) throw tooManyParts(this.#limits)
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) this.#value(value[i], depth + 1)
    } else if (isPlainMap(value)) {
      // Half as dear as `Object.keys`, which makes an array of each map's keys.
      for (const key in value) {
        if (!Object.hasOwn(value, key)) continue
        const field = value[key]
        if (field === undefined) continue
        if (key === forbiddenKey) throw keyForbidden()
        this.#string(key)
        this.#value(field, depth + 1)
      }
    } else throw notPlain(value)
  }

  #string(text: string): void {
    // A character has at least one byte, and each string a header.
    this.#spend(text.length + 1)
    if (!(text as Text).isWellFormed()) this.#broken = true
  }

  #spend(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0) throw tooLarge(this.#limits)
  }
}

/** What UTF-8 cannot say becomes U+FFFD, as everywhere else in the platform; the other end would refuse it. */
function mended(value: unknown): unknown {
  if (typeof value === 'string') return (value as Text).toWellFormed()
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(mended)
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [mended(key), mended(field)]))
}
