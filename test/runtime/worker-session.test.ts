import { describe, expect, test } from 'vitest'
import { attemptName } from '../../actors/model.ts'
import { readMeta } from '../../runtime/host/load.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { key, Stage, settle, spec, until } from './worker-fixture.ts'

const a = key('task-a')
const b = key('task-b')
const run = { action: 'run' as const, graceMs: 1, spec }

describe('desired state', () => {
  test('a delta that does not follow is not believed, and the complete state is asked for', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    const { manager } = stage
    manager.want(a)
    await until('it runs', () => stage.world.things.size === 1)
    // The delta in between was lost on the way: `a` is to stay, although this one would remove it.
    const gap = { type: 'Desired' as const, complete: false, last: true }
    manager.send(
      { ...gap, seq: manager.seq + 2, set: [], remove: [a] },
      { ...gap, seq: manager.seq + 3, set: [{ ...b, ...run }], remove: [] },
    )
    manager.desired.set(attemptName(b), { ...b, ...run })
    await until('the complete state has come', () => stage.world.things.size === 2)
    expect(manager.of('DesiredGap')).toEqual([{ type: 'DesiredGap', have: 2 }])
    expect(stage.world.stops).toEqual([])
    manager.unwant(a)
    await until('deltas follow again', () => stage.world.stops.length === 1)
    expect(manager.of('DesiredGap')).toHaveLength(1)
    await life.worker.stop()
  })

  test('what a complete state no longer holds is stopped and removed', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    stage.manager.want(b)
    await until('both run', () => stage.world.things.size === 2)
    stage.manager.desired.delete(attemptName(a))
    stage.manager.send(stage.manager.complete())
    await until('it is removed', () => stage.world.removed.length === 1)
    expect(stage.world.removed).toEqual(['task-a.1'])
    await life.worker.stop()
  })
})

describe('statuses', () => {
  test('are resent with each session until acknowledged, and only then is anything removed', async () => {
    const stage = await Stage.open()
    stage.manager.acknowledges = false
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined)
    stage.world.exit(a, 4)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    stage.manager.unwant(a)
    await settle()
    expect(stage.world.removed).toEqual([])
    stage.manager.heard.length = 0
    stage.transport.cut()
    await until('it is told again', () => stage.manager.status(a)?.end !== undefined, stage.clock)
    const seq = stage.manager.status(a)?.seq ?? 0
    // An acknowledgement of something older acknowledges nothing.
    stage.manager.send({ type: 'StatusAck', attempts: [{ ...a, seq: seq - 1, ended: true }] })
    await settle()
    expect(stage.world.removed).toEqual([])
    stage.manager.send({ type: 'StatusAck', attempts: [{ ...a, seq, ended: true }] })
    await until('it is removed', () => stage.world.removed.length === 1)
    await life.worker.stop()
  })
})

test('how far a pull is goes up as it comes, cut to what the wire takes', async () => {
  const stage = await Stage.open()
  const life = stage.begin()
  await stage.connected(life)
  stage.world.tell({ type: 'Progress', key: a, text: 'x'.repeat(600) })
  await until('it is heard', () => stage.manager.of('Progress').length === 1)
  expect(stage.manager.of('Progress')[0]).toEqual({ type: 'Progress', ...a, text: 'x'.repeat(512) })
  await life.worker.stop()
})

describe('epochs and clusters', () => {
  test('the highest epoch is stored before anything of it is done', async () => {
    const stage = await Stage.open()
    stage.manager.epoch = 7
    const epochAtStart: unknown[] = []
    const life = stage.begin({
      onBoundary: (boundary) => {
        if (boundary === 'before:startAttempt')
          void readMeta(stage.storage, 'meta/epoch').then((e) => epochAtStart.push(e))
      },
    })
    // The desired state comes in the same frame as the Welcome.
    stage.manager.desired.set(attemptName(a), { ...a, ...run })
    await stage.connected(life)
    await until('it runs', () => stage.world.things.size === 1)
    // A start may be asked for again meanwhile; what is on its way already is left alone.
    expect(new Set(epochAtStart)).toEqual(new Set([7]))
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await life.worker.stop()
  })

  test('a frame of an older epoch closes the connection, and nothing of it is done', async () => {
    const stage = await Stage.open()
    stage.manager.epoch = 5
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.epoch = 4
    stage.manager.want(a)
    await until('it has closed', () => stage.manager.closes.length === 1)
    expect(stage.manager.closes[0]).toMatchObject({ code: 4003, reason: expect.stringContaining('epoch 4') })
    // The old manager welcomes it, and is not believed either.
    await until('it dials again', () => stage.manager.sessions >= 3, stage.clock)
    expect(stage.world.begun.size).toBe(0)
    stage.manager.epoch = 6
    await until('the new one is followed', () => stage.world.things.size === 1, stage.clock)
    expect(stage.manager.of('WorkerHello').at(-1)?.highestEpoch).toBe(5)
    await life.worker.stop()
  })

  test('a manager of another cluster is refused with what to do', async () => {
    const stage = await Stage.open()
    const first = stage.begin()
    await stage.connected(first)
    await first.worker.stop()
    stage.manager.clusterId = 'cluster-b'
    const life = stage.begin()
    await until('it has failed', () => life.failures.length > 0, stage.clock)
    expect(life.failures[0]?.message).toMatch(/belongs to cluster cluster-a.*is of cluster-b.*--data-dir/)
    expect(life.worker.state).toBe('Failed')
    await settle()
    expect(await readMeta(stage.storage, 'meta/cluster')).toBe('cluster-a')
  })
})

