import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
let worker: ScriptedWorker

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  worker = await rig.worker()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  expect(rig.logged.filter((line) => line.includes('defect'))).toEqual([])
  await rig.crash()
})

const state = (taskId: string) => stateOfTask(client, taskId)

test('a stop of a task whose node is away is kept, and told when it returns', async () => {
  await client.submit('a', spec())
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  await rig.cut('worker-n1')
  await rig.advance(12_000)
  expect(await client.stop('a', { graceMs: 1 })).toMatchObject({ alreadyFinal: false })
  expect(await state('a')).toBe('Running.Unreachable')
  await rig.join(worker)
  expect(worker.desired.get('a.1')).toMatchObject({ action: 'stop', graceMs: 1 })
  expect(await state('a')).toBe('Running.Stopping')
})

test('a stopped task whose node stays away ends as stopped, and is not replaced', async () => {
  const disconnect = { lostAfterMs: 20_000, stopAfterMs: 1_000, replace: true }
  await client.submit('a', spec({ disconnect, stopGraceMs: 1_000, restart: { policy: 'always' } }))
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  await rig.cut('worker-n1')
  await rig.advance(12_000)
  await client.stop('a')
  await rig.worker({ nodeId: 'n2' })
  await rig.advance(25_000)
  expect((await client.query({ ids: ['a'] })).items).toMatchObject([
    { state: 'Completed', outcome: 'stopped', attempt: 1 },
  ])
})

test('a node that goes twice in one loss begins the wait anew each time', async () => {
  await client.submit('a', spec({ disconnect: { lostAfterMs: 20_000 } }))
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  for (let round = 0; round < 3; round += 1) {
    await rig.cut('worker-n1')
    await rig.advance(28_000)
    expect(await state('a')).toBe('Running.Unreachable')
    await rig.join(worker)
    expect(await state('a')).toBe('Running')
  }
  await rig.advance(60_000)
  expect(await state('a')).toBe('Running')
})

test('a status that comes twice, before and after a restart, steps the task once', async () => {
  await client.submit('a', spec({ restart: { policy: 'on-failure' } }))
  await rig.settle()
  rig.disk.writes.hold()
  worker.exited('a.1', 1)
  await rig.settle()
  await rig.restart()
  client = await rig.client()
  expect(await state('a')).toBe('Scheduled.Starting')
  await rig.join(worker)
  expect(worker.acknowledged).toEqual(['a.1:1'])
  await rig.cut('worker-n1')
  await rig.join(worker)
  expect(worker.acknowledged).toEqual(['a.1:1'])
  expect((await client.query({ ids: ['a'] })).items).toMatchObject([{ restarts: 1, attempt: 1 }])
})

test('a node that comes back smaller keeps what it has, and takes nothing new until there is room', async () => {
  await client.submit('a', spec({ cpus: 3 }))
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  const smaller = await rig.worker({ node: { resources: { cpus: 1, memoryBytes: 2 ** 31 } } })
  await client.submit('b', spec({ cpus: 1 }))
  await rig.settle()
  expect(smaller.wishes).toEqual(['a.1 run'])
  expect((await client.explain('b')).decision?.refusals[0]?.why).toMatch(/0 cpus of 1 cpu free/)
  smaller.exited('a.1')
  await rig.settle()
  expect(smaller.wishes).toEqual(['b.1 run'])
})

test('both subprotocols carry the same answers', async () => {
  await client.submit('a', spec({ env: { X: 'é' } }))
  const answers: unknown[] = []
  for (const protocol of ['troupe.v1.json', 'troupe.v1.msgpack']) {
    const end = await rig.raw([protocol])
    const hello = { type: 'ClientHello', version: '1', token }
    end.connection.send({ m: [hello, { type: 'ExplainTask', req: 1, taskId: 'a' }, { type: 'QueryTasks', req: 2 }] })
    await rig.settle()
    answers.push(end.received)
  }
  expect(answers[0]).toEqual(answers[1])
  expect(answers[0]).toHaveLength(3)
})
