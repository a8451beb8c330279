/**
 * Reads what can be read of a damaged store, from a copy: the original is never opened for writing.
 *
 * RocksDB keeps a checksum for each block of a table (some 4 KB). A scan that comes to a damaged block fails, and so does
 * each search for a key that would be in it, while a search beyond it goes on. So a gap is left exactly where a block is,
 * and nothing older shows through it from the tables below. Where the next readable key begins is found by trying: the
 * shortest beginnings first, then character by character.
 */
import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RocksLevel } from '@nxtedition/rocksdb'
import { StorageError } from '../storage.ts'
import { storageErrorOf } from './errors.ts'
import { inspectFolder, pathsOf } from './folder.ts'
import { loadRocksdb } from './load.ts'
import { readMark } from './synced-mark.ts'

const salvageLimits = {
  /** Entries that a scan reads at once where nothing is wrong. */
  scanEntries: 256,
  /** The longest key of ours that is searched for, in characters. */
  keyChars: 256,
  /** Bytes that a scan reads at once. */
  scanBytes: 1024 * 1024,
} as const

/** Every character that a key of ours can have, in their order. */
const characters = Array.from({ length: 0x7e - 0x20 }, (_, at) => String.fromCharCode(0x21 + at))

/** Keys strictly between the two cannot be read, if there are any. */
export interface Gap {
  /** The last key that was read before it; empty at the very beginning. */
  readonly after: string
  /** The first that was read after it; undefined at the end. */
  readonly before: string | undefined
}

type Entry = readonly [key: string, value: Uint8Array]

export interface SalvageOptions {
  /** The folder of the damaged store. */
  readonly dir: string
  /** A folder that is not there yet, for the copy that is opened; removed by `close`. */
  readonly workDir: string
  /** The version of what the caller stores; a store with a greater one is refused. */
  readonly format: number
}

export class Salvage {
  /** What is missing at the end of its log, or cannot be known, as a clause. */
  readonly lostTail: string | undefined
  readonly gaps: Gap[] = []
  readonly #guard: RocksLevel
  readonly #db: RocksLevel
  readonly #options: SalvageOptions

  private constructor(guard: RocksLevel, db: RocksLevel, options: SalvageOptions, lostTail: string | undefined) {
    this.#guard = guard
    this.#db = db
    this.#options = options
    this.lostTail = lostTail
  }

  /** Nobody can open the original as long as this is open. Rejects with StorageError. */
  static async open(options: SalvageOptions): Promise<Salvage> {
    const paths = pathsOf(options.dir)
    const opened: RocksLevel[] = []
    try {
      await checkFolder(options)
      await mkdir(options.workDir, { mode: 0o700 })
      const guard = await openGuard(options)
      opened.push(guard)
      const copy = join(options.workDir, 'copy')
      // Not the lock: to read it would be to let go of it, for the system forgets a lock when any handle of the file closes.
      await cp(paths.db, copy, { recursive: true, filter: (path) => path !== join(paths.db, 'LOCK') })
      await mendCurrent(copy)
      const db = await openCopy(copy, options.dir)
      opened.push(db)
      return new Salvage(guard, db, options, tailOf(db, paths.synced))
    } catch (error) {
      for (const db of opened) await db.close()
      await rm(options.workDir, { recursive: true, force: true })
      throw storageErrorOf(error, paths)
    }
  }

