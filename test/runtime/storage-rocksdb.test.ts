import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { storageConformance } from '../../runtime/conformance/storage.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { openRocksdbStorage } from '../../runtime/storage/rocksdb.ts'
import type { Storage } from '../../runtime/storage/storage.ts'

const root = mkdtempSync(join(tmpdir(), 'troupe-storage-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const dirs = new WeakMap<Storage, string>()
const openIn = async (dir: string) => {
  const storage = await openRocksdbStorage({ dir, logger: silentLogger })
  dirs.set(storage, dir)
  return storage
}

storageConformance(
  { test, expect },
  { open: () => openIn(mkdtempSync(join(root, 's-'))), reopen: (storage) => openIn(dirs.get(storage) as string) },
)
