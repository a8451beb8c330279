/** An embedded Troupe counts what its manager and its worker do, for the application to export. */
import { afterEach, beforeEach, expect, expectTypeOf, test } from 'vitest'
import type { ManagerMetrics, Metrics, OpenedMetrics, WorkerMetrics } from '../../runtime/index.ts'
import { openTroupe } from '../../runtime/index.ts'
import { running, soon, spec, World } from './troupe-world.ts'

const within = { timeout: 20_000 }
let world: World

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(() => world.close())

test('tasks, reservations and connections are those there are', async () => {
  const { near, far, driver } = world
  const first = await running(near, { cpus: 2, memoryBytes: 1_024 })
  const second = await running(near)
  const waiting = await near.run({ ...spec, constraints: ['zone=nowhere'] })
  const { manager, worker } = near.metrics()
  expect(manager.tasks).toEqual({ Pending: 1, Scheduled: 0, Running: 2 })
  expect(manager).toMatchObject({ queued: 1, reservations: 2, draining: 0, workers: 1 })
  expect(manager.nodes).toEqual({ Unknown: 0, Ready: 1, Suspect: 0, Down: 0 })
  expect(manager.offered).toEqual({ cpus: 1_000, memoryBytes: 2 ** 40 })
  expect(manager.reserved.cpus).toBeCloseTo(2.1)
  expect(manager.reserved.memoryBytes).toBe(1_024 + 64 * 1_024 * 1_024)
  expect([manager.connections, manager.clients]).toEqual([3, 2])
  expect(worker).toMatchObject({ isConnected: true, attempts: { Running: 2 }, nodeId: (await near.nodes())[0]?.id })
  driver.exit(first.id, 0)
  driver.exit(second.id, 3)
  await Promise.all([first.result(soon), second.result(soon)])
  await waiting.stop()
  await waiting.result(soon)
  await expect.poll(() => near.metrics().manager.tasks, within).toEqual({ Pending: 0, Scheduled: 0, Running: 0 })
  expect(near.metrics().manager).toMatchObject({ ended: { Completed: 2, Failed: 1 }, queued: 0, reservations: 0 })
  await far.close()
  await expect.poll(() => near.metrics().manager.clients, within).toBe(1)
})

test('flushes, what they carried, subscriptions and outputs are counted', async () => {
  const { near, driver } = world
  const before = near.metrics()
  const tasks = await Promise.all(Array.from({ length: 50 }, () => near.run(spec)))
  const after = near.metrics()
  const units = after.manager.journal.units - before.manager.journal.units
  expect(units).toBeGreaterThanOrEqual(50)
  expect(after.manager.journal.flushes).toBeGreaterThan(before.manager.journal.flushes)
  // Many are asked for at once, so several share a flush.
  expect(after.manager.journal.flushes - before.manager.journal.flushes).toBeLessThan(units)
  expect(after.manager.journal.entries).toBeGreaterThan(before.manager.journal.entries + 50)
  expect(after.manager.revision).toBeGreaterThan(before.manager.revision)
  const [task] = tasks
  const events = near.events()
  await expect.poll(() => near.metrics().manager.subscriptions, within).toBeGreaterThan(before.manager.subscriptions)
  events.close()
  await expect.poll(() => near.metrics().manager.subscriptions, within).toBe(before.manager.subscriptions)
  const lines = task?.logs({ follow: true })[Symbol.asyncIterator]()
  const next = lines?.next()
  await expect.poll(() => near.metrics().manager.outputs, within).toBe(1)
  driver.write(task?.id as string, 'hi\n')
  expect(await next).toMatchObject({ value: { text: 'hi' } })
  await lines?.return?.()
  await expect.poll(() => near.metrics().manager.outputs, within).toBe(0)
  await expect.poll(() => near.metrics().manager.journal.waitingEntries, within).toBe(0)
  expect(near.metrics().worker?.journal.flushes).toBeGreaterThan(0)
})

test('each Troupe has its own, the epoch rises with each opening, and a client far away has its own alone', async () => {
  const other = await openTroupe({ storage: 'memory', drivers: [] })
  await running(world.near)
  expect(other.metrics().manager).toMatchObject({ tasks: { Running: 0 }, nodes: { Ready: 0 }, workers: 0 })
  expect(other.metrics().worker).toBeUndefined()
  await other.close()
  const { epoch } = world.near.metrics().manager
  await world.near.close()
  await world.open()
  expect(world.near.metrics().manager.epoch).toBeGreaterThan(epoch)
  expect(Object.values(world.far.metrics()).every((count) => typeof count === 'number')).toBe(true)
})

test('its types tell which there are', () => {
  expectTypeOf<OpenedMetrics>().toExtend<Metrics>()
  expectTypeOf<OpenedMetrics['manager']>().toEqualTypeOf<ManagerMetrics>()
  expectTypeOf<OpenedMetrics['worker']>().toEqualTypeOf<WorkerMetrics | undefined>()
  expectTypeOf<Metrics>().not.toHaveProperty('manager')
})
