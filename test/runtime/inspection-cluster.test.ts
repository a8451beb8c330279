/** Live inspection where things go wrong: slow readers, workers of before, workers that come back, or that say too much. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ClientReplies } from '../../actors/protocol/client.ts'
import { type ActorStep, type ActorView, inspectionLimits } from '../../actors/protocol/inspection.ts'
import type { Client } from '../../runtime/client/client.ts'
import { WorkerViews } from '../../runtime/manager/stream/worker-views.ts'
import type { WorkerSession } from '../../runtime/manager/worker-session.ts'
import { Rig, spec, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})
afterEach(() => rig.crash())

interface Heard {
  readonly snapshots: ClientReplies['Snapshot'][]
  readonly steps: ActorStep[]
  missed: number
  error: string | undefined
  close(): Promise<void>
}

async function follow(filter: { ids?: string[]; nodes?: string[] } = {}): Promise<Heard> {
  const heard: Heard = { snapshots: [], steps: [], missed: 0, error: undefined, close: () => stream.close() }
  const stream = client.subscribe(
    { topic: 'actors', from: 'snapshot', filter },
    {
      onSnapshot: (snapshot) => heard.snapshots.push(snapshot),
      onSteps: ({ steps, missed = 0 }) => {
        heard.steps.push(...steps)
        heard.missed += missed
      },
      onEnd: ({ code }) => {
        heard.error = code
      },
    },
  )
  await rig.settle()
  return heard
}

const idsIn = (heard: Heard) => heard.snapshots.at(-1)?.actors?.map(({ id }) => id)
const view = (id: string, machine: 'worker' | 'session' | 'attempt', nodeId: string, more = {}): ActorView => ({
  ...{ id, machine, nodeId, value: 'Serving', status: 'active', context: {} },
  ...more,
})
const seqOf = (worker: ScriptedWorker) => worker.all('Inspect').at(-1)?.seq as number

test('a worker of before shows nothing of itself, and the others are not waited for longer than is said', async () => {
  const old = await rig.worker({ nodeId: 'n1' })
  const heard = await follow()
  expect(old.all('Inspect')).toMatchObject([{ hosts: true, taskIds: [] }])
  expect(heard.snapshots).toEqual([])
  await rig.advance(1_000)
  expect(idsIn(heard)).toEqual(['manager', 'node:n1'])
  // It had its time, and is not waited for again.
  await client.submit('a', spec())
  const another = await follow({ ids: ['a'] })
  expect(idsIn(another)).toEqual(['task:a'])
  expect(old.all('Inspect').at(-1)).toMatchObject({ hosts: true, taskIds: ['a'] })
})

test('a worker is asked while somebody follows, for all that they follow together, and again when it comes back', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  await client.submit('a', spec())
  const one = await follow()
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [view('worker:n1', 'worker', 'n1')] })
  await rig.settle()
  expect(idsIn(one)).toEqual(['manager', 'node:n1', 'worker:n1'])
  const other = await follow({ ids: ['a'] })
  expect(worker.all('Inspect').map(({ hosts, taskIds }) => [hosts, taskIds])).toEqual([
    [true, []],
    [true, ['a']],
  ])
  const attempt = view('attempt:a/1', 'attempt', 'n1', { taskId: 'a', attempt: 1, value: 'Running' })
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [view('worker:n1', 'worker', 'n1'), attempt] })
  await rig.settle()
  expect(idsIn(other)).toEqual(['task:a', 'attempt:a/1'])
  expect(one.steps).toEqual([])
  await rig.cut('worker-n1')
  expect(other.steps).toMatchObject([{ id: 'attempt:a/1', event: { type: 'Gone' }, from: 'Running', to: '' }])
  expect(one.steps.map(({ id, to }) => [id, to])).toContainEqual(['worker:n1', ''])
  await rig.join(worker)
  expect(worker.all('Inspect')).toMatchObject([{ hosts: true, taskIds: ['a'] }])
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [attempt], more: true })
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [view('worker:n1', 'worker', 'n1')] })
  await rig.settle()
  expect(other.steps.at(-1)).toMatchObject({ id: 'attempt:a/1', event: { type: 'Seen' }, from: '', to: 'Running' })
  await one.close()
  await other.close()
  await rig.settle()
  expect(worker.all('Inspect').map(({ hosts, taskIds }) => [hosts, taskIds.length])).toEqual([
    [true, 1],
    [false, 1],
    [false, 0],
  ])
  // What comes late is nobody's.
  worker.send({ type: 'Inspected', seq: 1, actors: [attempt] })
  await rig.settle()
  expect(worker.closed).toBeUndefined()
})

test('what a worker did while it was asked anew is told by its answer, also if only a context has changed', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  await client.submit('a', spec())
  const heard = await follow()
  const host = (seen: number) => view('worker:n1', 'worker', 'n1', { context: { seen } })
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [host(1)] })
  await rig.settle()
  const before = seqOf(worker)
  await follow({ ids: ['a'] })
  const step = { ...host(2), atMs: 1, event: { type: 'Noted' }, from: 'Serving', to: 'Serving' }
  worker.send({ type: 'Inspected', seq: before, steps: [step as unknown as ActorStep] })
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [host(2)] })
  await rig.settle()
  expect(heard.steps).toMatchObject([{ id: 'worker:n1', event: { type: 'Seen' }, context: { seen: 2 } }])
  worker.send({ type: 'Inspected', seq: seqOf(worker), actors: [host(2)] })
  await rig.settle()
  expect(heard.steps).toHaveLength(1)
})

test('an answer without end is not held without end', () => {
  const { inspectedActorsMax } = inspectionLimits
  let seq = 0
  let told = 0
  const session = { nodeId: 'n1', name: 'n1', inspect: (asked: { seq: number }) => (seq = asked.seq) }
  const views = new WorkerViews({
    clock: rig.clock,
    sessions: () => [session as unknown as WorkerSession],
    askOf: () => ({ hosts: false, taskIds: ['a'] }),
    tell: () => (told += 1),
    miss: () => {},
  })
  views.ask()
  const take = (actors: ActorView[], more: boolean) =>
    views.take(session as unknown as WorkerSession, { type: 'Inspected', seq, actors, more })
  for (let attempt = 1; attempt <= 2 * inspectedActorsMax; attempt += 1) {
    take([view(`attempt:a/${attempt}`, 'attempt', 'n1', { taskId: 'a', attempt })], true)
  }
  take([], false)
  expect(told).toBe(inspectedActorsMax)
  expect([...views.all()]).toHaveLength(inspectedActorsMax)
})

test('a worker speaks for its own machines only, and what it left out is counted', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  const heard = await follow()
  const seq = seqOf(worker)
  const actors = [
    view('worker:n1', 'worker', 'n1'),
    view('worker:n2', 'worker', 'n1'),
    view('manager', 'session', 'n1'),
  ]
  worker.send({ type: 'Inspected', seq, actors })
  await rig.settle()
  expect(idsIn(heard)).toEqual(['manager', 'node:n1', 'worker:n1'])
  const step = (id: string): ActorStep => ({
    ...{ id, machine: 'worker', nodeId: 'n1', atMs: 1, event: { type: 'Stop' }, from: 'Serving', to: 'Stopping' },
    status: 'active',
  })
  worker.send({ type: 'Inspected', seq, steps: [step('node:n1'), step('worker:n1')], missed: 7 })
  await rig.settle()
  expect(heard.steps.map(({ id }) => id)).toEqual(['worker:n1'])
  expect(heard.missed).toBe(7)
})

test('a node that is forgotten is gone', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  worker.close()
  await rig.advance(11_000)
  const heard = await follow()
  await client.removeNode('n1')
  await rig.settle()
  const from = 'Liveness.Down+Admission.Open'
  expect(heard.steps).toMatchObject([{ id: 'node:n1', event: { type: 'Gone' }, from, to: '' }])
})

test('more subscriptions than are allowed are refused', async () => {
  const heard = await Promise.all(Array.from({ length: 5 }, () => follow()))
  expect(heard.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined, 'Overloaded'])
  await heard[0]?.close()
  expect((await follow()).error).toBeUndefined()
})

/** Labels that make a node's context as large as it gets. */
const labels = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`label-${at}`, 'x'.repeat(200)]))

