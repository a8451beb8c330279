/** The placement with each scheduler against a model of it, over random sequences of all that can happen to it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Affinity, HostPort, PlacementDecision, Port } from '../../actors/model.ts'
import { type Ask, decide, type Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers } from '../../actors/schedulers/schedulers.ts'
import type { CapacityNode } from '../../runtime/manager/capacity.ts'
import { Placement } from '../../runtime/manager/placement.ts'
import { prospectLimits } from '../../runtime/manager/prospects.ts'

interface Waiting {
  readonly seq: number
  readonly milli: number
  readonly zone: string
  readonly ports: readonly Port[]
  readonly aim: Aim
  readonly affinities: readonly Affinity[]
}

const portRange = { from: 8_000, to: 8_003 }

/** Where it would rather go, or rather not. */
type Aim = Pick<Ask, 'prefer' | 'avoid'>

const askOf = ({ milli, zone, ports, aim, affinities }: Waiting): Ask => ({
  driver: 'process',
  reserved: { cpus: milli / 1_000, memoryBytes: 1 },
  constraints: zone === 'any' ? [] : [`zone=${zone}`],
  ports,
  affinities,
  ...aim,
})

const nodeOf = (nodeId: string, milli: number, ready: boolean, zone: string): CapacityNode => ({
  nodeId,
  name: nodeId,
  state: ready ? 'Ready' : 'Down',
  draining: false,
  offered: { cpus: milli / 1_000, memoryBytes: 1_000 },
  labels: { zone },
  drivers: { process: 'complete' },
  portRange,
})

/** By seq, and where it is the same by taskId. */
const inLine = ([aId, a]: [string, Waiting], [bId, b]: [string, Waiting]): number =>
  a.seq - b.seq || (aId < bId ? -1 : 1)

/** What the placement should do, said as plainly as possible, and checked against it after each step. */
class Model {
  readonly placement: Placement
  readonly scheduler: Scheduler
  /** Beyond so many nodes only a sample is scored. */
  readonly allScoredMax: number
  /** What the scheduler remembers. */
  state: unknown
  readonly nodes = new Map<string, CapacityNode>()
  /** In thousandths of a cpu, per node and attempt. */
  readonly held = new Map<
    string,
    { nodeId: string; taskId: string; attempt: number; milli: number; ports: readonly HostPort[] }
  >()
  readonly waiting = new Map<string, Waiting>()
  readonly attempts = new Map<string, number>()

  constructor(scheduler: Scheduler, allScoredMax: number) {
    this.placement = new Placement(scheduler, { ...prospectLimits, allScoredMax, kindsMax: 20 })
    this.scheduler = scheduler
    this.allScoredMax = allScoredMax
    this.state = scheduler.initial
  }

  used(nodeId: string): number {
    return [...this.held.values()].reduce((sum, each) => sum + (each.nodeId === nodeId ? each.milli : 0), 0)
  }

  /** Ports that are held on a node, all of tcp. */
  ports(nodeId: string): number[] {
    return [...this.held.values()].flatMap((each) => (each.nodeId === nodeId ? each.ports.map(({ host }) => host) : []))
  }

  /** Whether those asked for by number are free, and so many others of the range. */
  hasPorts(nodeId: string, asked: readonly Port[]): boolean {
    const held = this.ports(nodeId)
    const fixed = asked.flatMap(({ host }) => host ?? [])
    const isGone = (port: number) => held.includes(port) || fixed.includes(port)
    const free = [8_000, 8_001, 8_002, 8_003].filter((port) => !isGone(port)).length
    return fixed.every((port) => !held.includes(port)) && asked.length - fixed.length <= free
  }

  fitting(taskId: string): string[] {
    const asked = this.waiting.get(taskId)
    const fit = [...this.nodes.values()].filter(
      (each) =>
        asked !== undefined &&
        each.state === 'Ready' &&
        (asked.zone === 'any' || each.labels.zone === asked.zone) &&
        this.hasPorts(each.nodeId, asked.ports) &&
        this.used(each.nodeId) + asked.milli <= Math.round(each.offered.cpus * 1_000),
    )
    return fit.map((each) => each.nodeId)
  }

  /** Also on an avoided node alone: nobody waits for another for ever. */
  fits(taskId: string): boolean {
    return this.fitting(taskId).length > 0
  }

  enqueue(taskId: string, asked: Waiting): void {
    this.waiting.set(taskId, asked)
    this.placement.enqueue(taskId, askOf(asked), asked.seq)
  }

