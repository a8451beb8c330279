/** A store that outlives the managers of a test, flushes by hand when asked to, and breaks when told. */
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import type { ScanRange, Storage } from '../../runtime/storage/storage.ts'

class Gate {
  #waiting: (() => void)[] | undefined

  hold(): void {
    this.#waiting ??= []
  }

  release(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const go of waiting) go()
  }

  get waiting(): number {
    return this.#waiting?.length ?? 0
  }

  async pass(): Promise<void> {
    if (this.#waiting !== undefined) await new Promise<void>((resolve) => this.#waiting?.push(resolve))
  }
}

export class Disk {
  readonly memory = createMemoryStorage()
  /** Batches that wait for it are not durable. */
  readonly writes = new Gate()
  /** Scans that wait for it give what was there when they were asked for. */
  readonly scans = new Gate()
  /** What the next batch fails with. */
  fault: Error | undefined
  batches = 0

  /** The store as one manager holds it; a dead one neither writes nor hears of it. */
  handle(isAlive: () => boolean): Storage {
    const { memory } = this
    let closed = false
    return {
      supports: memory.supports,
      get: (key) => memory.get(key),
      batch: async (ops, options) => {
        const kept = [...ops]
        await this.writes.pass()
        if (!isAlive()) return new Promise<void>(() => {})
        if (this.fault !== undefined) throw this.fault
        if (closed) throw new Error('written after it was closed')
        this.batches += 1
        return memory.batch(kept, options)
      },
      scan: (range) => this.#scan(range),
      deleteRange: (gte, lt, options) => memory.deleteRange(gte, lt, options),
      close: async () => {
        closed = true
      },
    }
  }

  async *#slowly<T>(entries: AsyncIterable<T>): AsyncGenerator<T> {
    await this.scans.pass()
    yield* entries
  }

  #scan(range: ScanRange): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#slowly(this.memory.scan(range))
  }

  async keys(prefix: string): Promise<string[]> {
    const found: string[] = []
    for await (const [key] of this.memory.scan({ gte: prefix, lt: `${prefix}\u{10ffff}` })) found.push(key)
    return found
  }
}
