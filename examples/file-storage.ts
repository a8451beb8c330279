/**
 * A store of one's own: one file of text to which every batch adds a line with its checksum, and all of it in memory, for
 * a Troupe with few tasks. `examples/own-storage.ts` runs on it.
 *
 * What it lacks beside the store that comes with Troupe: it keeps no second process away from its file, it writes the
 * file anew, without what was replaced and removed, only when it is opened, and it has to fit into memory and a string.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { createMemoryStorage, type ScanRange, type Storage, StorageError, type StorageOp } from 'troupe'

/** What a line says: puts (key and base64) and removals (key alone) of one batch, or a range of keys that was removed. */
type Changes = readonly (readonly [key: string, base64?: string])[] | { readonly gte: string; readonly lt: string }

/** Entries in one line of a file that is written anew. */
const lineEntriesMax = 1_000

/** Opens the file, or makes it. Rejects with StorageError, `damaged` if more than its last line cannot be read. */
export async function openFileStorage(path: string): Promise<Storage> {
  try {
    const memory = await read(path)
    return new FileStorage(memory, path, await writeAnew(path, memory))
  } catch (error) {
    throw failure(path, error)
  }
}

class FileStorage implements Storage {
  readonly supports = { durable: true, shared: false }
  /** Keeps the order, the snapshots of scans, the limits and the epoch. */
  readonly #memory: Storage
  readonly #path: string
  readonly #file: FileHandle
  /** The last line's writing. Once one has failed, so do all after it. */
  #written: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(memory: Storage, path: string, file: FileHandle) {
    this.#memory = memory
    this.#path = path
    this.#file = file
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#memory.get(key)
  }

  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    return this.#memory.scan(range)
  }

  batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void> {
    const changes = ops.map((op) => (op.type === 'put' ? ([op.key, base64(op.value)] as const) : ([op.key] as const)))
    return this.#write(this.#memory.batch(ops, options), changes, options.sync)
  }

  deleteRange(gte: string, lt: string, options: { readonly epoch: number }): Promise<void> {
    return this.#write(this.#memory.deleteRange(gte, lt, options), { gte, lt }, false)
  }

  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  /** What memory refuses is not written; what it takes is, in the order of the calls. */
  #write(taken: Promise<void>, changes: Changes, sync: boolean): Promise<void> {
    const before = this.#written
    const line = lineOf(changes)
    const written = taken.then(async () => {
      await before
      try {
        await this.#file.appendFile(line)
        if (sync) await this.#file.datasync()
      } catch (error) {
        throw failure(this.#path, error)
      }
    })
    this.#written = taken.then(
      () => written,
      () => before,
    )
    // Whoever called is told.
    this.#written.catch(() => {})
    return written
  }

  async #end(): Promise<void> {
    const forgotten = this.#memory.close()
    await this.#written.catch(() => {})
    await forgotten
    await this.#file.close()
  }
}

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')

const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0')

function lineOf(changes: Changes): string {
  const text = JSON.stringify(changes)
  return `${checksum(text)} ${text}\n`
}

/** What the file holds. A last line that cannot be read is a write that was cut short, and was never acknowledged. */
async function read(path: string): Promise<Storage> {
  const memory = createMemoryStorage()
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n').filter((line) => line !== '')
  for (const [at, line] of lines.entries()) {
    const json = line.slice(9)
    if (line.slice(0, 9) === `${checksum(json)} `) await change(memory, JSON.parse(json))
    else if (at < lines.length - 1) {
      const message = `Line ${at + 1} of ${path} cannot be read. Restore the file from a copy.`
      throw new StorageError('damaged', message)
    }
  }
  return memory
}

async function change(memory: Storage, changes: Changes): Promise<void> {
  if ('gte' in changes) return memory.deleteRange(changes.gte, changes.lt, { epoch: 0 })
  const ops = changes.map(
    ([key, value]): StorageOp =>
      value === undefined ? { type: 'del', key } : { type: 'put', key, value: Buffer.from(value, 'base64') },
  )
  return memory.batch(ops, { sync: false, epoch: 0 })
}

/** Only what there is, in a new file that takes the place of the old one at once; open for more. */
async function writeAnew(path: string, memory: Storage): Promise<FileHandle> {
  const file = await open(`${path}.new`, 'w', 0o600)
  let entries: [string, string][] = []
  for await (const [key, value] of memory.scan({})) {
    entries.push([key, base64(value)])
    if (entries.length < lineEntriesMax) continue
    await file.appendFile(lineOf(entries))
    entries = []
  }
  await file.appendFile(lineOf(entries))
  await file.sync()
  await rename(`${path}.new`, path)
  // The name is in the folder, which is synced for itself.
  const folder = await open(dirname(path))
  await folder.sync()
  await folder.close()
  return file
}

function failure(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  const known = { ENOSPC: 'full', EACCES: 'permission', EPERM: 'permission' } as const
  const advice = 'See to the disk, and open the store again.'
  return new StorageError(known[code as keyof typeof known] ?? 'io', `${path}: ${message}. ${advice}`, { cause })
}