  /** A wish is fulfilled where it can be. */
  checkAim(taskId: string, nodeId: string, decision: PlacementDecision): void {
    const { prefer, avoid } = this.waiting.get(taskId)?.aim ?? {}
    const fit = this.fitting(taskId)
    if (prefer !== undefined && fit.includes(prefer)) expect(nodeId).toBe(prefer)
    if (avoid !== undefined && fit.some((each) => each !== avoid)) expect(nodeId).not.toBe(avoid)
    expect(decision.note !== undefined).toBe((prefer ?? avoid) !== undefined)
  }

  dequeue(taskId: string): void {
    this.waiting.delete(taskId)
    this.placement.dequeue(taskId)
  }

  set(nodeId: string, milli: number, ready: boolean, zone: string): void {
    const changed = nodeOf(nodeId, milli, ready, zone)
    this.nodes.set(nodeId, changed)
    this.placement.setNode(changed)
  }

  remove(nodeId: string): void {
    this.nodes.delete(nodeId)
    this.placement.removeNode(nodeId)
  }

  release(at: number): void {
    const [key, held] = [...this.held][at % Math.max(1, this.held.size)] ?? []
    if (key === undefined || !held) return
    this.held.delete(key)
    this.placement.release(held.nodeId, held.taskId, held.attempt)
  }

  /** Places all that fits; each must be the first in line of those that fit at that moment. */
  place(): void {
    for (;;) {
      const [first] = [...this.waiting].filter(([taskId]) => this.fits(taskId)).sort(inLine)
      const foretold = first && this.placement.compare(askOf(first[1]), 0)
      const next = this.placement.next(0)
      expect(next?.taskId).toBe(first?.[0])
      if (!next || !first || !foretold) return
      this.checkAim(next.taskId, next.nodeId, next.decision)
      this.checkDecision(askOf(first[1]), next.nodeId, next.decision, foretold)
      const { milli, ports: asked } = first[1]
      const ports = this.placement.givePorts(next.nodeId, asked, 0)
      const before = this.ports(next.nodeId)
      for (const { host } of ports) expect(before, `port ${host} is held already`).not.toContain(host)
      const attempt = (this.attempts.get(next.taskId) ?? 0) + 1
      this.attempts.set(next.taskId, attempt)
      this.waiting.delete(next.taskId)
      this.held.set(`${next.taskId}.${attempt}`, { nodeId: next.nodeId, taskId: next.taskId, attempt, milli, ports })
      this.placement.reserve(next.nodeId, next.taskId, attempt, { cpus: milli / 1_000, memoryBytes: 1 }, ports)
      expect(new Set(this.ports(next.nodeId)).size).toBe(this.ports(next.nodeId).length)
      const offered = Math.round((this.nodes.get(next.nodeId)?.offered.cpus ?? 0) * 1_000)
      expect(this.used(next.nodeId)).toBeLessThanOrEqual(offered)
    }
  }

  /** What is decided is what was foretold and, where all nodes are looked at, what a plain look at all of them says. */
  checkDecision(ask: Ask, nodeId: string, decision: PlacementDecision, foretold: readonly PlacementDecision[]): void {
    const isSample = this.placement.nodes.length > this.allScoredMax
    // Refusals are examples where only a sample is looked at: they depend on what was known before.
    const { refusals, considered, ...rest } = decision
    expect(foretold[0]).toMatchObject(isSample ? rest : { ...rest, refusals, considered })
    expect(new Set(foretold.map(({ scheduler }) => scheduler)).size).toBe(allSchedulers.length)
    const { nodes } = this.placement
    const plain = decide(this.scheduler, ask, nodes, this.state, 0)
    const fit = [...plain.decision.scores.map((score) => score.nodeId), ask.avoid]
    for (const { picked } of foretold) expect(fit).toContain(picked)
    if (!isSample) expect(decision).toEqual(plain.decision)
    // A round is a true round also where not all are looked at.
    if (this.scheduler.after && ask.affinities?.length === 0) expect(nodeId).toBe(plain.nodeId)
    const picked = this.placement.node(nodeId)
    if (picked && nodeId !== ask.prefer) this.state = this.scheduler.picked(picked, this.state)
  }

  /** A refusal is exact, whatever was looked at when. */
  checkRefusal(taskId: string, asked: Waiting): void {
    const plain = decide(this.scheduler, askOf(asked), this.placement.nodes, this.state, 0)
    expect(this.placement.verdict(taskId, 0)).toEqual(plain.decision)
    for (const { why } of this.placement.compare(askOf(asked), 0)) expect(why).toBe(plain.decision.why)
  }

