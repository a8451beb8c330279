/** The placement against a model of it, over random sequences of all that can happen to it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HostPort, PlacementDecision, Port } from '../../actors/model.ts'
import { roundRobin } from '../../actors/schedulers/round-robin.ts'
import type { Ask } from '../../actors/schedulers/scheduler.ts'
import type { CapacityNode } from '../../runtime/manager/capacity.ts'
import { Placement } from '../../runtime/manager/placement.ts'

interface Waiting {
  readonly seq: number
  readonly milli: number
  readonly zone: string
  readonly ports: readonly Port[]
  readonly aim: Aim
}

const portRange = { from: 8_000, to: 8_003 }

/** Where it would rather go, or rather not. */
type Aim = Pick<Ask, 'prefer' | 'avoid'>

const askOf = ({ milli, zone, ports, aim }: Waiting): Ask => ({
  driver: 'process',
  reserved: { cpus: milli / 1_000, memoryBytes: 1 },
  constraints: [`zone=${zone}`],
  ports,
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
  readonly placement = new Placement(roundRobin)
  readonly nodes = new Map<string, CapacityNode>()
  /** In thousandths of a cpu, per node and attempt. */
  readonly held = new Map<
    string,
    { nodeId: string; taskId: string; attempt: number; milli: number; ports: readonly HostPort[] }
  >()
  readonly waiting = new Map<string, Waiting>()
  readonly attempts = new Map<string, number>()

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
        each.labels.zone === asked.zone &&
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
    for (let next = this.placement.next(0); next; next = this.placement.next(0)) {
      const fitting = [...this.waiting].filter(([taskId]) => this.fits(taskId)).sort(inLine)
      expect(next.taskId).toBe(fitting[0]?.[0])
      this.checkAim(next.taskId, next.nodeId, next.decision)
      const { milli, ports: asked } = this.waiting.get(next.taskId) as Waiting
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

  check(): void {
    for (const taskId of this.waiting.keys()) {
      expect(this.fits(taskId), `${taskId} fits and is left waiting`).toBe(false)
      expect(this.placement.verdict(taskId, 0)?.why).toBeTypeOf('string')
      expect(this.placement.verdict(taskId, 0)?.picked).toBeUndefined()
    }
    expect(this.placement.waiting).toBe(this.waiting.size)
    expect(this.placement.nodes.map((each) => each.nodeId)).toEqual([...this.nodes.keys()].sort())
    for (const each of this.placement.nodes) {
      expect(Math.round(each.reserved.cpus * 1_000)).toBe(this.used(each.nodeId))
      expect(each.reserved.memoryBytes).toBeGreaterThanOrEqual(0)
      expect(this.placement.portsHeld(each.nodeId)).toBe(this.ports(each.nodeId).length)
      const inRange = this.ports(each.nodeId).filter((port) => port <= portRange.to).length
      expect(each.ports?.free('tcp')).toBe(4 - inRange)
    }
  }
}

test('whatever happens: never oversubscribed, in line, and nothing that fits is left waiting', () => {
  const taskId = fc.integer({ min: 0, max: 11 }).map((at) => `t${at}`)
  const nodeId = fc.integer({ min: 0, max: 3 }).map((at) => `n${at}`)
  const zone = fc.constantFrom('a', 'b')
  const seq = fc.nat(20)
  const aim: fc.Arbitrary<Aim> = fc.oneof(
    fc.constant({}),
    nodeId.map((prefer) => ({ prefer })),
    nodeId.map((avoid) => ({ avoid })),
  )
  const ports: fc.Arbitrary<readonly Port[]> = fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constantFrom(8_001, 9_000).map((host) => [{ target: 1, host }]) },
    { weight: 1, arbitrary: fc.constant([{ target: 1 }, { target: 2 }]) },
    { weight: 1, arbitrary: fc.constant([{ target: 1 }, { target: 2, host: 8_002 }]) },
  )
  const milli = fc.constantFrom(0, 100, 300, 700, 1_000, 2_100)
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('enqueue' as const), taskId, milli, zone, seq, ports, aim }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('dequeue' as const), taskId }) },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant('set' as const), nodeId, milli, ready: fc.boolean(), zone }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), nodeId }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('release' as const), at: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('place' as const) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model()
      for (const each of steps) {
        if (each.type === 'enqueue') model.enqueue(each.taskId, { ...each, milli: Math.max(100, each.milli) })
        else if (each.type === 'dequeue') model.dequeue(each.taskId)
        else if (each.type === 'set') model.set(each.nodeId, each.milli, each.ready, each.zone)
        else if (each.type === 'remove') model.remove(each.nodeId)
        else if (each.type === 'release') model.release(each.at)
        else {
          model.place()
          model.check()
        }
      }
      model.place()
      model.check()
    }),
    { numRuns: 500 },
  )
})
