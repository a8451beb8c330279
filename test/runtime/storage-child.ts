/**
 * A process of its own that uses a store, for the tests that kill it, drop its rights or take its platform away.
 *
 *   storage-child.ts hold <dir>    opens, prints `open`, and keeps the store until it is killed
 *   storage-child.ts write <dir>   writes numbered pairs, synced, and prints each number once it is acknowledged
 *   storage-child.ts try <dir>     opens and closes; prints `ok`, or the error as JSON. As root it drops its rights first
 */
import { silentLogger } from '../../runtime/logger.ts'
import { loadRocksdb } from '../../runtime/storage/rocksdb/load.ts'
import { openRocksdbStorage } from '../../runtime/storage/rocksdb.ts'
import { StorageError, type StorageOp } from '../../runtime/storage/storage.ts'

const [mode, dir = ''] = process.argv.slice(2)
const nobody = 65_534

const put = (key: string, value: Uint8Array): StorageOp => ({ type: 'put', key, value })

async function write(): Promise<void> {
  const storage = await openRocksdbStorage({ dir, logger: silentLogger })
  const last = await storage.get('last')
  for (let n = last === undefined ? 1 : Number(Buffer.from(last).toString()) + 1; ; n += 1) {
    const value = Buffer.alloc(1 + ((n * 7_919) % 20_000), String(n))
    const key = String(n).padStart(8, '0')
    const ops = [put(`a/${key}`, value), put(`b/${key}`, value), put('last', Buffer.from(String(n)))]
    storage.batch([put(`unsynced/${key}`, value)], { sync: false, epoch: 1 }).catch(() => process.exit(1))
    await storage.batch(ops, { sync: true, epoch: 1 })
    process.stdout.write(`${n}\n`)
    if (n % 50 === 0) await storage.deleteRange('unsynced/', 'unsynced/~', { epoch: 1 })
  }
}

async function tryOpen(): Promise<void> {
  // The code of the library may not be readable once the rights are gone.
  const loaded = process.env.npm_config_arch === undefined ? await loadRocksdb() : undefined
  if (process.getuid?.() === 0) {
    process.setgroups?.([])
    process.setgid?.(nobody)
    process.setuid?.(nobody)
  }
  try {
    const load = loaded && { load: async () => loaded }
    await (await openRocksdbStorage({ dir, logger: silentLogger, ...load })).close()
    console.log('ok')
  } catch (error) {
    console.log(error instanceof StorageError ? JSON.stringify({ code: error.code, message: error.message }) : error)
  }
}

if (mode === 'hold') {
  await openRocksdbStorage({ dir, logger: silentLogger })
  console.log('open')
  setInterval(() => {}, 60_000)
} else if (mode === 'write') {
  await write()
} else {
  await tryOpen()
}
