/**
 * Reads by key. Those that are asked for in one turn of the process go to RocksDB in one call: most of what a single read
 * costs is the call.
 */
import type { RocksLevel } from '@nxtedition/rocksdb'

const readLimits = {
  /** Keys in one call. Of more, each would cost as much as in several. */
  callKeysMax: 256,
} as const

interface Read {
  readonly key: string
  readonly resolve: (value: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Reads {
  readonly #db: RocksLevel
  /** Makes of what RocksDB says what the caller is told. */
  readonly #errorOf: (error: unknown) => Error
  #waiting: Read[] = []

  constructor(db: RocksLevel, errorOf: (error: unknown) => Error) {
    this.#db = db
    this.#errorOf = errorOf
  }

  /** Before any macrotask, and so before anything that is written by a call after this one. */
  get(key: string): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
      if (this.#waiting.length === 1) queueMicrotask(() => this.#read())
    })
  }

  #read(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (let at = 0; at < waiting.length; at += readLimits.callKeysMax) {
      this.#readTogether(waiting.slice(at, at + readLimits.callKeysMax))
    }
  }

  #readTogether(reads: readonly Read[]): void {
    let values: readonly (Uint8Array | undefined)[]
    try {
      values = this.#db._getManySync(
        reads.map(({ key }) => key),
        { valueEncoding: 'buffer' },
      )
    } catch (error) {
      // A block that is damaged costs those their values that are in it, and nobody else.
      if (reads.length === 1) reads[0]?.reject(this.#errorOf(error))
      else for (const read of reads) this.#readTogether([read])
      return
    }
    for (const [at, { resolve }] of reads.entries()) {
      const value = values[at]
      resolve(value && plainBytes(value))
    }
  }
}

/** The same bytes without Buffer's methods, of which some, such as `slice`, mean something else. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
