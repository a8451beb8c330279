import { describe, expect, test } from 'vitest'
import { noBoundary, type OnBoundary } from '../../runtime/host/boundary.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { key, Stage, settle, until } from './worker-fixture.ts'

const a = key('task-a')
const b = key('task-b')

/** One whole life: a is run to its end by itself, b is stopped, both are removed. Every `crash` begins a next life. */
async function wholeLife(onBoundary: (kill: () => void) => OnBoundary): Promise<{ stage: Stage; deaths: number }> {
  const stage = await Stage.open()
  let deaths = 0
  let current = stage.begin({ onBoundary: onBoundary(() => die()) })
  function die(): void {
    deaths += 1
    const dead = current
    dead.kill()
    current = stage.begin({ onBoundary: noBoundary })
  }
  const { manager, world, clock } = stage
  manager.want(a)
  manager.want(b)
  const isUp = (id: typeof a) => manager.status(id)?.startedAtMs !== undefined || manager.status(id)?.end !== undefined
  await until('both are running', () => isUp(a) && isUp(b), clock)
  world.exit(a, 3)
  manager.want(b, { action: 'stop', graceMs: 10 })
  const hasEnded = (id: typeof a) => manager.status(id)?.end !== undefined
  await until('both have ended', () => hasEnded(a) && hasEnded(b), clock)
  manager.unwant(a)
  manager.unwant(b)
  await until('both are removed', () => world.things.size === 0, clock)
  await until('nothing is kept of them', () => manager.connection !== undefined, clock)
  await settle()
  await current.started
  await current.worker.stop()
  return { stage, deaths }
}

describe('a crash at every boundary', async () => {
  let boundaries = 0
  await wholeLife(() => () => {
    boundaries += 1
  })
  test('there are many of them', () => expect(boundaries).toBeGreaterThan(40))

  for (let at = 1; at <= boundaries; at++) {
    test(`boundary ${at}: nothing starts twice, and both ends are told`, async () => {
      let passed = 0
      let name = ''
      const { stage, deaths } = await wholeLife((kill) => (boundary) => {
        passed += 1
        if (passed !== at) return
        name = boundary
        kill()
      })
      // Timing differs a little from run to run, so the last of them may not be reached.
      if (at < boundaries * 0.8) expect(deaths, name).toBe(1)
      expect(stage.world.begun.get('task-a.1'), name).toBe(1)
      expect(stage.world.begun.get('task-b.1'), name).toBe(1)
      expect(stage.manager.status(a)?.end, name).toMatchObject({ kind: 'exited', exitCode: 3 })
      expect(stage.manager.status(b)?.end, name).toMatchObject({ kind: 'exited', exitCode: 143 })
      const left: string[] = []
      for await (const [stored] of stage.storage.scan({})) left.push(stored)
      expect(left, name).toEqual(['meta/cluster', 'meta/epoch', 'meta/format', 'meta/node'])
    })
  }
})

/** A stage on which `a` runs, and its worker is gone. */
async function orphaned(): Promise<Stage> {
  const stage = await Stage.open()
  const life = stage.begin()
  await stage.connected(life)
  stage.manager.want(a)
  await until('it is running', () => stage.manager.status(a)?.startedAtMs !== undefined)
  life.kill()
  await settle()
  stage.manager.heard.length = 0
  return stage
}

