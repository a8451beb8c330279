/** What tasks and nodes use, on its way through the manager to those who watch. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { NodeView } from '../../actors/model.ts'
import type { AttemptStats, NodeUsage } from '../../actors/usage.ts'
import { statsOf } from '../../runtime/client/task-stats.ts'
import { samplingLimits } from '../../runtime/manager/samplings.ts'
import { NodeSubscriber } from '../../runtime/manager/stream/node-subscriber.ts'
import type { Outlet } from '../../runtime/manager/stream/outlet.ts'
import { usageLimits } from '../../runtime/manager/usages.ts'
import { type RawEnd, Rig, spec, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'
import { StreamReader } from './stream-reader.ts'

let rig: Rig
let worker: ScriptedWorker

beforeEach(async () => {
  rig = await Rig.start()
  worker = await rig.worker()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const sampleOf = (cpuMs: number): AttemptStats => ({ atMs: 1_000 + cpuMs, cpuMs, memoryBytes: 2 ** 20 })
const opened = () => worker.all('OpenStats')

/** Watches a task; what it was told, as words. */
async function watch(taskId: string, from: unknown = 'snapshot'): Promise<{ end: RawEnd; words: () => string[] }> {
  const end = await rig.raw()
  const subscribe = { type: 'Subscribe', req: 1, topic: 'stats', filter: { ids: [taskId] }, from }
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }, subscribe] })
  await rig.settle()
  const words = () =>
    end.received
      .filter(({ type }) => type !== 'ClientWelcome')
      .map(({ type, attempt, sample, code }) =>
        type === 'Stats' ? `${attempt}: ${(sample as AttemptStats).cpuMs}` : [type, ...(code ? [code] : [])].join(' '),
      )
  return { end, words }
}

async function running(taskId: string, more = {}): Promise<void> {
  const client = await rig.client()
  await client.submit(taskId, spec(more))
  await rig.settle()
  worker.started(`${taskId}.1`)
  await rig.settle()
}

async function say(cpuMs: number, stream = opened().at(-1)?.stream ?? ''): Promise<void> {
  worker.send({ type: 'StatsData', stream, sample: sampleOf(cpuMs) })
  await rig.settle()
}

test('nothing is measured before anybody watches, and nothing when the last has gone', async () => {
  await running('a')
  expect(opened()).toEqual([])
  const first = await watch('a')
  const second = await watch('a')
  expect(opened()).toMatchObject([{ taskId: 'a', attempt: 1, everyMs: samplingLimits.everyMs }])
  first.end.connection.close(1000, 'seen enough')
  await rig.settle()
  expect(worker.all('CloseStats')).toEqual([])
  second.end.connection.send({ m: [{ type: 'Unsubscribe', req: 2, stream: 1 }] })
  await rig.settle()
  expect(worker.all('CloseStats')).toEqual([{ type: 'CloseStats', stream: opened()[0]?.stream }])
  await say(5)
  expect(second.words()).toEqual(['Ok'])
})

test('all who watch are told of one sampling, and who comes later of the newest at once', async () => {
  await running('a')
  const first = await watch('a')
  await say(10)
  const second = await watch('a')
  await say(20)
  expect(opened()).toHaveLength(1)
  expect(first.words()).toEqual(['1: 10', '1: 20'])
  expect(second.words()).toEqual(['1: 10', '1: 20'])
})

test('it waits for the first attempt, goes on with the next, and ends with the task', async () => {
  rig.roll = 0
  const client = await rig.client()
  await client.submit('a', spec({ restart: { policy: 'on-failure' } }))
  const { words } = await watch('a')
  expect(opened()).toEqual([])
  worker.started('a.1')
  await rig.settle()
  await say(10)
  const late = opened()[0]?.stream
  worker.send({ type: 'StatsEnded', stream: late ?? '' })
  worker.exited('a.1', 1)
  await rig.advance(1)
  worker.started('a.2')
  await rig.settle()
  expect(opened()).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  // Nothing of the first is taken for the second.
  await say(11, late)
  await say(3)
  worker.exited('a.2', 0)
  await rig.settle()
  expect(words()).toEqual(['1: 10', '2: 3', 'StatsEnded'])
  expect((await watch('a')).words()).toEqual(['StatsEnded'])
})

test('a lost worker is asked again when it is back', async () => {
  await running('a')
  const { words } = await watch('a')
  await say(10)
  await rig.cut('worker-n1')
  await rig.join(worker)
  // The second session has heard one request of its own.
  expect(opened()).toMatchObject([{ attempt: 1 }])
  await say(20)
  // And once more while the old session still stands.
  await rig.join(worker)
  expect(opened()).toMatchObject([{ attempt: 1 }])
  await say(30)
  expect(words()).toEqual(['1: 10', '1: 20', '1: 30'])
})

test('a worker of before, which says nothing, is told of as such', async () => {
  await running('a')
  const { words } = await watch('a')
  await rig.advance(samplingLimits.answerMs - 1_000)
  expect(words()).toEqual([])
  await rig.advance(2_000)
  expect(words()).toEqual(['StatsEnded Invalid'])
})

