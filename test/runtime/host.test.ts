/** Step, store, act: what the host does at once, what waits for the disk, and what goes to the disk together. */
import { describe, expect, test } from 'vitest'
import type { TaskContext } from '../../actors/task.ts'
import { journalLimits } from '../../runtime/host/journal.ts'
import { mailboxLimits } from '../../runtime/host/mailbox.ts'
import { attemptOf, event, HandStorage, HostWorld, placed, registration, settle } from './host-world.ts'

const started = { type: 'Started', occurredAtMs: 7 }

describe('nothing happens outside before the flush', () => {
  test('that carries the step which asks for it', async () => {
    const world = new HostWorld()
    const address = world.attempt('a')
    world.host.run((turn) => {
      turn.tell(address, event({ type: 'Stop', graceMs: 5 }))
      turn.afterwards(() => world.heard.push('afterwards'))
      turn.finally(() => world.heard.push('finally'))
    })
    await settle()
    expect([world.at(address), world.heard, world.storage.values.size]).toEqual(['Stopping', [], 0])
    await world.storage.flush()
    expect(world.heard).toEqual(['start a.1', 'afterwards', 'stop a.1', 'finally'])
    expect(world.stored(address)?.path).toBe('Stopping')
  })

  test('and each flush lets go only what it carries, in order', async () => {
    const world = new HostWorld()
    const first = world.attempt('a')
    await settle()
    world.step(first, { type: 'Stop', graceMs: 5 })
    world.attempt('b')
    await settle()
    expect(world.storage.pending).toHaveLength(1)
    await world.storage.flush()
    expect(world.heard).toEqual(['start a.1'])
    expect(world.stored(first)?.path).toBe('Starting')
    await world.storage.flush()
    expect(world.heard).toEqual(['start a.1', 'stop a.1', 'start b.1'])
  })

  test('an answer to a question waits for what was stepped before it', async () => {
    const world = new HostWorld()
    world.attempt('a')
    world.journal.afterAll(() => world.heard.push('answer'))
    await settle()
    expect(world.heard).toEqual([])
    await world.storage.flush()
    expect(world.heard).toEqual(['start a.1', 'answer'])
  })

  test('a repeat that changes nothing is still answered only when what made it one is durable', async () => {
    const world = new HostWorld()
    const address = world.attempt('a')
    for (const name of ['first', 'repeat']) {
      world.host.run((turn) => {
        turn.tell(address, started)
        turn.finally(() => world.heard.push(name))
      })
    }
    await settle()
    expect([world.heard, world.host.redundant]).toEqual([[], 1])
    await world.storage.flush()
    expect(world.heard).toEqual(['start a.1', 'first', 'repeat'])
  })
})

