/**
 * A simulated disk, and the store on it that each life of its process opens. A synced batch survives a crash; what is
 * not synced yet, nor written back, or whose flush was under way, is lost or kept whole by the dice, in order: the newest is lost first. A crash
 * may come at any byte of it: the batch that it cuts through is found torn when the store is opened, and is dropped.
 */
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import {
  checkOps,
  closedError,
  type ScanRange,
  type Storage,
  StorageError,
  type StorageOp,
} from '../../runtime/storage/storage.ts'
import type { Dice } from './dice.ts'
import { type Life, never } from './life.ts'
import type { World } from './world.ts'

const diskTimes = {
  /** A read takes up to this long, in milliseconds. */
  readMsMax: 0.4,
  /** A synced batch takes up to this long, in milliseconds; now and then ten times as long. */
  syncMsMax: 4,
  writeMsMax: 0.5,
  /** What was not synced is on the disk after so long, unless it crashes: the system writes it back by itself. */
  writebackMs: 30_000,
} as const

export interface DiskTraits {
  /** A crash keeps a number of bytes, not of batches. */
  readonly tearsBatches: boolean
  /** A defect: of a torn batch the part that was written is kept. */
  readonly keepsTorn: boolean
}

interface Written {
  readonly ops: readonly StorageOp[]
}

export class Disk {
  readonly #world: World
  readonly #name: string
  readonly #dice: Dice
  readonly #traits: DiskTraits
  readonly #durable = new Map<string, Uint8Array>()
  /** Taken and not known to be safe, oldest first. */
  #unsafe: Written[] = []
  /** Of the batch that the crash tore. */
  #tornOps = 0
  #epoch = Number.NEGATIVE_INFINITY
  /** No write ends before then. */
  stalledUntilMs = 0
  /** Called when a write has to wait for that. */
  onStalled = () => {}
  /** Told of every batch that is safe from now on. */
  onSecured = (_ops: readonly StorageOp[]) => {}
  /** The same, once it is applied. */
  onApplied = (_ops: readonly StorageOp[]) => {}
  /** The last of each task and of each entry of the log that was deleted. */
  readonly #gone = new Map<string, Uint8Array>()
  /** Keys of records that were damaged at some time. */
  readonly damaged = new Set<string>()
  /** The next synced batch fails, and this is called. */
  failNext: (() => void) | undefined

  constructor(world: World, name: string, traits: DiskTraits) {
    this.#traits = traits
    this.#world = world
    this.#name = name
    this.#dice = world.dice.fork(`disk of ${name}`)
  }

