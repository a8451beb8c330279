/**
 * The store on disk: RocksDB, by `@nxtedition/rocksdb`.
 *
 * What the binding does that shaped this file, each tried with 12.2.12 (RocksDB 9.7.4):
 * - Writes run on the calling thread, fdatasync and all, whatever their callbacks suggest. Each batch therefore starts in
 *   a turn of its own, so that what arrives meanwhile can join the caller's next flush; a disk that stalls stalls the loop.
 * - Its asynchronous `get` answers a wrong checksum with an uncaught exception and never calls back, which would also
 *   block `close` for ever. Reading on this thread throws as it should, mostly finds its block in memory, and is faster.
 * - It replays the log up to the first bad record and opens, losing what follows; see `synced-mark.ts` for what we do.
 * - After a failed write `close` fails too, yet lets go of the folder.
 * - A batch's public verbs make two objects for each operation and keep it, for listeners that we do not have; the ones
 *   below them take it as it is.
 */
import { setImmediate } from 'node:timers/promises'
import type { RocksLevel } from '@nxtedition/rocksdb'
import type { Logger } from '../logger.ts'
import { damaged, type StorePaths, storageErrorOf } from './rocksdb/errors.ts'
import { dropKeptLog, inspectFolder, keepLog, makeFolders, pathsOf, writeFormat } from './rocksdb/folder.ts'
import { loadRocksdb, type RocksdbModule, unsupported } from './rocksdb/load.ts'
import { plainBytes, Reads } from './rocksdb/reads.ts'
import { SyncedMark } from './rocksdb/synced-mark.ts'
import {
  checkOps,
  closedError,
  EpochFloor,
  type ScanRange,
  type Storage,
  StorageError,
  type StorageOp,
} from './storage.ts'

const rocksdbLimits = {
  /** Memory for blocks read from disk, in bytes. What is live is held by the actors, so that little is read twice. */
  cacheBytes: 16 * 1024 * 1024,
  /**
   * Memory for what was written and is not in tables yet, in bytes: a quarter of it for each of up to six buffers. The binding's own
   * 256 MiB would let a busy manager grow to some 700 MB, and have one that was killed read up to 64 MiB of log at its start.
   */
  memtableBytes: 64 * 1024 * 1024,
  /** Threads for flushes and compactions: background work must not crowd out the tasks of the machine. */
  backgroundThreads: 2,
  /** Entries that a scan reads at once. */
  scanEntries: 256,
  /** Bytes after which a scan hands out what it has read so far. */
  scanBytes: 1024 * 1024,
} as const

/** What the native batch asks each operation for. */
const mainColumn = {}

export interface RocksdbOptions {
  /** The folder of the store; made with its parents, mode 0700. Nothing else may write in it. */
  readonly dir: string
  readonly logger: Logger
  /** The version of what the caller stores, at least 1. A folder with a greater one is refused. Default 1. */
  readonly format?: number
  /** Loads the native library; for tests. */
  readonly load?: () => Promise<RocksdbModule>
}

/**
 * Opens the store, or makes an empty one. Rejects with StorageError: `unsupported-platform`, `newer-format`, `locked`,
 * `permission`, `full`, `damaged` or `io`. It is known to be whole up to the last synced batch of a process that was
 * killed; after a loss of power, up to what the system had written back. Damage to tables shows at the first read of
 * the damaged block.
 */
export async function openRocksdbStorage(options: RocksdbOptions): Promise<Storage> {
  const paths = pathsOf(options.dir)
  const { RocksLevel } = await (options.load ?? loadRocksdb)().catch((error: unknown) => {
    if (error instanceof StorageError) throw error
    throw unsupported(`its library does not load (${String((error as Error).message).split('\n')[0]})`, error)
  })
  const format = options.format ?? 1
  let keptNow = false
  try {
    const found = await inspectFolder(paths, format)
    await makeFolders(paths)
    if (found.format === undefined) await writeFormat(paths, format)
    keptNow = await keepLog(paths)
    const db = await openDb(RocksLevel, paths)
    try {
      checkWhole(db, paths, found.synced, options.logger)
      await dropKeptLog(paths)
      if (found.format !== undefined && found.format < format) await writeFormat(paths, format)
      const mark = new SyncedMark(paths.synced)
      return new RocksdbStorage(db, paths, mark, options.logger)
    } catch (error) {
      await db.close()
      throw error
    }
  } catch (error) {
    const refusal = storageErrorOf(error, paths, true)
    // Another process has the log: what was kept of it is nothing to save.
    if (keptNow && refusal.code === 'locked') await dropKeptLog(paths)
    throw refusal
  }
}

