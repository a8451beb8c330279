import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeCodes } from '../../actors/protocol/errors.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'
import { ScriptedWorker } from './manager-worker.ts'

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

const nodeState = async (name = 'name-n1') => (await client.nodes()).items.find((node) => node.name === name)?.state

describe('desired state', () => {
  test('comes whole with the welcome, and goes on in deltas without a gap', async () => {
    const worker = await rig.worker()
    expect(worker.received).toMatchObject([
      { type: 'Welcome', clusterId: client.welcome.clusterId, epoch: 1, heartbeatMs: 1_000, leaseMs: 10_000 },
      { type: 'Desired', complete: true, last: true, set: [], remove: [] },
    ])
    await client.submit('a', spec({ stopGraceMs: 7, env: { X: 'y' } }))
    await client.submit('b', spec())
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 run', 'b.1 run'])
    expect(worker.desired.get('a.1')).toMatchObject({ graceMs: 7, spec: { env: { X: 'y' } } })
    await client.stop('a', { graceMs: 3 })
    await rig.settle()
    expect(worker.desired.get('a.1')).toMatchObject({ action: 'stop', graceMs: 3 })
    worker.exited('b.1')
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 stop'])
    expect(worker.gaps).toBe(0)
  })

  test('is sent whole again to who missed something', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    worker.desired.clear()
    worker.send({ type: 'DesiredGap', have: 1 })
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 run'])
    await client.submit('b', spec())
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 run', 'b.1 run'])
    expect(worker.gaps).toBe(0)
  })

  test('comes in parts that fit a frame, whether whole or as a delta', async () => {
    const worker = await rig.worker()
    const heavy = (mark: string) => spec({ env: { A: mark.repeat(120_000), B: 'é'.repeat(120_000) } })
    const ids = [...Array(14).keys()].map((n) => `t${String(n).padStart(2, '0')}`)
    rig.disk.writes.hold()
    const submitted = ids.map((id) => client.submit(id, heavy('x')))
    await rig.settle()
    rig.disk.writes.release()
    await Promise.all(submitted)
    await rig.settle()
    const wishes = ids.map((id) => `${id}.1 run`)
    expect(worker.wishes).toEqual(wishes)
    expect(worker.gaps).toBe(0)
    await rig.join(worker)
    expect(worker.wishes).toEqual(wishes)
    expect(worker.all('Desired').length).toBeGreaterThan(1)
    expect(new Set(worker.all('Desired').map(({ seq }) => seq)).size).toBe(1)
  })

  test('weighs everything that a specification holds, not its command alone', async () => {
    const mounts = [...Array(32).keys()].map((n) => ({ source: `/${n}${'s'.repeat(4_000)}`, target: `/${n}` }))
    const worker = await rig.worker({ node: { drivers: { docker: 'complete' } } })
    const ids = [...Array(40).keys()].map((n) => `t${String(n).padStart(2, '0')}`)
    for (const id of ids) await client.submit(id, { driver: 'docker', image: 'x', mounts })
    await rig.settle()
    await rig.join(worker)
    expect(worker.wishes).toHaveLength(40)
  })
})

