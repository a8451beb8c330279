import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import type { LogPosition, Subscription } from '../../runtime/client/subscription.ts'
import { type RawEnd, Rig, spec, stateOf, token } from './manager-rig.ts'
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
  await rig.crash()
})

interface Heard {
  readonly said: string[]
  readonly revisions: number[]
  readonly stream: Subscription
}

/** What a subscriber was told, as lines: `snapshot …`, `delta …`, `reset …`, `end …`. */
function follow(topic: 'tasks' | 'events', taskId: string, from: 'now' | 'snapshot' | LogPosition): Heard {
  const said: string[] = []
  const revisions: number[] = []
  const stream = client.subscribe(
    { topic, taskId, from },
    {
      onSnapshot: ({ tasks = [], events = [], revision }) => {
        revisions.push(revision)
        said.push(`snapshot ${[...tasks.map(stateOf), ...events.map(({ to }) => to)].join(' ')}`.trim())
      },
      onDelta: ({ task, events = [], revision }) => {
        revisions.push(revision)
        said.push(`delta ${task === undefined ? events.map(({ to }) => to).join(' ') : stateOf(task)}`)
      },
      onReset: (reason) => said.push(`reset ${reason}`),
      onEnd: (error) => said.push(`end ${error.code}`),
    },
  )
  return { said, revisions, stream }
}

const waiting = spec({ constraints: ['zone=none'] })

const isRising = (revisions: readonly number[]): boolean =>
  revisions.every((revision, at) => at === 0 || revision > (revisions[at - 1] as number))

test('a snapshot first, then each commit as one delta, with revisions that only rise', async () => {
  await client.submit('a', spec())
  const tasks = follow('tasks', 'a', 'snapshot')
  const events = follow('events', 'a', 'snapshot')
  await rig.settle()
  worker.report('a.1', { pullingAtMs: 1 })
  await rig.settle()
  worker.exited('a.1', 3)
  await rig.settle()
  expect(tasks.said).toEqual(['snapshot Scheduled.Starting', 'delta Scheduled.Pulling', 'delta Failed'])
  expect(events.said).toEqual([
    'snapshot Pending.Queued Scheduled.Starting',
    'delta Scheduled.Pulling',
    'delta Running.Up Failed',
  ])
  expect(isRising(tasks.revisions)).toBe(true)
  expect(events.revisions).toEqual(tasks.revisions)
})

test("from 'now' on, nothing of the past is told", async () => {
  await client.submit('a', spec())
  const tasks = follow('tasks', 'a', 'now')
  const events = follow('events', 'a', 'now')
  await rig.settle()
  expect([tasks.said, events.said]).toEqual([['snapshot'], ['snapshot']])
  worker.started('a.1')
  await rig.settle()
  expect([tasks.said[1], events.said[1]]).toEqual(['delta Running', 'delta Running.Up'])
})

test('other tasks are not heard of, and a prefix means one task', async () => {
  await client.submit('abc', spec())
  await client.submit('xyz', spec())
  const events = follow('events', 'ab', 'now')
  await rig.settle()
  worker.started('xyz.1')
  worker.started('abc.1')
  await rig.settle()
  expect(events.said).toEqual(['snapshot', 'delta Running.Up'])
})

test('a stream goes on strictly after a position, also with the next manager', async () => {
  await client.submit('a', spec())
  const tasks = follow('tasks', 'a', 'snapshot')
  const events = follow('events', 'a', 'snapshot')
  worker.report('a.1', { pullingAtMs: 1 })
  await rig.settle()
  const at = { tasks: tasks.stream.position as LogPosition, events: events.stream.position as LogPosition }
  expect(at.tasks).toEqual(at.events)
  await rig.cut('client')
  expect(tasks.said.at(-1)).toBe('end Unavailable')
  worker.started('a.1')
  await rig.settle()
  await rig.restart()
  await rig.join(worker)
  worker.exited('a.1')
  await rig.settle()
  client = await rig.client()
  const resumed = { tasks: follow('tasks', 'a', at.tasks), events: follow('events', 'a', at.events) }
  await rig.settle()
  expect(resumed.tasks.said).toEqual(['delta Completed'])
  expect(resumed.events.said).toEqual(['delta Running.Up', 'delta Completed'])
  expect(isRising([at.events.revision, ...resumed.events.revisions])).toBe(true)
  const newest = { tasks: resumed.tasks.stream.position, events: resumed.events.stream.position }
  const again = [follow('tasks', 'a', newest.tasks as LogPosition), follow('events', 'a', newest.events as LogPosition)]
  await rig.settle()
  expect(again.map(({ said }) => said)).toEqual([[], []])
})

test('a position of another log, or ahead of this one, gives a Reset and a fresh snapshot', async () => {
  await client.submit('a', waiting)
  const { logId } = client.welcome
  const foreign = follow('tasks', 'a', { logId: 'another', revision: 1 })
  const ahead = follow('events', 'a', { logId, revision: 1_000_000 })
  await rig.settle()
  expect(foreign.said).toEqual(['reset that position is of another log', 'snapshot Pending.Queued'])
  expect(ahead.said).toEqual(['reset that position is ahead of this log', 'snapshot Pending.Queued Pending.Queued'])
})

