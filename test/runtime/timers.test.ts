/** Timers that outlive the process: stored with their actor, armed after the flush, called off at once. */
import { describe, expect, test } from 'vitest'
import { mailboxLimits } from '../../runtime/host/mailbox.ts'
import { type ActorRecord, decodeRecord } from '../../runtime/host/record.ts'
import { Timers, timerDelayMsMax } from '../../runtime/host/timers.ts'
import { HandClock, HandStorage, HostWorld, placed, settle } from './host-world.ts'

const spec = { restart: { policy: 'always', backOffMs: 2_000, backOffMaxMs: 2_000 } } as const
/** Half of the bound, for the world always rolls a half. */
const delayMs = 1_000
const exited = { type: 'Exited', exitCode: 1 }

/** A task that backs off, durable. */
async function backingOff(clock = new HandClock()): Promise<HostWorld> {
  const world = new HostWorld({ clock, storage: new HandStorage(undefined, true) })
  world.task('t', spec)
  world.step('task/t', placed())
  world.step('task/t', exited)
  await settle()
  expect(world.at('task/t')).toBe('Pending.BackingOff')
  return world
}

const timersOf = (world: HostWorld) => world.stored('task/t')?.record.timers

describe('a timer', () => {
  test('is stored in the record of the step that asks for it', async () => {
    const world = await backingOff()
    const dueAtMs = world.clock.wallMs + delayMs
    expect(timersOf(world)).toEqual([{ id: 'backOff', event: { type: 'BackOffElapsed' }, delayMs, dueAtMs }])
    expect(world.clock.delays()).toEqual([delayMs])
  })

  test('is armed after the flush, not before', async () => {
    const world = new HostWorld()
    world.task('t', { waitTimeoutMs: 500 })
    await settle()
    expect(world.clock.delays()).toEqual([])
    await world.storage.flush()
    expect(world.clock.delays()).toEqual([500])
  })

  test('goes off once, and its record no longer has it', async () => {
    const world = await backingOff()
    world.clock.advance(delayMs)
    await settle()
    expect([world.at('task/t'), timersOf(world), world.clock.delays()]).toEqual(['Pending.Queued', [], []])
    world.clock.advance(10 * delayMs)
    await settle()
    expect(world.steps.filter((step) => step.endsWith('BackingOff→Pending.Queued'))).toHaveLength(1)
  })

  test('that is called off never goes off', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    world.task('t', { waitTimeoutMs: 500 })
    await settle()
    world.step('task/t', placed())
    expect(world.clock.delays()).toEqual([])
    await settle()
    world.clock.advance(1_000)
    await settle()
    expect([world.at('task/t'), timersOf(world)]).toEqual(['Scheduled.Starting', []])
  })

  test('that is called off while its unit is on the way to the disk never arms', async () => {
    const world = new HostWorld()
    world.task('t', { waitTimeoutMs: 500 })
    await settle()
    world.step('task/t', placed())
    await world.storage.flush()
    expect([world.stored('task/t')?.path, world.clock.delays()]).toEqual(['Pending.Queued', []])
    await world.storage.flush()
    expect([world.stored('task/t')?.path, world.clock.delays()]).toEqual(['Scheduled.Starting', []])
  })

  test('that is called off when its event waits in the mailbox is not delivered', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    world.task('t')
    for (const told of [placed(), { type: 'NodeUnreachable' }]) world.step('task/t', told)
    await settle()
    world.clock.advance(300_000)
    // The node is back before the mailbox is drained: its loss must not be taken any more.
    world.step('task/t', { type: 'NodeReturned' })
    await settle()
    expect(world.at('task/t')).toBe('Scheduled.Starting')
  })

  test('that was replaced when its event waits in the mailbox is not delivered for the new one', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    world.task('t')
    for (const told of [placed(), { type: 'NodeUnreachable' }]) world.step('task/t', told)
    await settle()
    world.clock.advance(300_000)
    world.step('task/t', { type: 'NodeUnreachable' })
    await settle()
    expect([world.at('task/t'), timersOf(world)?.length]).toEqual(['Scheduled.Unreachable', 1])
    world.clock.advance(300_000)
    await settle()
    expect(world.stored('task/t')?.path).toBe('Failed')
  })

  test('stays in the record until its event was taken, whatever is stored in between', async () => {
    const world = new HostWorld()
    world.storage.automatic = true
    world.task('t', { timeoutMs: 500 })
    for (const told of [placed(), { type: 'Started', startedAtMs: 1 }]) world.step('task/t', told)
    await settle()
    world.journal.units.length = 0
    world.clock.advance(500)
    world.step('task/t', { type: 'NodeUnreachable' })
    await settle()
    const ids = world.journal.units.flatMap(({ ops }) =>
      ops.map((op) => op.type === 'put' && (decodeRecord(op.value) as ActorRecord).timers.map(({ id }) => id)),
    )
    expect(ids).toEqual([['timeout', 'lost'], ['lost']])
    expect(world.actor('task/t').snapshot.context).toMatchObject({ stopCause: 'TimedOut' })
  })

  test('finds room in a mailbox that is full', async () => {
    const world = await backingOff()
    for (let count = 0; count < mailboxLimits.mailboxEventsMax; count += 1) world.host.tell('task/t', placed())
    world.clock.advance(delayMs)
    await settle()
    expect(world.at('task/t')).toBe('Pending.Queued')
  })

  test('of an actor that has ended is gone', async () => {
    const world = await backingOff()
    world.step('task/t', { type: 'Stop' })
    await settle()
    expect([timersOf(world), world.clock.delays()]).toEqual([[], []])
  })
})

