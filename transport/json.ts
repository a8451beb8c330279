/**
 * Frames as JSON, for those who have no MessagePack at hand. Bytes have no place in JSON, so they travel as
 * `{"$bytes": "<base64, padded>"}`. A map of the user's own whose only key is `$bytes` gets one more `$` in front
 * (`$$bytes`, and so on), which is taken off again: nothing that can be said in MessagePack is lost.
 */
import type { Codec, CodecLimits } from './codec.ts'
import {
  forbiddenKey,
  framePartsMax,
  isPlainMap,
  keyForbidden,
  malformed,
  notPlain,
  numberNotFinite,
  textBroken,
  tooDeep,
  tooLarge,
  tooManyParts,
} from './frame-faults.ts'
import { joined, sharingMessages, type Written } from './shared.ts'

const bytesKey = '$bytes'
const escapedKey = /^\$+bytes$/
/** Sought and not matched as a whole, for a pattern over megabytes would exhaust the stack of the matcher. */
const notBase64 = /[^A-Za-z0-9+/]/
const toUtf8 = new TextEncoder()
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function createJsonCodec(protocol: string, limits: CodecLimits): Codec {
  const write = (value: unknown, depth: number): Uint8Array => {
    const budget = { bytes: limits.frameBytesMax, parts: framePartsMax(limits) }
    return toUtf8.encode(JSON.stringify(dress(value, depth, limits, budget)))
  }
  const writeSharing = (messages: readonly Written[]): Uint8Array[] => {
    const parts: Uint8Array[] = []
    for (const [at, { plain, shared }] of messages.entries()) {
      parts.push(at === 0 ? opening : comma)
      const map = write(plain, messageDepth)
      if (shared === undefined) parts.push(map)
      else {
        // All messages have a type, so there is a field before this one.
        const key = toUtf8.encode(`,${JSON.stringify(shared.key)}:`)
        const value = shared.value.bytes(protocol, (value) => write(value, messageDepth + 1))
        parts.push(map.subarray(0, -1), key, value, closingBrace)
      }
    }
    parts.push(closing)
    return parts
  }
  return {
    protocol,
    text: true,
    encode(frame) {
      const messages = sharingMessages(frame)
      const bytes = messages === undefined ? write(frame, 0) : joined(writeSharing(messages))
      if (bytes.length > limits.frameBytesMax) throw tooLarge(limits)
      return bytes
    },
    decode(bytes) {
      if (bytes.length > limits.frameBytesMax) throw tooLarge(limits)
      const isEscaped = scan(bytes, limits)
      const value = parse(bytes)
      if (isEscaped) checkText(value)
      return undress(value, 0, limits)
    },
  }
}

/** The lists and maps that a message of a frame is in: `{m: [message]}`. */
const messageDepth = 2
const opening = toUtf8.encode('{"m":[')
const comma = toUtf8.encode(',')
const closingBrace = toUtf8.encode('}')
const closing = toUtf8.encode(']}')

/** What may still be spent, so that a giant is refused before its text is made. */
interface Budget {
  bytes: number
  parts: number
}

/** A copy that `JSON.stringify` can only write in the way we mean. */
function dress(value: unknown, depth: number, limits: CodecLimits, budget: Budget): unknown {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw numberNotFinite()
    return value
  }
  if (typeof value === 'string') {
    spend(value.length, limits, budget)
    return mended(value)
  }
  if (typeof value !== 'object') throw notPlain(value)
  if (value instanceof Uint8Array) {
    spend(Math.ceil(value.length / 3) * 4, limits, budget)
    return { [bytesKey]: toBase64(value) }
  }
  if (depth >= limits.frameDepthMax) throw tooDeep(limits)
  if (--budget.parts < 0) throw tooManyParts(limits)
  if (Array.isArray(value)) return value.map((item) => dress(item, depth + 1, limits, budget))
  if (!isPlainMap(value)) throw notPlain(value)
  return dressMap(value, depth, limits, budget)
}

