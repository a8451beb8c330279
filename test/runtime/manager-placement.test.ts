import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

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

const state = (taskId: string) => stateOfTask(client, taskId)

async function restart(): Promise<void> {
  await rig.restart()
  client = await rig.client()
}

async function eventsOf(taskId: string): Promise<string[]> {
  const { events } = await client.explain(taskId)
  return events.map(({ event, to }) => `${event.type} ${to}`)
}

async function viewOf(taskId: string) {
  return (await client.query({ ids: [taskId] })).items[0]
}

describe('the queue', () => {
  test('is first in, first out, also across a restart of the manager', async () => {
    const ids = ['z', 'm', 'a', 'k']
    for (const id of ids) await client.submit(id, spec({ cpus: 1 }))
    await restart()
    const worker = await rig.worker({ cpus: 1 })
    for (const id of ids) {
      expect(worker.wishes).toEqual([`${id}.1 run`])
      worker.exited(`${id}.1`)
      await rig.settle()
    }
  })

  test('lets no task that does not fit block another', async () => {
    const worker = await rig.worker({ cpus: 2 })
    await client.submit('large', spec({ cpus: 8 }))
    await client.submit('elsewhere', spec({ constraints: ['zone=none'] }))
    await client.submit('docker', { driver: 'docker', image: 'x' })
    await client.submit('small', spec({ cpus: 1 }))
    await rig.settle()
    expect(worker.wishes).toEqual(['small.1 run'])
    expect((await viewOf('large'))?.reason).toMatch(/no node is large enough for 8 cpus/)
    expect((await viewOf('elsewhere'))?.reason).toBe('1 node does not match zone=none')
    expect((await viewOf('docker'))?.reason).toBe('1 node has no driver docker')
  })

  test('places the next in the very commit that frees the place', async () => {
    const worker = await rig.worker({ cpus: 1 })
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec({ cpus: 1 }))
    await rig.settle()
    worker.started('a.1')
    await rig.settle()
    worker.exited('a.1')
    await rig.settle()
    const [ended] = (await client.explain('a')).events.slice(-1)
    const placed = (await client.explain('b')).events.find(({ event }) => event.type === 'Placed')
    expect(placed?.revision).toBe(ended?.revision)
    expect(worker.wishes).toEqual(['b.1 run'])
  })

  test('never reserves more than a node offers, however much is asked at once', async () => {
    await rig.worker({ nodeId: 'n1', cpus: 1 })
    await rig.worker({ nodeId: 'n2', cpus: 1.5 })
    rig.disk.writes.hold()
    const all = [...Array(40).keys()].map((n) => client.submit(`t${n}`, spec({ cpus: 0.2 })))
    await rig.settle()
    rig.disk.writes.release()
    await Promise.all(all)
    const { items } = await client.nodes()
    expect(items.map(({ reserved, tasks }) => [reserved.cpus, tasks])).toEqual([
      [1, 5],
      [1.4, 7],
    ])
    expect((await client.query()).items.filter(({ state }) => state === 'Pending')).toHaveLength(28)
  })

  test('takes turns over nodes that are alike', async () => {
    const workers = [await rig.worker({ nodeId: 'n1' }), await rig.worker({ nodeId: 'n2' })]
    for (let n = 0; n < 6; n += 1) await client.submit(`t${n}`, spec())
    await rig.settle()
    expect(workers.map(({ wishes }) => wishes.length)).toEqual([3, 3])
  })

  test('records a refusal once with its why, and explains the newest', async () => {
    await client.submit('a', spec({ cpus: 2 }))
    expect((await viewOf('a'))?.reason).toBe('no node has registered')
    const worker = await rig.worker({ cpus: 1 })
    await client.submit('b', spec({ cpus: 1 }))
    await rig.advance(5_000)
    expect(await eventsOf('a')).toEqual(['Created Pending.Queued', 'Unplaceable Pending.Queued'])
    expect((await client.explain('a')).decision?.why).toMatch(/no node is large enough/)
    expect(worker.wishes).toEqual(['b.1 run'])
  })

  test('refuses very many at once, each once, and not again after a restart', async () => {
    rig.disk.writes.hold()
    const all = [...Array(100).keys()].map((n) => client.submit(`t${n}`, spec({ cpus: 2 })))
    await rig.settle()
    rig.disk.writes.release()
    await Promise.all(all)
    await rig.settle()
    const { items } = await client.query()
    expect(items.filter(({ reason }) => reason === 'no node has registered')).toHaveLength(100)
    await restart()
    await rig.settle()
    for (const id of ['t0', 't57', 't99']) {
      expect(await eventsOf(id)).toEqual(['Created Pending.Queued', 'Unplaceable Pending.Queued'])
    }
  })
})

describe('waiting', () => {
  test('has a limit when asked for, which goes on across a restart', async () => {
    await client.submit('a', spec({ waitTimeoutMs: 30_000 }))
    await rig.advance(20_000)
    await restart()
    await rig.advance(9_000)
    expect(await state('a')).toBe('Pending.Queued')
    await rig.advance(1_000)
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'unplaceable' })
    expect((await viewOf('a'))?.reason).toMatch(/no node was found within 30000 ms: /)
    const worker = await rig.worker()
    expect(worker.wishes).toEqual([])
  })

  test('whose limit passed while the manager was away ends at its return', async () => {
    await client.submit('a', spec({ waitTimeoutMs: 30_000 }))
    await rig.crash()
    await rig.clock.advance(60_000)
    await rig.open()
    await rig.clock.advance(1)
    client = await rig.client()
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'unplaceable' })
  })

  test('ends with a stop, and the task is never placed', async () => {
    await client.submit('a', spec())
    expect(await client.stop('a')).toMatchObject({
      alreadyFinal: false,
      task: { state: 'Completed', outcome: 'stopped' },
    })
    expect(await client.stop('a')).toMatchObject({ alreadyFinal: true, task: { state: 'Completed' } })
    const worker = await rig.worker()
    expect(worker.wishes).toEqual([])
    await restart()
    expect(await viewOf('a')).toMatchObject({ state: 'Completed', reason: 'stopped before it was placed' })
  })
})

