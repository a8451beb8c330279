/**
 * Reads the records of many actors, which are alike. They are MessagePack as `record.ts` writes it; what is not among its
 * everyday forms is `foreign` here, and read by the library instead, which reads everything.
 *
 * - Names of fields are not read but compared with those that came at this place before: each way through them is a path in
 *   a tree, and at its end stands an object that has all of them, of which a copy is filled in. Made field by field, one of
 *   more than some 16 fields would be a hash table, of four times the size and slower to read.
 * - What a field of a context holds is compared with what it held in the record before. Where that is the same bytes it is the
 *   same object. Short words are kept once as well.
 *
 * Of a Running task this leaves a third of the bytes on the heap, and takes half of the time.
 */

const readerLimits = {
  /** Bytes of a record; a larger one is foreign. */
  recordBytesMax: 65_536,
  /** Names of fields in a tree; others are read as text. */
  namesMax: 1_024,
  /** Names that may follow on the same ones; labels and variables are named by users. */
  siblingsMax: 32,
  /** Objects with more fields are copies of one that has them all. */
  fewFieldsMax: 12,
  /** Characters of words that are kept once, and how many words. */
  wordCharsMax: 32,
  words: 1_024,
} as const

/** How deep the fields of a context lie: in the context, in the snapshot, in the record. What is above is never shared. */
const sharedDepth = 2

/** One for the fields of records, snapshots and contexts, and one for all within these, some of which users name. */
interface Tree {
  names: number
}

interface Names {
  readonly tree: Tree
  readonly path: readonly string[]
  readonly next: Name[]
  /** An object with all fields of the path. */
  empty: Record<string, unknown> | undefined
}

interface Name {
  /** As it is written. */
  readonly bytes: Uint8Array
  readonly then: Names
  /** What it held last: in which record (-1: in none), and where. */
  value: unknown
  record: number
  from: number
  to: number
}

/** What this reader does not read. */
const foreign = new Error('not read by this reader')

const namesAfter = (tree: Tree, path: readonly string[]): Names => ({ tree, path, next: [], empty: undefined })

/** What is parsed is made with all its fields at once, and is no hash table. */
function emptyOf(path: readonly string[]): Record<string, unknown> {
  const empty = JSON.parse(JSON.stringify(Object.fromEntries(path.map((name) => [name, null])))) as Record<
    string,
    unknown
  >
  for (const name of path) empty[name] = undefined
  return empty
}