test('what happens while the past is read is held back and told after it, once', async () => {
  await client.submit('a', spec())
  await rig.settle()
  rig.disk.scans.hold()
  const events = follow('events', 'a', 'snapshot')
  await rig.settle()
  worker.report('a.1', { pullingAtMs: 1 })
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  expect(events.said).toEqual([])
  rig.disk.scans.release()
  await rig.settle()
  expect(events.said).toEqual([
    'snapshot Pending.Queued Scheduled.Starting',
    'delta Scheduled.Pulling',
    'delta Running.Up',
  ])
  expect(isRising(events.revisions)).toBe(true)
})

test('who subscribes while an end is on its way to the disk hears of it', async () => {
  await client.submit('a', waiting)
  rig.disk.writes.hold()
  const stopped = client.stop('a')
  await rig.settle()
  const tasks = follow('tasks', 'a', 'snapshot')
  const events = follow('events', 'a', 'snapshot')
  await rig.settle()
  expect([...tasks.said, ...events.said]).toEqual([])
  rig.disk.writes.release()
  await stopped
  await rig.settle()
  expect(tasks.said.join(', ')).toMatch(/Completed$/)
  expect(events.said.join(' ')).toMatch(/Completed$/)
})

test('a final task has its snapshot and nothing more', async () => {
  await client.submit('a', waiting)
  await client.stop('a')
  await rig.restart()
  client = await rig.client()
  const tasks = follow('tasks', 'a', 'snapshot')
  const events = follow('events', 'a', 'snapshot')
  await rig.settle()
  expect(tasks.said).toEqual(['snapshot Completed'])
  expect(events.said).toEqual(['snapshot Pending.Queued Pending.Queued Completed'])
})

test('an unknown task ends the subscription with NotFound', async () => {
  const events = follow('events', 'none', 'snapshot')
  await rig.settle()
  expect(events.said).toEqual(['end NotFound'])
})

async function rawClient(): Promise<RawEnd> {
  const end = await rig.raw()
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  await rig.settle()
  end.received.length = 0
  return end
}

const subscribe = (req: number, taskId: string, from: unknown = 'snapshot') => ({
  type: 'Subscribe',
  req,
  topic: 'events',
  filter: { ids: [taskId] },
  from,
})

test('after Unsubscribe nothing of the stream is told, and another stream goes on', async () => {
  await client.submit('a', spec())
  const end = await rawClient()
  end.connection.send({ m: [subscribe(1, 'a'), subscribe(2, 'a')] })
  await rig.settle()
  end.connection.send({ m: [{ type: 'Unsubscribe', req: 3, stream: 1 }] })
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  expect(end.received.map(({ type, req }) => `${type} ${req}`)).toEqual(['Snapshot 1', 'Snapshot 2', 'Ok 3', 'Delta 2'])
})

test('what the snapshot holds already is not told again as a delta', async () => {
  await client.submit('a', spec())
  await rig.settle()
  const end = await rawClient()
  rig.disk.writes.hold()
  worker.report('a.1', { pullingAtMs: 1 })
  await rig.settle()
  end.connection.send({ m: [subscribe(1, 'a'), { ...subscribe(2, 'a'), topic: 'tasks' }] })
  await rig.settle()
  rig.disk.writes.release()
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  const told = (req: number) => end.received.filter((message) => message.req === req).map(({ type }) => type)
  expect([told(1), told(2)]).toEqual([
    ['Snapshot', 'Delta'],
    ['Snapshot', 'Delta'],
  ])
})

test('an Unsubscribe that overtakes the reading of the past ends the stream all the same', async () => {
  await client.submit('abc', spec())
  const end = await rawClient()
  rig.disk.scans.hold()
  end.connection.send({ m: [subscribe(1, 'ab'), subscribe(2, 'abc'), { type: 'Unsubscribe', req: 3, stream: 1 }] })
  await rig.settle()
  end.connection.send({ m: [{ type: 'Unsubscribe', req: 4, stream: 2 }] })
  await rig.settle()
  rig.disk.scans.release()
  await rig.settle()
  worker.started('abc.1')
  await rig.settle()
  expect(end.received.map(({ type, req }) => `${type} ${req}`)).toEqual(['Ok 3', 'Ok 4'])
})

test('the number of a stream that is open cannot begin another one', async () => {
  await client.submit('a', waiting)
  const end = await rawClient()
  end.connection.send({ m: [subscribe(1, 'a'), subscribe(1, 'a')] })
  await rig.settle()
  expect(end.received.map(({ type }) => type).sort()).toEqual(['Error', 'Snapshot'])
})

test('a subscription that was refused leaves its number free', async () => {
  const end = await rawClient()
  end.connection.send({ m: [subscribe(1, 'a')] })
  await rig.settle()
  await client.submit('a', waiting)
  end.connection.send({ m: [subscribe(1, 'a')] })
  await rig.settle()
  expect(end.received.map(({ type }) => type)).toEqual(['Error', 'Snapshot'])
})

test('one connection has a bounded number of streams', async () => {
  await client.submit('a', waiting)
  const end = await rawClient()
  end.connection.send({ m: [...Array(257).keys()].map((req) => subscribe(req, 'a', 'now')) })
  await rig.settle()
  const errors = end.received.filter(({ type }) => type === 'Error')
  expect(errors).toMatchObject([{ code: 'Overloaded', retryable: true }])
  expect(end.received.filter(({ type }) => type === 'Snapshot')).toHaveLength(256)
})
