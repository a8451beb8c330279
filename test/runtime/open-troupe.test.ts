/** A Troupe inside an application: what it does when its store fails, and that parts of the application's own are used. */
import { afterEach, expect, test } from 'vitest'
import { createMemoryStorage, type OpenedTroupe, openTroupe, type Storage } from '../../runtime/index.ts'
import { cli } from './cli-rig.ts'
import { ScriptDriver } from './script-driver.ts'

const spec = { driver: 'process' as const, command: ['work'] }
let troupe: OpenedTroupe | undefined

afterEach(async () => {
  await troupe?.close()
})

/** A store that works until it is told not to. */
function brittle(): { storage: Storage; break: () => void; closed: () => boolean } {
  const store = createMemoryStorage()
  let isBroken = false
  let isClosed = false
  return {
    break: () => {
      isBroken = true
    },
    closed: () => isClosed,
    storage: {
      supports: store.supports,
      get: (key) => store.get(key),
      batch: (ops, options) => (isBroken ? Promise.reject(new Error('the disk is gone')) : store.batch(ops, options)),
      scan: (range) => store.scan(range),
      deleteRange: (gte, lt, options) => store.deleteRange(gte, lt, options),
      close: async () => {
        isClosed = true
        await store.close()
      },
    },
  }
}

test('a manager whose store fails ends its Troupe with StorageFailed, and not the process', async () => {
  const store = brittle()
  const failures: Error[] = []
  const errors: string[] = []
  troupe = await openTroupe({
    storage: (host) => (host === 'manager' ? store.storage : createMemoryStorage()),
    drivers: [new ScriptDriver()],
    logger: { debug() {}, info() {}, warn() {}, error: (message) => errors.push(message) },
    onFailure: (error) => failures.push(error),
  })
  const task = await troupe.run(spec)
  const heard: unknown[] = []
  task.subscribe({ error: (error) => heard.push((error as { code: string }).code) })
  store.break()
  const run = troupe.run(spec, { timeoutMs: 20_000 })
  await expect(run).rejects.toMatchObject({ code: expect.stringMatching(/StorageFailed|OutcomeUnknown|Unavailable/) })
  await expect.poll(() => failures.length, { timeout: 20_000 }).toBe(1)
  await expect(troupe.nodes()).rejects.toMatchObject({ code: 'StorageFailed' })
  await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['StorageFailed'])
  expect(errors.some((message) => message.includes('the disk is gone'))).toBe(true)
  await troupe.close()
})

test('stores and drivers that were passed are closed with it, also when it cannot be opened', async () => {
  const stores = { manager: brittle(), worker: brittle() }
  troupe = await openTroupe({ storage: (host) => stores[host].storage, drivers: [new ScriptDriver()] })
  await troupe.close()
  expect([stores.manager.closed(), stores.worker.closed()]).toEqual([true, true])
  const other = { manager: brittle(), worker: brittle() }
  other.worker.break()
  const driver = new ScriptDriver()
  const opening = openTroupe({ storage: (host) => other[host].storage, drivers: [driver] })
  await expect(opening).rejects.toThrow()
  expect([other.manager.closed(), other.worker.closed(), driver.isClosed]).toEqual([true, true, true])
})

test('the drivers of an application are offered under their own names, and a task for another waits', async () => {
  const lambda = new ScriptDriver('lambda')
  troupe = await openTroupe({ storage: 'memory', drivers: [lambda] })
  const task = await troupe.run({ driver: 'lambda', env: { A: '1' }, image: 'anything' })
  await expect
    .poll(async () => (await troupe?.get(task.id))?.getSnapshot().context.state, { timeout: 20_000 })
    .toBe('Running')
  lambda.exit(task.id, 0)
  expect(await task.result({ timeoutMs: 20_000 })).toMatchObject({ outcome: 'succeeded' })
  const waiting = await troupe.run(spec)
  await expect
    .poll(async () => (await troupe?.get(waiting.id))?.getSnapshot().context.reason, { timeout: 20_000 })
    .toMatch(/no driver process/)
})

test('the command line runs what a driver of the application takes; what no node offers waits, and explain says so', async () => {
  const lambda = new ScriptDriver('lambda')
  troupe = await openTroupe({ storage: 'memory', drivers: [lambda], listen: '127.0.0.1:0', name: 'here' })
  const env = { TROUPE_ADDR: troupe.address as string, TROUPE_TOKEN: troupe.token }
  expect((await cli(['run', '-d', '--id', 'a', '--driver', 'lambda', 'fn', 'x'], { env })).code).toBe(0)
  await expect.poll(async () => (await cli(['status', 'a'], { env })).stdout, { timeout: 20_000 }).toContain('Running')
  expect((await troupe.get('a')).getSnapshot().context.command).toEqual(['fn', 'x'])
  expect((await cli(['run', '-d', '--id', 'b', '--driver', 'lambada', 'fn'], { env })).code).toBe(0)
  await expect
    .poll(async () => (await cli(['explain', 'b'], { env })).stdout, { timeout: 20_000 })
    .toMatch(/has no driver lambada/)
  expect((await cli(['status', 'b'], { env })).stdout).toContain('Pending')
})