describe('one turn', () => {
  test('is one unit with one revision, for all that its steps tell on', async () => {
    const world = new HostWorld({
      revision: 40,
      onStep: ({ actor, event: { type } }, turn) => {
        if (actor.address === 'task/t' && type === 'Placed') turn.tell('attempt/a.1', { type: 'Absent' })
      },
    })
    world.task('t')
    world.attempt('a')
    await settle()
    await world.storage.flush()
    world.step('task/t', placed())
    await settle()
    expect(world.storage.asked.at(-1)?.sort()).toEqual(['put attempt/a.1', 'put task/t'])
    await world.storage.flush()
    expect(world.stored('task/t')?.record.revision).toBe(43)
    expect(world.stored('attempt/a.1')?.record.revision).toBe(43)
  })

  test('writes an actor once, however often it stepped', async () => {
    const world = new HostWorld()
    const address = world.attempt('a')
    world.host.run((turn) => {
      turn.tell(address, event({ type: 'Pulling', occurredAtMs: 6 }))
      turn.tell(address, started)
    })
    await settle()
    expect(world.storage.asked).toEqual([[`put ${address}`, `put ${address}`]])
    expect(world.steps.slice(1)).toEqual([`${address} Starting→Pulling`, `${address} Pulling→Running`])
  })

  test('goes quiet once all is told, and what is told then belongs to it', async () => {
    let quiet = 0
    const world = new HostWorld({
      onQuiet: (turn) => {
        quiet += 1
        if (quiet === 1) turn.tell('attempt/a.1', started)
      },
    })
    world.attempt('a')
    await settle()
    expect([world.at('attempt/a.1'), quiet, world.storage.asked]).toEqual(['Running', 2, [['put attempt/a.1']]])
  })

  test('stamps all its events with one time, and each with a roll of its own', async () => {
    const world = new HostWorld()
    world.task('t', { restart: { policy: 'always', backOffMs: 1_000 } })
    const atMs = world.clock.wallMs
    world.host.run((turn) => {
      world.clock.wallMs += 50
      turn.tell('task/t', placed())
      turn.tell('task/t', event({ type: 'Exited', exitCode: 1 }))
    })
    const context = world.actor('task/t').snapshot.context as TaskContext
    expect([context.scheduledAtMs, context.queuedAtMs, world.rolls]).toEqual([atMs, atMs, 2])
  })

  test('that stores nothing takes no revision', () => {
    const world = new HostWorld({ revision: 5 })
    world.step('task/none', placed())
    world.node()
    world.step('node/n1', { type: 'LeaseExpired' })
    expect(world.journal.revision).toBe(6)
  })

  test('cannot be run within another, and cannot create what is there', () => {
    const world = new HostWorld()
    world.attempt('a')
    expect(() => world.host.run(() => world.host.run(() => {}))).toThrow('a turn within a turn')
    expect(() => world.attempt('a')).toThrow('attempt/a.1 is taken')
    expect(() => world.attempt('b')).not.toThrow()
  })
})

describe('a turn that grows too large', () => {
  const count = 200
  const build = () => {
    const world = new HostWorld()
    const addresses = Array.from({ length: count }, (_, index) => world.attempt(`a${index}`))
    world.journal.units.length = 0
    world.host.run((turn) => {
      for (const address of addresses) turn.tell(address, event({ type: 'Stop', graceMs: 5 }))
      turn.finally(() => world.heard.push('finally'))
    })
    return world
  }

  test('goes on in further units of at most the limit, in order', () => {
    const { units } = build().journal
    expect(units.length).toBeGreaterThan(1)
    for (const { ops } of units) expect(ops.length).toBeLessThanOrEqual(journalLimits.unitOpsMax)
    expect(units.flatMap(({ ops }) => ops.map(({ key }) => key))).toEqual(
      Array.from({ length: count }, (_, index) => `attempt/a${index}.1`),
    )
  })

  test('and is answered after the last of them', async () => {
    const world = build()
    const counts = world.journal.units.map(({ ops, actions }) => [ops.length, actions.length])
    for (const [ops, actions] of counts.slice(0, -1)) expect(actions).toBe(ops)
    expect(counts.at(-1)?.[1]).toBe((counts.at(-1)?.[0] ?? 0) + 1)
    await settle()
    await world.storage.flush()
    expect(world.heard.at(-1)).toBe('finally')
    expect(world.heard.filter((word) => word.startsWith('stop'))).toHaveLength(count)
  })
})

