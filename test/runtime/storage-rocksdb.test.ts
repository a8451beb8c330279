import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { storageConformance } from '../../runtime/conformance/storage.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { openRocksdbStorage } from '../../runtime/storage/rocksdb.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { put, writeSynced } from './storage-world.ts'

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

test('reads of one turn, of many keys: each has its own value, and sees nothing of a later write', async () => {
  const storage = await openIn(mkdtempSync(join(root, 's-')))
  const keys = Array.from({ length: 600 }, (_, at) => `k${at}`)
  await writeSynced(storage, ...keys.map((key) => put(key)))
  const reads = [...keys, 'none', 'k7'].map((key) => storage.get(key))
  const later = writeSynced(storage, put('k7', 'new'), { type: 'del', key: 'k8' })
  const read = (await Promise.all(reads)).map((value) => value && Buffer.from(value).toString())
  expect(read).toEqual([...keys, undefined, 'k7'])
  await later
  expect(Buffer.from((await storage.get('k7')) ?? []).toString()).toBe('new')
  await storage.close()
})
