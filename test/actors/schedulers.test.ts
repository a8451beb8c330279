/** What each scheduler is for, and that its formula is the one it names. */
import { expect, test } from 'vitest'
import { binpack } from '../../actors/schedulers/binpack.ts'
import { epvm } from '../../actors/schedulers/epvm.ts'
import { type Ask, type CandidateNode, decide, type Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers, schedulerNamed, schedulerNames } from '../../actors/schedulers/schedulers.ts'
import { spread } from '../../actors/schedulers/spread.ts'

const node = (nodeId: string, changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId,
  name: nodeId,
  state: 'Ready',
  draining: false,
  offered: { cpus: 8, memoryBytes: 800 },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels: {},
  drivers: { docker: 'complete' },
  ...changes,
})
const holding = (nodeId: string, cpus: number, memoryBytes: number, attempts = 1): CandidateNode =>
  node(nodeId, { reserved: { cpus, memoryBytes }, attempts })
const ask: Ask = { driver: 'docker', reserved: { cpus: 1, memoryBytes: 100 }, constraints: [] }
const pickOf = (scheduler: Scheduler<null>, ...nodes: CandidateNode[]) => decide(scheduler, ask, nodes, null, 0).nodeId
const cost = (scheduler: Scheduler<null>, one: CandidateNode, asked = ask) => scheduler.score(asked, one, null)

test('all are found by their names, and nothing else is', () => {
  expect(schedulerNames).toEqual(['round-robin', 'epvm', 'binpack', 'spread'])
  expect(schedulerNames.map((name) => schedulerNamed(name)?.name)).toEqual(schedulerNames)
  expect(allSchedulers.map(({ name }) => name)).toEqual(schedulerNames)
  for (const name of ['', 'magic', 'constructor', 'toString']) expect(schedulerNamed(name)).toBeUndefined()
})

test.each(allSchedulers.map((scheduler) => [scheduler.name, scheduler] as const))(
  '%s gives a finite cost at every edge of what a node and a task can be',
  (_name, { score, initial }) => {
    for (const offered of [
      { cpus: 1e-6, memoryBytes: 1 },
      { cpus: 4_096, memoryBytes: 2 ** 50 },
      { cpus: 0, memoryBytes: 0 },
    ]) {
      for (const load of [undefined, { cpus: 0, memoryBytes: 0 }, { cpus: 1e9, memoryBytes: 2 ** 52 }]) {
        const one = node('n', { offered, reserved: offered, attempts: 1e6, ...(load === undefined ? {} : { load }) })
        expect(score({ ...ask, reserved: { cpus: 0, memoryBytes: 0 } }, one, initial)).toSatisfy(Number.isFinite)
        expect(score({ ...ask, reserved: offered }, one, initial)).toSatisfy(Number.isFinite)
      }
    }
  },
)

test('epvm is the marginal cost: 100^(share with the task) - 100^(share without), of cpu and memory together', () => {
  const expected = 100 ** (3 / 8) - 100 ** (2 / 8) + 100 ** (5 / 8) - 100 ** (4 / 8)
  expect(cost(epvm, holding('n', 2, 400))).toBeCloseTo(expected, 10)
})

test('epvm takes the emptier node, weighs one resource against the other, and adds least to the largest', () => {
  expect(pickOf(epvm, holding('a', 4, 400), holding('b', 2, 200))).toBe('b')
  // Little of one resource left costs more than some of both.
  expect(pickOf(epvm, holding('a', 7, 0), holding('b', 4, 400))).toBe('b')
  const large = node('large', { offered: { cpus: 64, memoryBytes: 6_400 }, reserved: { cpus: 16, memoryBytes: 1_600 } })
  expect(pickOf(epvm, node('a'), large)).toBe('large')
})

test('with epvm the load of the cpu alone changes the choice', () => {
  const measured = (nodeId: string, cpus: number) => node(nodeId, { load: { cpus, memoryBytes: 100 } })
  expect(pickOf(epvm, measured('a', 1), measured('b', 2))).toBe('a')
  expect(pickOf(epvm, measured('a', 2), measured('b', 1))).toBe('b')
  // The same of memory alone.
  const held = (nodeId: string, memoryBytes: number) => node(nodeId, { load: { cpus: 1, memoryBytes } })
  expect(pickOf(epvm, held('a', 300), held('b', 200))).toBe('b')
  // And of the cpu that a task asks for.
  const larger = { ...ask, reserved: { ...ask.reserved, cpus: 2 } }
  expect(cost(epvm, node('a'), larger)).toBeGreaterThan(cost(epvm, node('a')))
})

test('epvm counts nothing twice: what is reserved and measured is one and the same', () => {
  const both = node('n', { reserved: { cpus: 2, memoryBytes: 200 }, load: { cpus: 2, memoryBytes: 200 } })
  expect(cost(epvm, both)).toBe(cost(epvm, holding('n', 2, 200)))
  const idle = node('n', { reserved: { cpus: 2, memoryBytes: 200 }, load: { cpus: 0, memoryBytes: 0 } })
  expect(cost(epvm, idle)).toBe(cost(epvm, holding('n', 2, 200)))
})

test('a machine that does more than it offers to tasks is full to epvm, and not more than that', () => {
  const full = cost(epvm, node('a', { load: { cpus: 8, memoryBytes: 800 } }))
  expect(cost(epvm, node('b', { load: { cpus: 64, memoryBytes: 8_000 } }))).toBe(full)
})

test('binpack is BestFit v3: 10^(share of cpu free) + 10^(share of memory free), and takes the fullest', () => {
  expect(cost(binpack, holding('n', 3, 500))).toBeCloseTo(10 ** (4 / 8) + 10 ** (2 / 8), 10)
  expect(cost(binpack, holding('n', 7, 700))).toBeCloseTo(2, 10)
  expect(pickOf(binpack, holding('a', 2, 200), holding('b', 6, 600), holding('c', 8, 800))).toBe('b')
  expect(pickOf(binpack, node('a', { load: { cpus: 7, memoryBytes: 700 } }), holding('b', 1, 100))).toBe('b')
})

test('spread takes the node with the fewest tasks, however much those hold, and of equals the one with the lower share', () => {
  expect(pickOf(spread, holding('a', 0.1, 1, 2), holding('b', 7, 700, 1))).toBe('b')
  expect(pickOf(spread, holding('a', 2, 100), holding('b', 1, 200), holding('c', 1, 100))).toBe('c')
  expect(pickOf(spread, holding('a', 0.2, 1, 1), holding('b', 7, 700, 0))).toBe('b')
})

test('twelve equal tasks on three equal nodes: spread and epvm four each, binpack one node after the other', () => {
  const fill = (scheduler: Scheduler<null>) => {
    const counts = [0, 0, 0]
    for (let task = 0; task < 12; task += 1) {
      const nodes = counts.map((count, at) => holding(String(at), count, count * 100, count))
      const picked = Number(pickOf(scheduler, ...nodes))
      counts[picked] = (counts[picked] ?? 0) + 1
    }
    return counts
  }
  expect(fill(spread)).toEqual([4, 4, 4])
  expect(fill(epvm)).toEqual([4, 4, 4])
  expect(fill(binpack)).toEqual([8, 4, 0])
})
