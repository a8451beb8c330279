import { beforeEach, describe, expect, test } from 'vitest'
import { roundRobin } from '../../actors/schedulers/round-robin.ts'
import type { Ask } from '../../actors/schedulers/scheduler.ts'
import type { CapacityNode } from '../../runtime/manager/capacity.ts'
import { Placement } from '../../runtime/manager/placement.ts'

const node = (nodeId: string, cpus: number, changes: Partial<CapacityNode> = {}): CapacityNode => ({
  nodeId,
  name: nodeId,
  state: 'Ready',
  draining: false,
  offered: { cpus, memoryBytes: 1_000 },
  labels: {},
  drivers: { process: 'complete' },
  ...changes,
})
const ask = (cpus: number, changes: Partial<Ask> = {}): Ask => ({
  driver: 'process',
  reserved: { cpus, memoryBytes: 1 },
  constraints: [],
  ...changes,
})

let placement: Placement<unknown>
let asks: Map<string, Ask>
let seq: number
beforeEach(() => {
  placement = new Placement(roundRobin)
  asks = new Map()
  seq = 0
})

function enqueue(taskId: string, wanted: Ask): void {
  asks.set(taskId, wanted)
  seq += 1
  placement.enqueue(taskId, wanted, seq)
}

/** Places all that can be placed, as attempt 1, and says which went where. */
function placeAll(): string[] {
  const placed: string[] = []
  for (let next = placement.next(1); next; next = placement.next(1)) {
    placement.reserve(next.nodeId, next.taskId, 1, (asks.get(next.taskId) as Ask).reserved)
    placed.push(`${next.taskId}@${next.nodeId}`)
  }
  return placed
}

describe('the queue', () => {
  test('first in, first out by seq, over groups and within them', () => {
    placement.setNode(node('n', 100))
    for (const [taskId, cpus, at] of [
      ['c', 1, 3],
      ['a', 2, 1],
      ['d', 2, 4],
      ['b', 1, 2],
    ] as const) {
      asks.set(taskId, ask(cpus))
      placement.enqueue(taskId, ask(cpus), at)
    }
    expect(placeAll()).toEqual(['a@n', 'b@n', 'c@n', 'd@n'])
    expect(placement.waiting).toBe(0)
  })

  test('a task that does not fit blocks no other, and goes as soon as it fits', () => {
    placement.setNode(node('n', 2))
    enqueue('small-1', ask(1))
    enqueue('large', ask(2))
    enqueue('small-2', ask(1))
    expect(placeAll()).toEqual(['small-1@n', 'small-2@n'])
    placement.release('n', 'small-1', 1)
    expect(placeAll()).toEqual([])
    placement.release('n', 'small-2', 1)
    expect(placeAll()).toEqual(['large@n'])
  })

  test('two equal nodes share 50 tasks 25/25', () => {
    placement.setNode(node('a', 4))
    placement.setNode(node('b', 4))
    for (let at = 0; at < 50; at += 1) enqueue(`t${at}`, ask(0.1))
    const placed = placeAll()
    expect(placed.filter((text) => text.endsWith('@a'))).toHaveLength(25)
    expect(placed.filter((text) => text.endsWith('@b'))).toHaveLength(25)
  })

  test('ten tasks of 0.1 cpu fit into 1 cpu, and the eleventh waits', () => {
    placement.setNode(node('n', 1))
    for (let at = 0; at < 11; at += 1) enqueue(`t${at}`, ask(0.1))
    expect(placeAll()).toHaveLength(10)
    expect(placement.verdict('t10', 1)?.why).toBe('1 node lacks 0.1 cpus')
  })

  test('one that leaves is not placed; leaving twice or unknown does nothing', () => {
    placement.setNode(node('n', 9))
    enqueue('a', ask(1))
    enqueue('b', ask(1))
    placement.dequeue('a')
    placement.dequeue('a')
    placement.dequeue('never-there')
    expect(placeAll()).toEqual(['b@n'])
  })

  test('enqueued again, the newer ask and place count', () => {
    placement.setNode(node('n', 2))
    enqueue('a', ask(9))
    enqueue('b', ask(1))
    enqueue('a', ask(1))
    expect(placement.waiting).toBe(2)
    expect(placeAll()).toEqual(['b@n', 'a@n'])
  })

  test('an avoided node is taken only when there is no other', () => {
    placement.setNode(node('a', 2))
    placement.setNode(node('b', 1))
    enqueue('t1', ask(1, { avoid: 'a' }))
    enqueue('t2', ask(1, { avoid: 'a' }))
    expect(placeAll()).toEqual(['t1@b', 't2@a'])
  })

  test('asks that avoid different nodes are not equal', () => {
    placement.setNode(node('a', 2))
    placement.setNode(node('b', 2))
    enqueue('t1', ask(1, { avoid: 'a' }))
    enqueue('t2', ask(1, { avoid: 'b' }))
    enqueue('t3', ask(1, { avoid: 'a' }))
    expect(placeAll()).toEqual(['t1@b', 't2@a', 't3@b'])
  })
})

