import fc from 'fast-check'
import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { PlacementDecision } from '../../actors/model.ts'
import {
  addResources,
  cpusText,
  isWithin,
  memoryText,
  microCpus,
  subtractResources,
} from '../../actors/schedulers/resources.ts'
import { type Ask, type CandidateNode, decide, fitnessOf, type Scheduler } from '../../actors/schedulers/scheduler.ts'

const MiB = 1_024 ** 2
const GiB = 1_024 ** 3

const node = (nodeId: string, changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId,
  name: `name-${nodeId}`,
  state: 'Ready',
  draining: false,
  offered: { cpus: 4, memoryBytes: GiB },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels: {},
  drivers: { docker: 'complete' },
  ...changes,
})

const ask = (changes: Partial<Ask> = {}): Ask => ({
  driver: 'docker',
  reserved: { cpus: 1, memoryBytes: 512 * MiB },
  constraints: [],
  ...changes,
})

/** Costs what a node's label says, and counts its picks. */
const byLabel: Scheduler<number> = {
  name: 'by-label',
  initial: 0,
  score: (_ask, { labels }) => Number(labels.cost),
  picked: (_node, picks) => picks + 1,
}
const costing = (nodeId: string, cost: number): CandidateNode => node(nodeId, { labels: { cost: String(cost) } })
const whyNone = (nodes: readonly CandidateNode[], asked = ask()): string | undefined =>
  decide(byLabel, asked, nodes, 0, 1).decision.why

