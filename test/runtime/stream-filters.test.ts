/** What a subscription and a query choose, by the manager's own code on a store in memory. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'
import { StreamReader } from './stream-reader.ts'

let rig: Rig
let client: Client
let one: ScriptedWorker
let two: ScriptedWorker

const on = (node: string, more: object = {}) => spec({ constraints: [`node=${node}`], ...more })

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  one = await rig.worker({ nodeId: 'n1', name: 'one' })
  two = await rig.worker({ nodeId: 'n2', name: 'two', cpus: 0.1 })
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const follow = (filter: TaskFilter | undefined, from: 'now' | 'snapshot' = 'snapshot') =>
  StreamReader.open(rig, { topic: 'tasks', from, ...(filter === undefined ? {} : { filter }) })

/** web-1 runs on one, web-2 on two, db waits, old has ended. */
async function four(): Promise<void> {
  await client.submit('web-1', on('one', { labels: { app: 'web', tier: 'front' }, name: 'first' }))
  await client.submit('web-2', on('two', { labels: { app: 'web' } }))
  await client.submit('db', spec({ constraints: ['zone=none'], labels: { app: 'db' } }))
  await client.submit('old', on('one'))
  await rig.settle()
  one.started('web-1.1')
  two.started('web-2.1')
  one.exited('old.1', 1)
  await rig.settle()
}

const filters: readonly (readonly [what: string, filter: TaskFilter | undefined, fitting: readonly string[]])[] = [
  ['no filter', undefined, ['db', 'old', 'web-1', 'web-2']],
  ['an empty filter', {}, ['db', 'old', 'web-1', 'web-2']],
  ['ids', { ids: ['old', 'db'] }, ['db', 'old']],
  ['beginnings of ids', { ids: ['web-1', 'o'] }, ['old', 'web-1']],
  ['a label', { labels: { app: 'web' } }, ['web-1', 'web-2']],
  ['two labels', { labels: { app: 'web', tier: 'front' } }, ['web-1']],
  ['a state', { states: ['Running'] }, ['web-1', 'web-2']],
  ['two states', { states: ['Pending', 'Failed'] }, ['db', 'old']],
  ['a node by name', { nodes: ['one'] }, ['old', 'web-1']],
  ['a node by id', { nodes: ['n2'] }, ['web-2']],
  ['a driver', { drivers: ['process'] }, ['db', 'old', 'web-1', 'web-2']],
  ['another driver', { drivers: ['docker'] }, []],
  ['a name', { name: 'first' }, ['web-1']],
  [
    'all of it',
    { labels: { app: 'web' }, nodes: ['one', 'two'], states: ['Running'], ids: ['web-2', 'db'] },
    ['web-2'],
  ],
]

describe.each(filters)('by %s', (_, filter, fitting) => {
  test('a snapshot and a query hold what fits', async () => {
    await four()
    const reader = await follow(filter)
    expect(reader.told[0]?.tasks?.map(({ id }) => id).sort()).toEqual(fitting)
    const { items } = await client.query({ scope: 'all', ...(filter === undefined ? {} : { filter }) })
    expect(items.map(({ id }) => id).sort()).toEqual(fitting)
  })
})

// Who names ids has to name what is there already.
const anonymous = filters.filter(([, filter]) => filter?.ids === undefined)

test.each(anonymous)(
  'by %s, news is told of what fits at some time, and of nothing else',
  async (_, filter, fitting) => {
    const reader = await follow(filter, 'now')
    await four()
    const told = new Set(reader.told.flatMap(({ task }) => (task === undefined ? [] : [task.id])))
    if (filter?.states === undefined) expect([...told].sort()).toEqual(fitting)
    else for (const id of fitting) expect(told).toContain(id)
    reader.expectInOrder()
  },
)

