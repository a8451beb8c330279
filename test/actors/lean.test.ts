/** Snapshots share what all of a state have in common, and their contexts are no hash tables. */
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { assign, setup } from 'xstate'
import { initialStep, persist, restore, step } from '../../actors/step.ts'

interface Context {
  readonly [key: string]: unknown
}

const keys = Array.from({ length: 30 }, (_, at) => `key${at}`)
const filled = (value: unknown): Context => Object.fromEntries(keys.map((key) => [key, value]))

const machine = setup({ types: { context: {} as Context, input: {} as Context } }).createMachine({
  id: 'wide',
  context: ({ input }) => input,
  initial: 'A',
  states: {
    A: { tags: 'first', on: { Next: { target: 'B', actions: assign({ key3: 'x' }) } } },
    B: { on: { Next: 'A', Keep: {}, Wide: { actions: assign({ extra: 1 }) } } },
  },
})
const stamp = { atMs: 0, roll: 0 }
const first = (input: Context) => initialStep(machine, input).snapshot
const walked = (input: Context, ...types: string[]) =>
  types.reduce((snapshot, type) => step(machine, snapshot, { type, ...stamp }).snapshot, first(input))

describe('snapshots in the same state', () => {
  test('share all that says nothing of one of them, and nothing else', () => {
    first(filled(0))
    const [one, other] = [walked(filled(1), 'Next', 'Next'), walked(filled(2), 'Next', 'Next')]
    for (const part of ['value', '_nodes', 'tags', 'children', 'historyValue'] as const) {
      expect(one[part], part).toBe(other[part])
    }
    expect(one.hasTag('first')).toBe(true)
    expect(one.context).toEqual({ ...filled(1), key3: 'x' })
    expect(other.context).toEqual({ ...filled(2), key3: 'x' })
  })

  test('are left alone where nothing changes', () => {
    const snapshot = walked(filled(1), 'Next')
    expect(step(machine, snapshot, { type: 'Unknown', ...stamp })).toMatchObject({ snapshot, changed: false })
    expect(step(machine, snapshot, { type: 'Next', ...stamp }).snapshot.context).toBe(snapshot.context)
  })

  test('are restored as they were stored, also with keys that another one has not', () => {
    for (const snapshot of [walked(filled(1)), walked(filled(2), 'Next'), walked(filled(3), 'Next', 'Wide')]) {
      const again = restore(machine, structuredClone(persist(snapshot)))
      expect(again).toEqual(snapshot)
      expect(Object.keys(again.context)).toEqual(Object.keys(snapshot.context))
      expect(step(machine, again, { type: 'Next', ...stamp }).changed).toBe(true)
    }
    expect(Object.keys(walked(filled(1), 'Next').context)).not.toContain('extra')
  })

  test('that cannot be are refused, in a state that is known or not', () => {
    first(filled(0))
    for (const bad of [
      { status: 'active' as const, value: 'C', context: filled(0) },
      { status: 'active' as const, value: { A: 'B' }, context: filled(0) },
    ]) {
      expect(() => restore(machine, bad)).toThrow()
    }
  })
})

test('a context of many keys is no hash table, which takes four times the room', () => {
  setFlagsFromString('--allow-natives-syntax')
  const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: unknown) => boolean
  const snapshot = walked(filled(1), 'Next')
  expect(isFast(snapshot.context)).toBe(true)
  expect(isFast(walked(filled(1), 'Next', 'Wide').context)).toBe(true)
  expect(isFast(restore(machine, structuredClone(persist(snapshot))).context)).toBe(true)
})
