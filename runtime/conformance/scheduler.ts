/**
 * What every scheduler must do, one of an application's own included: give each fit node a cost that is a number, be pure,
 * and fill a cluster without giving any node too much. A scheduler's test gives it `{ test, expect }` of its test runner.
 */
import { addResources, isWithin } from '../../actors/schedulers/resources.ts'
import { type Ask, type CandidateNode, decide, type Scheduler } from '../../actors/schedulers/scheduler.ts'

/** The part of vitest's `test` and `expect` that the suite uses. */
export interface SchedulerTools {
  /** Defines a test. */
  test(name: string, body: () => void): unknown
  /** Throws in the test what does not hold. */
  expect(actual: unknown, message?: string): { toBe(expected: unknown): void; toEqual(expected: unknown): void }
}

/** What the scheduler is tried on. */
export interface SchedulerWorld {
  /** Labels that it makes something of; they are given to the nodes in turn. Default: a few that mean nothing. */
  readonly labels?: readonly Readonly<Record<string, string>>[]
}

const gigabyte = 2 ** 30
const wholeNode = { cpus: 8, memoryBytes: 16 * gigabyte }
const asks: readonly Ask[] = [0.1, 1, 8].map((cpus) => ({
  driver: 'docker',
  reserved: { cpus, memoryBytes: cpus * gigabyte },
  constraints: [],
}))
/** Defines the suite's tests with `tools.test`. They may run in any order: each begins with `scheduler.initial`. */
export function schedulerConformance<State>(
  { test, expect }: SchedulerTools,
  scheduler: Scheduler<State>,
  world: SchedulerWorld = {},
): void {
  const labels = world.labels ?? [{}, { zone: 'a' }, { zone: 'b', disk: 'ssd' }]
  const node = (at: number, changes: Partial<CandidateNode> = {}) => frozen(nodeOf(at, labels, changes))
  const kinds = edges(node)

  test('it has a name', () => {
    expect(typeof scheduler.name === 'string' && scheduler.name.trim() !== '', 'a name with letters').toBe(true)
  })

  test('each fit node gets a finite cost, whatever it holds, offers and measures', () => {
    for (const ask of asks) {
      for (const one of kinds) {
        const cost = scheduler.score(frozen(ask), one, scheduler.initial)
        expect(Number.isFinite(cost), `${cost} for ${JSON.stringify({ ask, one })}`).toBe(true)
      }
    }
  })

  test('it is pure: asked again it says the same, and what it is given stays as it is', () => {
    const state = frozen(copied(scheduler.initial))
    for (const ask of asks) {
      const costs = () => kinds.map((one) => scheduler.score(frozen(ask), one, state))
      expect(costs()).toEqual(costs())
    }
    for (const one of kinds) expect(scheduler.picked(one, state)).toEqual(scheduler.picked(one, state))
    expect(copied(state)).toEqual(copied(scheduler.initial))
  })

  test('what it remembers is plain data, which can be kept and passed on', () => {
    let state = scheduler.initial
    for (const one of kinds) {
      state = scheduler.picked(one, state)
      expect(copied(state)).toEqual(state)
      const ask = asks[0] as Ask
      const cost = scheduler.score(ask, one, state)
      expect(scheduler.score(ask, one, copied(state))).toBe(cost)
    }
  })

  test('if it says after which node to begin, that is a nodeId or null, and the first fit one from there is the cheapest', () => {
    if (scheduler.after === undefined) return
    let state = scheduler.initial
    const nodes = Array.from({ length: 9 }, (_, at) => node(at))
    for (let round = 0; round < 20; round += 1) {
      const after = scheduler.after(state)
      expect(after === null || typeof after === 'string', `${after} from after`).toBe(true)
      const begin = after === null ? 0 : nodes.findIndex(({ nodeId }) => nodeId > after)
      const first = nodes[Math.max(0, begin)] as CandidateNode
      const costs = nodes.map((one) => scheduler.score(asks[0] as Ask, one, state))
      expect(cheapestOf(nodes, costs)?.nodeId).toBe(first.nodeId)
      state = scheduler.picked(first, state)
    }
  })

  test('every task that fits is placed, no node is oversubscribed, and the same happens each time', () => {
    const nodes = Array.from({ length: 12 }, (_, at) => node(at))
    const first = fill(scheduler, nodes)
    expect(first.placed.length).toBe(nodes.length * wholeNode.cpus)
    expect(first.oversubscribed).toEqual([])
    expect(first.why).toBe('12 nodes lack 1 cpu')
    expect(fill(scheduler, nodes).placed).toEqual(first.placed)
  })
}

function nodeOf(at: number, labels: readonly Readonly<Record<string, string>>[], changes: Partial<CandidateNode>) {
  const nodeId = `node-${String(at).padStart(4, '0')}`
  const rest = { drivers: { docker: 'complete' }, reserved: { cpus: 0, memoryBytes: 0 }, attempts: 0 } as const
  const node: CandidateNode = {
    ...{ nodeId, name: nodeId, state: 'Ready', draining: false, offered: wholeNode, ...rest },
    labels: labels[at % labels.length] ?? {},
    ...changes,
  }
  return node
}

/** Nodes at the edges of what they can be, and with each of the labels. */
function edges(node: (at: number, changes?: Partial<CandidateNode>) => CandidateNode): readonly CandidateNode[] {
  const changes: readonly Partial<CandidateNode>[] = [
    {},
    { reserved: { cpus: 7.9, memoryBytes: 15 * gigabyte }, attempts: 79 },
    { reserved: { cpus: 0, memoryBytes: 15 * gigabyte }, attempts: 1 },
    { load: { cpus: 0, memoryBytes: 0 } },
    { load: { cpus: 500, memoryBytes: 2 ** 42 } },
    { offered: { cpus: 4_096, memoryBytes: 2 ** 50 } },
    { offered: { cpus: 8, memoryBytes: 8 * gigabyte }, labels: {} },
  ]
  return changes.flatMap((change, kind) => [0, 1, 2].map((at) => node(3 * kind + at, change)))
}

function cheapestOf(nodes: readonly CandidateNode[], costs: readonly number[]): CandidateNode | undefined {
  const least = Math.min(...costs)
  return nodes.find((_, at) => costs[at] === least)
}

/** Tasks of one core each, until there is no room for another. */
function fill<State>(scheduler: Scheduler<State>, empty: readonly CandidateNode[]) {
  const nodes = [...empty]
  const ask = frozen(asks[1] as Ask)
  const placed: string[] = []
  let state = scheduler.initial
  for (;;) {
    const decided = decide(scheduler, ask, nodes, state, 0)
    const at = nodes.findIndex(({ nodeId }) => nodeId === decided.nodeId)
    const node = nodes[at]
    if (node === undefined) {
      const oversubscribed = nodes.filter(({ reserved, offered }) => !isWithin(reserved, offered))
      return { placed, oversubscribed, why: decided.decision.why }
    }
    placed.push(node.nodeId)
    nodes[at] = frozen({ ...node, reserved: addResources(node.reserved, ask.reserved), attempts: node.attempts + 1 })
    state = decided.state
  }
}

const copied = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
