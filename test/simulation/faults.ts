/** What goes wrong in a run: drawn from its seed beforehand, so that a plan can be read, printed and cut down. */
import type { Boundary } from '../../runtime/host/boundary.ts'
import { Dice } from './dice.ts'
import { type Scene, workersOf } from './scene.ts'

export type Fault =
  /** The process dies as it passes this boundary for the nth time. */
  | { readonly type: 'ambush'; readonly site: string; readonly boundary: Boundary; readonly nth: number }
  /** `forMs`: how long it stays away; absent = as the site has it. */
  | { readonly type: 'crash'; readonly site: string; readonly atMs: number; readonly forMs?: number }
  /** It is asked to end in order, and started again. */
  | { readonly type: 'stop'; readonly site: string; readonly atMs: number }
  /** Nothing comes through, one way or both. */
  | {
      readonly type: 'cut'
      readonly from: string
      readonly to: string
      readonly bothWays: boolean
      readonly atMs: number
      readonly forMs: number
    }
  /** Its connections break, as when a proxy in between is restarted. */
  | { readonly type: 'break'; readonly site: string; readonly atMs: number }
  | { readonly type: 'disk-stall'; readonly site: string; readonly atMs: number; readonly forMs: number }
  | { readonly type: 'disk-error'; readonly site: string; readonly atMs: number }
  | { readonly type: 'engine-away'; readonly site: string; readonly atMs: number; readonly forMs: number }
  | { readonly type: 'pause'; readonly site: string; readonly atMs: number; readonly forMs: number }
  /** The wall clock is set back or forward. */
  | { readonly type: 'clock-jump'; readonly site: string; readonly atMs: number; readonly byMs: number }
  /** Somebody kills one of the containers, as a person or a lack of memory does. */
  | { readonly type: 'container-killed'; readonly site: string; readonly atMs: number }
  /** The engine goes away, loses one of its containers, and comes back without a word of it. */
  | { readonly type: 'container-lost'; readonly site: string; readonly atMs: number; readonly forMs: number }
  /** The worker dies, and finds that one of the records of what runs cannot be read any more. */
  | { readonly type: 'record-damaged'; readonly site: string; readonly atMs: number; readonly forMs?: number }
  /** A manager that is out of office speaks up. */
  | { readonly type: 'old-epoch'; readonly site: string; readonly atMs: number }

export const faultTimes = {
  /** Faults begin within this time, in milliseconds. */
  phaseMs: 45_000,
  /** From one that is added, because too few came about, to the next. */
  topUpMs: 1_500,
  /** Those that are aimed come within this time of something that a client does: while it is under way, or stored. */
  aimMs: 12,
  /** Longer than a lease, which is 10 s by default. */
  longMs: 16_000,
  /** Longer than a lease and the time after which the orders of a run have a task given up. */
  lostMs: 28_000,
} as const

/** Every boundary that a manager or a worker passes in its life: a crash at each is owed to it. */
export const boundaries: Readonly<Record<'manager' | 'worker', readonly Boundary[]>> = {
  manager: [
    'stepped',
    'flush',
    'flushed',
    'before:recover',
    'after:recover',
    'before:open',
    'after:open',
    'before:close',
    'after:close',
  ],
  worker: [
    'stepped',
    'flush',
    'flushed',
    'before:startAttempt',
    'after:startAttempt',
    'before:stopAttempt',
    'after:stopAttempt',
    'before:removeAttempt',
    'after:removeAttempt',
    'before:dial',
    'after:dial',
    'before:greet',
    'after:greet',
    'before:hangUp',
    'after:hangUp',
    'before:recover',
    'after:recover',
    'before:open',
    'after:open',
    'before:close',
    'after:close',
  ],
}

/** About how often it is passed in any run, so that an ambush at it is rarely in vain. */
function passagesOf(boundary: Boundary): number {
  if (/:(stopAttempt|close|hangUp)$/.test(boundary)) return 1
  if (/:(recover|open|dial|greet)$/.test(boundary)) return 2
  return boundary.includes(':') ? 4 : 40
}

interface Sites {
  readonly manager: string
  readonly workers: readonly string[]
  readonly clients: readonly string[]
  readonly meddles: boolean
}

/** From one boundary that a seed owes to the next: has no divisor in common with their number. */
const owedStride = 11

/**
 * Each seed owes a crash at some boundaries, in turn, so that any row of seeds as long as the list covers all of it.
 * `moments`: when clients do something; faults are aimed at these, for most of the time nothing is under way.
 */
