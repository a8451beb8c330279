/** Readers that are slow or read nothing: what they are told once they read, and what they cost until then. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clientLimits } from '../../actors/protocol/client.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'
import { StreamReader } from './stream-reader.ts'

// Much goes through one process here, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000 })

let rig: Rig
let client: Client
let worker: ScriptedWorker

beforeEach(() => {
  rig = new Rig()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function start(): Promise<void> {
  await rig.open()
  client = await rig.client()
  worker = await rig.worker({ cpus: 1_000, memoryBytes: 2 ** 40 })
}

/** Large enough that few of them fill a connection. */
const labels = Object.fromEntries([...Array(60).keys()].map((at) => [`label-${at}`, 'x'.repeat(250)]))
const large = spec({ labels, health: { kind: 'command', command: ['true'] } })

const ids = [...Array(40).keys()].map((at) => `t-${10 + at}`)

async function submitAll(): Promise<void> {
  for (const id of ids) await client.submit(id, large)
  await rig.settle()
}

/** Each task changes: its newest attempt is reported to be in another state. */
async function changeAll(round: number): Promise<void> {
  for (const id of ids) worker.report(`${id}.1`, { pullingAtMs: 1, health: health(round) })
  await rig.settle()
}

const health = (seq: number) =>
  ({ seq, state: seq % 2 === 0 ? 'healthy' : 'unhealthy', atMs: seq, failures: 0 }) as const

async function finishAll(): Promise<void> {
  for (const id of ids) await client.stop(id, { graceMs: 0 })
  for (const id of ids) {
    worker.report(`${id}.1`, { stoppingAtMs: 1, startedAtMs: 1, endedAtMs: 2, end: { kind: 'exited', exitCode: 137 } })
  }
  await rig.settle()
}

const roundsToFill = 8

test('who does not read is owed a bounded number of bytes, and then the newest of each task and every end, once', async () => {
  await start()
  await submitAll()
  for (const id of ids) worker.started(`${id}.1`)
  const filter = { ids }
  const lazy = await StreamReader.open(rig, { topic: 'tasks', from: 'now', filter })
  const everyone = await StreamReader.open(rig, { topic: 'tasks', from: 'now' })
  const brisk = await StreamReader.open(rig, { topic: 'tasks', from: 'now' })
  for (const reader of [lazy, everyone]) reader.end.connection.pause()
  let heldMost = 0
  for (let round = 1; round <= roundsToFill; round += 1) {
    await changeAll(round)
    heldMost = Math.max(heldMost, lazy.theirs.bufferedBytes, everyone.theirs.bufferedBytes)
  }
  await finishAll()
  heldMost = Math.max(heldMost, lazy.theirs.bufferedBytes, everyone.theirs.bufferedBytes)
  // The reader that kept up was told far more than the others were owed.
  expect(JSON.stringify(brisk.told).length).toBeGreaterThan(2 * clientLimits.streamHeldBytesMax)
  expect(heldMost).toBeGreaterThan(clientLimits.streamHeldBytesMax / 4)
  expect(heldMost).toBeLessThanOrEqual(clientLimits.streamHeldBytesMax)
  for (const reader of [lazy, everyone]) reader.end.connection.resume()
  await rig.settle()
  for (const reader of [lazy, everyone, brisk]) {
    reader.expectInOrder()
    expect(reader.finals).toEqual(ids)
  }
  expect(lazy.told.length).toBeLessThan(brisk.told.length)
  // It is live again.
  await client.submit('later', spec())
  await rig.settle()
  expect(everyone.words.at(-1)).toBe('later Scheduled.Starting')
})

test('transitions are left out for nobody: who reads late reads them all, from the memory or the log', async () => {
  rig.streamLimits = { recentCommitsMax: 64 }
  await start()
  await submitAll()
  for (const id of ids) worker.started(`${id}.1`)
  const lazy = await StreamReader.open(rig, { topic: 'events', from: 'now' })
  const brisk = await StreamReader.open(rig, { topic: 'events', from: 'now' })
  const filler = await fill(lazy)
  for (let round = 1; round <= roundsToFill; round += 1) await changeAll(round)
  await finishAll()
  expect(lazy.words.length).toBeLessThan(brisk.words.length)
  lazy.end.connection.resume()
  await rig.settle()
  expect(filler()).toBeGreaterThan(0)
  lazy.expectInOrder()
  const eventsOf = ({ told }: StreamReader) =>
    told.flatMap(({ events = [] }) => events.map(({ taskId, revision, to }) => `${revision} ${taskId} ${to}`))
  expect(eventsOf(lazy)).toEqual(eventsOf(brisk))
  expect(eventsOf(brisk).length).toBeGreaterThan(ids.length * roundsToFill)
})

/** Fills a connection that does not read with answers, so that its subscription stands still at once. */
async function fill(reader: StreamReader): Promise<() => number> {
  reader.end.connection.pause()
  reader.end.connection.send({ m: [...Array(3).keys()].map((at) => ({ type: 'QueryTasks', req: 100 + at })) })
  await rig.settle()
  expect(reader.theirs.bufferedBytes).toBeGreaterThan(1_024 * 1_024)
  return () => reader.end.received.filter(({ type }) => type === 'Tasks').length
}