describe('a restart of a task', () => {
  const again: Partial<TaskSpec> = { restart: { policy: 'on-failure', max: 2, backOffMs: 10_000 } }

  test('backs off, across a restart of the manager, and then waits for a node again', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec(again))
    await rig.settle()
    worker.exited('a.1', 1)
    await rig.settle()
    expect(await state('a')).toBe('Pending.BackingOff')
    const [timer] = (await client.explain('a')).timers
    expect(timer).toEqual({ event: 'BackOffElapsed', dueAtMs: rig.clock.nowMs() + 5_000 })
    await rig.advance(2_000)
    await restart()
    await rig.join(worker)
    expect((await client.explain('a')).timers).toEqual([timer])
    await rig.advance(2_000)
    expect(await state('a')).toBe('Pending.BackingOff')
    await rig.advance(1_000)
    expect(worker.wishes).toEqual(['a.2 run'])
    worker.exited('a.2', 1)
    await rig.advance(10_000)
    worker.exited('a.3', 1)
    await rig.settle()
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'exit', attempt: 3, restarts: 2 })
  })

  test('that is due while the manager is away comes at its return, once', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec(again))
    await rig.settle()
    worker.exited('a.1', 1)
    await rig.settle()
    await rig.crash()
    await rig.clock.advance(3_600_000)
    await rig.open()
    client = await rig.client()
    await rig.join(worker)
    await rig.advance(1_000)
    expect(worker.wishes).toEqual(['a.2 run'])
    await rig.advance(60_000)
    expect(worker.wishes).toEqual(['a.2 run'])
  })

  test('ends with a stop while it backs off', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec(again))
    await rig.settle()
    worker.exited('a.1', 1)
    await rig.settle()
    await client.stop('a')
    await rig.advance(60_000)
    expect(await viewOf('a')).toMatchObject({ state: 'Completed', outcome: 'stopped', attempt: 1 })
    expect(worker.wishes).toEqual([])
  })

  test('keeps its place behind those that waited before', async () => {
    rig.roll = 0
    const worker = await rig.worker({ cpus: 1 })
    await client.submit('a', spec({ cpus: 1, ...again }))
    await client.submit('b', spec({ cpus: 1 }))
    await rig.settle()
    worker.exited('a.1', 1)
    await rig.advance(1_000)
    expect(worker.wishes).toEqual(['b.1 run'])
    worker.exited('b.1')
    await rig.settle()
    expect(worker.wishes).toEqual(['a.2 run'])
  })

  test('does not come when a start cannot succeed', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec(again))
    await rig.settle()
    const end = { kind: 'startFailed', code: 'no-such-command', message: 'no x here', retryable: false } as const
    worker.report('a.1', { endedAtMs: 1, end })
    await rig.settle()
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'start', reason: 'no-such-command: no x here' })
  })
})

describe('limits and stops', () => {
  test('a task that runs too long is stopped and fails as timeout, across a restart of the manager', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec({ timeoutMs: 10_000, stopGraceMs: 1_234 }))
    await rig.settle()
    worker.started('a.1')
    await rig.advance(6_000)
    await restart()
    await rig.join(worker)
    await rig.advance(3_000)
    expect(worker.wishes).toEqual(['a.1 run'])
    await rig.advance(1_000)
    expect(worker.desired.get('a.1')).toMatchObject({ action: 'stop', graceMs: 1_234 })
    expect(await state('a')).toBe('Running.Stopping')
    worker.exited('a.1', 143)
    await rig.settle()
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'timeout', exitCode: 143 })
  })

  test('a stop overrides the grace, a second one can only shorten it, and the code is kept', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec({ stopGraceMs: 60_000, restart: { policy: 'always' } }))
    await rig.settle()
    worker.started('a.1')
    await rig.settle()
    const graces: (number | undefined)[] = []
    for (const graceMs of [5_000, 9_000, 0, 0]) {
      expect((await client.stop('a', { graceMs })).task).toMatchObject({ state: 'Running', detail: 'Stopping' })
      await rig.settle()
      graces.push(worker.desired.get('a.1')?.graceMs)
    }
    expect(graces).toEqual([5_000, 5_000, 0, 0])
    worker.exited('a.1', 137)
    await rig.settle()
    expect(await viewOf('a')).toMatchObject({ state: 'Completed', outcome: 'stopped', exitCode: 137, restarts: 0 })
  })

  test('a stop survives a restart of the manager before its worker has heard of it', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    worker.started('a.1')
    await rig.settle()
    await rig.cut('worker-n1')
    await client.stop('a', { graceMs: 77 })
    await restart()
    await rig.join(worker)
    expect(worker.desired.get('a.1')).toMatchObject({ action: 'stop', graceMs: 77 })
  })

  test('a stop of a task that has not started is told its worker as well', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    await client.stop('a')
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 stop'])
    worker.report('a.1', { endedAtMs: 1, end: { kind: 'lost', message: 'it was never started' } })
    await rig.settle()
    expect(await viewOf('a')).toMatchObject({ state: 'Completed', outcome: 'stopped' })
    expect(worker.wishes).toEqual([])
  })
})