describe('refusals', () => {
  test('one that is for good ends the worker with the manager’s sentence', async () => {
    const stage = await Stage.open()
    const message = 'the name w1 belongs to another node'
    stage.manager.onHello = () => stage.manager.send({ type: 'Refused', code: 'Conflict', message, retryable: false })
    const life = stage.begin()
    await until('it has failed', () => life.failures.length > 0, stage.clock)
    expect(life.failures[0]).toMatchObject({ code: 'Conflict', message })
    stage.clock.advance(60_000)
    await settle()
    expect(stage.manager.sessions).toBe(1)
  })

  test('a manager that has lost its history is heard, though its epoch is old', async () => {
    const stage = await Stage.open()
    stage.manager.epoch = 9
    const first = stage.begin()
    await stage.connected(first)
    await first.worker.stop()
    stage.manager.epoch = 1
    const message = 'this worker has seen later history'
    stage.manager.onHello = () =>
      stage.manager.send({ type: 'Refused', code: 'LostHistory', message, retryable: false })
    const life = stage.begin()
    await until('it has failed', () => life.failures.length > 0, stage.clock)
    expect(life.failures[0]).toMatchObject({ code: 'LostHistory', message })
  })

  test('one for now is tried again', async () => {
    const stage = await Stage.open()
    stage.manager.onHello = () => {
      stage.manager.onHello = undefined
      stage.manager.send({ type: 'Refused', code: 'Conflict', message: 'another one is connected', retryable: true })
    }
    const life = stage.begin()
    await stage.connected(life)
    expect(stage.manager.sessions).toBe(2)
    expect(life.failures).toEqual([])
    await life.worker.stop()
  })

  test('a wrong token ends the worker', async () => {
    const stage = await Stage.open()
    stage.manager.onHello = () => stage.manager.connection?.close(4001, 'the token is missing or wrong')
    const life = stage.begin()
    await until('it has failed', () => life.failures.length > 0, stage.clock)
    expect(life.failures[0]).toMatchObject({ code: 'Unauthorized', message: expect.stringContaining('token') })
  })
})

describe('the door', () => {
  test('messages of unknown types are ignored, broken ones close the connection', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    const { connection, epoch } = stage.manager
    connection?.send({ e: epoch, m: [{ type: 'FromTheFuture' }, { type: 'Ping' }] })
    await until('the rest is answered', () => stage.manager.of('Pong').length === 1)
    connection?.send({ e: epoch, m: [{ type: 'HeartbeatAck', seq: 'one' }] })
    await until('it has closed', () => stage.manager.closes.length === 1)
    expect(stage.manager.closes[0]?.code).toBe(4000)
    await until('it dials again', () => stage.manager.sessions === 2, stage.clock)
    await life.worker.stop()
  })

  test('desired state before a Welcome is refused', async () => {
    const stage = await Stage.open()
    stage.manager.desired.set(attemptName(a), { ...a, ...run })
    stage.manager.onHello = () => stage.manager.send(stage.manager.complete())
    const life = stage.begin()
    await until('it has closed', () => stage.manager.closes.length === 1, stage.clock)
    expect(stage.manager.closes[0]?.code).toBe(4000)
    expect(stage.world.begun.size).toBe(0)
    await life.worker.stop()
  })
})

describe('heartbeats', () => {
  test('go at the manager’s period within a tenth, and keep the lease', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    const seen: number[] = []
    for (let ms = 0; ms < 30_000; ms += 10) {
      stage.clock.advance(10)
      await settle(2)
      if (stage.manager.of('Heartbeat').length > seen.length) seen.push(ms)
    }
    const periods = seen.slice(1).map((ms, i) => ms - (seen[i] ?? 0))
    expect(Math.min(...periods)).toBeGreaterThanOrEqual(880)
    expect(Math.max(...periods)).toBeLessThanOrEqual(1_120)
    expect(new Set(periods).size).toBeGreaterThan(3)
    expect(stage.manager.sessions).toBe(1)
    await life.worker.stop()
  })

  test('a lease without an acknowledgement ends the session, and the worker dials again', async () => {
    const stage = await Stage.open()
    const gone: string[] = []
    const life = stage.begin({ onDisconnected: (reason) => gone.push(reason) })
    await stage.connected(life)
    stage.manager.answersHeartbeats = false
    await until('it has closed', () => stage.manager.closes.length === 1, stage.clock, 100)
    expect(stage.manager.closes[0]?.code).toBe(4006)
    expect(gone).toEqual(['the manager acknowledged no heartbeat for a whole lease'])
    stage.manager.answersHeartbeats = true
    await until('it is back', () => stage.manager.sessions === 2, stage.clock)
    await life.worker.stop()
  })
})