  /** All that can be read, in the order of the keys. Each gap is in `gaps` before what follows it. */
  async *entries(): AsyncGenerator<Entry> {
    const iterator = iterate(this.#db)
    try {
      let last = ''
      let size: number = salvageLimits.scanEntries
      for (;;) {
        const read = await nextOf(iterator, size)
        if (read === 'damaged' && size > 1) {
          // What was read before it in the same step is read again, one by one.
          size = 1
          iterator.seek(`${last}\0`)
        } else if (read === 'damaged') {
          const before = await this.#nextReadable(last)
          this.gaps.push({ after: last, before })
          if (before === undefined) return
          size = salvageLimits.scanEntries
          iterator.seek(before)
        } else {
          if (read.length === 0) return
          yield* read
          last = read.at(-1)?.[0] ?? last
        }
      }
    } finally {
      await iterator.close()
    }
  }

  /** The newest value, also if only older ones are damaged; undefined if it is certain that there is none. */
  get(key: string): Uint8Array | undefined | 'damaged' {
    try {
      const [value] = this.#db._getManySync([key], { valueEncoding: 'buffer' })
      return value && new Uint8Array(value)
    } catch (error) {
      if (storageErrorOf(error, pathsOf(this.#options.dir)).code === 'damaged') return 'damaged'
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#db.close()
    await this.#guard.close()
    await rm(this.#options.workDir, { recursive: true, force: true })
  }

  /** The first readable key after the gap that begins after `last`; undefined if there is none. */
  async #nextReadable(last: string): Promise<string | undefined> {
    const probe = (from: string) => firstFrom(this.#db, from)
    // Each of these begins where the one before ends: all keys after `last`, in order.
    let bad: string | undefined
    for (let length = last.length; length >= 0; length -= 1) {
      const stem = last.slice(0, length)
      const from = length === last.length ? '' : last.charAt(length)
      for (const character of characters.filter((each) => each > from)) {
        const found = await probe(stem + character)
        if (found !== 'damaged') return bad === undefined ? found : refine(probe, bad, found)
        bad = stem + character
      }
    }
    return undefined
  }
}

type Found = string | undefined | 'damaged'

/** Between `bad`, which is damaged, and a later beginning at which `found` was found: the first that can be read. */
async function refine(
  probe: (from: string) => Promise<Found>,
  bad: string,
  found: string | undefined,
): Promise<string | undefined> {
  let [stem, first] = [bad, found]
  while (stem.length < salvageLimits.keyChars) {
    let deeper: string | undefined
    for (const character of characters) {
      const next = await probe(stem + character)
      if (next === 'damaged') {
        deeper = stem + character
        continue
      }
      first = next
      break
    }
    // The gap ends before the first that could be under this beginning, or with the last that could.
    if (deeper === undefined) return first
    stem = deeper
  }
  return first
}

async function firstFrom(db: RocksLevel, from: string): Promise<Found> {
  const iterator = iterate(db, from)
  try {
    const read = await nextOf(iterator, 1)
    return read === 'damaged' ? read : read[0]?.[0]
  } finally {
    await iterator.close()
  }
}

const iterate = (db: RocksLevel, gte?: string) =>
  db.iterator({
    ...(gte === undefined ? {} : { gte }),
    reverse: false,
    limit: -1,
    highWaterMarkBytes: salvageLimits.scanBytes,
    fillCache: true,
  })

async function nextOf(iterator: ReturnType<typeof iterate>, size: number): Promise<Entry[] | 'damaged'> {
  try {
    return (await iterator.nextv(size)).map(([key, value]) => [key, new Uint8Array(value)] as const)
  } catch (error) {
    if (storageErrorOf(error, pathsOf('')).code === 'damaged') return 'damaged'
    throw error
  }
}

/** A newer format is refused. That other things about the folder are not as they should be is what we are here for. */
async function checkFolder({ dir, format }: SalvageOptions): Promise<void> {
  const paths = pathsOf(dir)
  if (!(await stat(paths.db).catch(() => undefined))?.isDirectory()) {
    throw new StorageError('io', `There is no store in ${dir}: name the folder that the refusal names.`)
  }
  await inspectFolder(paths, format).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.code !== 'damaged') throw error
  })
}

/** An empty database that shares nothing with the store but its lock: whoever has the store is found out, or kept out. */
async function openGuard({ dir, workDir }: SalvageOptions): Promise<RocksLevel> {
  const { RocksLevel } = await loadRocksdb()
  const guard = join(workDir, 'guard')
  await mkdir(guard)
  const lock = join(pathsOf(dir).db, 'LOCK')
  if (await stat(lock).catch(() => undefined)) await symlink(lock, join(guard, 'LOCK'))
  const db = new RocksLevel(guard, {})
  await db.open()
  return db
}

/** The small file that names the list of tables; there is one list but for a moment during a start. */
async function mendCurrent(copy: string): Promise<void> {
  const lists = (await readdir(copy)).filter((name) => name.startsWith('MANIFEST-'))
  const path = join(copy, 'CURRENT')
  const named = (await readFile(path, 'utf8').catch(() => '')).trim()
  if (!lists.includes(named) && lists.length === 1) await writeFile(path, `${lists[0]}\n`)
}

async function openCopy(copy: string, dir: string): Promise<RocksLevel> {
  const { RocksLevel } = await loadRocksdb()
  const db = new RocksLevel(copy, { keyEncoding: 'utf8', valueEncoding: 'buffer', walCompression: false })
  try {
    await db.open()
    return db
  } catch (error) {
    const { code, message, cause } = storageErrorOf(error, pathsOf(dir), true)
    if (code !== 'damaged') throw error
    const why = ((cause as Error | undefined)?.cause as Error | undefined)?.message ?? message
    throw new StorageError(
      'damaged',
      `Nothing can be taken out of the store ${dir}: what is damaged is not records but what tells where they are (${why}). Restore a backup.`,
      { cause: error },
    )
  }
}

function tailOf(db: RocksLevel, markPath: string): string | undefined {
  const synced = readMark(markPath)
  if (synced === undefined) return 'the mark of how far its log was synced cannot be read, so the end may be missing'
  if (db.sequence >= synced) return undefined
  return `its log can be read up to operation ${db.sequence}, and ${synced} were synced: the last ${synced - db.sequence} are lost`
}
