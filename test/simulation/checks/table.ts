/**
 * The table of DESIGN section 2, written down a second time and from the document alone, so that a slip in the machine
 * is not repeated here: which event may move a task from which state to which.
 */

const anyEnd = ['Completed', 'Failed', 'Pending'] as const

/** By state and event: the states that it may lead to. '' is before the first. */
const table: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '': { Created: ['Pending'] },
  Pending: {
    Placed: ['Scheduled'],
    Unplaceable: ['Pending'],
    BackOffElapsed: ['Pending'],
    PlacementExpired: ['Failed'],
    Stop: ['Completed'],
  },
  Scheduled: {
    Pulling: ['Scheduled'],
    Started: ['Running'],
    StartFailed: anyEnd,
    Exited: anyEnd,
    Lost: anyEnd,
    Stop: ['Scheduled'],
    Unhealthy: ['Scheduled'],
    Drain: ['Scheduled'],
    NodeUnreachable: ['Scheduled'],
    NodeReturned: ['Scheduled'],
  },
  Running: {
    StartFailed: anyEnd,
    Exited: anyEnd,
    Lost: anyEnd,
    Stop: ['Running'],
    Drain: ['Running'],
    TimedOut: ['Running'],
    HealthChanged: ['Running'],
    Unhealthy: ['Running'],
    NodeUnreachable: ['Running'],
    NodeReturned: ['Running'],
  },
  Completed: {},
  Failed: {},
}

export interface Move {
  readonly event: string
  /** Paths such as `Pending.Queued`. */
  readonly from: string
  readonly to: string
}

const topOf = (path: string): string => path.split('.')[0] as string

/** Why this is no move of the table; undefined if it is one. */
export function faultOfMove({ event, from, to }: Move): string | undefined {
  const allowed = table[topOf(from)]?.[event]
  if (allowed?.includes(topOf(to))) return undefined
  return `${event} moved it from ${from || 'nothing'} to ${to}`
}
