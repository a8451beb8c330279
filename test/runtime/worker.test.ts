import { describe, expect, test } from 'vitest'
import type { Driver } from '../../runtime/drivers/driver.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { FakeManager, key, Stage, settle, spec, until } from './worker-fixture.ts'
import { worldDriver } from './worker-world.ts'

const a = key('task-a')

describe('the first registration', () => {
  test('says who it is, and takes the cluster it is welcomed to', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    const [hello] = stage.manager.of('WorkerHello')
    expect(hello).toMatchObject({
      token: 'token',
      highestEpoch: 0,
      node: { nodeId: life.worker.nodeId, name: 'w1', labels: { zone: 'a' }, drivers: { process: 'complete' } },
      attempts: [],
    })
    expect(hello).not.toHaveProperty('clusterId')
    expect(stage.manager.frames[0]).not.toHaveProperty('e')
    await life.worker.stop()
    expect(life.worker.state).toBe('Stopped')

    const again = stage.begin()
    await stage.connected(again)
    const second = stage.manager.of('WorkerHello').at(-1)
    expect(second).toMatchObject({ clusterId: 'cluster-a', highestEpoch: 1, node: { nodeId: life.worker.nodeId } })
    expect(second?.incarnation).not.toBe(hello?.incarnation)
    await again.worker.stop()
  })

  test('a folder of a newer format is refused with what to do', async () => {
    const stage = await Stage.open()
    await stage.storage.batch([{ type: 'put', key: 'meta/format', value: encodeRecord(99) }], { sync: true, epoch: 0 })
    await expect(stage.begin().started).rejects.toThrow(/format 99, from a newer Troupe.*run the newer version/)
  })
})

describe('the variables of an attempt', () => {
  test("are the user's and Troupe's own, which nobody sets, for its start and for commands beside it", async () => {
    const stage = await Stage.open()
    const given: (Readonly<Record<string, string>> | undefined)[] = []
    const inner = worldDriver(stage.world)
    const driver: Driver = {
      ...inner,
      supports: { ...inner.supports, exec: true },
      start(key, spec, signal) {
        given.push(spec.env)
        return inner.start(key, spec, signal)
      },
      async exec(_key, { spec }) {
        given.push(spec.env)
        return { exitCode: 0, output: '' }
      },
    }
    const life = stage.begin({ drivers: new Map([['process', driver]]) })
    await stage.connected(life)
    // As stored by a version that did not refuse the name yet.
    const env = { COLOUR: 'red', TROUPE_TASK_ID: 'forged', TROUPE_ADDR: 'ws://elsewhere' }
    const health = { kind: 'command' as const, command: ['true'] }
    const ports = [{ target: 80, host: 20_000 }]
    stage.manager.want({ ...a, attempt: 2 }, { spec: { ...spec, env, health, ports } })
    await until('it was started and checked', () => given.length >= 2, stage.clock)
    const all = {
      ...{ COLOUR: 'red', TROUPE_ADDR: 'ws://elsewhere' },
      ...{ TROUPE_TASK_ID: 'task-a', TROUPE_ATTEMPT: '2', TROUPE_CLUSTER_ID: 'cluster-a' },
      ...{ TROUPE_NODE_ID: life.worker.nodeId, TROUPE_NODE: 'w1', TROUPE_PORT_80: '20000' },
    }
    expect(given.slice(0, 2)).toEqual([all, all])
    await life.worker.stop()
  })
})

describe('a secret on the disk of its worker', () => {
  test('is there while the attempt is, also for the next life of the worker, and gone with its record', async () => {
    const stage = await Stage.open()
    const first = stage.begin()
    await stage.connected(first)
    // As the manager sends it.
    stage.manager.want(a, { spec: { ...spec, env: { KEY: 'hunter2' } } })
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    const kept = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const [name, value] of stage.storage.scan({ gte: '', lt: '\uffff' })) {
        if (Buffer.from(value).includes('hunter2')) found.push(name)
      }
      return found
    }
    expect(await kept()).toEqual(['spec/task-a.1'])
    first.kill()
    const second = stage.begin()
    await stage.connected(second)
    expect(await kept()).toEqual(['spec/task-a.1'])
    stage.world.exit(a, 3)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    stage.manager.unwant(a)
    await until('it is removed', () => stage.world.removed.includes('task-a.1'))
    await settle()
    expect(await kept()).toEqual([])
    await second.worker.stop()
  })
})

