/**
 * A store that forgets: for tests, for the simulator and for `--storage memory`. It takes no time of its own and uses no
 * timers, so that under simulation the same calls give the same order.
 */
import { checkOps, closedError, EpochFloor, type ScanRange, type Storage, type StorageOp } from './storage.ts'

/** An empty store. `sync` means nothing here, for all ends with the process. */
export function createMemoryStorage(): Storage {
  return new MemoryStorage()
}

type Change = StorageOp | { readonly type: 'delRange'; readonly gte: string; readonly lt: string }

class MemoryStorage implements Storage {
  readonly supports = { durable: false, shared: false }
  /** In the order of the keys' UTF-8 bytes. */
  readonly #keys: string[] = []
  readonly #values = new Map<string, Uint8Array>()
  readonly #floor = new EpochFloor()
  #tail: Promise<void> = Promise.resolve()
  #closed = false

  async get(key: string): Promise<Uint8Array | undefined> {
    if (this.#closed) throw closedError()
    return this.#values.get(key)?.slice()
  }

  async batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void> {
    if (this.#closed) throw closedError()
    checkOps(ops)
    this.#floor.admit(options.epoch)
    const copies = ops.map((op): Change => (op.type === 'put' ? { ...op, value: op.value.slice() } : { ...op }))
    await this.#later(copies)
  }

  async deleteRange(gte: string, lt: string, options: { readonly epoch: number }): Promise<void> {
    if (this.#closed) throw closedError()
    this.#floor.admit(options.epoch)
    await this.#later([{ type: 'delRange', gte, lt }])
  }

  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    return this.#entries(this.#closed ? undefined : this.#snapshot(range))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#tail
    this.#keys.length = 0
    this.#values.clear()
  }

  /** Takes effect after the call, as with a disk: code that reads too early must fail here as it would there. */
  #later(changes: readonly Change[]): Promise<void> {
    this.#tail = this.#tail.then(() => {
      for (const change of changes) this.#apply(change)
    })
    return this.#tail
  }

  #apply(change: Change): void {
    if (change.type === 'delRange') {
      const start = this.#indexOf(change.gte)
      const count = Math.max(0, this.#indexOf(change.lt) - start)
      for (const key of this.#keys.splice(start, count)) this.#values.delete(key)
      return
    }
    const known = this.#values.has(change.key)
    if (change.type === 'put') {
      if (!known) this.#keys.splice(this.#indexOf(change.key), 0, change.key)
      this.#values.set(change.key, change.value)
    } else if (known) {
      this.#keys.splice(this.#indexOf(change.key), 1)
      this.#values.delete(change.key)
    }
  }

  #snapshot(range: ScanRange): (readonly [string, Uint8Array])[] {
    let start = range.gte === undefined ? 0 : this.#indexOf(range.gte)
    if (range.gt !== undefined) {
      const at = this.#indexOf(range.gt)
      start = Math.max(start, this.#keys[at] === range.gt ? at + 1 : at)
    }
    const keys = this.#keys.slice(start, range.lt === undefined ? undefined : this.#indexOf(range.lt))
    if (range.reverse === true) keys.reverse()
    // A value is replaced, never changed in place, so that holding it is as good as a copy.
    return keys.slice(0, range.limit).map((key) => [key, this.#values.get(key) as Uint8Array] as const)
  }

  async *#entries(
    entries: readonly (readonly [string, Uint8Array])[] | undefined,
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    if (entries === undefined) throw closedError()
    for (const [key, value] of entries) {
      if (this.#closed) throw closedError()
      yield [key, value.slice()]
    }
  }

  /** Where the key is, or would be. */
  #indexOf(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#keys[middle] as string, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Orders well-formed strings as their UTF-8 bytes do, which is the order of code points. JavaScript's own `<` compares
 * UTF-16 units and puts U+10000 before U+FFFD; the first unit that differs decides once surrogates rank above the rest.
 */
function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i += 1) {
    const unitA = a.charCodeAt(i)
    const unitB = b.charCodeAt(i)
    if (unitA !== unitB) return rank(unitA) - rank(unitB)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}
