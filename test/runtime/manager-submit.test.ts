import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { modelLimits, type TaskSpec } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(() => rig.crash())

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'fulfilled',
    (error: { code: string }) => error.code,
  )

describe('a submission', () => {
  test('sent again is harmless, whatever the order of its keys', async () => {
    const asked: TaskSpec = { driver: 'process', command: ['a', 'b'], env: { X: '1', Y: '2' }, labels: { l: 'v' } }
    const again: TaskSpec = { labels: { l: 'v' }, env: { Y: '2', X: '1' }, command: ['a', 'b'], driver: 'process' }
    const first = await client.submit('a', asked)
    expect(first).toMatchObject({ existing: false, task: { id: 'a', state: 'Pending', detail: 'Queued', attempt: 0 } })
    expect(await client.submit('a', again)).toMatchObject({ existing: true, task: { id: 'a', state: 'Pending' } })
    await rig.restart()
    client = await rig.client()
    expect(await client.submit('a', again)).toMatchObject({ existing: true })
    await client.stop('a')
    expect(await client.submit('a', again)).toMatchObject({ existing: true, task: { state: 'Completed' } })
    expect(await rig.disk.keys('task/')).toEqual(['task/a'])
  })

  test('with another specification is a Conflict, also once the task has ended', async () => {
    await client.submit('a', spec({ env: { X: '1' } }))
    for (const other of [spec({ env: { X: '2' } }), spec(), spec({ env: { X: '1', Y: '' } })]) {
      await expect(client.submit('a', other)).rejects.toMatchObject({ code: 'Conflict', retryable: false })
    }
    await client.stop('a')
    await expect(client.submit('a', spec())).rejects.toThrow(/another specification; choose another id/)
  })

  test('of one id by many at once makes one task, and tells the others so', async () => {
    const other = await rig.client()
    const sent = [client.submit('a', spec()), other.submit('a', spec()), client.submit('a', spec())]
    const different = codeOf(other.submit('a', spec({ command: ['false'] })))
    const replies = await Promise.all(sent)
    expect(replies.map(({ existing }) => existing).sort()).toEqual([false, true, true])
    expect(await different).toBe('Conflict')
  })

  const invalid: readonly [string, TaskSpec, RegExp][] = [
    ['a docker task without an image', { driver: 'docker' }, /needs an image/],
    ['a process task without a command', { driver: 'process' }, /needs a command/],
    ['a process task with an image', spec({ image: 'x' }), /takes no image/],
    ['a name of a variable with =', spec({ env: { 'A=B': '1' } }), /has no =/],
    ['a NUL', spec({ command: ['a\0b'] }), /NUL/],
    ["a label of Troupe's", spec({ labels: { 'troupe.task': 'x' } }), /Troupe's own/],
    ['restarts that never come', spec({ restart: { policy: 'never', max: 3 } }), /restart\.max means nothing/],
    [
      'a loss before the end of the old attempt',
      spec({ disconnect: { replace: true, lostAfterMs: 10_000 } }),
      /lostAfterMs \(10000\)/,
    ],
  ]

  test.each(invalid)('of %s is Invalid, with what to do', async (_, wrong, says) => {
    const refusal = client.submit('a', wrong)
    await expect(refusal).rejects.toMatchObject({ code: 'Invalid' })
    await expect(refusal).rejects.toThrow(says)
    expect(await rig.disk.keys('task/')).toEqual([])
    expect(await client.submit('a', spec())).toMatchObject({ existing: false })
  })

  test('that weighs too much is Invalid, and one just below the limit is taken', async () => {
    const filled = (chars: number) =>
      spec({ env: Object.fromEntries([...Array(4).keys()].map((n) => [`V${n}`, 'x'.repeat(chars)])) })
    const quarter = modelLimits.specBytesMax / 4
    const refusal = client.submit('a', filled(quarter))
    await expect(refusal).rejects.toMatchObject({ code: 'Invalid' })
    await expect(refusal).rejects.toThrow(new RegExp(`may have ${modelLimits.specBytesMax}`))
    expect(await client.submit('a', filled(quarter - 100))).toMatchObject({ existing: false })
  })

  test('has its secrets go to its worker as variables, which one that knows of no secrets takes, and to its next run', async () => {
    const worker = await rig.worker()
    const asked = spec({ env: { COLOUR: 'red' }, secretEnv: { KEY: 'hunter2' } })
    await client.submit('a', asked)
    await client.submit('a', asked)
    await expect(client.submit('a', spec({ ...asked, secretEnv: { KEY: 'other' } }))).rejects.toThrow(
      /choose another id/,
    )
    await rig.settle()
    const both = { COLOUR: 'red', KEY: 'hunter2' }
    const given = (taskId: string) => worker.desired.get(`${taskId}.1`)?.spec
    expect(given('a')).toMatchObject({ env: both })
    expect(given('a')).not.toHaveProperty('secretEnv')
    await client.stop('a')
    worker.exited('a.1', 143)
    await rig.settle()
    await client.rerun('a', 'again')
    await rig.settle()
    expect(given('again')).toMatchObject({ env: both })
  })

  test('that runs a final task again is a new task which names it', async () => {
    const asked = spec({ env: { SECRET: 'x' } })
    await client.submit('first', asked)
    await expect(client.rerun('first', 'second')).rejects.toMatchObject({ code: 'Conflict' })
    await client.stop('first')
    expect(await client.rerun('first', 'second')).toMatchObject({ existing: false, task: { rerunOf: 'first' } })
    expect(await client.rerun('first', 'second')).toMatchObject({ existing: true })
    await expect(client.rerun('fir', 'third')).rejects.toMatchObject({ code: 'NotFound' })
    await expect(client.rerun('none', 'third')).rejects.toMatchObject({ code: 'NotFound' })
  })
})

describe('before the flush', () => {
  test('nobody hears of a submission, and then all do, in order', async () => {
    const worker = await rig.worker()
    await client.submit('b', spec({ constraints: ['zone=none'] }))
    const heard: string[] = []
    client.subscribe({ topic: 'events', taskId: 'b', from: 'snapshot' }, { onDelta: () => heard.push('delta') })
    await rig.settle()
    worker.received = []
    rig.disk.writes.hold()
    const submitted = client.submit('a', spec()).then((reply) => heard.push(reply.type))
    const stopped = client.stop('b').then((reply) => heard.push(reply.type))
    const queried = client.query({ ids: ['a'] }).then(({ items }) => heard.push(`tasks ${items.length}`))
    await rig.settle()
    worker.report('ghost.1', { startedAtMs: 1 })
    await rig.settle()
    expect(heard).toEqual([])
    expect(worker.received).toEqual([])
    rig.disk.writes.release()
    await Promise.all([submitted, stopped, queried])
    await rig.settle()
    expect([...heard].sort()).toEqual(['StopAccepted', 'Submitted', 'delta', 'tasks 1'])
    expect(heard.indexOf('delta')).toBeLessThan(heard.indexOf('StopAccepted'))
    expect(worker.wishes).toEqual(['a.1 run'])
    expect(worker.acknowledged).toEqual(['ghost.1:1'])
  })

  test('a status is not acknowledged, and what it led to is not told', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec())
    const states: string[] = []
    client.subscribe(
      { topic: 'events', taskId: 'a', from: 'now' },
      { onDelta: ({ events = [] }) => states.push(...events.map(({ to }) => to)) },
    )
    await rig.settle()
    rig.disk.writes.hold()
    worker.exited('a.1')
    await rig.settle()
    expect(worker.acknowledged).toEqual([])
    expect(worker.wishes).toEqual(['a.1 run'])
    expect(states).toEqual([])
    rig.disk.writes.release()
    await rig.settle()
    expect(worker.acknowledged).toEqual(['a.1:1'])
    expect(worker.wishes).toEqual([])
    expect(states).toEqual(['Running.Up', 'Completed'])
  })

  test('a worker is not welcomed', async () => {
    rig.disk.writes.hold()
    const worker = await rig.worker()
    expect(worker.received).toEqual([])
    rig.disk.writes.release()
    await rig.settle()
    expect(worker.received.map(({ type }) => type)).toEqual(['Welcome', 'Desired'])
  })

  test('a crash takes back what nobody has heard of, and nothing else', async () => {
    await client.submit('kept', spec())
    rig.disk.writes.hold()
    const lost = codeOf(client.submit('lost', spec()))
    await rig.settle()
    await rig.restart()
    expect(await lost).toBe('OutcomeUnknown')
    client = await rig.client()
    expect(await stateOfTask(client, 'kept')).toBe('Pending.Queued')
    await expect(client.query({ ids: ['lost'] })).rejects.toMatchObject({ code: 'NotFound' })
    expect(await client.submit('lost', spec())).toMatchObject({ existing: false })
  })
})