test('a query of what fits comes in pages, in the order of ids', async () => {
  for (let at = 10; at < 40; at += 1) {
    await client.submit(`t-${at}`, spec({ constraints: ['zone=none'], labels: { odd: String(at % 2) } }))
  }
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await client.query({
      ...{ scope: 'all', filter: { labels: { odd: '1' } }, limit: 4 },
      ...(after === undefined ? {} : { after }),
    })
    expect(page.items.length).toBeLessThanOrEqual(4)
    seen.push(...page.items.map(({ id }) => id))
    after = page.next
  } while (after !== undefined)
  expect(seen).toEqual([...Array(15).keys()].map((at) => `t-${11 + 2 * at}`))
})

test('what stops to fit is taken back, once; what never fitted is not', async () => {
  const running = await follow({ states: ['Running'] })
  const failed = await follow({ states: ['Failed'] })
  await client.submit('a', on('one'))
  await client.submit('b', on('one'))
  await rig.settle()
  one.started('a.1')
  await rig.settle()
  one.report('a.1', { stoppingAtMs: 1 })
  one.exited('a.1', 1)
  await client.stop('b', { graceMs: 0 })
  await rig.settle()
  expect(running.words).toEqual(['snapshot', 'a Running', '-a'])
  expect(failed.words).toEqual(['snapshot', 'a Failed'])
})

test('a task that moves to another node is taken back from those who follow the first', async () => {
  const reader = await follow({ nodes: ['one'] })
  await client.submit('a', spec({ constraints: ['node!=none'], restart: { policy: 'on-failure' } }))
  await rig.settle()
  expect(reader.words).toEqual(['snapshot', 'a Scheduled.Starting'])
  await client.drainNode('one')
  await rig.settle()
  const startedAtMs = 1_700_000_000_000
  one.report('a.1', {
    startedAtMs,
    stoppingAtMs: startedAtMs,
    endedAtMs: startedAtMs,
    end: { kind: 'exited', exitCode: 0 },
  })
  await rig.settle()
  expect(reader.words.at(-1)).toBe('-a')
  const other = await follow({ nodes: ['two'] })
  expect(other.words).toEqual(['snapshot a'])
})

test('what one commit did to several tasks comes under one revision, and only the last moves the position', async () => {
  const reader = await follow(undefined)
  await client.submit('a', on('two', { cpus: 0.1 }))
  await client.submit('b', on('two', { cpus: 0.1 }))
  await rig.settle()
  two.exited('a.1')
  await rig.settle()
  const [end, placed] = reader.told.slice(-2)
  expect([end?.task?.id, end?.more, placed?.task?.id, placed?.more]).toEqual(['a', true, 'b', undefined])
  expect(end?.revision).toBe(placed?.revision)
  reader.expectInOrder()
})

describe('of transitions', () => {
  const events = (filter: TaskFilter, from: 'now' | 'snapshot' = 'now') =>
    StreamReader.open(rig, { topic: 'events', filter, from })

  test('each filter chooses those that fit, from the log as from the news', async () => {
    const live = {
      label: await events({ labels: { app: 'web' }, name: 'first' }),
      state: await events({ states: ['Failed', 'Running'] }),
      node: await events({ nodes: ['n2'] }),
    }
    await four()
    const recorded = {
      label: await events({ labels: { app: 'web' }, name: 'first' }, 'snapshot'),
      state: await events({ states: ['Failed', 'Running'] }, 'snapshot'),
      node: await events({ nodes: ['n2'] }, 'snapshot'),
    }
    const toOf = (reader: StreamReader) =>
      reader.told.flatMap(({ events = [] }) => events.map(({ taskId, to }) => `${taskId} ${to}`))
    expect(toOf(live.label)).toEqual(['web-1 Pending.Queued', 'web-1 Scheduled.Starting', 'web-1 Running.Up'])
    expect(toOf(live.state).sort()).toEqual(['old Failed', 'old Running.Up', 'web-1 Running.Up', 'web-2 Running.Up'])
    expect(toOf(live.node)).toEqual(['web-2 Scheduled.Starting', 'web-2 Running.Up'])
    for (const which of ['label', 'state', 'node'] as const) expect(toOf(recorded[which])).toEqual(toOf(live[which]))
  })
})

