/** What a row of seeds must have seen: a hunt that never goes where the bugs are finds nothing and proves nothing. */
import { boundaries } from './faults.ts'

/** Of which there must be enough seeds that each came about often enough. */
export const coverageRules = {
  /** CI runs so many. */
  seeds: 500,
  /** And over these everything that is owed comes about so often. */
  timesMin: 20,
  /** Faults that came about in each single run. */
  firedMin: 5,
} as const

/** Each must have come about; see `World.sometimes`. */
const situations = [
  'a batch outlived the crash in its flush',
  'a batch was lost by the crash in its flush',
  'a batch was torn by the crash, and dropped',
  'a check failed, and not yet for good',
  'a client came back',
  'a container had ports',
  'a drained node was empty in the end',
  'a manager stopped in order',
  'a node of use was not forgotten',
  'a node with tasks was drained',
  'a node with tasks was forgotten',
  'a part of the log was trimmed',
  'a repeated submission changed nothing',
  'a stop came too late',
  'a stop was accepted',
  'a subscriber began anew, for the log was trimmed',
  'a submission whose outcome was unknown turned out to be done',
  'a task was asked for before it was there',
  'a task was asked for that was trimmed',
  'a task left its node, which was drained',
  'a task that has ended was trimmed',
  'a task was given up as lost',
  'a task waited for a port',
  'a task was stopped, for its checks failed',
  'a task was well again',
  'a worker stopped in order',
  'an attempt was lost before it began',
  'an orphan that ran was removed',
  'another specification for a known id was refused',
  'connections of a dead process were flushed',
  'connections of a dead process were lost',
  'connections of a dead process were silent',
  'the scheduler was binpack',
  'the scheduler was epvm',
  'the scheduler was round-robin',
  'the scheduler was spread',
  'two attempts of a task overlapped, for its node was out of reach',
  'what an engine had lost was called lost',
] as const

const faults = [
  'ambush',
  'break',
  'clock-jump',
  'container-killed',
  'container-lost',
  'crash',
  'cut both ways',
  'cut one way',
  'disk-error',
  'disk-stall',
  'engine-away',
  'old-epoch',
  'pause',
  'record-damaged',
  'stop',
] as const

/** The names of everything that is owed, as `World.counts` has them. */
export const owed: readonly string[] = [
  ...Object.entries(boundaries).flatMap(([kind, list]) => list.map((boundary) => `crash ${kind} ${boundary}`)),
  ...faults.map((fault) => `fault ${fault}`),
  ...situations.map((situation) => `sometimes ${situation}`),
]

/** What came about less than `least` times. */
export function missing(counts: ReadonlyMap<string, number>, least: number): string[] {
  return owed.filter((name) => (counts.get(name) ?? 0) < least)
}

/** The counts of many runs, added up. */
export function addCounts(total: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) total.set(name, (total.get(name) ?? 0) + count)
}
