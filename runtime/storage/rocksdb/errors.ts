/** What goes wrong with a store on disk, as sentences that tell an operator what to do next. */
import { StorageError } from '../storage.ts'

/** Where things lie in the folder of a store. */
export interface StorePaths {
  /** The folder that the operator named. */
  readonly dir: string
  /** What RocksDB owns. */
  readonly db: string
  /** The version of what is stored, and whose it is. */
  readonly format: string
  /** How far the log is known to be synced. */
  readonly synced: string
  /** The log as it was before it was opened, kept while it is not known to be whole. */
  readonly keptLog: string
}

/**
 * The error of Node or of RocksDB, told by its code or by the text of the operating system at its end. `duringOpen`
 * reads a file that should be there and is not as damage.
 */
export function storageErrorOf(error: unknown, paths: StorePaths, duringOpen = false): StorageError {
  if (error instanceof StorageError) return error
  const { dir } = paths
  const { code, message } = rootOf(error)
  const is = (errno: string, text: string) => code === errno || message.endsWith(text)
  const told = (kind: ConstructorParameters<typeof StorageError>[0], sentence: string) =>
    new StorageError(kind, `${sentence} (${message})`, { cause: error })

  if (is('ENOSPC', 'No space left on device') || is('EDQUOT', 'Disk quota exceeded')) {
    return told(
      'full',
      `No space is left for the store ${dir}: free some, then start again; what was acknowledged is safe.`,
    )
  }
  if (is('EROFS', 'Read-only file system')) {
    return told(
      'permission',
      `The store ${dir} is on a read-only file system: remount it for writing, or name another folder with --data-dir.`,
    )
  }
  if (is('EACCES', 'Permission denied') || is('EPERM', 'Operation not permitted')) {
    return told(
      'permission',
      `This user may not read and write the store ${dir}: give it the folder (chown -R), or name another with --data-dir.`,
    )
  }
  if (code === 'LEVEL_LOCKED') {
    return told(
      'locked',
      `The store ${dir} is in use by another process: stop the Troupe that runs on it, or name another folder with --data-dir.`,
    )
  }
  if (code === 'ENOTDIR' || code === 'EEXIST' || message.endsWith('Not a directory')) {
    return told(
      'io',
      `The store ${dir} cannot be a folder, for a file stands in its place: move the file away, or name another folder with --data-dir.`,
    )
  }
  if (code === 'LEVEL_CORRUPTION' || (duringOpen && is('LEVEL_NOT_FOUND', 'No such file or directory'))) {
    return damaged(paths, message, error)
  }
  if (code === 'LEVEL_ITERATOR_NOT_OPEN' || code === 'LEVEL_DATABASE_NOT_OPEN') {
    return new StorageError('closed', 'The store is closed; open it again to go on.', { cause: error })
  }
  return told('io', `The store ${dir} cannot be read or written: see to its disk, then start again.`)
}

/** The store is not whole. Names both ways out: a backup, or what can be read of it. */
export function damaged(paths: StorePaths, what: string, cause?: unknown): StorageError {
  const ways = `Restore the folder from a backup; or copy what can be read into a new store with \`troupe repair ${paths.dir}\`, which names what is lost`
  return new StorageError('damaged', `The store ${paths.dir} is damaged: ${what}. ${ways}.`, { cause })
}

/** RocksDB's own error is the cause of abstract-level's. */
function rootOf(error: unknown): { code: string; message: string } {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  const code = root instanceof Error && 'code' in root ? String(root.code) : ''
  return { code, message: root instanceof Error ? root.message : String(root) }
}