describe('the life of an attempt', () => {
  test('run, running, ended, acknowledged, absent, removed', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    expect(await stage.storage.get('spec/task-a.1')).toBeDefined()
    stage.world.exit(a, 3)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    expect(stage.manager.status(a)).toMatchObject({ end: { kind: 'exited', exitCode: 3 }, reserved: { cpus: 0.1 } })
    // Every status goes once: seq only grows.
    const seqs = stage.manager.statuses(a).map(({ seq }) => seq)
    expect(seqs).toEqual([...new Set(seqs)].sort((x, y) => x - y))
    expect(stage.world.removed).toEqual([])
    stage.manager.unwant(a)
    await until('it is removed', () => stage.world.removed.includes('task-a.1'))
    await settle()
    expect(await stage.storage.get('attempt/task-a.1')).toBeUndefined()
    expect(await stage.storage.get('spec/task-a.1')).toBeUndefined()
    // Frames bear the epoch once it is known.
    expect(stage.manager.frames.slice(1).every(({ e }) => e === 1)).toBe(true)
    await life.worker.stop()
  })

  test('waits for the disk twice, for its intent and its end; what the manager says again by itself is not written', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    const written: string[] = []
    const { batch } = stage.storage
    stage.storage.batch = (ops, options) => {
      for (const { type, key } of ops) written.push(`${options.sync ? 'synced' : 'unsynced'} ${type} ${key}`)
      return batch.call(stage.storage, ops, options)
    }
    stage.manager.want(a)
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    stage.world.exit(a)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    await settle()
    const ended = await stage.storage.get('attempt/task-a.1')
    stage.manager.unwant(a)
    await until('it is removed', () => stage.world.removed.includes('task-a.1'))
    await settle()
    expect(written).toEqual([
      ...['synced put spec/task-a.1', 'synced put attempt/task-a.1'],
      ...['synced put attempt/task-a.1', 'synced put attempt/task-a.1'],
      ...['unsynced del spec/task-a.1', 'unsynced del attempt/task-a.1'],
    ])
    life.kill()

    // The crash took the removal back: it has ended, says so again, and is removed again.
    const back = { type: 'put', key: 'attempt/task-a.1', value: ended as Uint8Array } as const
    await stage.storage.batch([back], { sync: true, epoch: 1 })
    const again = stage.begin()
    await stage.connected(again)
    await until('it is gone', () => stage.world.removed.length === 2)
    await settle()
    expect(await stage.storage.get('attempt/task-a.1')).toBeUndefined()
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await again.worker.stop()
  })

  test('run, however often it is said, starts once', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    for (let i = 0; i < 5; i++) stage.manager.want(a)
    stage.manager.send(stage.manager.complete())
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    stage.world.exit(a)
    await until('it has ended', () => stage.manager.status(a)?.end !== undefined)
    stage.manager.want(a)
    stage.manager.send(stage.manager.complete())
    await settle()
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await life.worker.stop()
  })

  test('an end that overtakes the answer to its start is not removed before that answer', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.world.held = true
    stage.world.deaf = true
    stage.manager.want(a)
    await until('its start is on its way', () => stage.world.letThrough.length === 1)
    stage.world.things.set('task-a.1', { exitCode: 0 })
    stage.world.say(a, stage.world.tell.bind(stage.world))
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    stage.manager.unwant(a)
    await settle()
    for (const letThrough of stage.world.letThrough) letThrough()
    await until('it is removed', () => stage.world.removed.includes('task-a.1'))
    await settle()
    expect(stage.world.things.size).toBe(0)
    expect(stage.world.begun.size).toBe(0)
    await life.worker.stop()
  })

  test('stop before run never starts it, and is reported', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a, { action: 'stop' })
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    expect(stage.manager.status(a)?.end).toMatchObject({ kind: 'startFailed', retryable: true })
    expect(stage.world.begun.size).toBe(0)
    await life.worker.stop()
  })

  test('a stop while it is being started calls the start off', async () => {
    const stage = await Stage.open()
    stage.world.held = true
    const life = stage.begin()
    await stage.connected(life)
    for (let i = 0; i < 8; i++) stage.manager.want(key(`task-${i}`))
    await until('six starts are under way', () => stage.world.letThrough.length === 6)
    await settle()
    expect(stage.world.letThrough.length).toBe(6)
    // One that is under way, and one that waits for its turn.
    for (const id of [key('task-0'), key('task-7')]) stage.manager.want(id, { action: 'stop', graceMs: 10 })
    await until('the one that waited has ended', () => stage.manager.status(key('task-7'))?.end !== undefined)
    for (const letThrough of stage.world.letThrough.splice(0)) letThrough()
    await until('the other has ended', () => stage.manager.status(key('task-0'))?.end !== undefined)
    stage.world.held = false
    for (const letThrough of stage.world.letThrough.splice(0)) letThrough()
    await until('the rest runs', () => stage.world.things.size === 6)
    expect([...stage.world.things.keys()].sort()).toEqual(['1', '2', '3', '4', '5', '6'].map((n) => `task-${n}.1`))
    await life.worker.stop()
  })

  test('a stop that came too late for the start still ends it', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    // A driver that is past the point of no return: it ignores the abort, and finds nothing to stop yet.
    stage.world.held = true
    stage.world.deaf = true
    stage.manager.want(a)
    await until('the start is under way', () => stage.world.letThrough.length === 1)
    stage.manager.want(a, { action: 'stop', graceMs: 7 })
    await until('the stop was asked', () => stage.world.stops.length === 1)
    stage.world.letThrough[0]?.()
    await until('it has ended', () => stage.manager.status(a)?.end !== undefined)
    expect(stage.world.things.get('task-a.1')).not.toBe('running')
    await life.worker.stop()
  })

  test('a driver that is not offered fails the start, for good', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a, { spec: { ...spec, driver: 'docker', image: 'x' } })
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    const end = { kind: 'startFailed', code: 'bad-spec', retryable: false }
    expect(stage.manager.status(a)?.end).toMatchObject(end)
    await life.worker.stop()
  })

  test('a removal that fails is tried again', async () => {
    const stage = await Stage.open()
    stage.world.removeFailures = 3
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    stage.manager.unwant(a)
    await until('it is removed', () => stage.world.removed.includes('task-a.1'), stage.clock, 200)
    expect(stage.world.stops).toEqual([{ name: 'task-a.1', graceMs: 5_000 }])
    expect(stage.said.filter((line) => line.includes('could not be removed'))).toHaveLength(1)
    await life.worker.stop()
  })

  test('a message of a driver that is too long for the wire is cut', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.world.held = true
    stage.manager.want(a)
    await until('the start is under way', () => stage.world.letThrough.length === 1)
    const message = 'x'.repeat(10_000)
    stage.world.tell({ type: 'StartFailed', key: a, atMs: 1, code: 'start-failed', message, retryable: false })
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    expect(JSON.stringify(stage.manager.status(a)?.end).length).toBeLessThan(4_300)
    await life.worker.stop()
  })
})

