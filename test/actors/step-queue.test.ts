/** Steps that wait for a slow reader: bounded, counted, and the newest of each actor kept. */
import { expect, test } from 'vitest'
import type { ActorStep } from '../../actors/protocol/inspection.ts'
import { StepQueue } from '../../actors/step-queue.ts'

const step = (id: string, at: number, context?: object): ActorStep => ({
  ...{ id, machine: 'task', atMs: at, event: { type: 'E' }, from: `s${at - 1}`, to: `s${at}`, status: 'active' },
  ...(context === undefined ? {} : { context: context as Record<string, unknown> }),
})

test('what is taken in time is whole and in order', () => {
  const queue = new StepQueue({ stepsMax: 10 })
  for (let at = 1; at <= 10; at += 1) expect(queue.add(step(`a${at % 2}`, at), 10)).toBe(true)
  expect(queue.take(35)).toMatchObject({ steps: [1, 2, 3, 4].map((atMs) => ({ atMs })), missed: 0 })
  expect(queue.take()).toMatchObject({ steps: [5, 6, 7, 8, 9, 10].map((atMs) => ({ atMs })), missed: 0 })
  expect(queue.take()).toBeUndefined()
  expect(queue.bytes).toBe(0)
})

test('with more than may wait, the newest of each waits, with what it knew last; the others are counted', () => {
  const queue = new StepQueue({ stepsMax: 10 })
  queue.add(step('rare', 1, { known: true }), 10)
  for (let at = 2; at <= 1_000; at += 1) queue.add(step(`a${at % 3}`, at, at === 999 ? { last: at } : undefined), 10)
  queue.add(step('rare', 1_001), 10)
  expect(queue.size).toBe(4)
  const { steps = [], missed = 0 } = queue.take() ?? {}
  expect(steps.map(({ id, atMs }) => [id, atMs])).toEqual([
    ['a2', 998],
    ['a0', 999],
    ['a1', 1_000],
    ['rare', 1_001],
  ])
  expect(steps.find(({ id }) => id === 'rare')).toMatchObject({ from: 's1000', to: 's1001', context: { known: true } })
  expect(steps.find(({ id }) => id === 'a0')).toMatchObject({ atMs: 999, context: { last: 999 } })
  expect(steps.length + missed).toBe(1_001)
  // It goes on one by one once all was told.
  queue.add(step('a', 1), 10)
  queue.add(step('a', 2), 10)
  expect(queue.take()?.steps).toHaveLength(2)
})

test('what is too large even so is let go of, and all of it was missed', () => {
  const queue = new StepQueue({ stepsMax: 10, bytesMax: 1_000 })
  let added = 0
  let fits = true
  while (fits) fits = queue.add(step(`a${added++}`, 1), 100)
  expect(added).toBe(11)
  expect([queue.size, queue.bytes]).toEqual([0, 0])
  expect(queue.take()).toEqual({ steps: [], missed: 11 })
})
