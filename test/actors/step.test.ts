/**
 * The gate for moving xstate's version: whatever `step` does, a live actor of XState's own does as well.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign, cancel, enqueueActions, raise, setup } from 'xstate'
import { initialStep, pathOf, persist, restore, step, takes } from '../../actors/step.ts'
import { essence, LiveOracle, timersAfter, type WaitingTimer } from './live-oracle.ts'
import { cases, type Stamped, stamp, stamped } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

/** An event of the alphabet by its place, or a timer by its place among those that wait. */
type Move = { readonly event: number } | { readonly timer: number }

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ event: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ timer: fc.nat(10) }) },
)

describe.each(cases)('$title steps as it lives', ({ subject, input }) => {
  const { machine, events } = subject

  function compare(moves: readonly Move[]): void {
    const live = new LiveOracle(machine, input)
    let current = initialStep(machine, input)
    let timers: ReadonlyMap<string, WaitingTimer> = new Map()
    const agree = () => {
      timers = timersAfter(timers, current)
      expect(essence(current.snapshot)).toEqual(essence(live.snapshot))
      expect(current.effects).toEqual(live.executed())
      expect(timers).toEqual(live.timers())
      expect(live.timeouts).toBe(timers.size)
    }
    agree()
    for (const next of moves) {
      if (current.snapshot.status !== 'active') break
      const waiting = [...timers.keys()]
      const id = 'timer' in next ? waiting[next.timer % Math.max(1, waiting.length)] : undefined
      if (id !== undefined) {
        const { event } = timers.get(id) as WaitingTimer
        timers = new Map([...timers].filter(([other]) => other !== id))
        current = step(machine, current.snapshot, { ...event, ...stamp })
        live.fire(id, stamp)
      } else {
        const event = events[('event' in next ? next.event : 0) % events.length] as Stamped
        current = step(machine, current.snapshot, event)
        live.send(event)
      }
      agree()
    }
    live.stop()
  }

  test('on random sequences of events and of timers going off', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), (moves) => compare(moves)),
      { numRuns: 150, seed: 7 },
    )
  })

  test('on every event first', () => {
    for (let event = 0; event < events.length; event += 1) compare([{ event }])
  })

  test('an event that no state takes changes nothing, in each of its places', () => {
    const taken = new Set<string>()
    for (const { snapshot } of places(subject, input)) {
      for (const event of events) {
        if (takes(snapshot, event.type)) taken.add(event.type)
        else expect(step(machine, snapshot, event).changed, `${pathOf(snapshot.value)} ${event.type}`).toBe(false)
      }
    }
    expect(taken.size).toBeGreaterThan(0)
  })
})

const fixture = setup({
  types: { context: {} as { n: number; log: readonly string[] }, events: {} as { type: string } },
  guards: {
    bad: () => {
      throw new Error('bad guard')
    },
  },
  actions: {
    dial: () => {},
    count: assign({ n: ({ context }) => context.n + 1 }),
    badAssign: assign(() => {
      throw new Error('bad assign')
    }),
    unheardOf: () => {},
    note: assign({ log: ({ context, event }) => [...context.log, event.type] }),
  },
}).createMachine({
  id: 'fixture',
  context: { n: 0, log: [] },
  initial: 'A',
  on: { Anywhere: { target: '.B', actions: 'dial' } },
  states: {
    A: {
      after: { 50: 'B' },
      on: {
        Guard: { guard: 'bad', target: 'B' },
        Assign: { target: 'B', actions: ['dial', 'count', 'badAssign'] },
        Unheard: { target: 'B', actions: 'unheardOf' },
        Raise: { actions: ['note', raise({ type: 'Raised' })] },
        Raised: { actions: 'note' },
        Act: { actions: 'dial' },
        Timers: {
          actions: enqueueActions(({ enqueue }) => {
            enqueue.raise({ type: 'Later' }, { id: 'later', delay: 20 })
            enqueue(cancel('other'))
            enqueue.raise({ type: 'Raised' })
          }),
        },
        Nameless: { actions: raise({ type: 'Later' }, { delay: 20 }) },
        End: 'Ended',
        Nothing: {},
      },
    },
    B: { on: { Ok: { actions: 'dial' }, Later: 'A' } },
    Ended: { type: 'final', entry: 'dial' },
  },
  output: ({ context }) => ({ total: context.n }),
})

