/**
 * The marginal cost of a task: of each resource, what its machine costs with it less what it costs without, where a machine
 * costs exponentially more the fuller it is. Amir, Awerbuch, Barak, Borgstrom, Keren, "An Opportunity Cost Approach for Job
 * Assignment in a Scalable Computing Cluster", IEEE TPDS 11(7), 2000.
 */
import type { Resources } from '../model.ts'
import type { CandidateNode, Scheduler } from './scheduler.ts'

/**
 * How many times more a full machine costs than an idle one. In the paper it grows with the number of machines; here it is
 * fixed, so that a cost means the same in every cluster and does not change when a node joins. Close to 1 the cost would be
 * nearly a straight line, and the largest machine would win however full it is.
 */
const base = 100
const lnBase = Math.log(base)

/**
 * What counts as used: the larger of what is reserved and what was measured. A sum would count every running task twice,
 * since it is in both. A measure lags behind a pick, which does no harm: the pick is reserved at once, and `load` contains
 * what was reserved since it was measured, so that a burst of tasks does not run after one low figure.
 */
function usedOf({ reserved, load }: CandidateNode, of: keyof Resources): number {
  return Math.max(reserved[of], load?.[of] ?? 0)
}

/**
 * base^(before + asked) − base^before, of shares. A machine may do more than it offers to tasks: it is full then, and not
 * more than that.
 */
function marginal(used: number, asked: number, total: number): number {
  if (total <= 0) return 0
  return Math.exp(lnBase * Math.min(1, used / total)) * Math.expm1((lnBase * asked) / total)
}

/** Balances: takes the node where the task raises the cost of cpu and memory least, by what is reserved and what is measured. */
export const epvm: Scheduler<null> = {
  name: 'epvm',
  initial: null,
  score: ({ reserved }, node) =>
    marginal(usedOf(node, 'cpus'), reserved.cpus, node.offered.cpus) +
    marginal(usedOf(node, 'memoryBytes'), reserved.memoryBytes, node.offered.memoryBytes),
  picked: () => null,
}
