/** What has ended goes after a while: what is left of it, what is never touched, and what is said of what is gone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { knownIdLimits } from '../../runtime/manager/known-ids.ts'
import { retentionLimits } from '../../runtime/manager/retention.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'
import { StreamReader } from './stream-reader.ts'

let rig: Rig
let client: Client
let worker: ScriptedWorker

const hourMs = 3_600_000
/** Enough for a look and several batches. */
const roundMs = 2 * retentionLimits.checkMs

beforeEach(() => {
  rig = new Rig()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function start(retention: Rig['retention']): Promise<void> {
  rig.retention = retention
  await rig.open()
  client = await rig.client()
  worker = await rig.worker({ cpus: 100 })
}

async function restart(): Promise<void> {
  await rig.restart()
  await rig.join(worker)
  client = await rig.client()
}

async function run(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await client.submit(id, spec())
    await rig.settle()
    worker.started(`${id}.1`)
  }
  await rig.settle()
}

async function end(...ids: string[]): Promise<void> {
  for (const id of ids) worker.exited(`${id}.1`)
  await rig.settle()
}

const tasks = async () => (await rig.disk.keys('task/')).map((key) => key.slice('task/'.length))

/** Transitions of each task that are in the log. */
async function logged(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const key of await rig.disk.keys('past/')) {
    const [, id = '', place = ''] = key.split('/')
    expect(await rig.disk.memory.get(`log/${place}`), `${key} points at nothing`).toBeDefined()
    counts[id] = (counts[id] ?? 0) + 1
  }
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe((await rig.disk.keys('log/')).length)
  return counts
}

describe('tasks that have ended', () => {
  test('go when they are too old, with their specification and their place, and live ones stay', async () => {
    await start({ finishedMs: hourMs })
    await run('a', 'b', 'live')
    await end('a')
    await rig.advance(hourMs / 2)
    await end('b')
    expect(await tasks()).toEqual(['a', 'b', 'live'])
    await rig.advance(hourMs / 2 + roundMs)
    expect(await tasks()).toEqual(['b', 'live'])
    await rig.advance(hourMs / 2 + roundMs)
    expect(await tasks()).toEqual(['live'])
    expect(await rig.disk.keys('spec/')).toEqual(['spec/live'])
    expect(await rig.disk.keys('final/')).toEqual([])
    expect((await rig.disk.keys('known/')).map((key) => key.split('/')[2])).toEqual(['a', 'b'])
    await end('live')
    expect((await client.query({ ids: ['live'] })).items[0]).toMatchObject({ state: 'Completed', exitCode: 0 })
  })

  test('go when they are too many, the oldest ends first, those of a manager of before among them', async () => {
    await start({ finishedMax: 3 })
    await run('a', 'b', 'c', 'd', 'e', 'f')
    await end('c', 'a', 'b')
    await restart()
    await end('f', 'd')
    await rig.advance(roundMs)
    expect(await tasks()).toEqual(['b', 'd', 'e', 'f'])
    await end('e')
    await rig.advance(roundMs)
    expect(await tasks()).toEqual(['d', 'e', 'f'])
    expect(await rig.disk.keys('final/')).toHaveLength(3)
  })

  test('are kept for ever where that is asked for, or go at once', async () => {
    await start({ finishedMs: Number.POSITIVE_INFINITY, finishedMax: Number.POSITIVE_INFINITY })
    await run('a')
    await end('a')
    await rig.clock.stall(30 * 24 * hourMs)
    await rig.advance(roundMs)
    expect(await tasks()).toEqual(['a'])
    rig.retention = { finishedMs: 0 }
    await rig.restart()
    await rig.advance(roundMs)
    expect(await tasks()).toEqual([])
  })

  test('are passed over while their record is set aside', async () => {
    await start({ finishedMs: hourMs })
    await run('a', 'b')
    await rig.crash()
    const damaged = { type: 'put', key: keys.task('a'), value: new Uint8Array([1, 2, 3, 4, 5, 6]) } as const
    const index = { type: 'put', key: keys.final(2, 'a'), value: new Uint8Array(0) } as const
    await rig.disk.memory.batch([damaged, index], { sync: true, epoch: 1 })
    await rig.open()
    await rig.clock.stall(3 * hourMs)
    await rig.advance(roundMs)
    expect(await tasks()).toEqual(['a', 'b'])
  })

  test.each([
    [hourMs, []],
    [Number.POSITIVE_INFINITY, ['a']],
  ])('whose record cannot be read go as well, or stay with the others: %s ms', async (finishedMs, left) => {
    await start({ finishedMs })
    await run('a')
    await end('a')
    const damaged = { type: 'put', key: keys.task('a'), value: new Uint8Array([1, 2, 3, 4, 5, 6]) } as const
    await rig.disk.memory.batch([damaged], { sync: true, epoch: 1 })
    await rig.clock.stall(2 * hourMs)
    await rig.advance(roundMs)
    expect(await tasks()).toEqual(left)
  })
})

