/** Opening that is given up leaves nothing open: no lock of a store, no listener, no driver. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createMemoryStorage,
  type OpenedTroupe,
  openManager,
  openTroupe,
  openUp,
  openWorker,
} from '../../runtime/index.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { ScriptDriver } from './script-driver.ts'

const reason = new Error('changed my mind')
let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-abort-'))
})

afterEach(() => rm(dataDir, { recursive: true, force: true }))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Gives up at the nth look at the signal: so each of the places where opening can be given up is met, one after the other. */
function abortAtLook(nth: number): { signal: AbortSignal; isReached: () => boolean } {
  const controller = new AbortController()
  const { signal } = controller
  let looks = 0
  const look = () => {
    looks += 1
    if (looks === nth) controller.abort(reason)
  }
  const throwIfAborted = signal.throwIfAborted.bind(signal)
  const aborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean
  Object.defineProperty(signal, 'throwIfAborted', {
    value: () => {
      look()
      throwIfAborted()
    },
  })
  Object.defineProperty(signal, 'aborted', {
    get: () => {
      look()
      return aborted.call(signal)
    },
  })
  return { signal, isReached: () => looks >= nth }
}

interface Closable {
  close(): Promise<void>
}

/** Gives up at each place there is, and opens the same again after each. */
async function giveUpEverywhere(open: (signal?: AbortSignal) => Promise<Closable>): Promise<number> {
  for (let nth = 1; ; nth += 1) {
    const { signal, isReached } = abortAtLook(nth)
    const opened = await open(signal).catch((error: unknown) => error)
    if (!isReached()) {
      await (opened as Closable).close()
      return nth - 1
    }
    expect(opened, `at place ${nth}`).toBe(reason)
    await (await open()).close()
  }
}

const manager = (listen: string) => ({ listen, dataDir, storage: 'rocksdb' as const, token: 't', logger: silentLogger })
const worker = { labels: {}, drivers: ['process'], allowMounts: [], logger: silentLogger }
const withSignal = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })

describe('given up anywhere while it opens, it rejects with the reason, and the same can be opened again', () => {
  test('openManager', async () => {
    const options = manager(`127.0.0.1:${await freePort()}`)
    const places = await giveUpEverywhere((signal) => openManager({ ...options, ...withSignal(signal) }))
    expect(places).toBeGreaterThanOrEqual(3)
  })

  test('openWorker', async () => {
    const options = { ...worker, dataDir, manager: 'ws://127.0.0.1:9', token: 't', storage: 'rocksdb' as const }
    const places = await giveUpEverywhere((signal) => openWorker({ ...options, ...withSignal(signal) }))
    expect(places).toBeGreaterThanOrEqual(3)
  })

  test('openUp', async () => {
    const listen = `127.0.0.1:${await freePort()}`
    const options = { ...worker, ...manager(listen) }
    for (let nth = 1; nth <= 4; nth += 1) {
      const { signal } = abortAtLook(nth)
      await expect(openUp({ ...options, signal }), `at place ${nth}`).rejects.toBe(reason)
      const again = await openManager(manager(listen))
      const other = await openWorker({ ...options, manager: again.address })
      await other.close()
      await again.close()
    }
  })

  test('openTroupe', async () => {
    const listen = `127.0.0.1:${await freePort()}`
    const places = await giveUpEverywhere((signal) =>
      openTroupe({ dataDir, listen, drivers: [new ScriptDriver()], ...withSignal(signal) }),
    )
    expect(places).toBeGreaterThanOrEqual(4)
  })
})

test('stores and drivers of the application are closed when opening is given up', async () => {
  const controller = new AbortController()
  const store = createMemoryStorage()
  const driver = new ScriptDriver()
  const opening = openTroupe({
    storage: () => {
      controller.abort(reason)
      return store
    },
    drivers: [driver],
    signal: controller.signal,
  })
  await expect(opening).rejects.toBe(reason)
  expect(driver.isClosed).toBe(true)
  await expect(store.get('a')).rejects.toMatchObject({ code: 'closed' })
})

test('drivers of the application are closed also where one that is named before them cannot be had', async () => {
  const driver = new ScriptDriver()
  const opening = openTroupe({ dataDir, storage: 'memory', drivers: ['no-such', driver] })
  await expect(opening).rejects.toMatchObject({ code: 'Invalid' })
  expect(driver.isClosed).toBe(true)
})

test('once it is open, the signal means nothing any more', async () => {
  const controller = new AbortController()
  const troupe: OpenedTroupe = await openTroupe({
    storage: 'memory',
    drivers: [new ScriptDriver()],
    signal: controller.signal,
  })
  controller.abort(reason)
  expect(await troupe.nodes()).toHaveLength(1)
  const task = await troupe.run({ driver: 'process', command: ['work'] })
  expect(task.id).not.toBe('')
  await troupe.close()
})