test('a worker that has nothing to tell yet is waited for', async () => {
  await running('a')
  const { words } = await watch('a')
  worker.send({ type: 'StatsData', stream: opened()[0]?.stream ?? '' })
  await rig.advance(2 * samplingLimits.answerMs)
  expect(words()).toEqual([])
})

test.each(['Invalid', 'Unavailable', 'Overloaded'])('what a worker refuses with is passed on: %s', async (code) => {
  await running('a')
  const { words } = await watch('a')
  worker.send({ type: 'StatsEnded', stream: opened()[0]?.stream ?? '', error: 'no', code })
  await rig.settle()
  expect(words()).toEqual([`StatsEnded ${code}`])
})

test.each(['toString', 'NoSuchCode'])('a code of a worker that is none of ours is not passed on: %s', async (code) => {
  await running('a')
  const { words } = await watch('a')
  worker.send({ type: 'StatsEnded', stream: opened()[0]?.stream ?? '', error: 'no', code })
  await rig.settle()
  expect(words()).toEqual(['StatsEnded Unavailable'])
})

test('it is of one task, from a snapshot on, which must exist', async () => {
  await running('a')
  expect((await watch('a', 'now')).words()).toEqual(['Error Invalid'])
  expect((await watch('nobody')).words()).toEqual(['Error NotFound'])
})

test('one worker cannot speak of what another measures', async () => {
  await running('a')
  const { words } = await watch('a')
  const stream = opened()[0]?.stream ?? ''
  const forger = await rig.worker({ nodeId: 'n2' })
  forger.send({ type: 'StatsData', stream, sample: sampleOf(99) }, { type: 'StatsEnded', stream })
  await rig.settle()
  await say(10)
  expect(words()).toEqual(['1: 10'])
})

const used = (cpus: number): NodeUsage => ({ cpus, memoryBytes: 2 ** 30, load1: 0.5 })

test('what a node uses is told in batches, without a revision, and stands in its view', async () => {
  const reader = await StreamReader.open(rig, { topic: 'nodes', from: 'snapshot' })
  const client = await rig.client()
  const { revision } = await client.nodes()
  const writes = rig.boundaries.length
  for (const cpus of [0.1, 0.2, 0.3]) worker.send({ type: 'Heartbeat', seq: cpus * 10, used: used(cpus) })
  await rig.settle()
  expect(reader.words).toEqual(['snapshot name-n1'])
  await rig.advance(usageLimits.tellMs)
  expect(reader.told.slice(1)).toMatchObject([{ type: 'NodesUsed', nodes: [{ id: 'n1', used: used(0.3) }] }])
  expect(reader.told[1]?.revision).toBeUndefined()
  expect(rig.boundaries).toHaveLength(writes)
  const nodes = await client.nodes()
  expect(nodes.items).toMatchObject([{ used: used(0.3) }])
  expect(nodes.revision).toBe(revision)
  expect(nodes.items[0]?.usedAtMs).toBeGreaterThan(0)
})

test('of a node that is gone nobody says what it uses', async () => {
  worker.send({ type: 'Heartbeat', seq: 1, used: used(1) })
  await rig.cut('worker-n1')
  await rig.advance(15_000)
  const client = await rig.client()
  const { items } = await client.nodes()
  expect(items).toMatchObject([{ state: 'Down' }])
  expect(items[0]?.used).toBeUndefined()
})

test.each(['forgotten', 'Down'])('what waits of a node to be told is not told behind its end: %s', async (end) => {
  worker.send({ type: 'Heartbeat', seq: 1, used: used(1) })
  const [node] = (await (await rig.client()).nodes()).items
  const sent: string[] = []
  let room = true
  const subscriber = new NodeSubscriber({
    ...{ req: 1, filter: {}, logId: 'log', pageBytes: 65_536, published: () => 1 },
    outlet: {
      wait: () => {},
      forget: () => {},
      send: ({ type }: { type: string }) => void sent.push(type),
      get room() {
        return room
      },
    } as unknown as Outlet,
  })
  const head = { id: 'n1', name: 'name-n1' }
  subscriber.begin([node as NodeView], 1)
  await subscriber.advance()
  room = false
  subscriber.use([{ id: 'n1', used: used(2), atMs: 2 }])
  subscriber.tell({ ...head, revision: 2, node: end === 'Down' ? { ...(node as NodeView), state: 'Down' } : undefined })
  await subscriber.advance()
  room = true
  await subscriber.advance()
  expect(sent).toEqual(['Snapshot', end === 'Down' ? 'Delta' : 'Removed'])
})

test('cores are told between two samples of one attempt', () => {
  const at = (attempt: number, atMs: number, cpuMs: number) => ({ attempt, sample: { atMs, cpuMs, memoryBytes: 1 } })
  expect(statsOf(at(1, 1_000, 100), undefined).cores).toBeUndefined()
  expect(statsOf(at(1, 3_000, 1_100), at(1, 1_000, 100)).cores).toBe(0.5)
  expect(statsOf(at(1, 3_000, 50), at(1, 1_000, 100)).cores).toBe(0)
  expect(statsOf(at(1, 1_000, 200), at(1, 1_000, 100)).cores).toBeUndefined()
  expect(statsOf(at(2, 3_000, 1_100), at(1, 1_000, 100)).cores).toBeUndefined()
})
