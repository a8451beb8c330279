/** Drain, its deadline, and the forgetting of nodes, by the manager's own code on a store in memory. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
let worker: ScriptedWorker

const service = spec({ restart: { policy: 'always' } })
const batch = spec()

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  worker = await rig.worker({ name: 'old' })
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const state = (taskId: string) => stateOfTask(client, taskId)

async function run(tasks: Record<string, typeof batch>): Promise<void> {
  for (const [taskId, wish] of Object.entries(tasks)) {
    await client.submit(taskId, wish)
    await rig.settle()
    worker.started(`${taskId}.1`)
  }
  await rig.settle()
}

/** The worker has begun the stop that it was asked for, and it has worked. */
async function endStopped(name: string, exitCode = 143): Promise<void> {
  const startedAtMs = 1_700_000_000_000
  worker.report(name, { startedAtMs, stoppingAtMs: startedAtMs + 1, end: { kind: 'exited', exitCode } })
  await rig.settle()
}

async function restart(): Promise<void> {
  await rig.restart()
  client = await rig.client()
  await rig.join(worker)
}

async function nodeOf(name: string) {
  return (await client.nodes()).items.find((node) => node.name === name)
}

describe('a draining node', () => {
  test('loses at once what may be replaced, and waits for the rest', async () => {
    await run({ service, batch })
    const other = await rig.worker({ nodeId: 'n2', name: 'new' })
    expect(await client.drainNode('old')).toMatchObject({ name: 'old', draining: true, tasks: 2 })
    await rig.settle()
    expect(worker.wishes).toEqual(['batch.1 run', 'service.1 stop'])
    await endStopped('service.1', 0)
    expect(other.wishes).toEqual(['service.2 run'])
    expect(await nodeOf('old')).toMatchObject({ draining: true, tasks: 1 })
    worker.exited('batch.1')
    await rig.settle()
    expect([await state('batch'), (await nodeOf('old'))?.tasks]).toEqual(['Completed', 0])
    const { task, attempts, events } = await client.explain('service')
    expect(task.restarts).toBe(0)
    expect(attempts[0]?.reason).toBe('its node was drained')
    expect(events.map(({ event }) => event.type)).toContain('Drain')
  })

  test('gets no new tasks until it is undrained', async () => {
    await client.drainNode('n1')
    await client.submit('later', batch)
    await rig.settle()
    expect(worker.wishes).toEqual([])
    expect((await client.query({ ids: ['later'] })).items[0]?.reason).toMatch(/1 node is draining|draining/)
    expect(await client.undrainNode('old')).toMatchObject({ draining: false })
    await rig.settle()
    expect(worker.wishes).toEqual(['later.1 run'])
  })

  test('does not run again what had succeeded before its worker began to stop it', async () => {
    await run({ job: spec({ restart: { policy: 'on-failure' } }) })
    await client.drainNode('old')
    worker.exited('job.1', 0)
    await rig.settle()
    expect(await state('job')).toBe('Completed')
  })

  test('is one also after a crash of the manager, whose tasks hear of it then if they had not', async () => {
    await run({ service })
    await client.drainNode('old')
    await restart()
    await rig.settle()
    expect(await nodeOf('old')).toMatchObject({ state: 'Ready', draining: true })
    expect(worker.wishes).toEqual(['service.1 stop'])
  })
})

describe('the deadline of a drain', () => {
  test('ends what was waited for, which is then stopped and not failed', async () => {
    await run({ batch })
    await client.drainNode('old', { deadlineMs: 60_000 })
    await rig.advance(59_000)
    expect(worker.wishes).toEqual(['batch.1 run'])
    await rig.advance(2_000)
    expect(worker.wishes).toEqual(['batch.1 stop'])
    await endStopped('batch.1')
    const { items } = await client.query({ ids: ['batch'] })
    expect(items[0]).toMatchObject({ state: 'Completed', outcome: 'stopped', exitCode: 143 })
    expect(items[0]?.reason).toBe('stopped because its node was drained, and it may not be replaced')
  })

  test('moves what must not overlap but may run again, once it has surely ended', async () => {
    await run({ careful: spec({ restart: { policy: 'always' }, disconnect: { replace: false } }) })
    await client.drainNode('old', { deadlineMs: 5_000 })
    expect(worker.wishes).toEqual(['careful.1 run'])
    await rig.advance(6_000)
    await endStopped('careful.1')
    expect(await state('careful')).toBe('Pending.Queued')
  })

  test('runs on through a crash of the manager, and is not begun anew by it', async () => {
    await run({ batch })
    await client.drainNode('old', { deadlineMs: 60_000 })
    await rig.advance(40_000)
    await restart()
    await rig.advance(19_000)
    expect(worker.wishes).toEqual(['batch.1 run'])
    await rig.advance(2_000)
    expect(worker.wishes).toEqual(['batch.1 stop'])
  })

  test('that passed while the manager was away counts when it is back', async () => {
    await run({ batch })
    await client.drainNode('old', { deadlineMs: 10_000 })
    await rig.crash()
    await rig.clock.advance(20_000)
    await rig.open()
    client = await rig.client()
    await rig.join(worker)
    await rig.advance(1_000)
    expect(worker.wishes).toEqual(['batch.1 stop'])
  })

  test('is called off with the drain', async () => {
    await run({ batch })
    await client.drainNode('old', { deadlineMs: 5_000 })
    await client.undrainNode('old')
    await rig.advance(10_000)
    expect(worker.wishes).toEqual(['batch.1 run'])
  })
})

describe('forgetting a node', () => {
  test.each([
    ['that is in use', async () => {}, /node old is Ready: drain it first/],
    ['that has tasks', () => client.drainNode('old'), /still has 1 task: wait until it is drained/],
  ])('%s is refused', async (_, prepare, sentence) => {
    await run({ batch })
    await prepare()
    await expect(client.removeNode('old')).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(sentence),
    })
  })

  test('that is drained needs its worker to be stopped first', async () => {
    await client.drainNode('old')
    await expect(client.removeNode('old')).rejects.toThrow(
      /its? ?worker.*stop that worker first|stop that worker first/,
    )
    worker.close()
    await rig.settle()
    await client.removeNode('old')
    expect((await client.nodes()).items).toEqual([])
  })

  test('that is down leaves its tasks to be waited for, and a worker that returns is a new node', async () => {
    await run({ batch })
    worker.close()
    await rig.settle()
    await rig.advance(11_000, [])
    expect(await state('batch')).toBe('Running.Unreachable')
    await client.removeNode('old')
    expect((await client.nodes()).items).toEqual([])
    await restart()
    expect(await nodeOf('old')).toMatchObject({ state: 'Ready', draining: false, tasks: 1 })
    expect(await state('batch')).toBe('Running')
  })

  test('never has a revision used twice', async () => {
    await client.drainNode('old')
    worker.close()
    await rig.settle()
    await client.removeNode('old')
    const { revision } = await client.nodes()
    await rig.restart()
    client = await rig.client()
    expect((await client.nodes()).revision).toBeGreaterThanOrEqual(revision)
  })

  test('that nobody knows is said to be none', async () => {
    for (const ask of [client.drainNode('x'), client.undrainNode('x'), client.removeNode('x')]) {
      await expect(ask).rejects.toMatchObject({
        code: 'NotFound',
        message: 'there is no node x; "troupe node" lists them',
      })
    }
  })
})
