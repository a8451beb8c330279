/** What the manager says of a task that is only planned: what would happen, and nothing happens. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import type { ClientReply } from '../../actors/protocol/client.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, viewToken } from './manager-rig.ts'

const known = ['round-robin', 'epvm', 'binpack', 'spread']

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

describe('a plan', () => {
  test('names the node that submitting then picks, with the scores of every scheduler, and stores nothing', async () => {
    await rig.worker({ nodeId: 'n1', cpus: 4 })
    await rig.worker({ nodeId: 'n2', cpus: 2 })
    const { batches } = rig.disk
    const plan = await client.plan('a', spec({ cpus: 3 }))
    expect(rig.disk.batches).toBe(batches)
    expect(plan).toMatchObject({ node: 'name-n1', nodeId: 'n1', why: null, ahead: 0 })
    expect(plan.task).toBeUndefined()
    expect(plan.decisions.map(({ scheduler }) => scheduler)).toEqual(expect.arrayContaining(known))
    expect(plan.decisions[0]?.scheduler).toBe('round-robin')
    for (const { picked, scores, refusals } of plan.decisions) {
      expect([picked, scores.map(({ nodeId }) => nodeId)]).toEqual(['n1', ['n1']])
      expect(refusals).toEqual([{ nodeId: 'n2', name: 'name-n2', why: 'offers 2 cpus, less than the 3 cpus asked' }])
    }
    // No turn was taken by asking: it is asked again, and then done.
    expect(await client.plan('a', spec({ cpus: 3 }))).toMatchObject({ nodeId: 'n1' })
    const { task } = await client.submit('a', spec({ cpus: 3 }))
    expect(task.nodeId).toBe('n1')
  })

  test('takes no turn of the cluster: round-robin goes on as if nobody had asked', async () => {
    for (const nodeId of ['n1', 'n2']) await rig.worker({ nodeId })
    for (const id of ['a', 'b', 'c', 'd']) {
      const planned = await client.plan(undefined, spec())
      expect(await client.plan(undefined, spec())).toMatchObject({ nodeId: planned.nodeId })
      const { task } = await client.submit(id, spec())
      expect(task.nodeId).toBe(planned.nodeId)
    }
  })

  test('says why it would wait, and behind how many that ask for the same', async () => {
    await rig.worker({ nodeId: 'n1', cpus: 2 })
    await client.submit('first', spec({ cpus: 2 }))
    for (const id of ['b', 'c']) await client.submit(id, spec({ cpus: 1 }))
    await client.submit('other', spec({ cpus: 0.5 }))
    const plan = await client.plan(undefined, spec({ cpus: 1, name: 'another' }))
    expect(plan).toMatchObject({ node: null, nodeId: null, why: '1 node lacks 1 cpu', ahead: 2 })
    expect(plan.decisions).toHaveLength(known.length)
    for (const { picked, why } of plan.decisions) expect([picked, why]).toEqual([undefined, '1 node lacks 1 cpu'])
    expect((await client.query({ scope: 'all' })).items).toHaveLength(4)
  })

  test('reckons with the ports that are held', async () => {
    const range = { from: 20_000, to: 20_010 }
    await rig.worker({ nodeId: 'n1', node: { ports: range } })
    const web = spec({ ports: [{ target: 80, host: 8_080 }] })
    expect(await client.plan(undefined, web)).toMatchObject({ nodeId: 'n1' })
    // Nothing is held by having planned it.
    expect(await client.plan(undefined, web)).toMatchObject({ nodeId: 'n1' })
    await client.submit('web', web)
    expect(await client.plan(undefined, web)).toMatchObject({ nodeId: null, why: expect.stringContaining('8080') })
    expect(await client.plan(undefined, spec({ ports: [{ target: 80 }] }))).toMatchObject({ nodeId: 'n1' })
  })

  test('is said without any node, too', async () => {
    expect(await client.plan(undefined, spec())).toMatchObject({ node: null, why: 'no node has registered', ahead: 0 })
  })

  const large = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`V${at}`, 'x'.repeat(100_000)]))
  test.each<[string, TaskSpec, RegExp]>([
    ['a contradiction', { driver: 'docker', command: ['x'] }, /needs an image/],
    ['more than a task may be', spec({ env: large }), /may have 524288/],
  ])('is refused as submitting is: %s', async (_, wrong, message) => {
    const refusal = { code: 'Invalid', message: expect.stringMatching(message) }
    await expect(client.submit('a', wrong)).rejects.toMatchObject(refusal)
    await expect(client.plan('a', wrong)).rejects.toMatchObject(refusal)
    await expect(client.plan(undefined, wrong)).rejects.toMatchObject(refusal)
  })

  test('knows the task of its id, live or final, and the conflict with another specification', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec({ labels: { of: 'x', to: 'y' } }))
    const same = spec({ labels: { to: 'y', of: 'x' } })
    expect(await client.plan('a', same)).toMatchObject({ task: { id: 'a', state: 'Scheduled' }, decisions: [] })
    await expect(client.plan('a', spec())).rejects.toMatchObject({ code: 'Conflict' })
    worker.exited('a.1')
    await rig.settle()
    expect(await client.plan('a', same)).toMatchObject({ task: { id: 'a', state: 'Completed' } })
    await expect(client.plan('a', spec())).rejects.toMatchObject({ code: 'Conflict' })
    expect(await client.plan(undefined, spec())).toMatchObject({ node: 'name-n1' })
  })

  test('tells who may only look nothing of the values that are hidden from them', async () => {
    await rig.worker()
    const of = (value: string) => spec({ env: { COLOUR: value } })
    await client.submit('a', of('red'))
    const ask = async (asked: TaskSpec) => {
      const end = await rig.raw()
      const request = { type: 'PlanTask', req: 1, taskId: 'a', spec: asked }
      end.connection.send({ m: [{ type: 'ClientHello', version: '1', token: viewToken }, request] })
      await rig.settle()
      return end.received.find(({ req }) => req === 1) as ClientReply | undefined
    }
    const right = await ask(of('red'))
    expect(right).toMatchObject({ type: 'Planned', task: { id: 'a' } })
    expect(await ask(of('blue'))).toEqual(right)
    expect(await ask(spec({ env: { SHAPE: 'red' } }))).toMatchObject({ type: 'Error', code: 'Conflict' })
  })
})

describe('an explanation', () => {
  test('has what every scheduler would decide now: of one that waits with its aim, of others as for one like it', async () => {
    const worker = await rig.worker({ nodeId: 'n1', cpus: 2 })
    await client.submit('a', spec({ cpus: 2 }))
    await client.submit('b', spec({ cpus: 1 }))
    const waits = await client.explain('b')
    expect(waits.schedulers?.map(({ scheduler }) => scheduler)).toEqual(expect.arrayContaining(known))
    expect(waits.schedulers?.[0]).toMatchObject({ scheduler: 'round-robin', why: '1 node lacks 1 cpu' })
    // What it holds itself is taken.
    const placed = await client.explain('a')
    expect(placed.decision).toMatchObject({ picked: 'n1' })
    expect(placed.schedulers?.[0]).toMatchObject({ why: '1 node lacks 2 cpus' })
    worker.exited('a.1')
    await rig.settle()
    const { schedulers } = await client.explain('a')
    for (const { why } of schedulers ?? []) expect(why).toBe('1 node lacks 2 cpus')
    await client.stop('b', { graceMs: 0 })
    worker.exited('b.1')
    await rig.settle()
    for (const { picked } of (await client.explain('a')).schedulers ?? []) expect(picked).toBe('n1')
  })
})
