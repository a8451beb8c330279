/** Many nodes: a decision looks at few of them, a refusal at all, and neither does again what it need not. */
import { describe, expect, test } from 'vitest'
import { epvm } from '../../actors/schedulers/epvm.ts'
import type { Ask, CandidateNode, Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers, schedulers } from '../../actors/schedulers/schedulers.ts'
import type { CapacityNode } from '../../runtime/manager/capacity.ts'
import { Placement } from '../../runtime/manager/placement.ts'

const idOf = (at: number): string => `n${String(at).padStart(5, '0')}`
function nodes(count: number, change: (at: number) => Partial<CapacityNode> = () => ({})) {
  return Array.from({ length: count }, (_, at): CapacityNode => {
    const offered = { cpus: 4, memoryBytes: 4_000 }
    const base = { nodeId: idOf(at), name: idOf(at), state: 'Ready', draining: false, offered } as const
    return { ...base, labels: {}, drivers: { process: 'complete' }, ...change(at) }
  })
}
const ask = (changes: Partial<Ask> = {}): Ask => ({
  driver: 'process',
  reserved: { cpus: 1, memoryBytes: 1 },
  constraints: [],
  ...changes,
})

class Cluster {
  readonly placement: Placement
  #seq = 0

  constructor(scheduler: Scheduler, all: readonly CapacityNode[]) {
    this.placement = new Placement(scheduler)
    for (const node of all) this.placement.setNode(node)
  }