describe('statuses', () => {
  test('step the task through every state in order, and are acknowledged with what they are of', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    worker.report('a.1', { pullingAtMs: 1, startedAtMs: 2, endedAtMs: 3, end: { kind: 'exited', exitCode: 0 } })
    await rig.settle()
    const { events } = await client.explain('a')
    expect(events.map(({ to }) => to)).toEqual([
      'Pending.Queued',
      'Scheduled.Starting',
      'Scheduled.Pulling',
      'Running.Up',
      'Completed',
    ])
    expect(new Set(events.slice(2).map(({ revision }) => revision)).size).toBe(1)
    expect(worker.all('StatusAck')[0]?.attempts).toEqual([{ taskId: 'a', attempt: 1, seq: 1, ended: true }])
    expect(worker.wishes).toEqual([])
  })

  test('that are repeated, older, foreign or of nothing are acknowledged and change nothing', async () => {
    const [worker, other] = [await rig.worker(), await rig.worker({ nodeId: 'n2' })]
    await client.submit('a', spec({ constraints: ['node=name-n1'] }))
    await rig.settle()
    worker.started('a.1')
    await rig.settle()
    const { revision } = await client.query({ ids: ['a'] })
    const status = { taskId: 'a', attempt: 1, seq: 1, startedAtMs: 5, reserved: { cpus: 1, memoryBytes: 1 } }
    worker.send({ type: 'Status', attempts: [status, { ...status, seq: 0, pullingAtMs: 1 }] })
    other.send({ type: 'Status', attempts: [{ ...status, seq: 9, end: { kind: 'exited', exitCode: 9 } }] })
    worker.send({ type: 'Status', attempts: [{ ...status, taskId: 'ghost', end: { kind: 'exited', exitCode: 0 } }] })
    worker.send({ type: 'Status', attempts: [{ ...status, attempt: 2, seq: 4 }] })
    await rig.settle()
    expect(worker.acknowledged).toEqual(['a.1:1', 'a.1:1', 'a.1:0', 'ghost.1:1', 'a.2:4'])
    expect(other.acknowledged).toEqual(['a.1:9'])
    expect(await client.query({ ids: ['a'] })).toMatchObject({ revision, items: [{ state: 'Running', revision }] })
  })

  test('in a Hello count like any other', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    await rig.cut('worker-n1')
    worker.exited('a.1', 5)
    await rig.join(worker)
    expect(worker.received.map(({ type }) => type)).toEqual(['Welcome', 'Desired', 'StatusAck', 'Desired'])
    expect(worker.wishes).toEqual([])
    expect((await client.query({ ids: ['a'] })).items).toMatchObject([{ state: 'Failed', exitCode: 5 }])
  })

  test('change drivers at once: a task for one that came back is placed', async () => {
    const worker = await rig.worker({ node: { drivers: { process: 'unavailable' } } })
    await client.submit('a', spec())
    expect((await client.explain('a')).decision?.why).toBe('1 node with driver process unavailable')
    worker.send({ type: 'DriversChanged', drivers: { process: 'complete' } })
    await rig.settle()
    expect(worker.wishes).toEqual(['a.1 run'])
  })
})

describe('a Hello is refused', () => {
  async function refusalOf(worker: ScriptedWorker, overrides: Parameters<ScriptedWorker['hello']>[0] = {}) {
    await rig.dial(worker)
    worker.hello(overrides)
    await rig.settle()
    expect(worker.closed?.code).toBe(closeCodes.refused)
    expect(worker.received).toHaveLength(1)
    return worker.all('Refused')[0]
  }

  test('from another cluster', async () => {
    const refusal = await refusalOf(new ScriptedWorker(), { clusterId: 'another' })
    expect(refusal).toMatchObject({ code: 'Conflict', retryable: false })
    expect(refusal?.message).toContain('this worker belongs to cluster another and this manager is of')
    expect((await client.nodes()).items).toEqual([])
  })

  test('that has seen a later epoch, or an attempt that its task has not come to', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    const later = await refusalOf(new ScriptedWorker({ nodeId: 'n2' }), { highestEpoch: 7 })
    expect(later).toMatchObject({ code: 'LostHistory', retryable: false })
    expect(later?.message).toContain('(epoch 7')
    const status = { taskId: 'a', attempt: 2, seq: 1, reserved: { cpus: 1, memoryBytes: 1 } }
    const ahead = await refusalOf(new ScriptedWorker({ nodeId: 'n3' }), { attempts: [status] })
    expect(ahead).toMatchObject({ code: 'LostHistory' })
    expect(worker.closed).toBeUndefined()
  })

  test('for a name that another node has; one that is gone and holds nothing yields it', async () => {
    const first = await rig.worker({ nodeId: 'n1', name: 'box' })
    const refusal = await refusalOf(new ScriptedWorker({ nodeId: 'n2', name: 'box' }))
    expect(refusal).toMatchObject({ code: 'Conflict', retryable: false })
    expect(refusal?.message).toBe('the name box belongs to another node (n1); give this worker another one with --name')
    await client.submit('a', spec())
    await rig.settle()
    first.close()
    await rig.advance(12_000)
    expect(await nodeState('box')).toBe('Down')
    await refusalOf(new ScriptedWorker({ nodeId: 'n2', name: 'box' }))
    await rig.join(first)
    first.exited('a.1')
    await rig.settle()
    first.close()
    await rig.advance(12_000)
    const second = await rig.worker({ nodeId: 'n2', name: 'box' })
    expect(second.all('Welcome')).toHaveLength(1)
    expect((await client.nodes()).items).toMatchObject([{ id: 'n2', name: 'box', state: 'Ready' }])
    await rig.restart()
    client = await rig.client()
    expect((await client.nodes()).items).toMatchObject([{ id: 'n2', name: 'box', state: 'Unknown' }])
  })
})