describe('the id of a trimmed task', () => {
  test('stays known for 24 h: the same submission finds its end, another is a Conflict; then it is free', async () => {
    await start({ finishedMs: hourMs })
    await client.submit('a', spec({ labels: { app: 'x' } }))
    await rig.settle()
    worker.started('a.1')
    worker.exited('a.1', 3)
    await rig.settle()
    await rig.clock.stall(hourMs)
    await rig.advance(roundMs)
    expect(await tasks()).toEqual([])
    const check = async () => {
      const again = await client.submit('a', spec({ labels: { app: 'x' } }))
      expect(again).toMatchObject({ existing: true, task: { id: 'a', state: 'Failed', exitCode: 3, outcome: 'exit' } })
      expect(again.task).toMatchObject({ labels: { app: 'x' }, command: ['true'], attempt: 1 })
      expect(again.task.reason).toMatch(/was trimmed/)
      await expect(client.submit('a', spec())).rejects.toMatchObject({ code: 'Conflict' })
    }
    await check()
    await rig.clock.stall(knownIdLimits.knownMs - hourMs)
    await restart()
    await check()
    await rig.clock.stall(hourMs)
    expect(await client.submit('a', spec())).toMatchObject({ existing: false })
  })

  test('costs a small mark, and marks go by the day', async () => {
    await start({ finishedMs: 0 })
    const large = spec({ env: { LARGE: 'x'.repeat(50_000) } })
    await client.submit('a', large)
    await client.stop('a')
    await end('a')
    await rig.advance(roundMs)
    const [mark = ''] = await rig.disk.keys('known/')
    expect((await rig.disk.memory.get(mark))?.length).toBeLessThan(300)
    expect(await client.submit('a', large)).toMatchObject({ existing: true, task: { outcome: 'stopped' } })
    await rig.clock.stall(2 * knownIdLimits.dayMs)
    await rig.advance(roundMs)
    expect(await rig.disk.keys('known/')).toEqual([])
  })

  test('is answered with one sentence by whatever asks for it', async () => {
    await start({ finishedMs: hourMs })
    await run('a', 'a-longer')
    await end('a')
    await rig.clock.stall(hourMs)
    await rig.advance(roundMs)
    await rig.join(worker)
    client = await rig.client()
    const gone = {
      code: 'NotFound',
      message: expect.stringMatching(/^task a ended 1 hours ago and was trimmed: .*for 1 hours/),
    }
    await expect(client.query({ ids: ['a'] })).rejects.toMatchObject(gone)
    await expect(client.explain('a')).rejects.toMatchObject(gone)
    await expect(client.stop('a')).rejects.toMatchObject(gone)
    await expect(client.rerun('a', 'b')).rejects.toMatchObject(gone)
    expect((await client.query({ scope: 'all' })).items.map(({ id }) => id)).toEqual(['a-longer'])
    await rig.clock.stall(knownIdLimits.knownMs)
    await expect(client.stop('a')).rejects.toThrow(/there is no task a/)
  })

  test('that comes again has a history of its own', async () => {
    await start({ finishedMs: hourMs, logMs: Number.POSITIVE_INFINITY })
    await run('a')
    await end('a')
    await rig.clock.stall(hourMs)
    await rig.advance(roundMs)
    await rig.clock.stall(knownIdLimits.knownMs)
    client = await rig.client()
    await client.submit('a', spec({ command: ['another'] }))
    const { events, trimmedUntilMs } = await client.explain('a')
    expect(events.map(({ event }) => event.type)).toEqual(['Created', 'Placed'])
    expect(trimmedUntilMs).toBeUndefined()
  })
})

