/** Going on from a position: strictly after it, with the next manager too, and never with a silent gap. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import type { LogPosition } from '../../runtime/client/subscription.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'
import { type Asked, StreamReader } from './stream-reader.ts'

// Much goes through one process here, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000 })

let rig: Rig
let client: Client
let worker: ScriptedWorker

beforeEach(async () => {
  rig = new Rig()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function start(): Promise<void> {
  await rig.open()
  client = await rig.client()
  worker = await rig.worker({ cpus: 100 })
}

/** The manager dies and the next one comes; the worker joins it. */
async function restart(): Promise<void> {
  await rig.restart()
  await rig.join(worker)
  client = await rig.client()
}

const follow = (asked: Asked) => StreamReader.open(rig, asked)

async function run(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await client.submit(id, spec({ labels: { app: id.slice(0, 1) } }))
    await rig.settle()
    worker.started(`${id}.1`)
  }
  await rig.settle()
}

async function end(...ids: string[]): Promise<void> {
  for (const id of ids) worker.exited(`${id}.1`)
  await rig.settle()
}

test('over a restart everybody hears of what they missed, in order, once, and then that this is all', async () => {
  await start()
  await run('a', 'b', 'c')
  const asked: Asked[] = [
    { topic: 'tasks', from: 'snapshot' },
    { topic: 'tasks', from: 'snapshot', filter: { labels: { app: 'b' } } },
    { topic: 'tasks', from: 'snapshot', filter: { ids: ['a', 'c'] } },
    { topic: 'tasks', from: 'snapshot', filter: { states: ['Running'] } },
    { topic: 'events', from: 'snapshot' },
    { topic: 'events', from: 'snapshot', filter: { ids: ['b'] } },
    { topic: 'events', from: 'snapshot', filter: { labels: { app: 'c' } } },
  ]
  const before = await Promise.all(asked.map(follow))
  const from = before.map(({ position }) => position)
  for (const reader of before) reader.end.connection.close(1000, 'it goes')
  await rig.settle()
  await end('b', 'a')
  await run('d')
  await restart()
  const after = await Promise.all(asked.map((one, at) => follow({ ...one, from: from[at] as LogPosition })))
  expect(after.map(({ words }) => words)).toEqual([
    ['b Completed', 'a Completed', 'd Running', 'mark'],
    ['b Completed', 'mark'],
    ['a Completed', 'mark'],
    ['-b', '-a', 'd Running', 'mark'],
    ['b Completed', 'a Completed', 'd Pending.Queued, d Scheduled.Starting', 'd Running.Up', 'mark'],
    ['b Completed', 'mark'],
    ['mark'],
  ])
  for (const reader of after) reader.expectInOrder()
  const again = await Promise.all(asked.map((one, at) => follow({ ...one, from: after[at]?.position as LogPosition })))
  expect(again.map(({ words }) => words)).toEqual(asked.map(() => ['mark']))
})

test('within the life of a manager too, whether it is remembered or has to be read', async () => {
  rig.streamLimits = { recentCommitsMax: 2 }
  await start()
  await run('a', 'b')
  const reader = await follow({ topic: 'tasks', from: 'snapshot' })
  const events = await follow({ topic: 'events', from: 'snapshot' })
  const far = reader.position
  await end('a')
  const near = reader.position
  await end('b')
  await run('c')
  const words = async (topic: 'tasks' | 'events', from: LogPosition) => (await follow({ topic, from })).words
  expect(await words('tasks', near)).toEqual(['b Completed', 'c Running', 'mark'])
  expect(await words('tasks', far)).toEqual(['a Completed', 'b Completed', 'c Running', 'mark'])
  const missed = ['a Completed', 'b Completed', 'c Pending.Queued, c Scheduled.Starting', 'c Running.Up']
  expect(await words('events', far)).toEqual([...missed, 'mark'])
  expect(events.words.slice(1)).toEqual(missed)
})

test('a position that is too old for transitions begins anew and says so; where tasks stand can be told from any', async () => {
  rig.streamLimits = { behindCommitsMax: 5, recentCommitsMax: 2 }
  await start()
  await run('a')
  const old = (await follow({ topic: 'tasks', from: 'snapshot' })).position
  await run('b', 'c', 'd')
  await end('a', 'c')
  const events = await follow({ topic: 'events', from: old, filter: { ids: ['c'] } })
  expect(events.words[0]).toBe('reset')
  expect(events.told[0]?.reason).toMatch(/commits have come since that position, and at most 5 are told again/)
  expect(events.words.at(1)).toBe('snapshot Pending.Queued Scheduled.Starting Running.Up Completed')
  const tasks = await follow({ topic: 'tasks', from: old })
  expect(tasks.words).toEqual(['b Running', 'd Running', 'a Completed', 'c Completed', 'mark'])
})

test('after a new term every position is foreign', async () => {
  await start()
  await run('a')
  const { position } = await follow({ topic: 'tasks', from: 'snapshot' })
  rig.newTerm = true
  await restart()
  for (const topic of ['tasks', 'events'] as const) {
    const reader = await follow({ topic, from: position })
    expect(reader.told[0]).toMatchObject({ type: 'Reset', reason: 'that position is of another log' })
    expect(reader.told[1]?.type).toBe('Snapshot')
  }
})

