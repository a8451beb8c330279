/**
 * The folder of a store: `format.json` and `synced` are ours, `db/` is RocksDB's. All that can be refused is refused
 * before anything in the folder is changed.
 */
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StorageError } from '../storage.ts'
import { damaged, type StorePaths } from './errors.ts'
import { readMark } from './synced-mark.ts'

export function pathsOf(dir: string): StorePaths {
  return {
    dir,
    db: join(dir, 'db'),
    format: join(dir, 'format.json'),
    synced: join(dir, 'synced'),
    keptLog: join(dir, 'log-before-open'),
  }
}

/** What is known of a folder before it is opened. */
export interface Inspected {
  /** Undefined: a new store. */
  readonly format: number | undefined
  /** The least sequence number that the store must have. Undefined: the mark cannot be read. */
  readonly synced: number | undefined
}

/** Reads and refuses, and changes nothing. Rejects with StorageError `newer-format` or `damaged`, or an error of Node. */
export async function inspectFolder(paths: StorePaths, format: number): Promise<Inspected> {
  const found = await readFormat(paths)
  if (found !== undefined && found > format) {
    throw new StorageError(
      'newer-format',
      `The store ${paths.dir} was written by a newer Troupe (format ${found}; this one knows up to ${format}): ` +
        'run that Troupe or a later one, or name another folder with --data-dir.',
    )
  }
  const synced = readMark(paths.synced)
  const hasDb = await exists(join(paths.db, 'CURRENT'))
  if (found === undefined && (hasDb || synced !== 0)) throw damaged(paths, `its file ${paths.format} is missing`)
  if (!hasDb && synced !== 0) throw damaged(paths, `RocksDB's file ${join(paths.db, 'CURRENT')} is missing`)
  return { format: found, synced }
}

async function readFormat(paths: StorePaths): Promise<number | undefined> {
  let text: string
  try {
    text = await readFile(paths.format, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const match = /^\{"troupe":"store","format":([1-9]\d{0,8})\}\n$/.exec(text)
  if (match === null) throw damaged(paths, `its file ${paths.format} cannot be read`)
  return Number(match[1])
}

/** Whole or not at all, for a folder whose format is unknown is refused. */
export async function writeFormat(paths: StorePaths, format: number): Promise<void> {
  const next = `${paths.format}.next`
  const file = await open(next, 'w', 0o600)
  try {
    await file.writeFile(`{"troupe":"store","format":${format}}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, paths.format)
  await syncFolder(paths.dir)
}

/** Makes the folders with their parents, for the owner alone: what they hold may be secret. */
export async function makeFolders(paths: StorePaths): Promise<void> {
  if (await exists(paths.db)) return
  // The plain mkdir comes first: of a read-only file system Node's recursive one says ENOENT, and where the system says
  // so below a folder that is there, as in /proc, it tries for ever and the process cannot even end.
  let first = paths.db
  while (!(await exists(dirname(first)))) first = dirname(first)
  await mkdir(first, { mode: 0o700 })
  await mkdir(paths.db, { recursive: true, mode: 0o700 })
  for (let made = paths.db; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}

/** Makes names in the folder survive a loss of power, which syncing the files themselves does not. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Opening moves the log into tables and deletes it; if it then turns out that a part was lost, there must still be
 * something to save. Links cost nothing. What is kept already is older, hence worth more. Resolves to whether it kept any.
 */
export async function keepLog(paths: StorePaths): Promise<boolean> {
  const logs = (await readdir(paths.db)).filter((name) => name.endsWith('.log'))
  if (logs.length === 0 || (await exists(paths.keptLog))) return false
  const next = `${paths.keptLog}.next`
  await rm(next, { recursive: true, force: true })
  await mkdir(next, { mode: 0o700 })
  for (const name of logs) {
    const from = join(paths.db, name)
    // Some file systems know no links.
    await link(from, join(next, name)).catch(() => copyFile(from, join(next, name)))
  }
  await rename(next, paths.keptLog)
  return true
}

export async function dropKeptLog(paths: StorePaths): Promise<void> {
  await rm(paths.keptLog, { recursive: true, force: true })
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
