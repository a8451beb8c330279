/** Writes a copy of a store: under another name until it is whole, so that half of one is never taken for one. */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import type { Storage, StorageOp } from './storage/storage.ts'

const copyLimits = {
  /** Entries and bytes in one batch of a copy, about. */
  batchEntries: 1_000,
  batchBytes: 1_024 * 1_024,
} as const

/** A writer of copies that are data folders of a manager: `<dir>/manager` is the store. */
export const copyWriter =
  (openStore: (dir: string) => Promise<Storage>) =>
  async (dir: string, entries: AsyncIterable<readonly [key: string, value: Uint8Array]>): Promise<void> => {
    await makeEmpty(dir)
    const unfinished = join(dir, 'unfinished')
    try {
      await fill(await openStore(unfinished), entries)
      await rename(unfinished, join(dir, 'manager'))
      await sync(dir)
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true })
      throw error
    }
  }

async function makeEmpty(dir: string): Promise<void> {
  const found = await readdir(dir).catch((error: NodeJS.ErrnoException) => error)
  if (Array.isArray(found)) {
    if (found.length === 0) return
    throw new TroupeError('Conflict', `${dir} is not empty on the manager's machine; name a new folder for the backup`)
  }
  try {
    if (found.code !== 'ENOENT') throw found
    await mkdir(dir, { mode: 0o700 })
  } catch (error) {
    const why = (error as Error).message
    throw new TroupeError('Invalid', `${dir} cannot be used on the manager's machine (${why}); name another folder`)
  }
}

async function fill(
  storage: Storage,
  entries: AsyncIterable<readonly [key: string, value: Uint8Array]>,
): Promise<void> {
  try {
    let ops: StorageOp[] = []
    let bytes = 0
    const write = () => storage.batch(ops, { sync: true, epoch: 0 })
    for await (const [key, value] of entries) {
      ops.push({ type: 'put', key, value })
      bytes += value.byteLength
      if (ops.length < copyLimits.batchEntries && bytes < copyLimits.batchBytes) continue
      await write()
      ops = []
      bytes = 0
    }
    if (ops.length > 0) await write()
  } finally {
    await storage.close()
  }
}

async function sync(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
