/** What a node's machine uses, as its heartbeats tell it, has a say in where tasks go, and in nothing else. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { epvm } from '../../actors/schedulers/epvm.ts'
import type { Client } from '../../runtime/client/client.ts'
import { usageLimits } from '../../runtime/manager/usages.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

const gib = 2 ** 30

let rig: Rig
let client: Client
let one: ScriptedWorker
let two: ScriptedWorker

beforeEach(async () => {
  rig = new Rig()
  rig.scheduler = epvm
  await rig.open()
  client = await rig.client()
  one = await rig.worker({ nodeId: 'n1' })
  two = await rig.worker({ nodeId: 'n2' })
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function tell(worker: ScriptedWorker, cpus: number, memoryBytes = gib / 2): Promise<void> {
  worker.send({ type: 'Heartbeat', seq: 1, used: { cpus, memoryBytes, load1: cpus } })
  await rig.settle()
}

/** Where one more task would go now. */
const next = async () => (await client.plan(undefined, spec())).nodeId

test('of two equal nodes the one whose machine is less busy is taken', async () => {
  // Of equal costs the lower id wins, so that it is the load which decides.
  expect(await next()).toBe('n1')
  await tell(one, 3.5)
  await tell(two, 0.1)
  expect(await next()).toBe('n2')
  const { task } = await client.submit('a', spec())
  expect(task.nodeId).toBe('n2')
  await tell(one, 0.1)
  await tell(two, 3.5)
  expect(await next()).toBe('n1')
  await tell(two, 0.1, 3 * gib)
  expect(await next()).toBe('n1')
  await tell(one, 0.1, 3.5 * gib)
  expect(await next()).toBe('n2')
})

test('what was heard too long ago steers no more', async () => {
  await tell(one, 3.5)
  expect(await next()).toBe('n2')
  await rig.advance(usageLimits.staleMs - 5_000)
  expect(await next()).toBe('n2')
  expect((await client.nodes()).items[0]?.used?.cpus).toBe(3.5)
  // Its heartbeats come all the while, and say nothing of it.
  await rig.advance(10_000)
  expect(await next()).toBe('n1')
  expect((await client.nodes()).items[0]).not.toHaveProperty('used')
})

test('of a node that was Down nothing is held to be known when it comes back', async () => {
  await tell(one, 3.5)
  await rig.cut('worker-n1')
  await rig.advance(15_000, [two])
  expect((await client.nodes()).items).toMatchObject([{ state: 'Down' }, { state: 'Ready' }])
  await rig.join(one)
  const [back] = (await client.nodes()).items
  expect(back).toMatchObject({ name: 'name-n1', state: 'Ready' })
  expect(back).not.toHaveProperty('used')
  expect(await next()).toBe('n1')
})

test('what a node does not offer of its machine takes the first of its load', async () => {
  // 16 cores, of which it offers 4: with 8 of them busy, all that it offers may be idle.
  const machine = { id: 'c3'.repeat(32), resources: { cpus: 16, memoryBytes: 64 * gib } }
  const large = await rig.worker({ nodeId: 'n0', node: { machine } })
  for (const worker of [one, two]) await tell(worker, 1)
  await tell(large, 8, 32 * gib)
  expect(await next()).toBe('n0')
  await tell(large, 15.5, 32 * gib)
  expect(await next()).toBe('n1')
})

test('a load is not stored, makes no node unfit, and has nobody asked again who waits', async () => {
  await client.submit('full', spec({ cpus: 4 }))
  await client.submit('also', spec({ cpus: 4 }))
  await client.submit('waits', spec({ cpus: 4 }))
  expect((await client.query({ ids: ['waits'] })).items[0]).toMatchObject({ state: 'Pending', detail: 'Queued' })
  const { batches } = rig.disk
  const before = rig.host.metrics()
  for (const cpus of [4, 0, 64]) {
    await tell(one, cpus)
    await tell(two, cpus)
  }
  expect(rig.disk.batches).toBe(batches)
  expect(rig.host.metrics()).toMatchObject({ revision: before.revision, decisions: before.decisions, queued: 1 })
  one.exited('full.1')
  await rig.settle()
  // The machine is busier than it can be, and the task fits: what is reserved decides that.
  expect((await client.query({ ids: ['waits'] })).items[0]).toMatchObject({ state: 'Scheduled', nodeId: 'n1' })
})
