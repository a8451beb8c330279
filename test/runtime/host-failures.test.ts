/** What fails, fails alone: a machine that throws only its own task, a disk that refuses the whole process and nobody hears. */
import { describe, expect, test } from 'vitest'
import { type AttemptContext, statusOf } from '../../actors/attempt.ts'
import { event, HandStorage, HostWorld, placed, registration, settle } from './host-world.ts'

/** Spoils a field of an actor's context, as a defect would. */
function corrupt(world: HostWorld, address: string, fields: Record<string, unknown>): void {
  const actor = world.actor(address)
  actor.snapshot = { ...actor.snapshot, context: { ...actor.snapshot.context, ...fields } } as typeof actor.snapshot
}

/** An event that throws when it is read, as a defect in a machine would. */
const poisoned = (type: string) => ({
  type,
  get payload(): never {
    throw new Error('spoiled')
  },
})

const disk = () => new HostWorld({ storage: new HandStorage(undefined, true) })
const exited = { type: 'Exited', exitCode: 0 }

describe('a machine that throws', () => {
  test('fails its own task, with the reason, on the disk as well', async () => {
    const world = disk()
    for (const id of ['t', 'u']) {
      world.task(id)
      world.step(`task/${id}`, placed())
    }
    corrupt(world, 'task/t', { attempts: null })
    world.host.run((turn) => {
      turn.tell('task/t', exited)
      turn.tell('task/u', exited)
      turn.finally(() => world.heard.push('finally'))
    })
    await settle()
    const { path, snapshot } = world.stored('task/t') ?? {}
    expect(path).toBe('Failed')
    expect(snapshot?.status).toBe('done')
    expect(snapshot?.context).toMatchObject({
      outcome: 'error',
      finishedAtMs: world.clock.wallMs,
      reason: expect.stringMatching(/^its machine threw: /),
    })
    expect(world.stored('task/u')?.path).toBe('Completed')
    expect(world.heard).toEqual(['final task/t', 'final task/u', 'finally'])
    expect(world.errors).toEqual([expect.stringContaining('the machine of task/t threw at Exited')])
    expect(world.failures).toEqual([])
  })

  test('leaves no timer behind, and what it had asked for in that step is not done', async () => {
    const world = disk()
    world.task('t', { timeoutMs: 500 })
    for (const told of [placed(), { type: 'Started', startedAtMs: 1 }]) world.step('task/t', told)
    await settle()
    expect(world.clock.delays()).toEqual([500])
    corrupt(world, 'task/t', { attempts: null })
    world.step('task/t', exited)
    await settle()
    expect([world.clock.delays(), world.stored('task/t')?.record.timers]).toEqual([[], []])
    world.clock.advance(1_000)
    await settle()
    expect(world.at('task/t')).toBeUndefined()
  })

  test('at its recovery is stored as failed, unlike the recovery', async () => {
    const before = disk()
    before.task('t')
    await settle()
    const world = new HostWorld({ storage: before.storage })
    const { snapshot, record } = before.stored('task/t') as NonNullable<ReturnType<typeof before.stored>>
    world.host.adopt('task/t', 'task', snapshot, record)
    world.host.tell('task/t', poisoned('Recovered'))
    await settle()
    expect(world.stored('task/t')?.snapshot.context).toMatchObject({ reason: 'its machine threw: spoiled' })
    expect([world.at('task/t'), world.heard]).toEqual([undefined, ['final task/t']])
  })

  test.each([
    ['Starting', []],
    ['Running', [{ type: 'Started', occurredAtMs: 6 }]],
    ['Stopping', [{ type: 'Stop', graceMs: 5 }]],
  ])('of an attempt that is %s is reported as its end, and what is left is removed', async (_, before) => {
    const world = disk()
    const address = world.attempt('a')
    for (const told of before) world.step(address, told)
    await settle()
    const { seq, startedAtMs } = world.actor(address).snapshot.context as AttemptContext
    world.step(address, poisoned('Pulling'))
    await settle()
    expect(world.stored(address)?.path).toBe('Ended')
    const status = statusOf(world.actor(address).snapshot.context as AttemptContext)
    expect(status).toMatchObject({ seq: seq + 1, endedAtMs: world.clock.wallMs })
    expect(status.startedAtMs).toBe(startedAtMs)
    expect(status.end).toEqual({
      kind: 'startFailed',
      code: 'start-failed',
      message: 'its machine threw: spoiled',
      retryable: false,
    })
    // That it is removed need not wait for the disk.
    world.storage.takesUnsynced = true
    for (const type of ['Acknowledged', 'Absent', 'Removed']) world.step(address, { type })
    await settle()
    expect(world.heard.slice(-2)).toEqual(['remove a.1', `final ${address}`])
    expect(world.storage.values.size).toBe(0)
  })

  test('of an attempt that has ended leaves it its end', async () => {
    const world = disk()
    const address = world.attempt('a')
    world.step(address, { type: 'Exited', exitCode: 3, occurredAtMs: 6 })
    for (const type of ['Acknowledged', 'Absent']) world.step(address, { type })
    expect(world.at(address)).toBe('Removing')
    world.step(address, poisoned('Removed'))
    await settle()
    expect(world.stored(address)?.path).toBe('Ended')
    expect(world.stored(address)?.snapshot.context).toMatchObject({ end: { kind: 'exited', exitCode: 3 } })
    world.step(address, { type: 'Absent' })
    expect(world.at(address)).toBe('Removing')
  })

  test('of a node leaves the node as it was, to be registered again', async () => {
    const world = disk()
    const address = world.node()
    world.step(address, poisoned('Drain'))
    expect(world.at(address)).toBe('Liveness.Unknown+Admission.Open')
    world.step(address, event({ type: 'Registered', registration }))
    await settle()
    expect(world.at(address)).toBe('Liveness.Ready+Admission.Open')
    expect(world.errors).toEqual([expect.stringContaining('the machine of node/n1 threw at Drain')])
  })

  test('at its first step is not made at all', async () => {
    const world = disk()
    const create = () => world.host.run((turn) => world.host.create(turn, 'task/t', 'task', { taskId: 't', atMs: 1 }))
    expect(create).toThrow()
    await settle()
    expect([world.host.actors.size, world.storage.values.size]).toEqual([0, 0])
    expect(() => world.task('t')).not.toThrow()
  })
})