function dressMap(map: Record<string, unknown>, depth: number, limits: CodecLimits, budget: Budget): unknown {
  const dressed: Record<string, unknown> = {}
  const keys = Object.keys(map).filter((key) => map[key] !== undefined)
  const [only] = keys
  const escaped = keys.length === 1 && only !== undefined && escapedKey.test(only)
  for (const key of keys) {
    if (key === forbiddenKey) throw keyForbidden()
    spend(key.length, limits, budget)
    dressed[escaped ? `$${key}` : mended(key)] = dress(map[key], depth + 1, limits, budget)
  }
  return dressed
}

function spend(bytes: number, limits: CodecLimits, budget: Budget): void {
  budget.bytes -= bytes
  if (budget.bytes < 0) throw tooLarge(limits)
}

/**
 * Counts brackets outside of strings, before the parser builds anything. All marks are ASCII, so bytes will do. Answers
 * whether a character is written as `\u…`: only so can half a surrogate pair come, for UTF-8 has no bytes for it.
 */
function scan(bytes: Uint8Array, limits: CodecLimits): boolean {
  let isEscaped = false
  const partsMax = framePartsMax(limits)
  let depth = 0
  // The envelope of bytes is one level more than the bytes that it stands for.
  const depthMax = limits.frameDepthMax + 1
  let parts = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) {
        if (bytes[++i] === 0x75) isEscaped = true
      } else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > depthMax) throw tooDeep(limits)
      if (++parts > partsMax) throw tooManyParts(limits)
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return isEscaped
}

/** Refuses what no other format could say again. Recursion is safe, as in `undress`. */
function checkText(value: unknown): void {
  if (typeof value === 'string') {
    if (!(value as Text).isWellFormed()) throw textBroken()
  } else if (Array.isArray(value)) {
    for (const item of value) checkText(item)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, field] of Object.entries(value)) {
      checkText(key)
      checkText(field)
    }
  }
}

/** What UTF-8 cannot say becomes U+FFFD, as everywhere else in the platform; the other end would refuse it. */
const mended = (text: string): string => ((text as Text).isWellFormed() ? text : (text as Text).toWellFormed())

/** What Node 20 and browsers have, and the es2023 types lack. */
type Text = string & { isWellFormed(): boolean; toWellFormed(): string }

/** The parser's own words quote the text, which may hold secrets, so they go no further. */
function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8.decode(bytes))
  } catch {
    throw malformed('it is not JSON in UTF-8')
  }
}

/** Puts bytes back in the place of their envelopes. Recursion is safe: `scan` has bounded the depth. */
function undress(value: unknown, depth: number, limits: CodecLimits): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw numberNotFinite()
  if (typeof value !== 'object' || value === null) return value
  const keys = Array.isArray(value) ? undefined : Object.keys(value)
  const map = value as Record<string, unknown>
  const [only] = keys ?? []
  const escaped = keys?.length === 1 && only !== undefined && escapedKey.test(only)
  if (escaped && only === bytesKey) return fromBase64(map[only])
  if (depth >= limits.frameDepthMax) throw tooDeep(limits)
  if (keys === undefined) return (value as unknown[]).map((item) => undress(item, depth + 1, limits))
  if (escaped) return { [only.slice(1)]: undress(map[only], depth + 1, limits) }
  for (const key of keys) {
    if (key === forbiddenKey) throw keyForbidden()
    map[key] = undress(map[key], depth + 1, limits)
  }
  return map
}

/** Arguments of one call; engines have a limit to them. */
const charsAtOnce = 8_192

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let i = 0; i < bytes.length; i += charsAtOnce) {
    binary += String.fromCharCode(...bytes.subarray(i, i + charsAtOnce))
  }
  return btoa(binary)
}

function fromBase64(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length % 4 !== 0) throw notBytes()
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (notBase64.test(text.slice(0, text.length - padding))) throw notBytes()
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

function notBytes(): Error {
  return malformed(`${bytesKey} is not followed by padded base64`)
}
