/**
 * The fewest tasks on any one node, so that the loss of a node costs as few tasks as can be; it is the rule of Docker's
 * `spread` (swarmkit, `manager/scheduler/scheduler.go`). Of nodes with equally many, the one of which the smaller share
 * would be reserved.
 */
import type { Scheduler } from './scheduler.ts'

const share = (reserved: number, asked: number, total: number): number => (total <= 0 ? 0 : (reserved + asked) / total)

/** Spreads: takes the node with the fewest tasks. The cost is their number, and the larger of its two shares as the fraction. */
export const spread: Scheduler<null> = {
  name: 'spread',
  initial: null,
  score: ({ reserved: asked }, { attempts, reserved, offered }) =>
    attempts +
    // Of a node that is fit it is 1 at most, and must stay below the cost of one task more.
    0.999 *
      Math.max(
        share(reserved.cpus, asked.cpus, offered.cpus),
        share(reserved.memoryBytes, asked.memoryBytes, offered.memoryBytes),
      ),
  picked: () => null,
}