describe('a flush that fails', () => {
  test('drops what was stepped: no effect, no answer, no timer, and the disk as it was', async () => {
    const world = new HostWorld()
    world.attempt('a')
    world.task('t', { waitTimeoutMs: 500 })
    world.host.run((turn) => {
      turn.tell('attempt/a.1', event({ type: 'Stop', graceMs: 1 }))
      turn.afterwards(() => world.heard.push('afterwards'))
      turn.finally(() => world.heard.push('finally'))
    })
    await settle()
    world.attempt('b')
    await world.storage.fail(new Error('no space left on device'))
    expect([world.heard, world.clock.delays(), world.storage.values.size]).toEqual([[], [], 0])
    expect(world.failures.map(({ message }) => message)).toEqual(['no space left on device'])
  })

  test('is told once, and what comes later is neither stored nor done', async () => {
    const world = new HostWorld()
    const address = world.attempt('a')
    await settle()
    await world.storage.fail(new Error('io'))
    world.step(address, { type: 'Stop', graceMs: 1 })
    world.attempt('b')
    world.node()
    world.host.tell(address, { type: 'Absent' })
    await settle()
    expect([world.heard, world.storage.asked.length, world.failures.length]).toEqual([[], 1, 1])
    expect(() => world.journal.admit()).toThrow(expect.objectContaining({ code: 'StorageFailed' }))
  })

  test('after one that succeeded takes nothing back', async () => {
    const world = new HostWorld()
    const address = world.attempt('a')
    await settle()
    await world.storage.flush()
    world.step(address, { type: 'Stop', graceMs: 1 })
    await settle()
    await world.storage.fail(new Error('io'))
    expect([world.heard, world.stored(address)?.path]).toEqual([['start a.1'], 'Starting'])
  })
})

test('a part that throws at an effect is told of, and the effects of others are carried out', async () => {
  const world = disk()
  const { heard } = world
  const push = heard.push.bind(heard)
  const guarded = (...words: string[]): number => {
    if (words[0] === 'start a.1') throw new Error('a defect')
    return push(...words)
  }
  Object.defineProperty(heard, 'push', { value: guarded })
  world.attempt('a')
  world.attempt('b')
  await settle()
  expect(heard).toEqual(['start b.1'])
  expect(world.errors[0]).toContain('a defect')
})

test('an effect that nobody carries out is told of by its name', async () => {
  const world = disk()
  world.host.run((turn) => world.host.create(turn, 'session', 'session', undefined))
  world.step('session', { type: 'Open' })
  await settle()
  expect(world.errors[0]).toContain('no part of this process carries out \\"dial\\"')
})

describe('a defect in a turn', () => {
  test('before anything was stepped it is the caller’s alone', async () => {
    const world = disk()
    expect(() =>
      world.host.run(() => {
        throw new Error('not yet')
      }),
    ).toThrow('not yet')
    world.task('t')
    await settle()
    expect([world.failures.length, world.stored('task/t')?.path]).toEqual([0, 'Pending.Queued'])
  })

  test('after a step it ends the process: memory is ahead of the disk, and nobody hears of it', async () => {
    const world = disk()
    world.task('t')
    await settle()
    expect(() =>
      world.host.run((turn) => {
        turn.tell('task/t', placed())
        turn.finally(() => world.heard.push('finally'))
        world.host.create(turn, 'task/u', 'task', {
          taskId: 'u',
          spec: { driver: 'process', command: ['true'] },
          atMs: 1,
        })
        throw new Error('a defect')
      }),
    ).toThrow('a defect')
    await settle()
    expect(world.failures).toHaveLength(1)
    expect([world.heard, world.stored('task/t')?.path, world.stored('task/u')]).toEqual([
      [],
      'Pending.Queued',
      undefined,
    ])
  })
})