describe('decide', () => {
  test('the lowest cost wins, and the decision shows all costs, best first', () => {
    const { decision, nodeId, state } = decide(
      byLabel,
      ask(),
      [costing('a', 3), costing('b', 1), costing('c', 2)],
      0,
      77,
    )
    expect(nodeId).toBe('b')
    expect(state).toBe(1)
    expect(decision).toEqual({
      scheduler: 'by-label',
      atMs: 77,
      picked: 'b',
      scores: [
        { nodeId: 'b', name: 'name-b', cost: 1 },
        { nodeId: 'c', name: 'name-c', cost: 2 },
        { nodeId: 'a', name: 'name-a', cost: 3 },
      ],
      refusals: [],
      considered: 3,
    })
  })

  test('of equal costs the lowest nodeId wins, in whatever order the nodes come', () => {
    const nodes = ['d', 'b', 'a', 'c'].map((id) => costing(id, 1))
    fc.assert(
      fc.property(fc.shuffledSubarray(nodes, { minLength: 4 }), (shuffled) => {
        expect(decide(byLabel, ask(), shuffled, 0, 0).nodeId).toBe('a')
      }),
    )
  })

  test('the nodes and the state passed in are left as they are', () => {
    const nodes = Object.freeze([Object.freeze(costing('a', 1)), Object.freeze(node('b', { state: 'Down' }))])
    const before = JSON.stringify(nodes)
    decide(byLabel, Object.freeze(ask()), nodes, 0, 0)
    expect(JSON.stringify(nodes)).toBe(before)
  })

  test('state stays when nothing was picked', () => {
    expect(decide(byLabel, ask(), [], 5, 0)).toMatchObject({ state: 5 })
    expect(decide(byLabel, ask(), [], 5, 0).nodeId).toBeUndefined()
  })

  test('an avoided node is picked only when no other is fit', () => {
    const nodes = [costing('a', 1), costing('b', 2)]
    const avoiding = decide(byLabel, ask({ avoid: 'a' }), nodes, 0, 0)
    expect(avoiding.nodeId).toBe('b')
    expect(avoiding.decision.refusals).toEqual([{ nodeId: 'a', name: 'name-a', why: 'avoided: another node is fit' }])
    expect(decide(byLabel, ask({ avoid: 'a' }), [costing('a', 1)], 0, 0).nodeId).toBe('a')
    const down = node('b', { state: 'Down' })
    expect(decide(byLabel, ask({ avoid: 'a' }), [costing('a', 1), down], 0, 0).nodeId).toBe('a')
  })

  test('a preferred node is picked whatever it costs, if it is fit, and takes no turn', () => {
    const nodes = [costing('a', 1), costing('b', 2), costing('c', 3)]
    const preferring = decide(byLabel, ask({ prefer: 'c' }), nodes, 5, 0)
    expect(preferring).toMatchObject({ nodeId: 'c', state: 5, decision: { picked: 'c' } })
    expect(preferring.decision.scores.map(({ nodeId }) => nodeId)).toEqual(['c', 'a', 'b'])
    expect(preferring.decision.note).toBe('that node is preferred, and it is fit')
    const full = node('c', { labels: { cost: '3' }, reserved: { cpus: 4, memoryBytes: 0 } })
    const elsewhere = decide(byLabel, ask({ prefer: 'c' }), [...nodes.slice(0, 2), full], 5, 0)
    expect(elsewhere).toMatchObject({ nodeId: 'a', state: 6 })
    expect(elsewhere.decision.note).toBe(
      'that node is preferred, but it is not fit (lacks 1 cpu now: 0 cpus of 4 cpus free)',
    )
    const gone = decide(byLabel, ask({ prefer: 'c' }), nodes.slice(0, 2), 5, 0)
    expect(gone.decision).toMatchObject({
      picked: 'a',
      note: 'that node is preferred, but there is no such node any more',
    })
    expect(decide(byLabel, ask({ prefer: 'c' }), [full], 5, 0).decision).not.toHaveProperty('note')
  })

  test('a preferred node is shown also where very many are cheaper', () => {
    const many = Array.from({ length: 50 }, (_, at) => costing(String(at).padStart(2, '0'), at))
    const { decision } = decide(byLabel, ask({ prefer: '49' }), many, 0, 0)
    expect(decision.picked).toBe('49')
    expect(decision.scores).toHaveLength(20)
    expect(decision.scores[0]).toMatchObject({ nodeId: '49', cost: 49 })
  })

  test('an avoidance says what came of it', () => {
    const nodes = [costing('a', 1), costing('b', 2)]
    const noteOf = (...fit: CandidateNode[]) => decide(byLabel, ask({ avoid: 'a' }), fit, 0, 0).decision.note
    expect(noteOf(...nodes)).toBe('that node is avoided, and another was fit')
    expect(noteOf(costing('a', 1))).toBe('that node should be avoided, but no other is fit')
    expect(noteOf(node('a', { state: 'Down' }))).toBeUndefined()
    expect(decide(byLabel, ask(), nodes, 0, 0).decision).not.toHaveProperty('note')
  })

  test('lists are cut to 20 nodes, all are considered, and the best is among those shown', () => {
    const many = Array.from({ length: 50 }, (_, at) => costing(String(at).padStart(2, '0'), 50 - at))
    const down = Array.from({ length: 30 }, (_, at) => node(`x${at}`, { state: 'Down' }))
    const { decision } = decide(byLabel, ask(), [...down, ...many], 0, 0)
    expect(decision.picked).toBe('49')
    expect(decision.scores.map(({ cost }) => cost)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
    expect(decision.refusals).toHaveLength(20)
    expect(decision.considered).toBe(80)
    expect(Check(PlacementDecision, decision)).toBe(true)
  })

  test('a scheduler that gives no number is a defect, and named', () => {
    expect(() => decide(byLabel, ask(), [node('a')], 0, 0)).toThrow('scheduler by-label gave a cost of NaN')
  })

  test('what is picked is fit, what is refused is not', () => {
    const anyNode = fc.record({
      state: fc.constantFrom('Ready', 'Unknown', 'Suspect', 'Down'),
      draining: fc.boolean(),
      cpus: fc.integer({ min: 0, max: 4 }),
      used: fc.integer({ min: 0, max: 4 }),
      zone: fc.constantFrom('a', 'b'),
    })
    fc.assert(
      fc.property(fc.array(anyNode, { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), (specs, cpus) => {
        const nodes = specs.map(({ state, draining, cpus: offered, used, zone }, at) =>
          node(String(at), {
            state: state as CandidateNode['state'],
            draining,
            offered: { cpus: offered, memoryBytes: GiB },
            reserved: { cpus: used, memoryBytes: 0 },
            labels: { zone, cost: '1' },
          }),
        )
        const asked = ask({ reserved: { cpus, memoryBytes: 1 }, constraints: ['zone=a'] })
        const fit = nodes.filter(
          (each) =>
            each.state === 'Ready' &&
            !each.draining &&
            each.labels.zone === 'a' &&
            each.reserved.cpus + cpus <= each.offered.cpus,
        )
        const { decision, nodeId } = decide(byLabel, asked, nodes, 0, 0)
        expect(nodeId).toBe(fit[0]?.nodeId)
        expect(nodes.filter(fitnessOf(asked))).toEqual(fit)
        expect(decision.refusals).toHaveLength(nodes.length - fit.length)
        expect(decision.why === undefined).toBe(fit.length > 0)
      }),
    )
  })
})

describe('a refusal explains itself', () => {
  test('no node at all', () => {
    expect(whyNone([])).toBe('no node has registered')
  })

  test('each node is counted once, under the reason that lasts', () => {
    const full = { reserved: { cpus: 0, memoryBytes: GiB } }
    const nodes = [
      node('a', { state: 'Unknown' }),
      node('b', { state: 'Down', ...full }),
      node('c', full),
      node('d', full),
      node('e', full),
    ]
    expect(whyNone(nodes)).toBe('2 nodes not ready; 3 nodes lack 512 MiB of memory')
    const zoned = nodes.map((each, at) => ({ ...each, labels: { zone: at < 2 ? 'b' : 'a' } }))
    expect(whyNone(zoned, ask({ constraints: ['zone=a'] }))).toBe(
      '2 nodes do not match zone=a; 3 nodes lack 512 MiB of memory',
    )
  })

  test('what never fits is told apart from what does not fit now', () => {
    const full = node('a', { reserved: { cpus: 4, memoryBytes: 0 } })
    expect(whyNone([full])).toBe('1 node lacks 1 cpu')
    expect(whyNone([full, node('b', { state: 'Down' })], ask({ reserved: { cpus: 64, memoryBytes: 1 } }))).toBe(
      'no node is large enough for 64 cpus (the most is 4 cpus); ask for less, or add a larger node',
    )
    expect(whyNone([full], ask({ reserved: { cpus: 64, memoryBytes: 2 * GiB } }))).toBe(
      'no node is large enough for 64 cpus (the most is 4 cpus) or 2 GiB of memory (the most is 1 GiB); ask for less, or add a larger node',
    )
    const fast = node('f', { offered: { cpus: 8, memoryBytes: MiB } })
    expect(whyNone([full, fast], ask({ reserved: { cpus: 8, memoryBytes: GiB } }))).toBe(
      'no node is large enough for 8 cpus and 1 GiB of memory together; ask for less, or add a larger node',
    )
  })

  test('a node too small for good and one that is full now', () => {
    const nodes = [
      node('a', { offered: { cpus: 0.5, memoryBytes: GiB } }),
      node('b', { reserved: { cpus: 3.5, memoryBytes: 0 } }),
    ]
    const { decision } = decide(byLabel, ask(), nodes, 0, 0)
    expect(decision.why).toBe('1 node offers less than 1 cpu; 1 node lacks 1 cpu')
    expect(decision.refusals.map(({ why }) => why)).toEqual([
      'offers 0.5 cpus, less than the 1 cpu asked',
      'lacks 1 cpu now: 0.5 cpus of 4 cpus free',
    ])
  })
})

describe('amounts', () => {
  test('ten times 0.1 fit into 1, however they were summed', () => {
    let sum = 0
    for (let at = 0; at < 10; at += 1) sum += 0.1
    expect(sum).not.toBe(1)
    expect(microCpus(sum)).toBe(1_000_000)
    const nine = node('a', { offered: { cpus: 1, memoryBytes: GiB }, reserved: { cpus: sum - 0.1, memoryBytes: 0 } })
    expect(fitnessOf(ask({ reserved: { cpus: 0.1, memoryBytes: 1 } }))(nine)).toBe(true)
  })

  test('n tasks of 1/n fit into 1, and one more does not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (n) => {
        const part = { cpus: 1 / n, memoryBytes: 0 }
        const whole = { cpus: 1, memoryBytes: 0 }
        let sum = { cpus: 0, memoryBytes: 0 }
        for (let at = 0; at < n; at += 1) sum = addResources(sum, part)
        expect(isWithin(sum, whole)).toBe(true)
        expect(isWithin(addResources(sum, part), whole)).toBe(false)
      }),
    )
  })

  test('adding and taking away come back to exactly what was', () => {
    const amount = fc.record({
      cpus: fc.double({ min: 0, max: 4_096, noNaN: true }),
      memoryBytes: fc.integer({ min: 0, max: 2 ** 50 }),
    })
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        const back = subtractResources(addResources(a, b), b)
        expect(microCpus(back.cpus)).toBe(microCpus(a.cpus))
        expect(back.memoryBytes).toBe(a.memoryBytes)
      }),
    )
    expect(subtractResources({ cpus: 1, memoryBytes: 1 }, { cpus: 2, memoryBytes: 2 })).toEqual({
      cpus: 0,
      memoryBytes: 0,
    })
  })

  test('nothing that is asked counts as nothing', () => {
    expect(microCpus(1e-12)).toBe(1)
    expect(microCpus(0)).toBe(0)
    expect(microCpus(0.29)).toBe(290_000)
  })

  test('texts', () => {
    expect([cpusText(1), cpusText(0.5), cpusText(0.1 + 0.2), cpusText(0)]).toEqual([
      '1 cpu',
      '0.5 cpus',
      '0.3 cpus',
      '0 cpus',
    ])
    expect(memoryText(512 * MiB, 'up')).toBe('512 MiB')
    expect(memoryText(512 * MiB + 1, 'up')).toBe('512.1 MiB')
    expect(memoryText(512 * MiB - 1, 'down')).toBe('511.9 MiB')
    expect(memoryText(1.5 * GiB, 'down')).toBe('1.5 GiB')
    expect(memoryText(100, 'down')).toBe('100 bytes')
  })
})