async function openDb(Rocks: RocksdbModule['RocksLevel'], paths: StorePaths): Promise<RocksLevel> {
  const db = new Rocks(paths.db, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: rocksdbLimits.cacheBytes,
    memtableMemoryBudget: rocksdbLimits.memtableBytes,
    parallelism: rocksdbLimits.backgroundThreads,
    // Records are small and each is synced: compressing them one by one costs more than it saves.
    walCompression: false,
  })
  await db.open()
  return db
}

/** Refuses a store that has lost synced batches; what they were in is still in the kept log. */
function checkWhole(db: RocksLevel, paths: StorePaths, synced: number | undefined, logger: Logger): void {
  if (synced === undefined) {
    logger.warn(`${paths.synced} cannot be read, so that this time a loss at the end of the log would go unseen`)
  } else if (db.sequence < synced) {
    throw damaged(paths, `its log ends after operation ${db.sequence}, but ${synced} were synced`)
  }
}

class RocksdbStorage implements Storage {
  readonly supports = { durable: true, shared: false }
  readonly #db: RocksLevel
  readonly #reads: Reads
  readonly #paths: StorePaths
  readonly #mark: SyncedMark
  readonly #logger: Logger
  readonly #floor = new EpochFloor()
  /** Settles when the last write that was asked for has ended. Never rejects. */
  #tail: Promise<unknown> = Promise.resolve()
  #failed: StorageError | undefined
  #closing: Promise<void> | undefined

  constructor(db: RocksLevel, paths: StorePaths, mark: SyncedMark, logger: Logger) {
    this.#db = db
    this.#reads = new Reads(db, (error) => storageErrorOf(error, paths))
    this.#paths = paths
    this.#mark = mark
    this.#logger = logger
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#assertOpen()
    return this.#reads.get(key)
  }

  async batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void> {
    this.#assertOpen()
    checkOps(ops)
    this.#floor.admit(options.epoch)
    // Bytes are copied here, into the native batch: until it is written the caller may do with its own what it likes.
    const batch = this.#db.batch()
    for (const op of ops) {
      if (op.type === 'put') batch._put(Buffer.from(op.key), op.value, mainColumn)
      else batch._del(Buffer.from(op.key), mainColumn)
    }
    await this.#enqueue(async () => {
      await batch.write({ sync: options.sync })
      if (options.sync) this.#mark.write(this.#db.sequence)
    })
  }

  async deleteRange(gte: string, lt: string, options: { readonly epoch: number }): Promise<void> {
    this.#assertOpen()
    this.#floor.admit(options.epoch)
    await this.#enqueue(() => this.#db.clear({ gte, lt }))
  }

  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    return this.#entries(this.#closing ? undefined : this.#iterator(range))
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail.then(() => this.#release())
    return this.#closing
  }

  #assertOpen(): void {
    if (this.#closing) throw closedError()
  }

  /** One write at a time, in the order of the calls. After one that failed nothing is written any more. */
  #enqueue(write: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(async () => {
      await setImmediate()
      if (this.#failed) throw this.#failed
      try {
        await write()
      } catch (error) {
        this.#failed = storageErrorOf(error, this.#paths)
        throw this.#failed
      }
    })
    this.#tail = done.catch(() => {})
    return done
  }

  /** The native iterator is its own snapshot, of the moment when it is made. */
  #iterator(range: ScanRange) {
    // The binding takes one lower bound; the least key above `gt` is itself with a zero byte.
    const above = range.gt === undefined ? undefined : `${range.gt}\0`
    const bounds = [range.gte, above].filter((bound) => bound !== undefined)
    const gte = bounds.sort((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a)))[0]
    return this.#db.iterator({
      ...(gte === undefined ? {} : { gte }),
      ...(range.lt === undefined ? {} : { lt: range.lt }),
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
      highWaterMarkBytes: rocksdbLimits.scanBytes,
      fillCache: false,
    })
  }

  async *#entries(
    iterator: ReturnType<RocksLevel['iterator']> | undefined,
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    if (iterator === undefined) throw closedError()
    try {
      while (true) {
        this.#assertOpen()
        const entries = await iterator.nextv(rocksdbLimits.scanEntries)
        if (entries.length === 0) return
        for (const [key, value] of entries) {
          this.#assertOpen()
          yield [key, plainBytes(value)]
        }
      }
    } catch (error) {
      throw storageErrorOf(error, this.#paths)
    } finally {
      await iterator.close()
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#db.close()
    } catch (error) {
      // What failed was told to its caller; here it only shows again.
      if (!this.#failed) throw storageErrorOf(error, this.#paths)
      this.#logger.warn(`the store ${this.#paths.dir} was closed after a write had failed: ${this.#failed.message}`)
    } finally {
      this.#mark.close()
    }
  }
}
