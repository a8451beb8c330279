import { describe, expect, test } from 'vitest'
import type { NodeView } from '../../actors/model.ts'
import {
  busiestOf,
  busynessOf,
  cpuOf,
  memoryOf,
  shareOf,
  sortNodes,
  sumNodes,
  wordsOfAmount,
  wordsOfBusiest,
} from '../../inspector/page/nodes/node-sums.ts'
import { NodeTable } from '../../inspector/page/nodes/node-table.ts'

const gib = 2 ** 30
const node = (name: string, more: Partial<NodeView> = {}): NodeView => ({
  ...{ id: `id-${name}`, name, state: 'Ready', draining: false, tasks: 0, labels: {}, drivers: {} },
  ...{ offered: { cpus: 4, memoryBytes: 8 * gib }, reserved: { cpus: 0, memoryBytes: 0 }, ...more },
})
const reserving = (cpus: number, memoryBytes = 0) => ({ reserved: { cpus, memoryBytes } })
const using = (cpus: number, memoryBytes = gib) => ({ used: { cpus, memoryBytes, load1: 0 }, usedAtMs: 1 })
const names = (nodes: readonly NodeView[]) => nodes.map(({ name }) => name).join(' ')

describe('which node is busiest', () => {
  test('is said with what makes it so: cores, or memory', () => {
    const cores = node('n2', { ...reserving(3.4, gib), ...using(2.9), tasks: 12 })
    expect(wordsOfBusiest(cores)).toBe('3.4 of 4 cores reserved, 2.9 used by its whole machine')
    const memory = node('n3', { ...reserving(1, 7 * gib), ...using(0.5, 2 * gib) })
    expect(wordsOfBusiest(memory)).toBe('7 GiB of 8 GiB of memory reserved, 2 GiB used by its whole machine')
    expect(busiestOf([node('n1'), cores, memory])?.name).toBe('n3')
  })

  test('counts cores that are busy beyond what is reserved, but not memory that a machine merely holds', () => {
    expect(busynessOf(node('a', { ...reserving(1), ...using(4, 8 * gib) }))).toEqual({ share: 1, by: 'cpu' })
    expect(busynessOf(node('a', { ...reserving(1), ...using(0, 8 * gib) }))).toEqual({ share: 0.25, by: 'cpu' })
  })

  test('is none where nothing is done, and never one that is down', () => {
    expect(busiestOf([node('a'), node('b')])).toBeUndefined()
    expect(busiestOf([])).toBeUndefined()
    expect(busiestOf([node('a', { ...reserving(4), state: 'Down' }), node('b', reserving(1))])?.name).toBe('b')
  })

  test('does not change at every breath of the machines', () => {
    const nodes = [node('a', { ...reserving(3), ...using(3.9) }), node('b', { ...reserving(2), ...using(4.1) })]
    expect(busiestOf(nodes)?.name).toBe('a')
  })
})

describe('the order', () => {
  const nodes = [
    node('n10', reserving(1)),
    node('n9', { state: 'Down' }),
    node('n2', { ...reserving(4), draining: true }),
    node('n1', { state: 'Suspect' }),
  ]
  test('by how busy they are, by name as people count, by what needs a look', () => {
    expect(names(sortNodes(nodes, 'busiest'))).toBe('n2 n10 n1 n9')
    expect(names(sortNodes(nodes, 'name'))).toBe('n1 n2 n9 n10')
    expect(names(sortNodes(nodes, 'state'))).toBe('n9 n1 n2 n10')
    expect(names(nodes)).toBe('n10 n9 n2 n1')
  })

  test('is the same whatever order they came in', () => {
    const even = [node('b'), node('a'), node('c')]
    expect(names(sortNodes(even, 'busiest'))).toBe(names(sortNodes([...even].reverse(), 'busiest')))
  })
})

test('all together: what is down offers nothing, and use is told only if all tell it', () => {
  const told = node('a', { ...reserving(1, gib), ...using(2), tasks: 2 })
  const silent = node('b', { ...reserving(2, gib), tasks: 3, draining: true })
  const down = node('c', { ...reserving(1, gib), state: 'Down', tasks: 1 })
  const sums = sumNodes([told, silent, down])
  expect(sums).toMatchObject({ nodes: 3, ready: 1, draining: 1, down: 1, tasks: 6 })
  expect(sums.cpu).toEqual({ offered: 8, reserved: 3, used: undefined })
  expect(wordsOfAmount('cpu', sums.cpu)).toBe('3 of 8 cores reserved, use not told')
  expect(sumNodes([told, down]).memory).toEqual({ offered: 8 * gib, reserved: gib, used: gib })
  expect(sumNodes([]).cpu).toEqual({ offered: 0, reserved: 0, used: undefined })
})

test('shares of nothing: what takes a part of it takes all', () => {
  expect([shareOf(1, 0), shareOf(0, 0), shareOf(undefined, 4), shareOf(6, 4)]).toEqual([1, 0, 0, 1.5])
  expect(wordsOfAmount('cpu', cpuOf(node('a', { offered: { cpus: 1, memoryBytes: gib } })))).toMatch('0 of 1 core ')
  expect(memoryOf(node('a')).used).toBeUndefined()
})

test('the table of nodes takes changes and removals, whatever it knew', () => {
  const table = new NodeTable()
  table.apply([
    { type: 'Changed', node: node('a') },
    { type: 'Changed', node: node('b') },
    { type: 'Removed', id: 'id-unknown' },
    { type: 'Changed', node: node('a', { tasks: 3 }) },
    { type: 'Removed', id: 'id-b' },
  ])
  expect(table.all).toEqual([node('a', { tasks: 3 })])
})
