/**
 * Each fit node in its turn, in the order of their ids. The cursor is the id of the node picked last and not a position, so
 * that nodes may come and go: the turn passes to the next higher id there is, and after the highest to the lowest.
 */
import type { Scheduler } from './scheduler.ts'

export interface RoundRobinState {
  /** The nodeId picked last; null before the first pick. */
  readonly last: string | null
}

/** Takes the fit nodes in turn, in the order of their ids. The default. */
export const roundRobin: Scheduler<RoundRobinState> = {
  name: 'round-robin',
  initial: { last: null },
  // Those after the cursor are this round's, the others the next one's; of equal costs the lowest nodeId wins.
  score: (_ask, node, { last }) => (last === null || node.nodeId > last ? 0 : 1),
  picked: (node) => ({ last: node.nodeId }),
  after: ({ last }) => last,
}