test('who falls too far behind the transitions begins anew, and is told so', async () => {
  rig.streamLimits = { behindCommitsMax: 50, recentCommitsMax: 10, snapshotEventsMax: 5 }
  await start()
  await submitAll()
  for (const id of ids) worker.started(`${id}.1`)
  const lazy = await StreamReader.open(rig, { topic: 'events', from: 'now' })
  await fill(lazy)
  await changeAll(1)
  await changeAll(2)
  lazy.end.connection.resume()
  await rig.settle()
  expect(lazy.told.map(({ type }) => type)).toEqual(['Snapshot', 'Reset', 'Snapshot'])
  expect(lazy.told.at(-1)?.events).toHaveLength(5)
  await changeAll(3)
  expect(lazy.told.slice(3).map(({ type }) => type)).toEqual(ids.map(() => 'Delta'))
  lazy.expectInOrder()
})

test('who reads nothing at all is closed with a code that says so, and resumes', async () => {
  await start()
  await submitAll()
  for (const id of ids) worker.started(`${id}.1`)
  const lazy = await StreamReader.open(rig, { topic: 'tasks', from: 'snapshot' })
  const { position } = lazy
  await fill(lazy)
  await changeAll(1)
  await rig.advance(clientLimits.stalledMs - 10_000)
  expect(lazy.end.closed).toBeUndefined()
  await rig.advance(30_000)
  lazy.end.connection.resume()
  await rig.settle()
  expect(lazy.end.closed).toMatchObject({ code: 4005 })
  expect(lazy.end.closed?.reason).toMatch(/nothing was read for 30 s/)
  const again = await StreamReader.open(rig, { topic: 'tasks', from: position })
  expect(again.words).toHaveLength(ids.length + 1)
})

test('who reads little by little is not closed', async () => {
  await start()
  await submitAll()
  const slow = await StreamReader.open(rig, { topic: 'tasks', from: 'snapshot' })
  await fill(slow)
  for (const id of ids) worker.started(`${id}.1`)
  for (let round = 1; round <= 6; round += 1) {
    await rig.advance(10_000)
    slow.end.connection.resume()
    await rig.settle()
    slow.end.connection.pause()
    await changeAll(round)
  }
  expect(slow.end.closed).toBeUndefined()
})

test('while an end is on its way to the disk nobody is told of it', async () => {
  await start()
  await client.submit('a', spec())
  await rig.settle()
  const live = await StreamReader.open(rig, { topic: 'tasks', from: 'snapshot' })
  const { position } = live
  rig.disk.writes.hold()
  worker.exited('a.1')
  await rig.settle()
  const resumed = await StreamReader.open(rig, { topic: 'tasks', from: position })
  expect([live.finals, resumed.finals]).toEqual([[], []])
  rig.disk.writes.release()
  await rig.settle()
  expect([live.finals, resumed.finals]).toEqual([['a'], ['a']])
})

const many = [...Array(150).keys()].map((at) => `m-${100 + at}`)

async function submitMany(): Promise<void> {
  for (const id of many) await client.submit(id, large)
  await rig.settle()
}

test('what changes while a snapshot waits to be read comes behind it, once', async () => {
  await start()
  await submitMany()
  const reader = await StreamReader.open(rig, { topic: 'tasks', from: 'snapshot' }, { paused: true })
  expect(reader.theirs.bufferedBytes).toBeLessThanOrEqual(clientLimits.streamHeldBytesMax)
  const late = many.slice(-20)
  for (const id of late) worker.exited(`${id}.1`)
  for (const id of many.slice(0, 20)) worker.started(`${id}.1`)
  await rig.settle()
  reader.end.connection.resume()
  await rig.settle()
  expect(reader.told.filter(({ more }) => more).length).toBeGreaterThan(2)
  expect(reader.finals).toEqual(late)
  reader.expectInOrder()
  const ids = new Set(reader.told.flatMap(({ tasks = [], task }) => (task ? [task.id] : tasks.map(({ id }) => id))))
  expect([...ids].sort()).toEqual(many)
})

test('what changes again while the missed waits to be read is told once, as it is then', async () => {
  rig.streamLimits = { recentCommitsMax: 1 }
  await start()
  const { position } = await StreamReader.open(rig, { topic: 'tasks', from: 'now' })
  await submitMany()
  const reader = await StreamReader.open(rig, { topic: 'tasks', from: position }, { paused: true })
  const late = many.slice(-20)
  for (const id of late) worker.exited(`${id}.1`)
  await rig.settle()
  reader.end.connection.resume()
  await rig.settle()
  expect(reader.finals).toEqual(late)
  reader.expectInOrder()
  const states = reader.told.flatMap(({ task }) => (task === undefined ? [] : [task.id])).sort()
  expect(states).toEqual(many)
})