describe('output', () => {
  const text = (bytes: number) => new Uint8Array(bytes).fill(120)
  const bytesHeard = (stage: Stage) =>
    stage.manager
      .of('LogData')
      .flatMap(({ chunks }) => chunks)
      .reduce((bytes, { data }) => bytes + data.length, 0)

  test('goes as far as its credit, in frames of at most 32 KiB, and ends', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it runs', () => stage.world.things.size === 1)
    stage.world.output.set('task-a.1', [text(16_384), text(16_384), text(16_384), text(10)])
    stage.manager.send({ type: 'OpenLog', stream: 'l1', ...a, follow: true, creditBytes: 20_000 })
    await until('the credit is used', () => bytesHeard(stage) === 20_000)
    await settle()
    expect(bytesHeard(stage)).toBe(20_000)
    expect(stage.manager.of('LogEnded')).toEqual([])
    stage.manager.send({ type: 'CreditLog', stream: 'l1', bytes: 1_000_000 })
    await until('it has ended', () => stage.manager.of('LogEnded').length === 1)
    expect(bytesHeard(stage)).toBe(3 * 16_384 + 10)
    expect(stage.manager.of('LogEnded')).toEqual([{ type: 'LogEnded', stream: 'l1' }])
    for (const { m } of stage.manager.frames) {
      if (m.some(({ type }) => type === 'LogData')) expect(JSON.stringify(m).length && sizeOf(m)).toBeLessThan(32_768)
    }
    await life.worker.stop()
  })

  test('what is lost is said before the first bytes that follow, once, and also where none do', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it runs', () => stage.world.things.size === 1)
    stage.world.output.set('task-a.1', [
      text(10),
      { stream: 'stdout', data: text(16_384), lostBytes: 70_000 },
      { stream: 'stderr', data: text(0), lostBytes: 0 },
    ])
    stage.manager.send({ type: 'OpenLog', stream: 'l1', ...a, follow: true, creditBytes: 100_000 })
    await until('it has ended', () => stage.manager.of('LogEnded').length === 1)
    const heard = stage.manager.of('LogData').flatMap(({ chunks }) => chunks)
    expect(heard.map(({ stream, data, lostBytes }) => [stream, data.length, lostBytes])).toEqual([
      ['stdout', 10, undefined],
      ['stdout', 15_360, 70_000],
      ['stdout', 1_024, undefined],
      ['stderr', 0, 0],
    ])
    await life.worker.stop()
  })

  test('a stream that is closed sends nothing more; too many are refused', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it runs', () => stage.world.things.size === 1)
    stage.world.output.set('task-a.1', [text(1_000)])
    for (let i = 0; i < 257; i++) {
      stage.manager.send({ type: 'OpenLog', stream: `l${i}`, ...a, follow: true, creditBytes: 0 })
    }
    await until('the last is refused', () => stage.manager.of('LogEnded').length === 1)
    expect(stage.manager.of('LogEnded')[0]).toMatchObject({ stream: 'l256', error: expect.stringContaining('256') })
    stage.manager.send({ type: 'CloseLog', stream: 'l0' }, { type: 'CreditLog', stream: 'l0', bytes: 5_000 })
    await settle()
    expect(bytesHeard(stage)).toBe(0)
    await life.worker.stop()
  })

  test('an attempt that is still to be started is waited for; one that is not known yields nothing, and is said to be missing', async () => {
    const stage = await Stage.open()
    stage.world.held = true
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    stage.manager.send({ type: 'OpenLog', stream: 'l1', ...a, follow: true, creditBytes: 10_000 })
    stage.manager.send({ type: 'OpenLog', stream: 'l2', ...b, follow: true, creditBytes: 10_000 })
    await until('the unknown one has ended', () => stage.manager.of('LogEnded').length === 1)
    expect(stage.manager.of('LogEnded')[0]).toEqual({ type: 'LogEnded', stream: 'l2', missing: true })
    stage.world.output.set('task-a.1', [text(7)])
    stage.world.letThrough[0]?.()
    await until('the other has come', () => stage.manager.of('LogEnded').length === 2)
    expect(bytesHeard(stage)).toBe(7)
    await life.worker.stop()
  })
})

test('a worker on a store of its own is another node', async () => {
  const stage = await Stage.open()
  const first = stage.begin()
  await stage.connected(first)
  const other = stage.begin({ storage: createMemoryStorage() })
  await stage.connected(other)
  expect(other.worker.nodeId).not.toBe(first.worker.nodeId)
  await first.worker.stop()
  await other.worker.stop()
})

/** Bytes of output in these messages. */
function sizeOf(messages: readonly { readonly type: string }[]): number {
  return messages
    .flatMap((message) => ('chunks' in message ? (message.chunks as { data: Uint8Array }[]) : []))
    .reduce((bytes, { data }) => bytes + data.length, 0)
}