describe('the log', () => {
  test('is trimmed by age, whole commits with their index, and what is missing is said', async () => {
    await start({ logMs: hourMs })
    await run('a', 'live')
    await end('a')
    await rig.advance(hourMs - 60_000)
    await run('b')
    expect(Object.keys(await logged())).toEqual(['a', 'b', 'live'])
    await rig.advance(60_000 + roundMs)
    expect(Object.keys(await logged())).toEqual(['b'])
    const live = await client.explain('live')
    expect(live).toMatchObject({ task: { state: 'Running' }, events: [], attempts: [{ attempt: 1 }] })
    expect(live.trimmedUntilMs).toBeGreaterThan(1_700_000_000_000)
    expect((await client.explain('b')).trimmedUntilMs).toBeUndefined()
    await end('live')
    const ended = await client.explain('live')
    expect(ended.events.map(({ to }) => to)).toEqual(['Completed'])
    expect(ended.trimmedUntilMs).toBe(live.trimmedUntilMs)
    // And with the next manager, from the store.
    await restart()
    expect((await client.explain('live')).trimmedUntilMs).toBe(live.trimmedUntilMs)
  })

  test('is trimmed by size, of what a manager of before has written as well', async () => {
    await start({})
    const ids = Array.from({ length: 40 }, (_, at) => `t${at + 10}`)
    await run(...ids)
    await end(...ids)
    const before = (await rig.disk.keys('log/')).length
    rig.retention = { logBytes: 12_000 }
    await restart()
    await rig.advance(roundMs)
    const after = (await rig.disk.keys('log/')).length
    expect(after).toBeGreaterThan(10)
    expect(after).toBeLessThan(before / 2)
    await logged()
    await run('more')
    await end('more')
    await rig.advance(roundMs)
    expect((await rig.disk.keys('log/')).length).toBeLessThanOrEqual(after + 4)
    expect((await logged()).more).toBeGreaterThan(2)
  })
})

describe('a subscriber that comes back', () => {
  test.each(['tasks', 'events'] as const)('to %s from before what was trimmed begins anew', async (topic) => {
    rig.streamLimits = { recentCommitsMax: 1 }
    await start({ finishedMs: hourMs, logMs: hourMs })
    await run('a', 'live')
    const reader = await StreamReader.open(rig, { topic, from: 'snapshot' })
    await rig.settle()
    const from = reader.position
    await rig.cut('raw')
    await end('a')
    await rig.advance(hourMs + roundMs)
    await run('b')
    const again = await StreamReader.open(rig, { topic, from })
    await rig.settle()
    expect(again.told[0]).toMatchObject({ type: 'Reset', reason: expect.stringMatching(/were trimmed/) })
    expect(again.told[1]).toMatchObject({ type: 'Snapshot' })
    // From behind it there is nothing to be said.
    const later = await StreamReader.open(rig, { topic, from: again.position })
    await rig.settle()
    expect(later.told.map(({ type }) => type)).toEqual(['Mark'])
  })
})

describe('a crash between two batches', () => {
  test('leaves what the next manager takes as gone, and deletes', async () => {
    await start({ finishedMs: hourMs, logMs: hourMs })
    await run('a', 'b', 'live')
    await end('a', 'b')
    const finals = await rig.disk.keys('final/')
    const log = await rig.disk.keys('log/')
    await rig.advance(hourMs + roundMs)
    expect(await tasks()).toEqual(['live'])
    await rig.crash()
    // As if it had died before the ranges were deleted.
    const put = (key: string) =>
      ({ type: 'put', key, value: key.startsWith('log/') ? encodeRecord({}) : new Uint8Array(0) }) as const
    await rig.disk.memory.batch([...finals, ...log].map(put), { sync: true, epoch: 1 })
    await rig.open()
    client = await rig.client()
    expect((await client.query()).items.map(({ id }) => id)).toEqual(['live'])
    const reader = await StreamReader.open(rig, { topic: 'tasks', from: 'snapshot' })
    await rig.settle()
    expect(reader.told.at(-1)).toMatchObject({ type: 'Snapshot', tasks: [{ id: 'live' }] })
    await rig.clock.advance(roundMs)
    expect(await rig.disk.keys('final/')).toEqual([])
    expect((await rig.disk.keys('log/')).filter((key) => log.includes(key))).toEqual([])
  })

  test('before the flush has done nothing', async () => {
    await start({ finishedMs: hourMs })
    await run('a')
    await end('a')
    await rig.advance(hourMs - 60_000)
    rig.disk.writes.hold()
    await rig.clock.advance(60_000 + roundMs)
    await rig.crash()
    expect(await tasks()).toEqual(['a'])
    expect(await rig.disk.keys('final/')).toHaveLength(1)
    await rig.open()
    client = await rig.client()
    await rig.clock.advance(roundMs)
    expect(await tasks()).toEqual([])
    expect(await client.submit('a', spec())).toMatchObject({ existing: true })
  })
})