  check(): void {
    for (const [taskId, asked] of this.waiting) {
      expect(this.fits(taskId), `${taskId} fits and is left waiting`).toBe(false)
      expect(this.placement.verdict(taskId, 0)?.why).toBeTypeOf('string')
      expect(this.placement.verdict(taskId, 0)?.picked).toBeUndefined()
      this.checkRefusal(taskId, asked)
    }
    expect(this.placement.waiting).toBe(this.waiting.size)
    expect(this.placement.nodes.map((each) => each.nodeId)).toEqual([...this.nodes.keys()].sort())
    for (const each of this.placement.nodes) {
      expect(Math.round(each.reserved.cpus * 1_000)).toBe(this.used(each.nodeId))
      expect(each.reserved.memoryBytes).toBeGreaterThanOrEqual(0)
      expect(each.attempts).toBe([...this.held.values()].filter(({ nodeId }) => nodeId === each.nodeId).length)
      expect(this.placement.portsHeld(each.nodeId)).toBe(this.ports(each.nodeId).length)
      const inRange = this.ports(each.nodeId).filter((port) => port <= portRange.to).length
      expect(each.ports?.free('tcp')).toBe(4 - inRange)
    }
  }
}

const taskId = fc.integer({ min: 0, max: 11 }).map((at) => `t${at}`)
const nodeId = fc.integer({ min: 0, max: 5 }).map((at) => `n${at}`)
const zone = fc.constantFrom('a', 'b')
const aim: fc.Arbitrary<Aim> = fc.oneof(
  fc.constant({}),
  nodeId.map((prefer) => ({ prefer })),
  nodeId.map((avoid) => ({ avoid })),
)
const ports: fc.Arbitrary<readonly Port[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constantFrom(8_001, 9_000).map((host) => [{ target: 1, host }]) },
  { weight: 1, arbitrary: fc.constant([{ target: 1 }, { target: 2 }]) },
  { weight: 1, arbitrary: fc.constant([{ target: 1 }, { target: 2, host: 8_002 }]) },
)
const affinity: fc.Arbitrary<Affinity> = fc.record({
  expression: zone.map((each) => `zone=${each}`),
  weight: fc.constantFrom(-100, 7, 60),
})
const asked: fc.Arbitrary<Waiting> = fc.record({
  seq: fc.nat(20),
  milli: fc.constantFrom(300, 1_000),
  zone: fc.constantFrom('a', 'any'),
  ports,
  aim,
  affinities: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(affinity, { minLength: 1, maxLength: 2 })),
})

type Step = (model: Model) => void
const placeAndCheck: Step = (model) => {
  model.place()
  model.check()
}
const milli = fc.constantFrom(0, 100, 300, 700, 1_000, 2_100)
const load = fc.option(fc.nat(3), { nil: undefined }).map((cpus) => cpus && { cpus, memoryBytes: cpus * 300 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(taskId, asked).map<Step>((task) => (model) => model.enqueue(...task)) },
  { weight: 1, arbitrary: taskId.map<Step>((id) => (model) => model.dequeue(id)) },
  {
    weight: 3,
    arbitrary: fc.tuple(nodeId, milli, fc.boolean(), zone).map<Step>((node) => (model) => model.set(...node)),
  },
  { weight: 1, arbitrary: nodeId.map<Step>((id) => (model) => model.remove(id)) },
  {
    weight: 1,
    arbitrary: fc.tuple(nodeId, load).map<Step>(
      ([id, used]) =>
        ({ placement }) =>
          placement.setLoad(id, used || undefined),
    ),
  },
  { weight: 3, arbitrary: fc.nat().map<Step>((at) => (model) => model.release(at)) },
  { weight: 4, arbitrary: fc.constant(placeAndCheck) },
)

const looks = [
  ['every node', 100],
  ['a sample of them', 1],
] as const
const cases = allSchedulers.flatMap((scheduler) =>
  looks.map(([what, max]) => [scheduler.name, what, scheduler, max] as const),
)

test.each(cases)(
  'whatever happens, with %s over %s: never oversubscribed, in line, and nothing that fits is left waiting',
  (_name, _what, scheduler, allScoredMax) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const model = new Model(scheduler, allScoredMax)
        for (const each of [...steps, placeAndCheck]) each(model)
      }),
      { numRuns: 40 },
    )
  },
)
