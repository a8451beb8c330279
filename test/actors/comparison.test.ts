import { expect, test } from 'vitest'
import { comparisonOf, costText } from '../../actors/comparison.ts'
import type { PlacementDecision } from '../../actors/model.ts'

const decision = (scheduler: string, scores: Record<string, number>, more: Partial<PlacementDecision> = {}) => ({
  ...{ scheduler, atMs: 0, refusals: [], considered: 3 },
  scores: Object.entries(scores).map(([name, cost]) => ({ nodeId: `id-${name}`, name, cost })),
  ...more,
})
const refused = (name: string, why: string) => ({ nodeId: `id-${name}`, name, why })

test('has a row for each node, those that are fit first, and a column for each scheduler', () => {
  const refusals = [refused('c', 'not ready (Down)')]
  const { schedulers, nodes, left } = comparisonOf([
    decision('round-robin', { b: 0, a: 1 }, { picked: 'id-b', refusals }),
    decision('epvm', { a: 0.25, b: 0.5 }, { picked: 'id-a', refusals }),
  ])
  expect([schedulers, left]).toEqual([['round-robin', 'epvm'], 0])
  expect(nodes).toEqual([
    {
      nodeId: 'id-b',
      name: 'b',
      why: undefined,
      costs: [
        { cost: 0, isPicked: true },
        { cost: 0.5, isPicked: false },
      ],
    },
    {
      nodeId: 'id-a',
      name: 'a',
      why: undefined,
      costs: [
        { cost: 1, isPicked: false },
        { cost: 0.25, isPicked: true },
      ],
    },
    { nodeId: 'id-c', name: 'c', why: 'not ready (Down)', costs: [undefined, undefined] },
  ])
})

test('counts what no decision names, and holds a node that one has scored to be fit', () => {
  const avoided = [refused('a', 'avoided: another node is fit')]
  const { nodes, left } = comparisonOf([
    decision('one', { b: 1 }, { refusals: avoided, considered: 2, of: 900 }),
    decision('two', { a: 1 }, { considered: 2, of: 900 }),
  ])
  expect(nodes.map(({ name, why }) => [name, why])).toEqual([
    ['b', undefined],
    ['a', undefined],
  ])
  expect(left).toBe(898)
  expect(comparisonOf([])).toEqual({ schedulers: [], nodes: [], left: 0 })
})

test.each([
  [0, '0'],
  [0.25, '0.25'],
  [1.23456, '1.235'],
  [-0.5, '-0.5'],
  [1e-9, '1e-9'],
])('a cost of %d reads %s', (cost, text) => expect(costText(cost)).toBe(text))
