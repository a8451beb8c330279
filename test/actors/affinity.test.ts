/** Wishes about a node: what they add up to, and how they and costs are weighed against each other. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Affinity, affinityOf, faultOfAffinities, wishOf } from '../../actors/affinity.ts'
import { type CandidateNode, decide, type Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers, schedulers } from '../../actors/schedulers/schedulers.ts'

const node = (nodeId: string, labels: Record<string, string>, changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId,
  name: `name-${nodeId}`,
  state: 'Ready',
  draining: false,
  offered: { cpus: 8, memoryBytes: 8_000 },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels,
  drivers: { docker: 'complete' },
  ...changes,
})

/** Costs what a node's label says. */
const byLabel: Scheduler<null> = {
  name: 'by-label',
  initial: null,
  score: (_ask, { labels }) => Number(labels.cost),
  picked: () => null,
}
const ask = (affinities: Affinity[]) => ({
  driver: 'docker',
  reserved: { cpus: 1, memoryBytes: 1 },
  constraints: [],
  affinities,
})
const eu = (weight?: number): Affinity => ({ expression: 'zone=eu', ...(weight === undefined ? {} : { weight }) })
const pickOf = (affinities: Affinity[], nodes: CandidateNode[], scheduler: Scheduler = byLabel) =>
  decide(scheduler, ask(affinities), nodes, scheduler.initial, 0).nodeId

test('weights that hold of a node add up; 50 where none is given', () => {
  const sum = affinityOf([eu(), { expression: 'disk!=hdd', weight: 7 }, { expression: 'node=name-a', weight: -30 }])
  expect(sum(node('a', { zone: 'eu', disk: 'ssd' }))).toBe(27)
  expect(sum(node('b', { zone: 'us', disk: 'hdd' }))).toBe(0)
  expect(sum(node('c', {}))).toBe(7)
})

test.each([
  ['zone=eu', undefined, 'zone=eu'],
  ['zone!=eu', 1, 'zone!=eu'],
  ['zone=eu', -1, 'zone!=eu'],
  ['zone!=eu', -100, 'zone=eu'],
])('%s of weight %s wishes for %s', (expression, weight, wish) => {
  expect(wishOf({ expression, ...(weight === undefined ? {} : { weight }) })).toBe(wish)
})

const cheap = node('cheap', { cost: '10', zone: 'us' })
const middle = node('middle', { cost: '14', zone: 'eu' })
const dear = node('dear', { cost: '20', zone: 'us' })

test('a weight is a percentage of the difference between the cheapest and the dearest', () => {
  const nodes = [cheap, middle, dear]
  expect(pickOf([eu(39)], nodes)).toBe('cheap')
  expect(pickOf([eu(41)], nodes)).toBe('middle')
  expect(pickOf([eu(20), { expression: 'cost=14', weight: 21 }], nodes)).toBe('middle')
  expect(pickOf([{ expression: 'zone=us', weight: -41 }], nodes)).toBe('middle')
  expect(pickOf([{ expression: 'zone!=us' }], nodes)).toBe('middle')
})

test('100 outweighs any cost, and of equal results the wish wins', () => {
  expect(pickOf([{ expression: 'node=name-dear', weight: 100 }], [cheap, middle, dear])).toBe('dear')
  expect(pickOf([{ expression: 'node=name-dear', weight: 99 }], [cheap, middle, dear])).toBe('cheap')
})

test('nobody is unfit for it, and where all or none match costs decide', () => {
  expect(pickOf([{ expression: 'zone=asia', weight: 100 }], [dear, cheap])).toBe('cheap')
  expect(pickOf([{ expression: 'zone=us', weight: 100 }], [dear, cheap])).toBe('cheap')
  expect(pickOf([{ expression: 'zone=us', weight: -100 }], [dear])).toBe('dear')
})