describe('after a crash', () => {
  async function restarted(downMs: number, shiftMs = 0): Promise<HostWorld> {
    const before = await backingOff()
    const clock = new HandClock()
    clock.wallMs = before.clock.wallMs + downMs + shiftMs
    const world = new HostWorld({ clock, storage: before.storage })
    world.reload('task/t')
    return world
  }

  test.each([
    ['at once', 0, 0, 1_000],
    ['later', 400, 0, 600],
    ['after it was due', 5_000, 0, 0],
    ['with the wall clock set back by a day', 0, -86_400_000, 1_000],
    ['with the wall clock set back a little', 400, -100, 700],
    ['with the wall clock set forward by a day', 0, 86_400_000, 0],
  ])(
    '%s: what is left of it, never less than nothing and never more than it was',
    async (_, downMs, shiftMs, leftMs) => {
      const world = await restarted(downMs, shiftMs)
      await settle()
      expect(world.clock.delays()).toEqual([leftMs])
      world.clock.advance(leftMs)
      await settle()
      expect(world.at('task/t')).toBe('Pending.Queued')
    },
  )

  test('a timer that is read twice goes off once', async () => {
    const world = await restarted(0)
    world.host.tell('task/t', { type: 'Recovered' })
    await settle()
    expect(world.clock.delays()).toEqual([1_000])
  })

  test('one whose state has no ear for it is not stepped, and its timers run again', async () => {
    const world = await restarted(0)
    expect(world.clock.delays()).toEqual([1_000])
    await settle()
    expect([world.steps, world.host.redundant]).toEqual([[], 0])
  })

  test('a wait for a lost node does not run on: its new lease comes first, and then the whole wait', async () => {
    const before = new HostWorld({ storage: new HandStorage(undefined, true) })
    before.task('t')
    for (const told of [placed(), { type: 'NodeUnreachable' }]) before.step('task/t', told)
    await settle()
    const clock = new HandClock()
    clock.wallMs += 86_400_000
    const world = new HostWorld({ clock, storage: before.storage })
    world.reload('task/t')
    await settle()
    expect(world.clock.delays()).toEqual([])
    world.step('task/t', { type: 'NodeUnreachable' })
    await settle()
    expect(world.clock.delays()).toEqual([300_000])
    expect(timersOf(world)).toMatchObject([{ id: 'lost', delayMs: 300_000 }])
  })
})

describe('Timers', () => {
  const build = () => {
    const clock = new HandClock()
    const fired: string[] = []
    return { clock, fired, timers: new Timers({ clock, fire: (_, { id }) => fired.push(id) }, 'a') }
  }

  test('bounds its delay to what a clock can hold', () => {
    const { clock, timers } = build()
    for (const ms of [-5, 0.2, 2 ** 40]) timers.record(`t${ms}`, { type: 'E' }, ms)()
    expect(clock.delays()).toEqual([0, 1, timerDelayMsMax])
  })

  test('replaces one of the same id: only the new one goes off', () => {
    const { clock, fired, timers } = build()
    const armFirst = timers.record('t', { type: 'First' }, 10)
    const armSecond = timers.record('t', { type: 'Second' }, 30)
    armFirst()
    armSecond()
    expect(clock.delays()).toEqual([30])
    expect(timers.stored().map(({ event }) => event.type)).toEqual(['Second'])
    clock.advance(100)
    expect(fired).toEqual(['t'])
  })

  test('cancelAll calls off what is armed and what is not', () => {
    const { clock, fired, timers } = build()
    timers.record('armed', { type: 'E' }, 10)()
    const arm = timers.record('recorded', { type: 'E' }, 10)
    timers.cancelAll()
    arm()
    clock.advance(100)
    expect([fired, clock.delays(), timers.stored()]).toEqual([[], [], []])
  })

  test('cancelling what is unknown is nothing', () => {
    expect(() => build().timers.cancel('none')).not.toThrow()
  })
})