describe('step', () => {
  const first = initialStep(fixture, undefined)
  const go = (type: string, from = first.snapshot) => step(fixture, from, stamped({ type }))
  const lives = (...types: string[]) => {
    const live = new LiveOracle(fixture, undefined)
    live.executed()
    for (const type of types) live.send(stamped({ type }))
    return live
  }

  test('gives `after` as a timer, and takes it back on leaving', () => {
    const id = 'xstate.after.50.fixture.A'
    expect(first.effects).toEqual([{ type: 'schedule', id, event: { type: id }, delayMs: 50 }])
    const after = go(id)
    expect([pathOf(after.snapshot.value), after.effects]).toEqual(['B', [{ type: 'cancel', id }]])
  })

  test('takes an undelayed raise within the step and does not ask for it', () => {
    const raised = go('Raise')
    expect(raised.effects).toEqual([])
    expect(raised.snapshot.context).toMatchObject({ log: ['Raise', 'Raised'] })
    expect(essence(raised.snapshot)).toEqual(essence(lives('Raise').snapshot))
  })

  test('gives delayed raises and cancels in order', () => {
    const { effects } = go('Timers')
    expect(effects).toEqual([
      { type: 'schedule', id: 'later', event: { type: 'Later' }, delayMs: 20 },
      { type: 'cancel', id: 'other' },
    ])
    expect(effects).toEqual(lives('Timers').executed())
  })

  test('refuses a delayed raise without an id, for nobody could cancel or store it', () => {
    expect(() => go('Nameless')).toThrow('Later')
  })

  test('counts a transition that only acts as a change, for its effects must be carried out', () => {
    const acted = go('Act')
    expect(acted).toMatchObject({ changed: true, effects: [{ type: 'dial' }] })
  })

  test('says that nothing changed for an event that fits nothing, and for a row that does nothing', () => {
    for (const type of ['Unknown', 'Nothing']) {
      const same = go(type)
      expect([same.changed, same.effects, same.snapshot === first.snapshot]).toEqual([false, [], true])
    }
  })

  test.each([
    ['a guard', 'Guard', 'bad guard'],
    ['an assign', 'Assign', 'bad assign'],
  ])('throws what %s throws, leaves the old snapshot as it was, and keeps nothing of the step', (_, type, message) => {
    const before = structuredClone(persist(first.snapshot))
    expect(() => go(type)).toThrow(message)
    expect(persist(first.snapshot)).toEqual(before)
    // `dial` was collected before the assign threw; the next step must not bear it.
    expect(go('Raise').effects).toEqual([])
    expect(go('Act').effects).toEqual([{ type: 'dial' }])
    const live = lives(type)
    expect(live.snapshot.status).toBe('error')
    expect(String((live.error as Error).message)).toContain(message)
  })

  test('refuses an action that is no effect, by its name', () => {
    expect(() => go('Unheard')).toThrow('machine asks for "unheardOf", which is no effect')
    expect(go('Act').effects).toEqual([{ type: 'dial' }])
  })

  test.each(['toString', 'constructor'])('refuses an action called %s, which every object has', (type) => {
    const machine = setup({ actions: { [type]: () => {} } }).createMachine({ entry: type })
    expect(() => initialStep(machine, undefined)).toThrow('which is no effect')
  })

  test('leaves a done snapshot where it is, with its output', () => {
    const ended = go('End')
    expect([ended.snapshot.status, ended.snapshot.output]).toEqual(['done', { total: 0 }])
    expect(essence(ended.snapshot)).toEqual(essence(lives('End').snapshot))
    // The machine's own transition function would move it still.
    const later = go('Anywhere', ended.snapshot)
    expect([later.changed, later.effects, later.snapshot === ended.snapshot]).toEqual([false, [], true])
  })

  test('throws at the first step what the machine throws there', () => {
    const broken = setup({}).createMachine({
      context: () => {
        throw new Error('no such spec')
      },
    })
    expect(() => initialStep(broken, undefined)).toThrow('no such spec')
    expect(go('Act').effects).toEqual([{ type: 'dial' }])
  })
})

describe('restore', () => {
  test('refuses a state that the machine does not have', () => {
    expect(() => restore(fixture, { status: 'active', value: 'Elsewhere', context: {} })).toThrow('Elsewhere')
  })

  test('keeps an error as its message', () => {
    const failed = { ...persist(initialStep(fixture, undefined).snapshot), status: 'error' as const, error: 'why' }
    expect(persist(restore(fixture, failed))).toEqual(failed)
  })
})

test('pathOf names nested states and joins regions', () => {
  expect(pathOf('Completed')).toBe('Completed')
  expect(pathOf({ Pending: 'Queued' })).toBe('Pending.Queued')
  expect(pathOf({ Liveness: 'Ready', Admission: 'Open' })).toBe('Liveness.Ready+Admission.Open')
})
