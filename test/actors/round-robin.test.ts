import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RoundRobinState, roundRobin } from '../../actors/schedulers/round-robin.ts'
import { type CandidateNode, decide } from '../../actors/schedulers/scheduler.ts'

const ask = { driver: 'process', reserved: { cpus: 0.1, memoryBytes: 1 }, constraints: [] }
const node = (nodeId: string, changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId,
  name: nodeId,
  state: 'Ready',
  draining: false,
  offered: { cpus: 8, memoryBytes: 1_000 },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels: {},
  drivers: { process: 'complete' },
  ...changes,
})

/** Places one ask per list of nodes, one after the other, and says where each went. */
function place(lists: readonly (readonly CandidateNode[])[]): (string | undefined)[] {
  let state: RoundRobinState = roundRobin.initial
  return lists.map((nodes) => {
    const decided = decide(roundRobin, ask, nodes, state, 0)
    state = decided.state
    return decided.nodeId
  })
}
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

test('two equal nodes share 50 tasks 25/25, in strict turn', () => {
  const picked = place(times(50, [node('a'), node('b')]))
  expect(picked).toEqual(times(25, ['a', 'b']).flat())
})

test('n nodes share any number of tasks evenly, in whatever order they are listed', () => {
  const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 60 }), (names, tasks) => {
      const picked = place(
        times(
          tasks,
          names.map((name) => node(name)),
        ),
      )
      const counts = names.map((name) => picked.filter((id) => id === name).length)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(tasks)
    }),
  )
})

test('the turn goes on when the node picked last is gone, and when one joins', () => {
  const [a, b, c, d] = [node('a'), node('b'), node('c'), node('d')]
  const picked = place([[a, b, c], [a, b, c], [a, c], [a, c, d], [a, c, d], [a, c, d], [b]])
  expect(picked).toEqual(['a', 'b', 'c', 'd', 'a', 'c', 'b'])
})

test('a node that is not fit is passed over and keeps no debt', () => {
  const [a, b, c] = [node('a'), node('b'), node('c')]
  const full = node('b', { reserved: { cpus: 8, memoryBytes: 0 } })
  expect(
    place([
      [a, full, c],
      [a, full, c],
      [a, b, c],
      [a, b, c],
      [a, b, c],
    ]),
  ).toEqual(['a', 'c', 'a', 'b', 'c'])
})

test('the cursor is plain data, so that it can be kept and passed on', () => {
  const first = decide(roundRobin, ask, [node('a'), node('b')], roundRobin.initial, 0)
  const kept = JSON.parse(JSON.stringify(first.state)) as RoundRobinState
  expect(kept).toEqual({ last: 'a' })
  expect(decide(roundRobin, ask, [node('a'), node('b')], kept, 0).nodeId).toBe('b')
})