describe('the mailbox', () => {
  test('steps events of several actors in turns of their own, in the order of arrival over all of them', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    const [a, b] = [world.attempt('a'), world.attempt('b')]
    world.journal.units.length = 0
    world.host.tell(a, event({ type: 'Pulling', occurredAtMs: 6 }))
    world.host.tell(b, started)
    world.host.tell(a, started)
    expect(world.steps).toHaveLength(2)
    await settle()
    expect(world.steps.slice(2)).toEqual([`${a} Starting→Pulling`, `${b} Starting→Running`, `${a} Pulling→Running`])
    expect(world.journal.units).toHaveLength(3)
  })

  test('makes one turn of what one actor was told in one go, and writes its record once', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    const a = world.attempt('a')
    world.journal.units.length = 0
    world.host.tell(a, started)
    world.host.tell(a, event({ type: 'Exited', exitCode: 0, occurredAtMs: 9 }))
    await settle()
    expect(world.steps.slice(1)).toEqual([`${a} Starting→Running`, `${a} Running→Ended`])
    expect(world.journal.units).toHaveLength(1)
    expect(world.journal.units[0]?.ops.map(({ type, key }) => `${type} ${key}`)).toEqual([`put ${a}`])
  })

  test('is bounded, actor by actor; over it what waits is stepped first, in order, and nothing is lost', async () => {
    const world = new HostWorld({ storage: new HandStorage(undefined, true) })
    const [a, b] = [world.attempt('a'), world.attempt('b')]
    world.host.tell(b, started)
    for (let index = 0; index < mailboxLimits.mailboxEventsMax; index += 1) world.host.tell(a, started)
    expect([world.at(a), world.at(b)]).toEqual(['Starting', 'Starting'])
    world.host.tell(a, started)
    expect([world.at(a), world.at(b)]).toEqual(['Running', 'Running'])
    expect(world.host.redundant).toBe(mailboxLimits.mailboxEventsMax - 1)
    await settle()
    expect(world.host.redundant).toBe(mailboxLimits.mailboxEventsMax)
  })

  test('of an actor that is gone takes nothing', async () => {
    const world = new HostWorld()
    world.host.tell('attempt/none.1', started)
    await settle()
    expect([world.host.redundant, world.storage.asked]).toEqual([1, []])
  })
})

describe('what is kept', () => {
  const disk = () => new HostWorld({ storage: new HandStorage(undefined, true) })

  test('of a final task: its record, and it leaves memory, which is told once it is durable', async () => {
    const world = new HostWorld()
    world.task('t')
    world.step('task/t', { type: 'Stop' })
    await settle()
    expect([world.host.actors.has('task/t'), world.heard]).toEqual([false, []])
    await world.storage.flush()
    expect(world.stored('task/t')?.path).toBe('Completed')
    expect(world.heard).toEqual(['final task/t'])
    world.step('task/t', placed())
    expect([world.host.redundant, world.stored('task/t')?.path]).toEqual([1, 'Completed'])
  })

  test('of a removed attempt: nothing', async () => {
    const world = disk()
    const address = world.attempt('a', 1, 'stop')
    for (const type of ['Acknowledged', 'Absent', 'Removed']) world.step(address, { type })
    await settle()
    expect([world.storage.values.size, world.host.actors.size]).toEqual([0, 0])
    expect(world.heard).toEqual(['remove a.1', `final ${address}`])
  })

  test('of a node: its registration and its drain, and not its liveness', async () => {
    const world = disk()
    const address = world.node()
    world.step(address, { type: 'Registered', registration: { ...registration, labels: { zone: 'b' } } })
    await settle()
    const writes = world.storage.asked.length
    for (const type of ['HeartbeatLate', 'HeardFrom', 'LeaseExpired']) world.step(address, { type })
    await settle()
    expect([world.at(address), world.storage.asked.length]).toEqual(['Liveness.Down+Admission.Open', writes])
    world.step(address, { type: 'Drain' })
    await settle()
    expect(world.stored(address)?.snapshot.context).toMatchObject({ registration: { labels: { zone: 'b' } } })
    expect(world.stored(address)?.path).toContain('Draining')
  })

  test('of a recovery: nothing', async () => {
    const world = disk()
    const address = world.attempt('a')
    await settle()
    const before = world.storage.values.get(address)
    const next = new HostWorld({ storage: world.storage })
    next.reload(address)
    await settle()
    expect(next.heard).toEqual(['start a.1'])
    expect(next.storage.values.get(address)).toBe(before)
    expect(next.journal.revision).toBe(0)
  })

  test('a task that goes to and fro within one turn is written as it ends it', async () => {
    const world = disk()
    world.host.run((turn) => {
      world.host.create(turn, 'attempt/a.1', 'attempt', attemptOf('a'))
      turn.tell('attempt/a.1', event({ type: 'Stop', graceMs: 1 }))
      turn.tell('attempt/a.1', event({ type: 'Exited', exitCode: 1, occurredAtMs: 9 }))
    })
    await settle()
    expect(world.storage.asked).toEqual([['put attempt/a.1']])
    expect(world.stored('attempt/a.1')?.path).toBe('Ended')
  })
})
