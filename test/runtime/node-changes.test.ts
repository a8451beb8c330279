/** The nodes as they change: of a real manager across a lost connection, and of messages in every order they may come. */
import { expect, test } from 'vitest'
import type { NodeView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { NodeReader, type NodeSource } from '../../runtime/client/node-changes.ts'
import type { SubscriptionHandlers } from '../../runtime/client/subscription.ts'
import type { NodeChange } from '../../runtime/index.ts'
import { World } from './troupe-world.ts'

const amount = { cpus: 4, memoryBytes: 2 ** 30 }
const used = { cpus: 1.5, memoryBytes: 2 ** 29, load1: 1 }
const node = (id: string, more: Partial<NodeView> = {}): NodeView => ({
  ...{ id, name: id, state: 'Ready', draining: false, offered: amount, reserved: amount, tasks: 0 },
  ...{ labels: {}, drivers: {}, ...more },
})
const page = (nodes: NodeView[], more?: true) =>
  ({ type: 'Snapshot', req: 1, logId: 'log', revision: 1, nodes, ...(more ? { more } : {}) }) as const

/** A reader of which the test is the manager; each connection is a new subscription. */
function scripted(more: Partial<NodeSource> = {}) {
  const streams: SubscriptionHandlers[] = []
  const asked: unknown[] = []
  const client = {
    subscribe(options: unknown, handlers: SubscriptionHandlers) {
      asked.push(options)
      streams.push(handlers)
      return { close: async () => undefined }
    },
  }
  const clock = {
    nowMs: () => 0,
    uptimeMs: () => 0,
    setTimer: (callback: () => void) => {
      queueMicrotask(callback)
      return () => undefined
    },
  }
  const link = { client: async () => client, clock, random: { roll: () => 0, id: () => 'id' } }
  const reader = new NodeReader({ link: link as unknown as NodeSource['link'], onClosed: () => undefined, ...more })
  return { reader, streams, asked, news: reader[Symbol.asyncIterator]() }
}

const told = async (news: AsyncIterator<NodeChange>) => {
  const { value } = (await news.next()) as { value: NodeChange }
  return value.type === 'Changed' ? value.node : `${value.id} is removed`
}
const stream = async (streams: readonly SubscriptionHandlers[], index: number) => {
  await expect.poll(() => streams.length, soon20).toBeGreaterThan(index)
  return streams[index] as SubscriptionHandlers
}
const soon20 = { timeout: 20_000 }

test('what machines use is told as another state of their nodes, and of no node that is not known', async () => {
  const { streams, news, asked } = scripted({ filter: { nodes: ['n1'] } })
  const { onSnapshot, onNodesUsed } = await stream(streams, 0)
  expect(asked).toEqual([{ topic: 'nodes', from: 'snapshot', filter: { nodes: ['n1'] } }])
  onSnapshot?.(page([node('n1')]))
  expect(await told(news)).toEqual(node('n1'))
  onNodesUsed?.([
    { id: 'other', used, atMs: 6 },
    { id: 'n1', used, atMs: 7 },
  ])
  expect(await told(news)).toEqual(node('n1', { used, usedAtMs: 7 }))
})

test('a slow reader finds the newest of each node only', async () => {
  const { streams, news } = scripted()
  const { onSnapshot, onDelta, onRemoved } = await stream(streams, 0)
  onSnapshot?.(page([node('n1'), node('n2'), node('n3')]))
  onDelta?.({ type: 'Delta', req: 1, revision: 2, node: node('n1', { state: 'Suspect' }) })
  onDelta?.({ type: 'Delta', req: 1, revision: 3, node: node('n1', { state: 'Down' }) })
  onRemoved?.({ type: 'Removed', req: 1, revision: 4, id: 'n2', why: 'gone' })
  expect([await told(news), await told(news), await told(news)]).toEqual([
    node('n1', { state: 'Down' }),
    'n2 is removed',
    node('n3'),
  ])
})

test('what was forgotten while the connection was lost is told after the whole of the next snapshot', async () => {
  const { streams, news } = scripted()
  const first = await stream(streams, 0)
  first.onSnapshot?.(page([node('n1'), node('n2')]))
  await told(news)
  await told(news)
  first.onEnd?.(new TroupeError('Unavailable', 'cut'))
  const second = await stream(streams, 1)
  second.onSnapshot?.(page([node('n3')], true))
  expect(await told(news)).toEqual(node('n3'))
  second.onSnapshot?.(page([node('n2')]))
  expect([await told(news), await told(news)]).toEqual([node('n2'), 'n1 is removed'])
})

test('a refusal is thrown, and closing ends it quietly', async () => {
  const refused = scripted()
  const { onEnd } = await stream(refused.streams, 0)
  onEnd?.(new TroupeError('Invalid', 'no such filter'))
  await expect(refused.news.next()).rejects.toMatchObject({ code: 'Invalid' })
  expect(refused.reader.isClosed).toBe(true)
  const closed = scripted()
  const end = closed.news.next()
  closed.reader.close()
  expect(await end).toEqual({ value: undefined, done: true })
})

test('a real manager’s node is seen to drain, also across a lost connection, until the Troupe is closed', async () => {
  const world = new World()
  await world.open()
  const far = await world.connect()
  const seen: NodeView[] = []
  const reading = (async () => {
    for await (const change of far.watchNodes()) if (change.type === 'Changed') seen.push(change.node)
  })()
  const ended = expect(reading).rejects.toMatchObject({ code: 'Unavailable' })
  await expect.poll(() => seen.at(-1), soon20).toMatchObject({ name: 'node-1', state: 'Ready', draining: false })
  await far.drain('node-1')
  await expect.poll(() => seen.at(-1), soon20).toMatchObject({ draining: true })
  world.network.cut('client')
  await far.undrain('node-1')
  await expect.poll(() => seen.at(-1), soon20).toMatchObject({ draining: false })
  await world.close()
  await ended
})