  /** The store for one life. */
  open(life: Life): Storage {
    const store = new DiskStorage(this.#world, this, life)
    life.onDeath(() => this.#crash())
    return store
  }

  /** What is safe under this key. */
  get(key: string): Uint8Array | undefined {
    return this.#durable.get(key)
  }

  /** What is safe under this key, or was before it was deleted. */
  last(key: string): Uint8Array | undefined {
    return this.#durable.get(key) ?? this.#gone.get(key)
  }

  /** Whether a task, or an entry of the log, was there and is not any more. */
  isGone(key: string): boolean {
    return this.#gone.has(key) && !this.#durable.has(key)
  }

  /** The whole log, with what was deleted of it. */
  log(): (readonly [string, Uint8Array])[] {
    const gone = [...this.#gone].filter(([key]) => key.startsWith('log/') && !this.#durable.has(key))
    return [...gone, ...this.entries('log/')].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** What is safe, in the order of keys. */
  entries(prefix = ''): (readonly [string, Uint8Array])[] {
    const found: (readonly [string, Uint8Array])[] = []
    for (const entry of this.#durable) if (entry[0].startsWith(prefix)) found.push(entry)
    return found.sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** A bit of what is safe under this key has turned. */
  damage(key: string): void {
    const bytes = this.#durable.get(key)?.slice()
    if (bytes === undefined) return
    const at = this.#dice.below(bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 << this.#dice.below(8))
    this.#durable.set(key, bytes)
    this.damaged.add(key)
    this.#world.trace(this.#name, `disk turns a bit of ${key}`)
  }

  /** Not to be called by others than its stores. */
  take(ops: readonly StorageOp[], epoch: number): Written {
    if (epoch < this.#epoch) {
      this.#world.violated('nothing is accepted from an old epoch', `${this.#name} wrote as epoch ${epoch}`)
    }
    this.#epoch = epoch
    const written = { ops }
    this.#unsafe.push(written)
    return written
  }

  /** It is safe, and so is all that was taken before it. */
  secure(written: Written): void {
    const at = this.#unsafe.indexOf(written)
    for (const { ops } of this.#unsafe.splice(0, at + 1)) this.#apply(ops)
  }

  #apply(ops: readonly StorageOp[]): void {
    this.onSecured(ops)
    for (const op of ops) {
      if (op.type === 'put') this.#durable.set(op.key, op.value)
      else this.#delete(op.key)
    }
    this.onApplied(ops)
  }

  #delete(key: string): void {
    const value = this.#durable.get(key)
    if (value !== undefined && /^(task|log)\//.test(key)) this.#gone.set(key, value)
    this.#durable.delete(key)
  }

  #crash(): void {
    const kept = this.#unsafe.length === 0 ? 0 : this.#keptBatches()
    if (this.#unsafe.length > 0) {
      const lost = this.#unsafe.length - kept
      this.#world.trace(this.#name, `disk keeps ${kept} and loses ${lost} batches`)
      if (kept > 0) this.#world.sometimes('a batch outlived the crash in its flush')
      if (lost > 0) this.#world.sometimes('a batch was lost by the crash in its flush')
    }
    for (const { ops } of this.#unsafe.slice(0, kept)) this.#apply(ops)
    const torn = this.#unsafe[kept]?.ops.slice(0, this.#tornOps) ?? []
    if (torn.length > 0 && this.#traits.keepsTorn) this.#apply(torn)
    this.#unsafe = []
    this.#tornOps = 0
  }

  /** How many batches came whole onto the disk before the crash; of the next, how many ops did. */
  #keptBatches(): number {
    if (!this.#traits.tearsBatches) return this.#dice.between(0, this.#unsafe.length)
    const all = this.#unsafe.reduce((sum, { ops }) => sum + bytesOf(ops), 0)
    // All of them as likely as ever: a cut behind the last byte is one among thousands.
    let left = this.#dice.chance(0.3) ? all : this.#dice.below(all + 1)
    for (const [at, { ops }] of this.#unsafe.entries()) {
      const bytes = bytesOf(ops)
      if (left < bytes) {
        this.#tornOps = ops.findIndex((_, index) => bytesOf(ops.slice(0, index + 1)) > left)
        if (left > 0) this.#world.sometimes('a batch was torn by the crash, and dropped')
        return at
      }
      left -= bytes
    }
    return this.#unsafe.length
  }

  readMs(): number {
    return this.#dice.roll() * diskTimes.readMsMax
  }

  writeMs(sync: boolean): number {
    const ms = this.#dice.roll() * (sync ? diskTimes.syncMsMax : diskTimes.writeMsMax)
    return this.#dice.chance(0.02) ? ms * 10 : ms
  }

  /** Whether this synced batch fails; asked once for each. */
  fails(): boolean {
    const onFailed = this.failNext
    this.failNext = undefined
    onFailed?.()
    return onFailed !== undefined
  }
}

class DiskStorage implements Storage {
  readonly supports = { durable: true, shared: false }
  readonly #world: World
  readonly #disk: Disk
  readonly #life: Life
  readonly #view = createMemoryStorage()
  /** When the last of the writes that were handed over is done. */
  #freeAtMs = 0
  #closed = false

  constructor(world: World, disk: Disk, life: Life) {
    this.#world = world
    this.#disk = disk
    this.#life = life
    const ops = disk.entries().map(([key, value]): StorageOp => ({ type: 'put', key, value }))
    // In the view before any event can come, and so before the first read is answered.
    void this.#view.batch(ops, { sync: false, epoch: Number.NEGATIVE_INFINITY })
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#check()
    await this.#life.sleep(this.#disk.readMs())
    return this.#view.get(key)
  }

  async batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void> {
    this.#check()
    if (!this.#life.alive) return never()
    checkOps(ops)
    const copies = ops.map((op): StorageOp => (op.type === 'put' ? { ...op, value: op.value.slice() } : op))
    const written = this.#disk.take(copies, options.epoch)
    const fails = options.sync && this.#disk.fails()
    await this.#written(options.sync)
    if (fails) {
      this.#world.trace(this.#life.name, `disk fails at ${copies.length} ops`)
      throw new StorageError('io', 'The simulated disk failed; nobody can do anything about it.')
    }
    if (options.sync) this.#disk.secure(written)
    else this.#world.timeline.at(diskTimes.writebackMs, () => this.#disk.secure(written))
    this.#world.trace(this.#life.name, `${options.sync ? 'synced' : 'wrote'} ${summaryOf(copies)}`)
    await this.#view.batch(copies, options)
  }

  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    return this.#late(this.#closed ? undefined : this.#view.scan(range))
  }

  async *#late<T>(entries: AsyncIterable<T> | undefined): AsyncGenerator<T> {
    if (entries === undefined) throw closedError()
    await this.#life.sleep(this.#disk.readMs())
    yield* entries
  }

  async deleteRange(gte: string, lt: string, options: { readonly epoch: number }): Promise<void> {
    this.#check()
    const ops: StorageOp[] = []
    for await (const [key] of this.#view.scan({ gte, lt })) ops.push({ type: 'del', key })
    await this.batch(ops, { ...options, sync: false })
  }

  async close(): Promise<void> {
    this.#closed = true
    const leftMs = this.#freeAtMs - this.#world.timeline.nowMs
    await this.#life.sleep(Math.max(0, leftMs))
  }

  #check(): void {
    if (this.#closed) throw closedError()
  }

  /** Writes end in the order in which they were handed over. */
  #written(sync: boolean): Promise<void> {
    const { nowMs } = this.#world.timeline
    const beginMs = Math.max(nowMs, this.#freeAtMs, this.#disk.stalledUntilMs)
    if (beginMs === this.#disk.stalledUntilMs) this.#disk.onStalled()
    this.#freeAtMs = beginMs + this.#disk.writeMs(sync)
    return this.#life.sleep(this.#freeAtMs - nowMs)
  }
}

/** What they take on the disk, about. */
const bytesOf = (ops: readonly StorageOp[]): number =>
  ops.reduce((sum, op) => sum + 16 + op.key.length + (op.type === 'put' ? op.value.length : 0), 0)

/** Keys without the log's, which follow from the others. */
function summaryOf(ops: readonly StorageOp[]): string {
  const keys = ops.filter(({ key }) => !/^(log|past|final)\//.test(key)).map((op) => `${op.type} ${op.key}`)
  return `${ops.length} ops: ${keys.join(', ')}`
}
