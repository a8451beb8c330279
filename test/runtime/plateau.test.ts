/**
 * Many short tasks through one Troupe: what is kept of them, in the stores and in memory, comes to a standstill.
 * Time runs as it does; only the retention looks more often than it would.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import { prefixes } from '../../runtime/host/keys.ts'
import { createMemoryStorage, type OpenedTroupe, openTroupe, type Storage } from '../../runtime/index.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { retentionLimits } from '../../runtime/manager/retention.ts'
import { openRocksdbStorage } from '../../runtime/storage/rocksdb.ts'
import { systemClock } from '../../runtime/system.ts'
import { createIdleDriver } from '../../scripts/bench/idle-driver.ts'

vi.setConfig({ testTimeout: 180_000 })

const keptTasks = 300
const keptLogBytes = 400_000
const atOnce = 100
/** Until what is recent for subscribers fills its bound, and then so many more. */
const warmLives = 4_200
const lives = 2_000
/** What leaks, leaks in each round; what is compiled, or a table that grows, is there once. */
const roundsMax = 4
const bytesPerLifeMax = 500

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const clock = {
  ...{ nowMs: () => systemClock.nowMs(), uptimeMs: () => systemClock.uptimeMs() },
  setTimer: (callback: () => void, ms: number) =>
    systemClock.setTimer(callback, ms === retentionLimits.checkMs ? 20 : ms),
}

let close = async () => {}
afterEach(() => close())

function open(storage: (host: 'manager' | 'worker') => Storage): Promise<OpenedTroupe> {
  return openTroupe({
    ...{ storage, drivers: [createIdleDriver()], cpus: 1_000, memoryBytes: 2 ** 40, clock },
    retention: { finishedMax: keptTasks, logBytes: keptLogBytes },
  })
}

let count = 0
async function live(troupe: OpenedTroupe, tasks: number): Promise<void> {
  for (let left = tasks; left > 0; left -= atOnce) {
    const wave = Array.from({ length: Math.min(left, atOnce) }, async () => {
      count += 1
      const task = await troupe.run({ driver: 'process', command: ['true'] }, { id: `task-${count}` })
      expect((await task.result({ timeoutMs: 60_000 })).outcome).toBe('succeeded')
    })
    await Promise.all(wave)
  }
}

/** How many keys of each kind there are, by what stands before their first slash. */
async function keysOf(storage: Storage): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for await (const [key] of storage.scan({})) {
    const kind = key.slice(0, key.indexOf('/'))
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** Once the retention has nothing more to do. Marks are left out: they go by the day. */
async function settled(storage: Storage): Promise<Record<string, number>> {
  await expect
    .poll(async () => (await keysOf(storage)).task, { timeout: 60_000, interval: 100 })
    .toBeLessThanOrEqual(keptTasks)
  await expect
    .poll(async () => (await keysOf(storage)).log, { timeout: 60_000, interval: 100 })
    .toBeLessThanOrEqual(keptLogBytes / 100)
  const { known: _, ...rest } = await keysOf(storage)
  return rest
}

const heap = (): number => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** A store in which marks of ids leave nothing: they stay for a day, and so grow for as long as this test takes. */
function withoutMarks(): Storage {
  const storage = createMemoryStorage()
  const batch = storage.batch.bind(storage)
  storage.batch = (ops, options) =>
    batch(
      ops.filter(({ key }) => !key.startsWith(prefixes.known)),
      options,
    )
  return storage
}

test('in memory: the keys of both stores, and the heap', async () => {
  const stores = { manager: withoutMarks(), worker: createMemoryStorage() }
  const troupe = await open((host) => stores[host])
  close = () => troupe.close()
  const atRest = async () => {
    const keys = await settled(stores.manager)
    // What is left of an attempt on a worker is gone once its end was acknowledged and it was removed.
    await expect.poll(async () => Object.keys(await keysOf(stores.worker)), { timeout: 60_000 }).toEqual(['meta'])
    return keys
  }
  await live(troupe, warmLives)
  const before = await atRest()
  const grown: number[] = []
  let after = before
  while (grown.length < roundsMax && !grown.some((bytes) => bytes < bytesPerLifeMax * lives)) {
    const heapBefore = heap()
    await live(troupe, lives)
    after = await atRest()
    grown.push(heap() - heapBefore)
  }
  expect(Math.min(...grown), `more bytes, by round: ${grown}`).toBeLessThan(bytesPerLifeMax * lives)
  expect(after).toMatchObject({ task: keptTasks, spec: keptTasks, final: keptTasks })
  expect(after.live).toBeUndefined()
  // A batch may leave some more or fewer of the log.
  for (const kind of ['log', 'past'] as const) {
    expect(after[kind]).toBeLessThan((before[kind] as number) * 1.5)
    expect(after[kind]).toBeGreaterThan(100)
  }
  const { tasks, reservations, queued, subscriptions } = troupe.metrics().manager
  expect({ ...tasks, reservations, queued, subscriptions }).toEqual({
    ...{ Pending: 0, Scheduled: 0, Running: 0, reservations: 0, queued: 0, subscriptions: 0 },
  })
})

test('on RocksDB, by range and over restarts: the keys', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-plateau-'))
  const openStore = (host: string) => openRocksdbStorage({ dir: join(dir, host), logger: silentLogger })
  try {
    for (let round = 0; round < 2; round += 1) {
      const stores = { manager: await openStore('manager'), worker: await openStore('worker') }
      const troupe = await open((host) => stores[host])
      close = () => troupe.close()
      await live(troupe, 1_000)
      const keys = await settled(stores.manager)
      expect(keys).toMatchObject({ task: keptTasks, spec: keptTasks, final: keptTasks })
      expect(keys.live).toBeUndefined()
      expect(keys.log).toBe(keys.past)
      await troupe.close()
      close = async () => {}
    }
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
})