describe('what a driver does not have', () => {
  test('is lost when the driver answered', async () => {
    const stage = await orphaned()
    stage.world.things.clear()
    const life = stage.begin()
    await stage.connected(life)
    await until('its loss is reported', () => stage.manager.status(a)?.end?.kind === 'lost')
    await life.worker.stop()
  })

  test('is not lost while the driver cannot be asked, only when it can again', async () => {
    const stage = await orphaned()
    stage.world.available = false
    const life = stage.begin()
    await stage.connected(life)
    const hello = stage.manager.of('WorkerHello')[0]
    expect(hello?.node.drivers).toEqual({ process: 'unavailable' })
    stage.clock.advance(5_000)
    await settle()
    expect(stage.manager.status(a)?.end).toBeUndefined()
    stage.world.things.clear()
    stage.world.setAvailable(true)
    await until('its loss is reported', () => stage.manager.status(a)?.end?.kind === 'lost')
    expect(stage.manager.of('DriversChanged').at(-1)?.drivers).toEqual({ process: 'complete' })
    await life.worker.stop()
  })

  test('ends when it is stopped while the driver is asked whether it has it', async () => {
    const stage = await Stage.open()
    const { world, manager } = stage
    world.held = true
    const first = stage.begin()
    await first.started
    manager.want(a)
    await until('its start is on its way', () => world.letThrough.length === 1, stage.clock)
    first.kill()
    manager.heard.length = 0
    world.held = false
    world.letThrough.length = 0
    const second = stage.begin()
    await second.started
    world.heldLists = true
    await stage.connected(second)
    await until('the driver is asked what it has', () => world.letThrough.length > 0, stage.clock)
    await settle()
    manager.want(a, { action: 'stop' })
    await until('the stop has come', () => manager.status(a)?.stoppingAtMs !== undefined)
    world.heldLists = false
    for (const letThrough of world.letThrough.splice(0)) letThrough()
    await until('its end is reported', () => manager.status(a)?.end !== undefined)
    expect(world.begun.size).toBe(0)
    await second.worker.stop()
  })

  test('is not lost when it is stored and started only while the driver answers', async () => {
    const stage = await Stage.open()
    const { world, manager } = stage
    const life = stage.begin()
    await stage.connected(life)
    await settle()
    stage.stall()
    world.obedient = false
    world.heldLists = true
    manager.want(a)
    manager.want(a, { action: 'stop' })
    await settle()
    world.setAvailable(true)
    await until('the driver is asked what it has', () => world.letThrough.length > 0)
    stage.goOn()
    await until('it runs', () => manager.status(a)?.startedAtMs !== undefined)
    for (const letThrough of world.letThrough.splice(0)) letThrough()
    await settle()
    expect(manager.status(a)?.end).toBeUndefined()
    world.exit(a, 143)
    await until('its end is reported', () => manager.status(a)?.end !== undefined)
    expect(manager.status(a)?.end).toMatchObject({ kind: 'exited', exitCode: 143 })
    world.heldLists = false
    await life.worker.stop()
  })

  test('is not started again, nor reported as failed, while the driver cannot be asked', async () => {
    const stage = await Stage.open()
    // Killed when the driver has begun it and nobody has heard of it.
    const first = stage.begin()
    stage.world.listeners.add(({ type }) => type === 'Started' && first.kill())
    await first.started
    stage.manager.want(a)
    await until('it has begun', () => stage.world.begun.has('task-a.1'), stage.clock)
    await settle()
    expect(stage.manager.status(a)?.startedAtMs).toBeUndefined()
    stage.world.available = false
    const second = stage.begin()
    await stage.connected(second)
    await settle()
    expect(stage.manager.status(a)?.end).toBeUndefined()
    stage.world.setAvailable(true)
    await until('it is adopted', () => stage.manager.status(a)?.startedAtMs !== undefined, stage.clock)
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await second.worker.stop()
  })
})

test('an attempt of a driver that is not offered now is left alone, also one that was being started', async () => {
  const stage = await Stage.open()
  const first = stage.begin()
  stage.world.listeners.add(({ type }) => type === 'Started' && first.kill())
  await first.started
  stage.manager.want(a)
  await until('it has begun', () => stage.world.begun.has('task-a.1'), stage.clock)
  await settle()
  const without = stage.begin({ drivers: new Map() })
  await stage.connected(without)
  await settle()
  expect(stage.manager.status(a)?.end).toBeUndefined()
  await without.worker.stop()
  const again = stage.begin()
  await stage.connected(again)
  await until('it is adopted', () => stage.manager.status(a)?.startedAtMs !== undefined, stage.clock)
  expect(stage.world.begun.get('task-a.1')).toBe(1)
  await again.worker.stop()
})

describe('orphans', () => {
  test('are removed only after the complete desired state, and never what is desired', async () => {
    const stage = await orphaned()
    stage.world.begin(b)
    stage.world.begin(key('task-c'))
    // `c` is desired, and the worker has no record of it: it is adopted.
    stage.manager.desired.set('task-c.1', {
      ...key('task-c'),
      action: 'run',
      graceMs: 1,
      spec: { driver: 'process', command: ['true'] },
    })
    const { heartbeatMs, leaseMs, clusterId, epoch } = stage.manager
    stage.manager.onHello = () =>
      stage.manager.send({ type: 'Welcome', clusterId, sessionId: 's', epoch, heartbeatMs, leaseMs })
    const life = stage.begin()
    await stage.connected(life)
    await settle()
    const [one, ...rest] = [...stage.manager.desired.values()]
    if (one === undefined) throw new Error('nothing is desired')
    stage.manager.send({ type: 'Desired', seq: 7, complete: true, last: false, set: [one], remove: [] })
    await settle()
    expect(stage.world.removed).toEqual([])
    stage.manager.send({ type: 'Desired', seq: 7, complete: true, last: true, set: rest, remove: [] })
    await until('the orphan is removed', () => stage.world.removed.includes('task-b.1'))
    await until('the other is adopted', () => stage.manager.status(key('task-c'))?.startedAtMs !== undefined)
    expect([...stage.world.things]).toEqual([
      ['task-a.1', 'running'],
      ['task-c.1', 'running'],
    ])
    expect(stage.world.begun.get('task-c.1')).toBe(1)
    await life.worker.stop()
  })
})