  enqueue(asked: Ask): string {
    this.#seq += 1
    this.placement.enqueue(`t${this.#seq}`, asked, this.#seq)
    return `t${this.#seq}`
  }

  place(asked: Ask = ask()) {
    const taskId = this.enqueue(asked)
    const placed = this.placement.next(0)
    if (placed !== undefined) this.placement.reserve(placed.nodeId, taskId, 1, asked.reserved)
    return { taskId, nodeId: placed?.nodeId, decision: placed?.decision }
  }

  /** Everything of it is taken. */
  fill(nodeId: string): void {
    this.placement.reserve(nodeId, 'full', 1, { cpus: 4, memoryBytes: 4_000 })
  }
}

/** How often any node's cost was asked for. */
function counting(scheduler: Scheduler): { scheduler: Scheduler; scores(): number } {
  let scores = 0
  const score: Scheduler['score'] = (...of) => {
    scores += 1
    return scheduler.score(...of)
  }
  return { scheduler: { ...scheduler, score }, scores: () => scores }
}

test.each(allSchedulers.map((one) => [one.name, one] as const))(
  '%s scores all of 100 nodes, and of 10,000 a few',
  (_name, one) => {
    const few = counting(one)
    const small = new Cluster(few.scheduler, nodes(100))
    expect(small.place().decision).toMatchObject({ considered: 100 })
    expect(small.place().decision).not.toHaveProperty('of')
    expect(few.scores()).toBe(200)
    const many = counting(one)
    const large = new Cluster(many.scheduler, nodes(10_000))
    for (let at = 0; at < 100; at += 1) {
      expect(large.place().decision).toMatchObject({ of: 10_000, scores: expect.arrayContaining([expect.anything()]) })
    }
    expect(many.scores()).toBeLessThanOrEqual(100 * (14 + 4))
  },
)

test('round-robin stays a true round: 1,000 tasks over 500 nodes are two on each, in the order of their ids', () => {
  const cluster = new Cluster(schedulers['round-robin'], nodes(500))
  const picked = Array.from({ length: 1_000 }, () => cluster.place().nodeId)
  expect(picked).toEqual([...Array(1_000).keys()].map((at) => idOf(at % 500)))
})

test('samples go round: spread reaches every node before any has two tasks more', () => {
  const cluster = new Cluster(schedulers.spread, nodes(500))
  for (let at = 0; at < 1_000; at += 1) cluster.place()
  const counts = cluster.placement.nodes.map(({ attempts }) => attempts)
  expect(Math.max(...counts)).toBeLessThanOrEqual(3)
  expect(counts.filter((count) => count === 0).length).toBeLessThan(25)
})

test('binpack goes on with the node that it has begun to fill, though a sample would hardly ever have it', () => {
  const cluster = new Cluster(schedulers.binpack, nodes(5_000))
  const picked = Array.from({ length: 400 }, () => cluster.place().nodeId)
  expect(new Set(picked).size).toBe(100)
})

describe('of a nearly full cluster', () => {
  test('the few nodes that are left are found, and then it is said that there is none', () => {
    const cluster = new Cluster(epvm, nodes(1_000))
    for (let at = 0; at < 1_000; at += 1) if (at !== 137 && at !== 900) cluster.fill(idOf(at))
    const picked = Array.from({ length: 8 }, () => cluster.place().nodeId).sort()
    expect(picked).toEqual([...Array(4).fill(idOf(137)), ...Array(4).fill(idOf(900))])
    const { taskId, nodeId } = cluster.place()
    expect(nodeId).toBeUndefined()
    expect(cluster.placement.verdict(taskId, 0)).toMatchObject({ considered: 1_000, why: '1000 nodes lack 1 cpu' })
    cluster.placement.release(idOf(500), 'full', 1)
    expect(cluster.placement.next(0)).toMatchObject({ taskId, nodeId: idOf(500) })
  })

  test('no node is looked at again that has not changed, by how many tasks it may be wanted', () => {
    let looks = 0
    const read = (of: CapacityNode['drivers'], name: string | symbol): unknown => {
      looks += 1
      return Reflect.get(of, name)
    }
    const cluster = new Cluster(epvm, [])
    for (const node of nodes(2_000)) {
      cluster.placement.setNode({ ...node, drivers: new Proxy(node.drivers, { get: read }) })
      cluster.fill(node.nodeId)
    }
    const taskId = cluster.place().taskId
    looks = 0
    for (let at = 0; at < 100; at += 1) {
      cluster.placement.release(idOf(at), 'full', 1)
      const placed = cluster.placement.next(0)
      expect(placed?.nodeId).toBe(idOf(at))
      cluster.fill(idOf(at))
      cluster.placement.enqueue(taskId, ask(), 1)
      expect(cluster.placement.next(0)).toBeUndefined()
    }
    expect(looks).toBeLessThan(100 * 20)
  })
})

test('the few that match an affinity are found among many', () => {
  const rare = (at: number) => ({
    labels: { zone: at % 1_000 === 7 ? 'eu' : 'us', disk: at % 2_000 === 7 ? 'ssd' : 'hdd' },
  })
  for (const scheduler of allSchedulers) {
    const cluster = new Cluster(scheduler, nodes(5_000, rare))
    const eu = ask({ affinities: [{ expression: 'zone=eu', weight: 100 }] })
    const both = ask({
      affinities: [
        { expression: 'zone=us', weight: -60 },
        { expression: 'disk=ssd', weight: 100 },
      ],
    })
    for (let at = 0; at < 5; at += 1) {
      expect(Number(cluster.place(eu).nodeId?.slice(1)) % 1_000).toBe(7)
      expect(Number(cluster.place(both).nodeId?.slice(1)) % 2_000).toBe(7)
    }
  }
})

test('a preferred node is taken from among many, an avoided one is not', () => {
  const cluster = new Cluster(epvm, nodes(3_000))
  expect(cluster.place(ask({ prefer: idOf(2_345) })).nodeId).toBe(idOf(2_345))
  const picked = Array.from({ length: 50 }, (_, at) => cluster.place(ask({ avoid: idOf(at) })).nodeId)
  expect(picked).not.toContain(undefined)
  for (const [at, nodeId] of picked.entries()) expect(nodeId).not.toBe(idOf(at))
})

describe('a load', () => {
  const pair = () => new Cluster(epvm, nodes(2))

  test('changes the choice, and no longer when it is unknown again', () => {
    const cluster = pair()
    cluster.placement.setLoad(idOf(0), { cpus: 3, memoryBytes: 0 })
    expect(cluster.placement.compare(ask(), 0).find(({ scheduler }) => scheduler === 'epvm')?.picked).toBe(idOf(1))
    cluster.placement.setLoad(idOf(0), undefined)
    expect(cluster.placement.compare(ask(), 0)[0]?.picked).toBe(idOf(0))
    cluster.placement.setLoad('unknown', { cpus: 1, memoryBytes: 1 })
  })

  test('contains what was reserved since it was measured, so that a burst does not run after one low figure', () => {
    const cluster = pair()
    const reserved = { cpus: 0.5, memoryBytes: 1 }
    // Both do much beside their tasks, and one a little less.
    cluster.placement.setLoad(idOf(0), { cpus: 2.9, memoryBytes: 0 })
    cluster.placement.setLoad(idOf(1), { cpus: 3, memoryBytes: 0 })
    const picked = Array.from({ length: 6 }, () => cluster.place(ask({ reserved })).nodeId)
    expect(picked.filter((nodeId) => nodeId === idOf(0))).toHaveLength(3)
    const loadOf = (at: number): CandidateNode['load'] => cluster.placement.node(idOf(at))?.load
    expect(loadOf(0)).toEqual({ cpus: 4.4, memoryBytes: 3 })
    // The next measure has in it what those tasks really use.
    cluster.placement.setLoad(idOf(0), { cpus: 3.1, memoryBytes: 500 })
    expect(loadOf(0)).toEqual({ cpus: 3.1, memoryBytes: 500 })
    cluster.placement.release(idOf(0), 't1', 1)
    expect(loadOf(0)).toEqual({ cpus: 3.1, memoryBytes: 500 })
  })

  test('makes no node unfit, wakes no task that waits, and outlasts a change of the node, not its removal', () => {
    const cluster = pair()
    const [first, second] = nodes(2)
    cluster.placement.removeNode(idOf(1))
    cluster.placement.setLoad(idOf(0), { cpus: 400, memoryBytes: 2 ** 40 })
    expect(cluster.place().nodeId).toBe(idOf(0))
    cluster.fill(idOf(0))
    const { taskId } = cluster.place()
    const { decisions } = cluster.placement
    cluster.placement.setLoad(idOf(0), { cpus: 0, memoryBytes: 0 })
    expect(cluster.placement.next(0)).toBeUndefined()
    expect(cluster.placement.decisions).toBe(decisions)
    expect(cluster.placement.verdict(taskId, 9)?.atMs).toBe(0)
    cluster.placement.setNode({ ...(first as CapacityNode), draining: true })
    expect(cluster.placement.node(idOf(0))?.load).toEqual({ cpus: 0, memoryBytes: 0 })
    cluster.placement.removeNode(idOf(0))
    cluster.placement.setNode(first as CapacityNode)
    cluster.placement.setNode(second as CapacityNode)
    expect(cluster.placement.node(idOf(0))).not.toHaveProperty('load')
  })
})

test('compare says what every scheduler would decide, the own one first, and changes nothing', () => {
  const cluster = new Cluster(schedulers.spread, nodes(3))
  cluster.place()
  const before = cluster.placement.nodes
  const decisions = cluster.placement.compare(ask(), 42)
  expect(decisions.map(({ scheduler, picked, atMs }) => [scheduler, picked, atMs])).toEqual([
    ['spread', idOf(1), 42],
    ['round-robin', idOf(0), 42],
    ['epvm', idOf(1), 42],
    ['binpack', idOf(0), 42],
  ])
  expect(cluster.placement.compare(ask(), 42)).toEqual(decisions)
  expect([cluster.placement.nodes, cluster.placement.waiting]).toEqual([before, 0])
  const refused = cluster.placement.compare(ask({ reserved: { cpus: 5, memoryBytes: 1 } }), 43)
  expect(refused.map(({ scheduler }) => scheduler)).toEqual(decisions.map(({ scheduler }) => scheduler))
  for (const { why } of refused) expect(why).toMatch(/5 cpus \(the most is 4 cpus\)/)
})
