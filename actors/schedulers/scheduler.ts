/**
 * The scheduler port: filter → score → pick over an immutable list of nodes. It is pure: no I/O, no clock, no chance, and
 * what it remembers from one pick to the next is passed in and returned. A scheduler only says what a node costs; the
 * filters are the same for all, so that none of them can oversubscribe a node.
 */
import { type Decided, decideAmong, explainRefusal } from './decision.ts'
import { type Ask, type CandidateNode, filtersOf } from './filters.ts'

export type { Decided } from './decision.ts'
export type { Ask, CandidateNode } from './filters.ts'

/** Says what each fit node costs; the lowest cost wins. Pure: what it remembers is passed in and returned. */
export interface Scheduler<State = unknown> {
  /** For people: `explain` shows it with each decision. */
  readonly name: string
  /** What it remembers before its first pick; plain data. */
  readonly initial: State
  /** What the ask would cost on this node, which is fit for it; finite. The lowest wins, and of equal ones the lowest nodeId. */
  score(ask: Ask, node: CandidateNode, state: State): number
  /** What it remembers after this pick; not asked for a preferred node, whose pick was none of its own. */
  picked(node: CandidateNode, state: State): State
  /**
   * For one whose costs follow the order of nodeIds, as turns do: the nodeId after which the nodes of the next pick begin;
   * null: at the lowest. Of a large cluster only a sample is scored, and it is then the fit nodes that follow that one.
   * Absent: any sample will do.
   */
  after?(state: State): string | null
}

/** What says whether a node could take the ask at this moment; made once per ask, since it is asked often. */
export function fitnessOf(ask: Ask): (node: CandidateNode) => boolean {
  const filters = filtersOf(ask)
  return (node) => filters.every((filter) => filter.admits(node))
}

/**
 * Looks at all of the nodes and picks one for the ask, or explains why none is fit. `state` is the scheduler's own,
 * `scheduler.initial` at first; it changes only when a node was picked. Throws if the scheduler gives a cost that is not a
 * number.
 */
export function decide<State>(
  scheduler: Scheduler<State>,
  ask: Ask,
  nodes: readonly CandidateNode[],
  state: State,
  atMs: number,
): Decided<State> {
  const filters = filtersOf(ask)
  const counts = filters.map(() => 0)
  const fit: CandidateNode[] = []
  const refused: CandidateNode[] = []
  for (const node of nodes) {
    const at = filters.findIndex((filter) => !filter.admits(node))
    if (at >= 0) counts[at] = (counts[at] ?? 0) + 1
    ;(at < 0 ? fit : refused).push(node)
  }
  const of = nodes.length
  if (fit.length === 0) {
    return {
      decision: explainRefusal(scheduler.name, ask, { counts, shown: refused, nodes, of }, filters, atMs),
      state,
    }
  }
  const find = (nodeId: string) => nodes.find((node) => node.nodeId === nodeId)
  return decideAmong(scheduler, ask, { fit, refused, considered: of, of, find }, filters, state, atMs)
}
