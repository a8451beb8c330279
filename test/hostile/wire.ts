/** Writers of both formats that write whatever they are told to, also what no honest end would send. */

/** Exactly these bytes in the place of a value; undefined = this format cannot say it. */
export class Verbatim {
  readonly msgpack: Uint8Array | undefined
  readonly json: string | undefined

  constructor(msgpack: readonly number[] | undefined, json: string | undefined) {
    this.msgpack = msgpack === undefined ? undefined : Uint8Array.from(msgpack)
    this.json = json
  }
}

/** A map with keys in any order, and with any keys: an object cannot have `__proto__` or a number for one. */
export class Entries {
  readonly entries: readonly (readonly [key: unknown, value: unknown])[]

  constructor(entries: readonly (readonly [key: unknown, value: unknown])[]) {
    this.entries = entries
  }
}

/** This format has no way to say it. */
export class Unsayable extends Error {}

export const entriesOf = (value: Entries | object): readonly (readonly [unknown, unknown])[] =>
  value instanceof Entries ? value.entries : Object.entries(value).filter(([, field]) => field !== undefined)

const head = (short: number, long: number, count: number, shortMax: number): number[] =>
  count <= shortMax ? [short + count] : [long, ...big(count, 4)]

function big(value: number, size: number): number[] {
  const bytes: number[] = []
  for (let at = size - 1; at >= 0; at -= 1) bytes.push(Math.floor(value / 256 ** at) % 256)
  return bytes
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xcb
  bytes.writeDoubleBE(value, 1)
  return bytes
}

/** UTF-8, and of half a surrogate pair the three bytes that UTF-8 forbids. */
function utf8(text: string): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const { index, 0: half } of text.matchAll(/\p{Surrogate}/gu)) {
    const unit = half.charCodeAt(0)
    parts.push(Buffer.from(text.slice(from, index)))
    parts.push(Buffer.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)))
    from = index + 1
  }
  parts.push(Buffer.from(text.slice(from)))
  return Buffer.concat(parts)
}

/** As MessagePack. Throws Unsayable. */
export function msgpackOf(value: unknown): Uint8Array {
  const parts: Uint8Array[] = []
  const write = (value: unknown): void => {
    if (value instanceof Verbatim) {
      if (value.msgpack === undefined) throw new Unsayable()
      parts.push(value.msgpack)
    } else if (value === null || value === undefined) parts.push(Uint8Array.of(0xc0))
    else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xc3 : 0xc2))
    else if (typeof value === 'number')
      parts.push(value >= 0 && value < 128 && Number.isInteger(value) ? Uint8Array.of(value) : float(value))
    else if (typeof value === 'string') {
      const bytes = utf8(value)
      parts.push(Uint8Array.from(head(0xa0, 0xdb, bytes.length, 31)), bytes)
    } else if (value instanceof Uint8Array) {
      parts.push(Uint8Array.from([0xc6, ...big(value.length, 4)]), value)
    } else if (Array.isArray(value)) {
      parts.push(Uint8Array.from(head(0x90, 0xdd, value.length, 15)))
      for (const item of value) write(item)
    } else {
      const entries = entriesOf(value as object)
      parts.push(Uint8Array.from(head(0x80, 0xdf, entries.length, 15)))
      for (const [key, field] of entries) {
        write(key)
        write(field)
      }
    }
  }
  write(value)
  return Buffer.concat(parts)
}

/** As JSON. Throws Unsayable. */
export function jsonOf(value: unknown): string {
  if (value instanceof Verbatim) {
    if (value.json === undefined) throw new Unsayable()
    return value.json
  }
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('base64')}"}`
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = entriesOf(value).map(([key, field]) => {
      if (typeof key !== 'string') throw new Unsayable()
      return `${JSON.stringify(key)}:${jsonOf(field)}`
    })
    return `{${fields.join(',')}}`
  }
  return value === undefined ? 'null' : JSON.stringify(value)
}

export type Protocol = 'troupe.v1.msgpack' | 'troupe.v1.json'

/** The payload of a frame; undefined where the format cannot say it. */
export function payloadOf(protocol: Protocol, frame: unknown): Uint8Array | undefined {
  try {
    return protocol === 'troupe.v1.json' ? Buffer.from(jsonOf(frame)) : msgpackOf(frame)
  } catch (error) {
    if (error instanceof Unsayable) return undefined
    throw error
  }
}