test('the decision shows each affinity beside the cost, the best first', () => {
  const { decision } = decide(byLabel, ask([eu(41)]), [cheap, middle, dear], null, 0)
  expect(decision.scores.map(({ name, cost, affinity }) => [name, cost, affinity])).toEqual([
    ['name-middle', 14, 41],
    ['name-cheap', 10, 0],
    ['name-dear', 20, 0],
  ])
  const plain = decide(byLabel, { ...ask([]), affinities: [] }, [cheap], null, 0)
  expect(plain.decision.scores).toEqual([{ nodeId: 'cheap', name: 'name-cheap', cost: 10 }])
})

test('a preferred node comes before, an avoided one after any wish', () => {
  const asked = ask([{ expression: 'node=name-dear', weight: 100 }])
  expect(decide(byLabel, { ...asked, prefer: 'middle' }, [cheap, middle, dear], null, 0).nodeId).toBe('middle')
  expect(decide(byLabel, { ...asked, avoid: 'dear' }, [cheap, middle, dear], null, 0).nodeId).toBe('cheap')
})

test('costs at the ends of what a number can be are compared, too', () => {
  const far = (nodeId: string, cost: number) => node(nodeId, { cost: String(cost), zone: nodeId === 'b' ? 'eu' : 'us' })
  const nodes = [far('a', -Number.MAX_VALUE), far('b', Number.MAX_VALUE)]
  expect(pickOf([eu(99)], nodes)).toBe('a')
  expect(pickOf([eu(100)], nodes)).toBe('b')
})

test.each(allSchedulers.map((scheduler) => [scheduler.name, scheduler] as const))(
  'with %s, 100 takes a node that matches as long as one is fit, and the rule is the stated one',
  (_name, scheduler) => {
    const anyNode = fc.record({
      used: fc.integer({ min: 0, max: 8 }),
      zone: fc.constantFrom('eu', 'us'),
      attempts: fc.nat(9),
    })
    fc.assert(
      fc.property(
        fc.array(anyNode, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: -100, max: 100 }).filter((weight) => weight !== 0),
        (specs, weight) => {
          const nodes = specs.map(({ used, zone, attempts }, at) =>
            node(String(at), { zone }, { reserved: { cpus: used, memoryBytes: used }, attempts }),
          )
          const fit = nodes.filter(({ reserved }) => reserved.cpus < 8)
          const wished = fit.some(({ labels }) => labels.zone === 'eu')
          const best = pickOf([eu(100)], nodes, scheduler)
          if (wished) expect(nodes.find(({ nodeId }) => nodeId === best)?.labels.zone).toBe('eu')
          const { scores } = decide(scheduler, ask([eu(weight)]), nodes, scheduler.initial, 0).decision
          const costs = scores.map(({ cost }) => cost)
          const [least, most] = [Math.min(...costs), Math.max(...costs)]
          const ranks = scores.map(
            ({ cost, affinity = 0 }) => (most === least ? 0 : (cost - least) / (most - least)) - affinity / 100,
          )
          for (const [at, rank] of ranks.entries()) expect(rank).toBeGreaterThanOrEqual((ranks[at - 1] ?? rank) - 1e-9)
        },
      ),
    )
  },
)

test('round-robin goes on in turn among those that match', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((id) => node(id, { zone: id === 'b' || id === 'd' ? 'eu' : 'us' }))
  let state = schedulers['round-robin'].initial
  const picked = Array.from({ length: 5 }, () => {
    const decided = decide(schedulers['round-robin'], ask([eu(100)]), nodes, state, 0)
    state = decided.state
    return decided.nodeId
  })
  expect(picked).toEqual(['b', 'd', 'b', 'd', 'b'])
})

test('what its schema lets pass and means nothing is told', () => {
  const fault = (affinities: Affinity[]) => faultOfAffinities({ driver: 'process', affinities })
  expect(fault([eu(), eu(-100), eu(1)])).toBeUndefined()
  expect(faultOfAffinities({ driver: 'process' })).toBeUndefined()
  expect(fault([{ expression: 'zone==eu' }])).toBe(
    "The affinity 'zone==eu' is neither label=value nor label!=value: write it as one of them.",
  )
  expect(fault([eu(0)])).toBe(
    "The affinity 'zone=eu' has the weight 0, which says nothing: give it another, or leave it out.",
  )
})