describe('a pick', () => {
  beforeEach(() => {
    placement.setNode(node('n', 1))
    placement.setNode(node('m', 0.5))
    enqueue('t', ask(1))
  })

  test('carries its decision', () => {
    expect(placement.next(42)).toEqual({
      taskId: 't',
      nodeId: 'n',
      decision: {
        scheduler: 'round-robin',
        atMs: 42,
        picked: 'n',
        scores: [{ nodeId: 'n', name: 'n', cost: 0 }],
        refusals: [{ nodeId: 'm', name: 'm', why: 'offers 0.5 cpus, less than the 1 cpu asked' }],
        considered: 2,
      },
    })
  })

  test('that is not reserved stops the next one, so that nothing is given out twice', () => {
    placement.next(1)
    expect(() => placement.next(1)).toThrow('t was placed and not reserved')
  })

  test('can be given back or dropped', () => {
    placement.next(1)
    placement.enqueue('t', ask(1), 1)
    expect(placement.next(1)?.taskId).toBe('t')
    placement.dequeue('t')
    expect(placement.next(1)).toBeUndefined()
  })

  test('reserved on another node, or for more than fits, is a defect', () => {
    placement.next(1)
    expect(() => placement.reserve('m', 't', 1, ask(1).reserved)).toThrow('t was placed on n, not on m')
    expect(() => placement.reserve('n', 't', 1, ask(2).reserved)).toThrow('n is oversubscribed')
  })
})

describe('reservations', () => {
  const one = { cpus: 1, memoryBytes: 1 }

  test('are idempotent both ways, by the identity of the attempt', () => {
    placement.setNode(node('n', 3))
    placement.reserve('n', 't', 1, one)
    placement.reserve('n', 't', 1, one)
    expect(placement.node('n')?.reserved).toEqual(one)
    placement.reserve('n', 't', 2, one)
    expect(placement.attempts('n')).toBe(2)
    placement.release('n', 't', 1)
    placement.release('n', 't', 1)
    placement.release('elsewhere', 't', 2)
    expect(placement.node('n')?.reserved).toEqual(one)
    placement.release('n', 't', 2)
    expect(placement.node('n')?.reserved).toEqual({ cpus: 0, memoryBytes: 0 })
    expect(placement.attempts('n')).toBe(0)
  })

  test('of a given-up attempt stay until its end is confirmed', () => {
    placement.setNode(node('n', 1))
    placement.setNode(node('m', 0))
    enqueue('t', ask(1))
    expect(placeAll()).toEqual(['t@n'])
    enqueue('t', ask(1))
    placement.setNode(node('n', 1, { state: 'Down' }))
    placement.setNode(node('n', 1))
    expect(placement.next(1)).toBeUndefined()
    placement.release('n', 't', 1)
    expect(placement.next(1)).toMatchObject({ taskId: 't', nodeId: 'n' })
  })

  test('may be loaded before their node, and outlast its removal', () => {
    placement.reserve('n', 'old', 1, one)
    placement.setNode(node('n', 1))
    enqueue('t', ask(1))
    expect(placeAll()).toEqual([])
    placement.removeNode('n')
    placement.removeNode('n')
    expect(placement.node('n')).toBeUndefined()
    placement.setNode(node('n', 1))
    expect(placeAll()).toEqual([])
    placement.release('n', 'old', 1)
    expect(placeAll()).toEqual(['t@n'])
  })

  test('on a node that returns with less: nothing new, no negative number, and again room once enough ended', () => {
    placement.setNode(node('n', 4))
    for (const taskId of ['a', 'b', 'c']) enqueue(taskId, ask(1))
    expect(placeAll()).toHaveLength(3)
    placement.setNode(node('n', 2))
    enqueue('d', ask(0.5))
    expect(placeAll()).toEqual([])
    expect(placement.verdict('d', 1)?.refusals[0]?.why).toBe('lacks 0.5 cpus now: 0 cpus of 2 cpus free')
    placement.release('n', 'a', 1)
    expect(placeAll()).toEqual([])
    placement.release('n', 'b', 1)
    expect(placeAll()).toEqual(['d@n'])
  })

  test('that a worker reports count even beyond what its node offers', () => {
    placement.setNode(node('n', 1))
    placement.reserve('n', 'stray', 7, { cpus: 5, memoryBytes: 1 })
    enqueue('t', ask(0.1))
    expect(placeAll()).toEqual([])
    placement.reserve('n', 'stray', 7, { cpus: 0.5, memoryBytes: 1 })
    expect(placeAll()).toEqual(['t@n'])
  })
})