describe('stopping and failing', () => {
  test('an orderly stop leaves tasks running, and the next life finds them', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a)
    await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
    await life.worker.stop()
    expect(stage.world.things.get('task-a.1')).toBe('running')
    stage.world.exit(a, 5)
    const again = stage.begin()
    await stage.connected(again)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    expect(stage.manager.status(a)?.end).toMatchObject({ exitCode: 5 })
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await again.worker.stop()
  })

  test('a stop that comes while it starts is heeded', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await life.worker.stop()
    await life.started
    expect(life.worker.state).toBe('Stopped')
    stage.clock.advance(60_000)
    await settle()
    expect(stage.manager.connection).toBeUndefined()
  })

  test('a store that cannot save ends it: nothing of the unsaved step is heard or done', async () => {
    const stage = await Stage.open()
    let broken = false
    const storage = {
      ...stage.storage,
      supports: stage.storage.supports,
      get: (name: string) => stage.storage.get(name),
      scan: (range: object) => stage.storage.scan(range),
      batch: async (...args: Parameters<typeof stage.storage.batch>) => {
        if (broken) throw new Error('no space left')
        await stage.storage.batch(...args)
      },
    }
    const life = stage.begin({ storage })
    await stage.connected(life)
    broken = true
    stage.manager.want(a)
    await until('it has failed', () => life.failures.length > 0)
    await settle()
    expect(life.failures).toHaveLength(1)
    expect(life.failures[0]).toMatchObject({ code: 'StorageFailed', message: expect.stringContaining('no space left') })
    expect(stage.world.begun.size).toBe(0)
    expect(stage.manager.statuses(a)).toEqual([])
    expect(stage.manager.connection).toBeUndefined()
    stage.clock.advance(60_000)
    await settle()
    expect(stage.manager.sessions).toBe(1)
    await life.worker.stop()
  })
})

test('the manager that is away is dialled until it comes, and said to be away once', async () => {
  const stage = await Stage.open()
  await stage.manager.close()
  const life = stage.begin()
  await life.started
  for (let i = 0; i < 20; i++) {
    stage.clock.advance(2_000)
    await settle()
  }
  expect(stage.said.filter((line) => line.startsWith('no manager at'))).toHaveLength(1)
  const manager = new FakeManager()
  await manager.listen(stage.transport)
  await stage.connected(life)
  expect(manager.of('WorkerHello')).toHaveLength(1)
  await life.worker.stop()
})