test('what the manager cannot judge is left as it is, recorded here or not', async () => {
  const stage = await orphaned()
  stage.world.begin(b)
  stage.world.begin(key('task-c'))
  const { heartbeatMs, leaseMs, clusterId, epoch } = stage.manager
  stage.manager.desired.clear()
  stage.manager.onHello = () => {
    stage.manager.send({ type: 'Welcome', clusterId, sessionId: 's', epoch, heartbeatMs, leaseMs })
    const complete = { type: 'Desired' as const, seq: 1, complete: true, set: [], remove: [] }
    stage.manager.send({ ...complete, last: false, keep: ['task-a'] }, { ...complete, last: true, keep: ['task-b'] })
  }
  const life = stage.begin()
  await stage.connected(life)
  await until('the orphan is removed', () => stage.world.removed.includes('task-c.1'))
  await settle()
  expect([...stage.world.things.keys()]).toEqual(['task-a.1', 'task-b.1'])
  expect(stage.world.stops).toEqual([])
  // Once it can judge again, it does.
  stage.manager.send({ type: 'Desired', seq: 2, complete: true, last: true, set: [], remove: [] })
  await until('both are removed', () => stage.world.things.size === 0, stage.clock)
  await life.worker.stop()
})

describe('a record that cannot be read', () => {
  test('is named, and the attempt is adopted if it still exists', async () => {
    const stage = await orphaned()
    await damage(stage)
    const life = stage.begin()
    await stage.connected(life)
    expect(stage.said.some((line) => line.includes('attempt/task-a.1') && line.includes('checksum'))).toBe(true)
    await until('it is adopted', () => stage.manager.status(a)?.startedAtMs !== undefined)
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await life.worker.stop()
  })

  test.each([
    [true, 'adopted'],
    [false, 'reported as ended'],
  ])('waits for the driver to say whether it runs: if so (%s) it is %s', async (isThere) => {
    const stage = await orphaned()
    await damage(stage)
    stage.world.available = false
    const life = stage.begin()
    await stage.connected(life)
    stage.clock.advance(1_000)
    await settle()
    expect(stage.manager.statuses(a)).toEqual([])
    if (!isThere) stage.world.things.clear()
    stage.world.setAvailable(true)
    const told = () => (isThere ? stage.manager.status(a)?.startedAtMs : stage.manager.status(a)?.end)
    await until('it is told', () => told() !== undefined, stage.clock)
    expect(stage.manager.status(a)?.end === undefined).toBe(isThere)
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    expect(stage.world.removed).toEqual([])
    await life.worker.stop()
  })

  test('is never a reason to start it again', async () => {
    const stage = await orphaned()
    await damage(stage)
    stage.world.things.clear()
    const life = stage.begin()
    await stage.connected(life)
    await until('its end is reported', () => stage.manager.status(a)?.end !== undefined)
    expect(stage.world.begun.get('task-a.1')).toBe(1)
    await life.worker.stop()
  })
})

async function damage(stage: Stage): Promise<void> {
  const value = encodeRecord({ machineId: 'attempt' })
  value[0] = (value[0] ?? 0) ^ 0xff
  await stage.storage.batch([{ type: 'put', key: 'attempt/task-a.1', value }], { sync: true, epoch: 0 })
}

describe('without its manager', () => {
  const stopAfterMs = 30_000

  test('what has a limit is stopped when it is reached, and what has none runs on', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a, { stopAfterMs, graceMs: 77 })
    stage.manager.want(b)
    await until('both run', () => stage.world.things.size === 2)
    // With a manager that answers it may run for as long as it likes.
    for (let i = 0; i < 100; i++) {
      stage.clock.advance(1_000)
      await settle(5)
    }
    expect(stage.world.stops).toEqual([])
    await stage.manager.close()
    stage.transport.cut()
    await passes(stage, stopAfterMs - 2_500)
    expect(stage.world.stops).toEqual([])
    await passes(stage, 2_500)
    expect(stage.world.stops).toEqual([{ name: 'task-a.1', graceMs: 77 }])
    await passes(stage, 100_000)
    expect(stage.world.things.get('task-b.1')).toBe('running')
    await life.worker.stop()
  })

  test('also when the worker itself has started without finding one', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a, { stopAfterMs })
    await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined)
    await stage.manager.close()
    life.kill()
    const again = stage.begin()
    await again.started
    await passes(stage, stopAfterMs - 1_000)
    expect(stage.world.stops).toEqual([])
    await passes(stage, 1_100)
    expect(stage.world.stops).toEqual([{ name: 'task-a.1', graceMs: 5_000 }])
    await again.worker.stop()
  })

  test('and when the connection stands but nobody answers', async () => {
    const stage = await Stage.open()
    const life = stage.begin()
    await stage.connected(life)
    stage.manager.want(a, { stopAfterMs: 2_000 })
    await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined)
    stage.manager.answersHeartbeats = false
    stage.manager.onHello = () => {}
    await passes(stage, stage.manager.leaseMs - 500)
    expect(stage.world.stops).toEqual([])
    await passes(stage, 1_000)
    expect(stage.world.stops).toHaveLength(1)
    expect(stage.manager.closes.map(({ code }) => code)).toContain(4006)
    await life.worker.stop()
  })
})

/** This much time, in small steps. */
async function passes(stage: Stage, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    stage.clock.advance(Math.min(500, left))
    await settle(5)
  }
}
