import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeCodes } from '../../actors/protocol/errors.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const leaseMs = 10_000
/** The lease and what it may take to notice. */
const leaseGoneMs = leaseMs + 1_000

async function nodes(): Promise<Record<string, string>> {
  return Object.fromEntries((await client.nodes()).items.map(({ id, state }) => [id, state]))
}

async function nodeOf(id: string) {
  return (await client.nodes()).items.find((node) => node.id === id)
}

const state = (taskId: string) => stateOfTask(client, taskId)

async function restart(): Promise<void> {
  await rig.restart()
  client = await rig.client()
}

async function running(worker: ScriptedWorker, taskId: string, more = {}): Promise<void> {
  await client.submit(taskId, spec({ constraints: [`node=${worker.registration.name}`], ...more }))
  await rig.settle()
  worker.started(`${taskId}.1`)
  await rig.settle()
}

describe('a node', () => {
  test('that closes is Suspect at once and takes nothing new; its tasks stay until the lease has run out', async () => {
    const worker = await rig.worker()
    await running(worker, 'a')
    await rig.cut('worker-n1')
    expect(await nodes()).toEqual({ n1: 'Suspect' })
    expect(await state('a')).toBe('Running')
    await client.submit('b', spec())
    expect((await client.explain('b')).decision?.why).toBe('1 node not ready')
    await rig.advance(leaseMs - 1_000)
    expect(await state('a')).toBe('Running')
    await rig.advance(2_000)
    expect(await nodes()).toEqual({ n1: 'Down' })
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.join(worker)
    expect(await nodes()).toEqual({ n1: 'Ready' })
    expect(await state('a')).toBe('Running')
    expect(worker.wishes).toEqual(['a.1 run', 'b.1 run'])
  })

  test('whose heartbeats are late is Suspect, and Ready again with the next one', async () => {
    const worker = await rig.worker()
    await rig.advance(3_000, [])
    expect(await nodes()).toEqual({ n1: 'Ready' })
    await rig.advance(1_000, [])
    expect(await nodes()).toEqual({ n1: 'Suspect' })
    worker.beat()
    await rig.settle()
    expect(await nodes()).toEqual({ n1: 'Ready' })
  })

  test('that says nothing for a lease is hung up on, so that it registers again when it wakes', async () => {
    const worker = await rig.worker()
    await running(worker, 'a')
    await rig.advance(leaseGoneMs, [])
    expect(await nodes()).toEqual({ n1: 'Down' })
    expect(await state('a')).toBe('Running.Unreachable')
    expect(worker.closed?.code).toBe(closeCodes.timeout)
    await rig.join(worker)
    expect(await nodes()).toEqual({ n1: 'Ready' })
    expect(await state('a')).toBe('Running')
  })

  test('keeps its lease through a stall of the manager', async () => {
    const worker = await rig.worker()
    await running(worker, 'a')
    await rig.clock.stall(60_000)
    expect(rig.logged.join()).toMatch(/stood still for \d+ ms; every node gets a full lease/)
    expect(await state('a')).toBe('Running')
    await rig.advance(leaseMs - 1_000, [])
    expect(await state('a')).toBe('Running')
    worker.beat()
    await rig.settle()
    expect(await nodes()).toEqual({ n1: 'Ready' })
  })
})

describe('a task that is Unreachable', () => {
  const replaceable = { restart: { policy: 'on-failure' as const } }

  test('is lost after its time: Failed when it may not run again', async () => {
    const worker = await rig.worker()
    await running(worker, 'a', { disconnect: { lostAfterMs: 20_000 } })
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs + 18_000)
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.advance(3_000)
    expect((await client.query({ ids: ['a'] })).items).toMatchObject([
      { state: 'Failed', outcome: 'lost', reason: 'its node was unreachable for too long' },
    ])
  })

  test('is replaced elsewhere when it may; what it held stays reserved until its node has confirmed the end', async () => {
    const first = await rig.worker({ nodeId: 'n1' })
    await running(first, 'a', { ...replaceable, cpus: 1, constraints: [] })
    const second = await rig.worker({ nodeId: 'n2' })
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs + 300_000)
    expect(second.wishes).toEqual(['a.2 run'])
    expect(await nodeOf('n1')).toMatchObject({ state: 'Down', tasks: 1, reserved: { cpus: 1 } })
    first.report('a.1', { reserved: { cpus: 1, memoryBytes: 2 ** 26 } })
    await rig.join(first)
    expect(first.wishes).toEqual([])
    expect(await nodeOf('n1')).toMatchObject({ state: 'Ready', tasks: 1, reserved: { cpus: 1 } })
    first.exited('a.1', 137)
    await rig.settle()
    expect(first.acknowledged.at(-1)).toMatch(/^a\.1:/)
    expect(await nodeOf('n1')).toMatchObject({ tasks: 0, reserved: { cpus: 0 } })
    expect((await client.query({ ids: ['a'] })).items).toMatchObject([{ state: 'Scheduled', attempt: 2, restarts: 0 }])
  })

  test('and was given up frees its place when its node returns without it', async () => {
    const worker = await rig.worker()
    await running(worker, 'a', { disconnect: { lostAfterMs: 1_000 }, cpus: 4 })
    await client.submit('b', spec({ cpus: 4 }))
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs + 2_000)
    expect(await state('a')).toBe('Failed')
    expect(await nodeOf('n1')).toMatchObject({ tasks: 1 })
    worker.statuses.clear()
    await rig.join(worker)
    expect(worker.wishes).toEqual(['b.1 run'])
    expect(await nodeOf('n1')).toMatchObject({ tasks: 1, reserved: { cpus: 4 } })
  })

  test('and whose node still runs a given-up one is not given its place after a restart of the manager', async () => {
    const worker = await rig.worker()
    await running(worker, 'a', { disconnect: { lostAfterMs: 1_000 }, cpus: 4 })
    worker.report('a.1', { reserved: { cpus: 4, memoryBytes: 2 ** 26 } })
    await client.submit('b', spec({ cpus: 4 }))
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs + 2_000)
    await restart()
    await rig.join(worker)
    expect(worker.wishes).toEqual([])
    expect(await state('b')).toBe('Pending.Queued')
    worker.exited('a.1', 143)
    await rig.settle()
    expect(worker.wishes).toEqual(['b.1 run'])
  })

  test('ends when its status says so', async () => {
    const worker = await rig.worker()
    await running(worker, 'a')
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs)
    worker.exited('a.1', 0)
    await rig.join(worker)
    expect(await state('a')).toBe('Completed')
  })
})