test('a subscriber that nothing concerns gets a mark now and then, and its position moves on', async () => {
  await start()
  await run('a')
  const quiet: Asked[] = [
    { topic: 'tasks', from: 'now', filter: { labels: { app: 'none' } } },
    { topic: 'events', from: 'now', filter: { ids: ['a'] } },
    { topic: 'nodes', from: 'now', filter: { nodes: ['none'] } },
  ]
  const readers = await Promise.all(quiet.map(follow))
  await run('b')
  await end('b')
  await rig.advance(6_000)
  const everyone = await follow({ topic: 'tasks', from: 'now' })
  for (const reader of readers) {
    expect(reader.words).toEqual(['snapshot', 'mark'])
    expect(reader.position).toEqual(everyone.position)
  }
  await rig.advance(30_000)
  // Nothing has happened since, so there is nothing to say.
  for (const reader of readers) expect(reader.words).toEqual(['snapshot', 'mark'])
  await restart()
  const resumed = await follow({ ...(quiet[0] as Asked), from: readers[0]?.position as LogPosition })
  expect(resumed.words).toEqual(['mark'])
})

test('a large snapshot comes in pages of one revision, and what changes meanwhile comes behind them, once', async () => {
  rig.streamLimits = { streamPageBytes: 8_192 }
  await start()
  const ids = [...Array(60).keys()].map((at) => `t-${10 + at}`)
  await run(...ids)
  await end(...ids.slice(0, 20))
  const opening = follow({ topic: 'tasks', from: 'snapshot' })
  await end('t-69', 't-40')
  const reader = await opening
  await rig.settle()
  const pages = reader.told.filter(({ type }) => type === 'Snapshot')
  expect(pages.length).toBeGreaterThan(3)
  expect(pages.map(({ more = false }) => more)).toEqual([...pages.slice(1).map(() => true), false])
  expect(new Set(pages.map(({ revision }) => revision)).size).toBe(1)
  for (const { tasks = [] } of pages) expect(JSON.stringify(tasks).length).toBeLessThan(8_192 + 2_000)
  expect(reader.finals).toEqual([...ids.slice(0, 20), 't-40', 't-69'].sort())
  const known = new Set(
    reader.told.flatMap(({ tasks = [], task }) => [...tasks, ...(task ? [task] : [])].map(({ id }) => id)),
  )
  expect([...known].sort()).toEqual(ids)
})

test('of the tasks that have ended a snapshot without ids holds the newest', async () => {
  rig.streamLimits = { snapshotFinalMax: 3, snapshotEventsMax: 4 }
  await start()
  await run('a', 'b', 'c', 'd', 'e')
  await end('c', 'a', 'd', 'b')
  const tasks = await follow({ topic: 'tasks', from: 'snapshot' })
  expect(tasks.told[0]?.tasks?.map(({ id }) => id).sort()).toEqual(['a', 'b', 'd', 'e'])
  const events = await follow({ topic: 'events', from: 'snapshot' })
  expect(events.words).toEqual(['snapshot Completed Completed Completed Completed'])
})

test('every end reaches everyone whom it concerns exactly once, through twenty managers', async () => {
  await start()
  const asked: Asked[] = [
    { topic: 'tasks', from: 'snapshot' },
    { topic: 'tasks', from: 'snapshot', filter: { labels: { app: 'x' } } },
    { topic: 'tasks', from: 'snapshot', filter: { states: ['Completed'] } },
    { topic: 'events', from: 'snapshot', filter: { states: ['Completed'] } },
  ]
  const heard = asked.map((): string[] => [])
  const from = asked.map((one): Asked['from'] => one.from)
  const ended: string[] = []
  const open: string[] = []
  for (let life = 0; life < 20; life += 1) {
    const readers = await Promise.all(asked.map((one, at) => follow({ ...one, from: from[at] as Asked['from'] })))
    const fresh = [`x-${life}`, `y-${life}`, `x-late-${life}`]
    await run(...fresh)
    open.push(...fresh)
    const now = open.splice(0, 2 + (life % 3))
    for (const id of now) worker.exited(`${id}.1`)
    ended.push(...now)
    // Half of the managers die while this is on its way to the disk, or to the subscribers.
    if (life % 2 === 0) await rig.settle()
    else for (let turn = 0; turn < life; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    await rig.crash()
    for (const [at, reader] of readers.entries()) {
      reader.expectInOrder()
      const events = reader.told.flatMap(({ events = [] }) => events.map(({ taskId }) => taskId))
      heard[at]?.push(...reader.finals, ...events)
      from[at] = reader.position ?? (from[at] as Asked['from'])
    }
    await rig.open()
    await rig.join(worker)
    client = await rig.client()
  }
  const last = await Promise.all(asked.map((one, at) => follow({ ...one, from: from[at] as Asked['from'] })))
  for (const [at, reader] of last.entries()) {
    heard[at]?.push(...reader.finals, ...reader.told.flatMap(({ events = [] }) => events.map(({ taskId }) => taskId)))
  }
  const all = [...ended].sort()
  expect(all.length).toBeGreaterThan(40)
  expect(heard[0]?.sort()).toEqual(all)
  expect(heard[1]?.sort()).toEqual(all.filter((id) => id.startsWith('x')))
  expect(heard[2]?.sort()).toEqual(all)
  expect(heard[3]?.sort()).toEqual(all)
})