describe('of nodes', () => {
  const nodes = (filter: object | undefined, from: 'now' | 'snapshot' | { logId: string; revision: number }) =>
    StreamReader.open(rig, { topic: 'nodes', from, ...(filter === undefined ? {} : { filter: filter as never }) })

  test('a snapshot, each change, and its removal', async () => {
    const all = await nodes(undefined, 'snapshot')
    const some = await nodes({ nodes: ['n2'] }, 'now')
    expect([...all.words, ...some.words]).toEqual(['snapshot one two', 'snapshot'])
    await client.submit('a', on('two'))
    await rig.settle()
    expect([all.words.at(-1), some.words.at(-1)]).toEqual(['two Ready 1', 'two Ready 1'])
    two.exited('a.1')
    await rig.settle()
    expect(all.words.at(-1)).toBe('two Ready 0')
    await client.drainNode('two')
    two.close()
    await rig.settle()
    await client.removeNode('two')
    await rig.settle()
    expect([all.words.at(-1), some.words.at(-1)]).toEqual(['-n2 gone', '-n2 gone'])
    all.expectInOrder()
    await client.drainNode('one')
    await rig.settle()
    expect(all.told.at(-1)?.node).toMatchObject({ name: 'one', draining: true })
    expect(some.words.at(-1)).toBe('-n2 gone')
  })

  test('a position is answered with how they stand now', async () => {
    const first = await nodes(undefined, 'snapshot')
    const again = await nodes(undefined, first.position)
    expect(again.words).toEqual(['reset', 'snapshot one two'])
  })

  test('a revision that a node took is never given again', async () => {
    const reader = await nodes(undefined, 'snapshot')
    one.close()
    await rig.settle()
    expect(reader.words.at(-1)).toBe('one Suspect 0')
    const { revision } = reader.position
    await rig.restart()
    client = await rig.client()
    const { task } = await client.submit('a', spec())
    expect(task.revision).toBeGreaterThan(revision)
  })
})

describe('of output', () => {
  test('the topic logs follows one task as ReadLogs does', async () => {
    await client.submit('a', on('one'))
    await rig.settle()
    one.started('a.1')
    await rig.settle()
    const reader = await StreamReader.open(rig, { topic: 'logs', filter: { ids: ['a'] }, from: 'snapshot' })
    const { stream } = one.all('OpenLog')[0] as { stream: string }
    one.send({ type: 'LogData', stream, chunks: [{ stream: 'stdout', data: new TextEncoder().encode('hello') }] })
    one.send({ type: 'LogEnded', stream })
    one.exited('a.1')
    await rig.settle()
    expect(reader.told.map(({ type }) => type)).toEqual(['Output', 'OutputEnded'])
  })

  test.each([
    ['no filter', { from: 'snapshot' }],
    ['two tasks', { from: 'snapshot', filter: { ids: ['a', 'b'] } }],
    ['more than the id', { from: 'snapshot', filter: { ids: ['a'], states: ['Running'] } }],
    ['only what is new', { from: 'now', filter: { ids: ['a'] } }],
  ] as const)('with %s it is refused', async (_, asked) => {
    await client.submit('a', on('one'))
    const reader = await StreamReader.open(rig, { topic: 'logs', ...(asked as object), from: asked.from })
    expect(reader.told).toMatchObject([{ type: 'Error', code: 'Invalid' }])
  })
})

test('a filter that nodes do not have is refused, and one that nobody knows costs the connection', async () => {
  const nodes = await StreamReader.open(rig, { topic: 'nodes', filter: { states: ['Running'] }, from: 'now' })
  expect(nodes.told).toMatchObject([{ type: 'Error', code: 'Invalid' }])
  const end = await rig.raw()
  const unknown = { type: 'Subscribe', req: 1, topic: 'tasks', filter: { colour: 'red' }, from: 'now' }
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }, unknown] })
  await rig.settle()
  expect(end.closed?.code).toBe(4000)
})