describe('a restart of the manager', () => {
  test('leaves nodes Unknown with a full lease, and their tasks where they are', async () => {
    const worker = await rig.worker()
    await running(worker, 'a')
    await rig.advance(5_000)
    await restart()
    expect(client.welcome.epoch).toBe(2)
    expect(await nodes()).toEqual({ n1: 'Unknown' })
    expect(await state('a')).toBe('Running')
    await client.submit('b', spec())
    expect(await state('b')).toBe('Pending.Queued')
    await rig.advance(leaseMs - 1_000)
    expect(await state('a')).toBe('Running')
    await rig.advance(2_000)
    expect(await nodes()).toEqual({ n1: 'Down' })
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.join(worker)
    expect(worker.all('Welcome')).toMatchObject([{ epoch: 2 }])
    expect(await state('a')).toBe('Running')
    expect(worker.wishes).toEqual(['a.1 run', 'b.1 run'])
  })

  test('does not hold its absence against an Unreachable task, and does not forget it either', async () => {
    const worker = await rig.worker()
    await running(worker, 'a', { disconnect: { lostAfterMs: 20_000 } })
    await rig.cut('worker-n1')
    await rig.advance(leaseGoneMs + 15_000)
    await rig.crash()
    await rig.clock.advance(600_000)
    await rig.open()
    client = await rig.client()
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.advance(leaseGoneMs)
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.advance(18_000)
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.advance(3_000)
    expect(await state('a')).toBe('Failed')
  })

  test('does not forget the tasks of a node whose record cannot be read', async () => {
    const worker = await rig.worker()
    await running(worker, 'a', { disconnect: { lostAfterMs: 20_000 } })
    await rig.crash()
    const op = { type: 'put', key: 'node/n1', value: new Uint8Array([1, 2, 3]) } as const
    await rig.disk.memory.batch([op], { sync: true, epoch: 1 })
    await rig.open()
    client = await rig.client()
    expect(rig.logged.join('\n')).toMatch(/set aside node\/n1/)
    await rig.advance(leaseGoneMs)
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.advance(21_000)
    expect(await state('a')).toBe('Failed')
  })

  test('gives reservations, queue and desired state as they were before', async () => {
    const [first, second] = [await rig.worker({ nodeId: 'n1', cpus: 2 }), await rig.worker({ nodeId: 'n2', cpus: 2 })]
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec({ cpus: 1.5, restart: { policy: 'always' } }))
    for (const id of ['q1', 'q2', 'q3']) await client.submit(id, spec({ cpus: 1 }))
    await client.submit('small', spec({ cpus: 0.25, timeoutMs: 60_000 }))
    await rig.settle()
    first.started('a.1')
    await client.stop('b', { graceMs: 5 })
    await rig.settle()
    const told = () => [first, second].map(({ desired }) => Object.fromEntries(desired))
    const before = told()
    const reserved = async () => (await client.nodes()).items.map((node) => [node.id, node.reserved, node.tasks])
    const reservedBefore = await reserved()
    const viewsBefore = (await client.query({ scope: 'all' })).items
    await restart()
    expect(await reserved()).toEqual(reservedBefore)
    const views = (await client.query({ scope: 'all' })).items
    expect(views.map(({ revision, reason, ...view }) => view)).toEqual(
      viewsBefore.map(({ revision, reason, ...view }) => view),
    )
    await rig.join(first)
    await rig.join(second)
    expect(told()).toEqual(before)
    second.exited('b.1', 143)
    await rig.settle()
    first.exited('a.1', 0)
    await rig.settle()
    expect([...first.wishes, ...second.wishes].sort()).toEqual(['c.1 run', 'q1.1 run', 'small.1 run'])
  })

  test('raises the epoch each time and keeps cluster, log and revisions', async () => {
    await client.submit('a', spec())
    const { clusterId, logId } = client.welcome
    let last = (await client.query()).revision
    for (const epoch of [2, 3, 4]) {
      await restart()
      expect(client.welcome).toMatchObject({ clusterId, logId, epoch })
      await client.submit(`a${epoch}`, spec())
      const { revision } = await client.query()
      expect(revision).toBeGreaterThan(last)
      last = revision
    }
  })
})
