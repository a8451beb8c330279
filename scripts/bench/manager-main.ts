/** The manager that is measured: as `troupe manager` makes it, on RocksDB, with a note of when each commit was durable. */
import { join } from 'node:path'
import type { Retention } from '../../runtime/options.ts'
import { built } from './built.ts'
import { countSynced } from './synced.ts'
import { answer, sharedNowMs } from './verbs.ts'

const { openTroupe } = await built<typeof import('../../runtime/index.ts')>('runtime/index.js')
const { openStorage } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { revisionOf, prefixes } = await built<typeof import('../../runtime/host/keys.ts')>('runtime/host/keys.js')
const { silentLogger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

const commits: [revision: number, atMs: number][] = []

interface Opening {
  readonly dir: string
  readonly token: string
  /** Whether commits are noted. */
  readonly notes?: boolean
  readonly retention?: Partial<Retention>
}

let synced = () => 0

async function openNoting(dir: string, notes: boolean) {
  const storage = await openStorage('rocksdb', dir, silentLogger)
  synced = countSynced(storage)
  if (!notes) return storage
  const { batch } = storage
  storage.batch = async (ops, options) => {
    await batch.call(storage, ops, options)
    const atMs = sharedNowMs()
    for (const { key } of ops) if (key.startsWith(prefixes.log)) commits.push([revisionOf(key), atMs])
  }
  return storage
}

answer({
  async open({ dir, token, notes = true, retention }: Opening) {
    const storage = () => openNoting(join(dir, 'manager'), notes)
    const troupe = await openTroupe({ dataDir: dir, storage, drivers: [], listen: '127.0.0.1:0', token, retention })
    return troupe.address
  },
  /** When each revision was durable. */
  commits: () => commits,
  synced: () => synced(),
  /** Bytes of the heap that are in use, after a collection. */
  heap() {
    global.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
})