export class RecordReader {
  /** A record is copied to read it, for whoever gave it may change it; the one before stays to be compared with. */
  readonly #buffers = [0, 1].map(() => Buffer.alloc(readerLimits.recordBytesMax)) as [Buffer, Buffer]
  readonly #views = this.#buffers.map(
    ({ buffer, byteOffset, length }) => new DataView(buffer, byteOffset, length),
  ) as unknown as [DataView, DataView]
  readonly #ownNames = namesAfter({ names: 0 }, [])
  readonly #innerNames = namesAfter({ names: 0 }, [])
  readonly #words: (string | undefined)[] = new Array(readerLimits.words).fill(undefined)
  /** Values of the objects that are being read, the innermost last, up to `#top`. */
  readonly #values: unknown[] = []
  #top = 0
  /** Counts the records. */
  #record = 0
  #bytes = this.#buffers[0]
  #before = this.#buffers[1]
  #view = this.#views[0]
  #at = 0

  /**
   * What these bytes say, and whether they could be read here. What lies within a context may be shared with what was read
   * before: it is never to be changed.
   */
  read(bytes: Uint8Array): { readonly value: unknown } | undefined {
    if (bytes.length > readerLimits.recordBytesMax) return undefined
    this.#record += 1
    const which = (this.#record & 1) as 0 | 1
    this.#bytes = this.#buffers[which]
    this.#before = this.#buffers[1 - which] as Buffer
    this.#view = this.#views[which]
    this.#bytes.set(bytes)
    this.#at = 0
    this.#top = 0
    try {
      const value = this.#value(0)
      return this.#at === bytes.length ? { value } : undefined
    } catch (error) {
      // The second is of one that goes on beyond its end.
      if (error === foreign || error instanceof RangeError) return undefined
      throw error
    }
  }

  #value(depth: number): unknown {
    const first = this.#bytes[this.#at] as number
    this.#at += 1
    if (first < 0x80) return first
    if (first < 0x90) return this.#map(first & 0x0f, depth)
    if (first < 0xa0) return this.#array(first & 0x0f, depth)
    if (first < 0xc0) return this.#text(first & 0x1f)
    if (first >= 0xe0) return first - 0x100
    return this.#longer(first, depth)
  }

  #longer(first: number, depth: number): unknown {
    switch (first) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8))
      case 0xcc:
        return this.#view.getUint8(this.#skip(1))
      case 0xcd:
        return this.#view.getUint16(this.#skip(2))
      case 0xce:
        return this.#view.getUint32(this.#skip(4))
      case 0xd0:
        return this.#view.getInt8(this.#skip(1))
      case 0xd1:
        return this.#view.getInt16(this.#skip(2))
      case 0xd2:
        return this.#view.getInt32(this.#skip(4))
      case 0xd4:
        // An extension of one byte, of which one is: undefined.
        if (this.#view.getUint16(this.#skip(2)) === 0) return undefined
        throw foreign
      case 0xd9:
        return this.#text(this.#view.getUint8(this.#skip(1)))
      case 0xda:
        return this.#text(this.#view.getUint16(this.#skip(2)))
      case 0xdc:
        return this.#array(this.#view.getUint16(this.#skip(2)), depth)
      case 0xde:
        return this.#map(this.#view.getUint16(this.#skip(2)), depth)
      default:
        throw foreign
    }
  }

  /** Where it was. */
  #skip(bytes: number): number {
    this.#at += bytes
    return this.#at - bytes
  }

  #array(length: number, depth: number): unknown[] {
    const items = new Array<unknown>(length)
    for (let at = 0; at < length; at += 1) items[at] = this.#value(depth + 1)
    return items
  }

  #map(length: number, depth: number): unknown {
    const values = this.#values
    const from = this.#top
    let names = depth <= sharedDepth ? this.#ownNames : this.#innerNames
    for (let at = 0; at < length; at += 1) {
      const name = this.#nameAmong(names)
      if (name === undefined) return this.#strange(names, from, length, depth)
      this.#at += name.bytes.length
      const value = depth < sharedDepth ? this.#value(depth + 1) : this.#held(name, depth)
      values[this.#top] = value
      this.#top += 1
      names = name.then
    }
    const isLarge = length > readerLimits.fewFieldsMax
    if (isLarge) names.empty ??= emptyOf(names.path)
    return this.#fill(isLarge ? { ...names.empty } : {}, names.path, from)
  }

  /** Takes the newest values for these fields. */
  #fill(made: Record<string, unknown>, path: readonly string[], from: number): Record<string, unknown> {
    for (let at = 0; at < path.length; at += 1) made[path[at] as string] = this.#values[from + at]
    this.#top = from
    return made
  }

  /** Fields with names for which the tree has no room. */
  #strange(names: Names, from: number, length: number, depth: number): unknown {
    const made = this.#fill({}, names.path, from)
    for (let at = names.path.length; at < length; at += 1) made[this.#name()] = this.#value(depth + 1)
    return made
  }

  #name(): string {
    const name = this.#value(0)
    if (typeof name !== 'string' || name === '__proto__') throw foreign
    return name
  }

  #nameAmong(names: Names): Name | undefined {
    for (const name of names.next) if (isAt(this.#bytes, this.#at, name.bytes, 0, name.bytes.length)) return name
    const isFull = names.tree.names >= readerLimits.namesMax || names.next.length >= readerLimits.siblingsMax
    return isFull ? undefined : this.#learn(names)
  }

  #learn(names: Names): Name {
    const from = this.#at
    const name = this.#name()
    const bytes = Uint8Array.from(this.#bytes.subarray(from, this.#at))
    this.#at = from
    names.tree.names += 1
    const then = namesAfter(names.tree, [...names.path, name])
    const learned: Name = { bytes, then, value: undefined, record: -1, from: 0, to: 0 }
    names.next.push(learned)
    return learned
  }

  /** What the field holds: the same object as in the record before, if it is written with the same bytes. */
  #held(name: Name, depth: number): unknown {
    const from = this.#at
    const first = this.#bytes[from] as number
    // Numbers and words are read as fast as they are compared.
    if (first < 0x80 || (first >= 0xa0 && first !== 0xdc && first !== 0xde)) return this.#value(depth + 1)
    const length = name.to - name.from
    if (name.record === this.#record - 1 && isAt(this.#bytes, from, this.#before, name.from, length)) {
      this.#at += length
    } else name.value = this.#value(depth + 1)
    name.record = this.#record
    name.from = from
    name.to = this.#at
    return name.value
  }

  #text(length: number): string {
    const from = this.#skip(length)
    const bytes = this.#bytes
    let hash = length
    let all = 0
    for (let at = from; at < this.#at; at += 1) {
      const byte = bytes[at] as number
      // It may begin half of a pair, which UTF-8 has no form for, but the library's own reading has.
      if (byte === 0xed) throw foreign
      hash = (Math.imul(hash, 31) + byte) | 0
      all |= byte
    }
    if (all >= 0x80) return bytes.toString('utf8', from, this.#at)
    if (length > readerLimits.wordCharsMax) return bytes.toString('latin1', from, this.#at)
    const slot = (hash ^ (hash >>> 13)) & (readerLimits.words - 1)
    const known = this.#words[slot]
    if (known !== undefined && isWord(known, bytes, from, length)) return known
    const word = bytes.toString('latin1', from, this.#at)
    this.#words[slot] = word
    return word
  }
}

function isAt(bytes: Uint8Array, from: number, others: Uint8Array, othersFrom: number, length: number): boolean {
  for (let at = 0; at < length; at += 1) if (bytes[from + at] !== others[othersFrom + at]) return false
  return true
}

function isWord(word: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (word.length !== length) return false
  for (let at = 0; at < length; at += 1) if (word.charCodeAt(at) !== bytes[from + at]) return false
  return true
}
