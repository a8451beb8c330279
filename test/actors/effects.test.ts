/** The union of effects is closed on both sides: machines ask for nothing else, and nothing in it is never asked for. */
import { expect, test } from 'vitest'
import { type Effect, effectTypes } from '../../actors/effects.ts'
import { initialStep, step } from '../../actors/step.ts'
import { cases } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

const asked: readonly Effect[] = cases.flatMap(({ subject, input }) => [
  ...initialStep(subject.machine, input).effects,
  ...places(subject, input).flatMap(({ snapshot }) =>
    subject.events.flatMap((event) => step(subject.machine, snapshot, event).effects),
  ),
])

test('together the machines ask for every effect of the union', () => {
  expect([...new Set(asked.map(({ type }) => type))].sort()).toEqual(Object.keys(effectTypes).sort())
})

test('what a machine asks for is plain data', () => {
  for (const effect of asked) expect(JSON.parse(JSON.stringify(effect))).toStrictEqual(effect)
})

test('every timer has an id and a delay that a clock can hold', () => {
  for (const effect of asked) {
    if (effect.type !== 'schedule') continue
    expect(effect.id).toMatch(/^[a-zA-Z]+$/)
    expect(effect.delayMs).toBeGreaterThanOrEqual(0)
    expect(effect.delayMs).toBeLessThan(2 ** 31)
  }
})
