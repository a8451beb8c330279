/**
 * One run: faults, then healing, then judgement. Everything in it follows from its seed.
 *
 *   0 s ── faults and tasks ── 60 s ── healed: all must converge ── at most 300 s ── what is left is judged
 */
import { Chaos } from './chaos.ts'
import { checkLog, readLog } from './checks/log.ts'
import { checkLosses, checkOutcomes } from './checks/outcome.ts'
import { Cluster, type Variant } from './cluster.ts'
import type { Disk } from './disk.ts'
import { type Fault, planFaults } from './faults.ts'
import { momentsOf } from './orders.ts'
import { type Scene, whole } from './scene.ts'
import { World } from './world.ts'

export const runTimes = {
  /** Faults may come within this time, in milliseconds. */
  faultsMs: 60_000,
  /** And after it all must have converged within this. */
  convergeMs: 300_000,
  /** What was at rest must stay at rest for so long. */
  restMs: 3_000,
  /** Within this every node is there again, and shows that nothing is held on it. */
  auditMs: 60_000,
} as const

export interface RunOptions {
  readonly variant?: Variant
  /** The whole one if it is not given. */
  readonly scene?: Scene
  /** Instead of those that the seed draws. */
  readonly faults?: readonly Fault[]
}

export interface Report {
  readonly seed: number
  readonly violations: readonly string[]
  /** Of the whole trace: two runs of one seed have the same. */
  readonly hash: string
  /** The end of the trace, oldest first. */
  readonly tail: readonly string[]
  readonly counts: ReadonlyMap<string, number>
  readonly faults: readonly Fault[]
  /** How many of them came about. */
  readonly fired: number
  readonly events: number
  readonly simulatedMs: number
}

export async function runSeed(seed: number, options: RunOptions = {}): Promise<Report> {
  const scene = options.scene ?? whole
  const world = new World(seed)
  const cluster = new Cluster(world, scene, options.variant)
  const faults = options.faults ?? planFaults(seed, scene, momentsOf([...cluster.ledger.orders.values()]))
  const chaos = new Chaos(cluster, faults)
  cluster.start()
  const isBroken = () => world.violations.length > 0
  await world.timeline.runUntil(runTimes.faultsMs, isBroken)
  if (!isBroken()) await converge(world, cluster, chaos)
  cluster.end()
  judge(world, cluster)
  return {
    seed,
    violations: world.violations,
    hash: world.hash,
    tail: world.tail,
    counts: world.counts,
    faults,
    fired: chaos.fired,
    events: world.timeline.ran,
    simulatedMs: world.timeline.nowMs,
  }
}

async function converge(world: World, cluster: Cluster, chaos: Chaos): Promise<void> {
  chaos.heal()
  const { timeline } = world
  const deadlineMs = runTimes.faultsMs + runTimes.convergeMs
  const isOver = () => world.violations.length > 0 || cluster.isAtRest
  await timeline.runUntil(deadlineMs, isOver)
  if (world.violations.length > 0) return
  await timeline.runUntil(timeline.nowMs + runTimes.restMs)
  for (const unrest of cluster.unrest()) world.violated('everything converges', unrest)
  if (world.violations.length === 0) await audit(world, cluster)
}

/** A machine that was away for long may still be on its way back. */
async function audit(world: World, cluster: Cluster): Promise<void> {
  const { timeline } = world
  const deadlineMs = timeline.nowMs + runTimes.auditMs
  let found: readonly string[] = ['nobody answered when all was over']
  while (found.length > 0 && timeline.nowMs < deadlineMs) {
    let answered = false
    void cluster.customers[0]?.audit().then((answer) => {
      found = answer
      answered = true
    })
    await timeline.runUntil(deadlineMs, () => answered)
    if (found.length > 0) await timeline.runUntil(timeline.nowMs + 1_000)
  }
  for (const how of found) world.violated('nothing is left behind', how)
}

function judge(world: World, cluster: Cluster): void {
  const { ledger } = cluster
  const log = readLog(cluster.disks.get(cluster.scene.manager) as Disk)
  checkLog(world, ledger, log)
  if (world.violations.length > 0) return
  checkLosses(world, ledger, log)
  checkOutcomes(world, ledger, log)
}