describe('verdicts', () => {
  test('are told once per wait, at most as many as asked for', () => {
    for (const taskId of ['a', 'b', 'c']) enqueue(taskId, ask(1))
    expect(placement.newlyRefused(1)).toEqual([])
    placeAll()
    expect(placement.newlyRefused(1, 2).map(({ taskId }) => taskId)).toEqual(['a', 'b'])
    expect(placement.newlyRefused(1).map(({ taskId, decision }) => [taskId, decision.why])).toEqual([
      ['c', 'no node has registered'],
    ])
    expect(placement.newlyRefused(1)).toEqual([])
    enqueue('d', ask(1))
    expect(placement.newlyRefused(1).map(({ taskId }) => taskId)).toEqual(['d'])
    placement.setNode(node('n', 1))
    expect(placeAll()).toEqual(['a@n'])
    expect(placement.newlyRefused(1)).toEqual([])
    enqueue('a', ask(1))
    expect(placement.newlyRefused(1).map(({ taskId }) => taskId)).toEqual(['a'])
  })

  test('who was placed or left at once is never told', () => {
    placement.setNode(node('n', 1))
    enqueue('placed', ask(1))
    enqueue('left', ask(1))
    placeAll()
    enqueue('stays', ask(1))
    placement.dequeue('left')
    expect(placement.newlyRefused(1).map(({ taskId }) => taskId)).toEqual(['stays'])
    expect(placement.verdict('placed', 1)).toBeUndefined()
    expect(placement.verdict('left', 1)).toBeUndefined()
  })

  test('speak of the present, though no change helped', () => {
    placement.setNode(node('n', 1))
    enqueue('t', ask(2))
    placeAll()
    expect(placement.verdict('t', 5)).toMatchObject({
      atMs: 1,
      why: 'no node is large enough for 2 cpus (the most is 1 cpu); ask for less, or add a larger node',
    })
    placement.setNode(node('m', 2, { state: 'Unknown' }))
    expect(placement.verdict('t', 5)).toMatchObject({
      atMs: 5,
      why: '1 node offers less than 2 cpus; 1 node not ready',
    })
    placement.removeNode('n')
    enqueue('u', ask(2))
    expect(placement.newlyRefused(9).map(({ decision }) => decision.why)).toEqual([
      '1 node not ready',
      '1 node not ready',
    ])
  })

  test('equal asks share one, however their constraints are listed', () => {
    placement.setNode(node('n', 1))
    enqueue('a', ask(2, { constraints: ['x!=1', 'y!=2'] }))
    enqueue('b', ask(2, { constraints: ['y!=2', 'x!=1', 'x!=1'] }))
    placeAll()
    expect(placement.decisions).toBe(1)
    expect(placement.verdict('a', 1)).toBe(placement.verdict('b', 1))
  })

  test.each<[string, (nodes: Placement<unknown>) => void]>([
    ['a release', (nodes) => nodes.release('full', 'old', 1)],
    ['a node that joins', (nodes) => nodes.setNode(node('new', 1, { labels: { zone: 'a' } }))],
    ['a node that is ready', (nodes) => nodes.setNode(node('down', 1, { labels: { zone: 'a' } }))],
    ['a label', (nodes) => nodes.setNode(node('other', 1, { labels: { zone: 'a' } }))],
    ['the end of a drain', (nodes) => nodes.setNode(node('draining', 1, { labels: { zone: 'a' } }))],
    ['a driver that can be asked', (nodes) => nodes.setNode(node('driverless', 1, { labels: { zone: 'a' } }))],
    ['a node that offers more', (nodes) => nodes.setNode(node('small', 1, { labels: { zone: 'a' } }))],
  ])('%s brings a waiting task in', (_name, help) => {
    const labels = { zone: 'a' }
    placement.reserve('full', 'old', 1, { cpus: 1, memoryBytes: 0 })
    placement.setNode(node('full', 1, { labels }))
    placement.setNode(node('down', 1, { labels, state: 'Down' }))
    placement.setNode(node('other', 1))
    placement.setNode(node('draining', 1, { labels, draining: true }))
    placement.setNode(node('driverless', 1, { labels, drivers: { process: 'unavailable' } }))
    placement.setNode(node('small', 0.5, { labels }))
    enqueue('t', ask(1, { constraints: ['zone=a'] }))
    expect(placeAll()).toEqual([])
    help(placement)
    expect(placeAll()).toHaveLength(1)
  })
})

describe('a long queue', () => {
  test('of 100,000 tasks with 5 asks costs at most 5 decisions more than it places, per change', () => {
    const cpus = [2, 3, 4, 5, 6]
    placement.setNode(node('n', 4))
    placement.reserve('n', 'busy', 1, { cpus: 4, memoryBytes: 1 })
    for (let at = 0; at < 100_000; at += 1) enqueue(`t${at}`, ask(cpus[at % 5] as number))
    expect(placeAll()).toEqual([])
    expect(placement.decisions).toBe(5)
    expect(placement.newlyRefused(1)).toHaveLength(100_000)

    placement.setNode(node('m', 1))
    placement.setNode(node('m', 1, { draining: true }))
    expect(placeAll()).toEqual([])
    expect(placement.decisions).toBe(5)

    placement.release('n', 'busy', 1)
    expect(placeAll()).toEqual(['t0@n', 't5@n'])
    expect(placement.decisions).toBeLessThanOrEqual(5 + 2 + 5)

    const before = placement.decisions
    for (let at = 6; at < 100_000; at += 1) placement.dequeue(`t${at}`)
    expect(placement.waiting).toBe(4)
    expect(placement.decisions).toBe(before)
  })
})