describe('a flush that fails', () => {
  test('tells those who wait, once its owner, and lets no news out', async () => {
    const worker = await rig.worker()
    const other = await rig.client()
    await client.submit('b', spec({ constraints: ['zone=none'] }))
    const deltas: unknown[] = []
    other.subscribe({ topic: 'tasks', taskId: 'b', from: 'now' }, { onDelta: (delta) => deltas.push(delta) })
    await rig.settle()
    worker.received = []
    rig.disk.writes.hold()
    const submitted = codeOf(client.submit('a', spec()))
    const stopped = codeOf(client.stop('b'))
    const twin = codeOf(other.submit('a', spec()))
    await rig.settle()
    worker.report('ghost.1', { startedAtMs: 1 })
    await rig.settle()
    rig.disk.fault = new Error('the disk is on fire')
    rig.disk.writes.release()
    await rig.settle()
    expect(await submitted).toBe('StorageFailed')
    expect(await stopped).toBe('StorageFailed')
    expect(['StorageFailed', 'OutcomeUnknown']).toContain(await twin)
    expect(rig.failures.map(({ message }) => message)).toEqual(['the disk is on fire'])
    await rig.clock.advance(60_000)
    expect(rig.failures).toHaveLength(1)
    expect(deltas).toEqual([])
    expect(worker.received).toEqual([])
    expect((await client.closed).code).toBe(1001)
    expect(worker.closed?.code).toBe(1001)
  })

  test('leaves what was durable before to the manager that comes next', async () => {
    await client.submit('a', spec())
    rig.disk.fault = new Error('full')
    expect(await codeOf(client.stop('a'))).toBe('StorageFailed')
    rig.disk.fault = undefined
    await rig.restart()
    client = await rig.client()
    expect(await stateOfTask(client, 'a')).toBe('Pending.Queued')
    expect(client.welcome.epoch).toBe(2)
  })
})