/** How many steps somebody has heard of, told or left out. */
const toldTo = (messages: ClientReplies['Steps'][]) =>
  messages.reduce((sum, { steps, missed = 0 }) => sum + steps.length + missed, 0)

/** A connection that has subscribed to actors and reads no more. */
async function stalled() {
  const end = await rig.raw()
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  end.connection.send({ m: [{ type: 'Subscribe', req: 1, topic: 'actors', from: 'snapshot' }] })
  await rig.settle()
  await rig.advance(1_000)
  end.connection.pause()
  const all = <T extends 'Steps' | 'Snapshot'>(type: T) =>
    end.received.filter((message) => message.type === type) as unknown as ClientReplies[T][]
  return { ...end, all }
}

test('who reads slowly misses steps and is told how many, and of each actor the newest comes', async () => {
  await rig.worker({ nodeId: 'n1', node: { labels } })
  await rig.worker({ nodeId: 'n2' })
  const { connection, all } = await stalled()
  const server = rig.accepted.at(-1)
  await client.drainNode('n2')
  const turns = 150
  for (let at = 0; at < turns; at += 1) {
    await client.drainNode('n1')
    await client.undrainNode('n1')
  }
  expect(server?.bufferedBytes).toBeLessThan(2 * 1_024 * 1_024)
  connection.resume()
  await vi.waitFor(() => expect(toldTo(all('Steps'))).toBe(2 * turns + 1), { timeout: 20_000 })
  const steps = all('Steps').flatMap((message) => message.steps)
  // Some were on their way, and few more were held.
  expect(steps.length).toBeLessThan(2 * turns)
  const last = (id: string) => steps.filter((step) => step.id === id).at(-1)
  expect(last('node:n1')).toMatchObject({
    to: 'Liveness.Ready+Admission.Open',
    cut: true,
    context: { version: 2 * turns + 2 },
  })
  expect(last('node:n2')).toMatchObject({ to: 'Liveness.Ready+Admission.Draining' })
  expect(all('Snapshot')).toHaveLength(1)
})

test('who would have to be held too much even so begins anew', async () => {
  for (let at = 0; at < 100; at += 1) await rig.worker({ nodeId: `n${at}`, node: { labels } })
  const { connection, received, all } = await stalled()
  const before = all('Snapshot').length
  for (let turn = 0; turn < 3; turn += 1) {
    for (let at = 0; at < 100; at += 1) await client[turn === 1 ? 'undrainNode' : 'drainNode'](`n${at}`)
  }
  connection.resume()
  await vi.waitFor(() => expect(toldTo(all('Steps'))).toBe(300), { timeout: 20_000 })
  await rig.settle()
  expect(all('Snapshot').length).toBeGreaterThan(before)
  // In the order in which it was read: the last word on each is where it stands.
  const newest = new Map<string, string>()
  for (const message of received as unknown as (ClientReplies['Snapshot'] | ClientReplies['Steps'])[]) {
    if (message.type === 'Snapshot') for (const { id, value } of message.actors ?? []) newest.set(id, value)
    if (message.type === 'Steps') for (const { id, to } of message.steps) newest.set(id, to)
  }
  expect([...newest.values()].filter((value) => value === 'Liveness.Ready+Admission.Draining')).toHaveLength(100)
})
