/**
 * Every state of every machine can be reached, and every transition is taken by something: a row that nothing can reach is a
 * mistake in the drawing, and one that no test takes is a mistake in the tests.
 */
import { describe, expect, test } from 'vitest'
import { step } from '../../actors/step.ts'
import { essence, LiveOracle } from './live-oracle.ts'
import { subjects } from './machine-subjects.ts'
import { places, reachedIds, stateIds, transitionsOf } from './machine-walk.ts'

describe.each(subjects)('$name', (subject) => {
  const { machine, events, eventTypes, inputs } = subject
  const walks = Object.values(inputs).map((input) => ({ input, found: places(subject, input) }))

  test('its alphabet has every event that it takes, and no other', () => {
    expect([...new Set(events.map(({ type }) => type))].sort()).toEqual([...eventTypes].sort())
  })

  test('every state is reached', () => {
    const missing = new Set(stateIds(subject))
    // `Deciding` and its like are left within the step that enters them; the next test finds their transitions.
    const passing = machine.root.states
    for (const id of [...missing]) {
      const node = Object.values(passing).find((state) => state.id === id)
      if ((node?.always?.length ?? 0) > 0) missing.delete(id)
    }
    for (const { found } of walks) {
      for (const { snapshot } of found) for (const id of reachedIds(snapshot)) missing.delete(id)
    }
    expect([...missing]).toEqual([])
  })

  test('every transition is taken, and live actors get to the same places', () => {
    const missing = transitionsOf(subject)
    for (const { input, found } of walks) {
      for (const place of found) {
        for (const event of events) {
          const live = new LiveOracle(machine, input)
          for (const former of place.events) live.send(former)
          expect(essence(live.snapshot)).toEqual(essence(place.snapshot))
          if (live.snapshot.status === 'active') live.send(event)
          expect(essence(live.snapshot)).toEqual(essence(step(machine, place.snapshot, event).snapshot))
          for (const transition of live.taken()) missing.delete(transition)
          live.stop()
        }
      }
    }
    expect([...missing.values()]).toEqual([])
    // The task's walk takes 8 s of a free core.
  }, 60_000)
})

test('the walks are neither empty nor without end', () => {
  for (const subject of subjects) {
    for (const input of Object.values(subject.inputs)) {
      const count = places(subject, input).length
      expect(count).toBeGreaterThan(3)
      expect(count).toBeLessThan(600)
    }
  }
})