export function planFaults(seed: number, scene: Scene, moments: readonly number[]): Fault[] {
  const sites = { ...scene, workers: workersOf(scene) }
  const dice = new Dice(seed, 'faults')
  const owed = [...boundaries.manager.map((b) => ['manager', b]), ...boundaries.worker.map((b) => ['worker', b])]
  const faults: Fault[] = []
  for (let debt = 0; debt < scene.crashesOwed; debt += 1) {
    const [kind, boundary] = owed[(seed + debt * owedStride) % owed.length] as ['manager' | 'worker', Boundary]
    faults.push(...ambushAt(dice, sites, kind, boundary))
  }
  for (let more = dice.below(3); more > 0; more -= 1) {
    const any = dice.pick(['manager', 'worker'] as const)
    faults.push(...ambushAt(dice, sites, any, dice.pick(boundaries[any])))
  }
  for (let more = dice.between(scene.faultsMin, scene.faultsMax); more > 0; more -= 1)
    faults.push(anyFault(dice, sites, moments))
  if (dice.chance(scene.longLossChance)) {
    const atMs = dice.between(8_000, 25_000)
    const type = scene.meddles && dice.chance(0.4) ? 'record-damaged' : 'crash'
    faults.push({ type, site: dice.pick(sites.workers), atMs, forMs: faultTimes.lostMs })
  }
  return faults
}

function ambushAt(dice: Dice, sites: Sites, kind: 'manager' | 'worker', boundary: Boundary): Fault[] {
  const site = kind === 'manager' ? sites.manager : dice.pick(sites.workers)
  const nth = dice.between(1, passagesOf(boundary))
  const faults: Fault[] = [{ type: 'ambush', site, boundary, nth }]
  // Passed only by who is asked to stop, or breaks off a session.
  const atMs = dice.below(faultTimes.phaseMs / 2)
  if (/close|hangUp/.test(boundary))
    faults.push({ type: 'stop', site, atMs }, { type: 'stop', site, atMs: atMs + 18_000 })
  return faults
}

function anyFault(dice: Dice, { manager, workers, clients, meddles }: Sites, moments: readonly number[]): Fault {
  const isAimed = moments.length > 0 && dice.chance(0.4)
  const atMs = isAimed ? dice.pick(moments) + dice.roll() * faultTimes.aimMs : dice.below(faultTimes.phaseMs)
  const host = dice.chance(0.5) ? manager : dice.pick(workers)
  const worker = dice.pick(workers)
  const forMs = dice.chance(0.3) ? dice.between(10_000, faultTimes.longMs) : dice.between(100, 6_000)
  switch (dice.below(meddles ? 13 : 10)) {
    case 0:
    case 1:
      return { type: 'crash', site: host, atMs }
    case 2:
    case 3: {
      const far = dice.chance(0.75) ? worker : dice.pick(clients)
      const [from, to] = dice.chance(0.5) ? [far, manager] : [manager, far]
      const isLong = dice.chance(0.3)
      const lasts = isLong ? { atMs: dice.between(5_000, 30_000), forMs: faultTimes.lostMs } : { atMs, forMs }
      return { type: 'cut', from, to, bothWays: dice.chance(0.5), ...lasts }
    }
    case 4:
      return { type: 'break', site: dice.pick([worker, dice.pick(clients)]), atMs }
    case 5:
      return { type: 'disk-stall', site: host, atMs, forMs: dice.between(100, 8_000) }
    case 6:
      return dice.chance(0.5) ? { type: 'disk-error', site: host, atMs } : { type: 'stop', site: host, atMs }
    case 7:
      return { type: 'engine-away', site: worker, atMs, forMs }
    case 8:
      return { type: 'pause', site: host, atMs, forMs }
    case 10:
      return { type: 'container-killed', site: worker, atMs }
    case 11:
      return { type: 'container-lost', site: worker, atMs, forMs: dice.between(100, 3_000) }
    case 12:
      return dice.chance(0.3)
        ? { type: 'record-damaged', site: worker, atMs: dice.between(8_000, 25_000), forMs: faultTimes.lostMs }
        : { type: 'record-damaged', site: worker, atMs }
    default:
      return dice.chance(0.5)
        ? { type: 'clock-jump', site: host, atMs, byMs: dice.between(-3_600_000, 3_600_000) }
        : { type: 'old-epoch', site: worker, atMs: Math.max(atMs, 10_000) }
  }
}