describe('two incarnations of one node', () => {
  test('the old one answers, and the new one is refused for now', async () => {
    const worker = await rig.worker()
    const twin = new ScriptedWorker({ incarnation: 'other' })
    await rig.dial(twin)
    twin.hello()
    await rig.settle()
    expect(worker.all('Ping')).toHaveLength(1)
    expect(twin.received).toEqual([])
    worker.send({ type: 'Pong' })
    await rig.settle()
    expect(twin.all('Refused')).toMatchObject([{ code: 'Conflict', retryable: true }])
    expect(twin.all('Refused')[0]?.message).toMatch(/same data folder.*--data-dir/)
    expect(twin.closed?.code).toBe(closeCodes.refused)
    await rig.advance(5_000)
    expect(worker.closed).toBeUndefined()
    expect(await nodeState()).toBe('Ready')
  })

  test('the old one says nothing for 1 s, and the new one takes its place', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    await rig.settle()
    const twin = new ScriptedWorker({ incarnation: 'other' })
    await rig.dial(twin)
    twin.hello()
    await rig.clock.advance(999)
    expect(twin.received).toEqual([])
    await rig.clock.advance(1)
    expect(worker.closed).toMatchObject({ code: closeCodes.replaced })
    expect(twin.received.map(({ type }) => type)).toEqual(['Welcome', 'Desired'])
    expect(twin.wishes).toEqual(['a.1 run'])
    worker.exited('a.1')
    await rig.settle()
    expect(await stateOfTask(client, 'a')).toBe('Scheduled.Starting')
  })

  test('a second contender in the same second does not get two sessions in', async () => {
    await rig.worker()
    const twins = ['x', 'y'].map((incarnation) => new ScriptedWorker({ incarnation }))
    for (const twin of twins) {
      await rig.dial(twin)
      twin.hello()
      await rig.clock.advance(300)
    }
    await rig.clock.advance(1_000)
    expect(twins.filter((twin) => twin.open)).toHaveLength(1)
    expect(twins.filter((twin) => twin.all('Welcome').length > 0)).toHaveLength(1)
  })

  test('an old one that closes while it is asked leaves its place at once', async () => {
    const worker = await rig.worker()
    const [early, late] = [new ScriptedWorker({ incarnation: 'x' }), new ScriptedWorker({ incarnation: 'y' })]
    await rig.dial(early)
    early.hello()
    await rig.settle()
    worker.close()
    await rig.settle()
    expect(early.all('Welcome')).toHaveLength(1)
    await rig.dial(late)
    late.hello()
    await rig.settle()
    early.send({ type: 'Pong' })
    await rig.clock.advance(3_000)
    expect(late.all('Refused')).toHaveLength(1)
    expect(early.open).toBe(true)
    expect(await nodeState()).toBe('Ready')
  })

  test('the same incarnation that dials again takes its own place at once', async () => {
    const worker = await rig.worker()
    const again = new ScriptedWorker()
    await rig.dial(again)
    again.hello()
    await rig.settle()
    expect(worker.closed?.code).toBe(closeCodes.replaced)
    expect(again.all('Welcome')).toHaveLength(1)
    expect(await nodeState()).toBe('Ready')
  })
})

test('a frame of thousands of messages for one node costs nobody anything', async () => {
  const worker = await rig.worker()
  const states = [...Array(4_000).keys()].map((n) => (n % 2 === 0 ? 'unavailable' : 'complete'))
  worker.send(...states.map((process) => ({ type: 'DriversChanged', drivers: { process } }) as const))
  await rig.settle()
  worker.beat()
  await rig.settle()
  expect(worker.closed).toBeUndefined()
  expect(worker.all('HeartbeatAck')).toHaveLength(1)
  expect((await client.nodes()).items).toMatchObject([{ drivers: { process: 'complete' } }])
})
