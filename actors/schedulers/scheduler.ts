/**
 * The scheduler port: filter → score → pick over an immutable list of nodes. It is pure: no I/O, no clock, no chance, and
 * what it remembers from one pick to the next is passed in and returned. A scheduler only says what a node costs; the
 * filters are the same for all, so that none of them can oversubscribe a node.
 */
import type { PlacementDecision } from '../model.ts'
import { type Ask, type CandidateNode, type Filter, filtersOf } from './filters.ts'
import { cpusText, isWithin, memoryText, microCpus } from './resources.ts'

export type { Ask, CandidateNode } from './filters.ts'

export const schedulerLimits = {
  /** Scores and refusals kept with a decision, each. */
  decisionNodesMax: 20,
} as const

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
}

export interface Decided<State> {
  /** To be kept with the task and shown by `explain`. */
  readonly decision: PlacementDecision
  /** Absent when no node is fit; `decision.why` then says why. */
  readonly nodeId?: string
  readonly state: State
}

interface Scored {
  readonly node: CandidateNode
  readonly cost: number
}

function precedes(a: Scored, b: Scored, prefer: string | undefined): boolean {
  if (a.node.nodeId === prefer || b.node.nodeId === prefer) return a.node.nodeId === prefer
  return a.cost < b.cost || (a.cost === b.cost && a.node.nodeId < b.node.nodeId)
}

/** The preferred and then the cheapest of the fit nodes, best first, at most `decisionNodesMax`: keeping few is cheaper than sorting all. */
function rank<State>(scheduler: Scheduler<State>, ask: Ask, fit: readonly CandidateNode[], state: State): Scored[] {
  const ranked: Scored[] = []
  for (const node of fit) {
    const scored = { node, cost: scheduler.score(ask, node, state) }
    if (!Number.isFinite(scored.cost)) throw new Error(`scheduler ${scheduler.name} gave a cost of ${scored.cost}`)
    let at = ranked.length
    while (at > 0 && precedes(scored, ranked[at - 1] as Scored, ask.prefer)) at -= 1
    if (at === schedulerLimits.decisionNodesMax) continue
    ranked.splice(at, 0, scored)
    if (ranked.length > schedulerLimits.decisionNodesMax) ranked.pop()
  }
  return ranked
}

/** What came of the ask's preference or avoidance, for a pick. */
function noteOf(ask: Ask, nodes: readonly CandidateNode[], picked: CandidateNode): string | undefined {
  if (ask.prefer !== undefined) {
    if (picked.nodeId === ask.prefer) return 'that node is preferred, and it is fit'
    const preferred = nodes.find(({ nodeId }) => nodeId === ask.prefer)
    if (!preferred) return 'that node is preferred, but there is no such node any more'
    const why = filtersOf(ask)
      .find((filter) => !filter.admits(preferred))
      ?.why(preferred)
    return `that node is preferred, but it is not fit (${why})`
  }
  if (ask.avoid === undefined) return undefined
  return picked.nodeId === ask.avoid
    ? 'that node should be avoided, but no other is fit'
    : 'that node is avoided, and another was fit'
}

/** Says it when no node, however empty, could ever take the ask; undefined if one could. */
function neverFits(ask: Ask, nodes: readonly CandidateNode[]): string | undefined {
  if (nodes.some((node) => isWithin(ask.reserved, node.offered))) return undefined
  const mostCpus = Math.max(...nodes.map((node) => node.offered.cpus))
  const mostMemory = Math.max(...nodes.map((node) => node.offered.memoryBytes))
  const cpus = cpusText(ask.reserved.cpus)
  const memory = `${memoryText(ask.reserved.memoryBytes, 'up')} of memory`
  const short: string[] = []
  if (microCpus(ask.reserved.cpus) > microCpus(mostCpus)) short.push(`${cpus} (the most is ${cpusText(mostCpus)})`)
  if (ask.reserved.memoryBytes > mostMemory) short.push(`${memory} (the most is ${memoryText(mostMemory, 'down')})`)
  const what = short.length > 0 ? short.join(' or ') : `${cpus} and ${memory} together`
  return `it never fits: no node offers ${what}; ask for less, or add a larger node`
}

/** `2 nodes not ready; 3 nodes lack 512 MiB of memory`, each node counted once. */
function sumUp(
  ask: Ask,
  nodes: readonly CandidateNode[],
  filters: readonly Filter[],
  counts: readonly number[],
): string {
  if (nodes.length === 0) return 'no node has registered'
  const clauses = filters.map((filter, at) => ((counts[at] ?? 0) > 0 ? filter.sum(counts[at] ?? 0) : ''))
  return neverFits(ask, nodes) ?? clauses.filter((clause) => clause !== '').join('; ')
}

/** What says whether a node could take the ask at this moment; made once per ask, since it is asked often. */
export function fitnessOf(ask: Ask): (node: CandidateNode) => boolean {
  const filters = filtersOf(ask)
  return (node) => filters.every((filter) => filter.admits(node))
}

/**
 * Picks a node for the ask, or explains why none is fit. `state` is the scheduler's own, `scheduler.initial` at first;
 * it changes only when a node was picked. Throws if the scheduler gives a cost that is not a number.
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
  const refusals: PlacementDecision['refusals'] = []
  const refuse = (node: CandidateNode, why: () => string): void => {
    if (refusals.length < schedulerLimits.decisionNodesMax) {
      refusals.push({ nodeId: node.nodeId, name: node.name, why: why() })
    }
  }
  let fit: CandidateNode[] = []
  for (const node of nodes) {
    const at = filters.findIndex((filter) => !filter.admits(node))
    const filter = filters[at]
    if (!filter) {
      fit.push(node)
      continue
    }
    counts[at] = (counts[at] ?? 0) + 1
    refuse(node, () => filter.why(node))
  }
  if (fit.length > 1) {
    for (const node of fit.filter(({ nodeId }) => nodeId === ask.avoid))
      refuse(node, () => 'avoided: another node is fit')
    fit = fit.filter(({ nodeId }) => nodeId !== ask.avoid)
  }

  const ranked = rank(scheduler, ask, fit, state)
  const best = ranked[0]?.node
  const note = best && noteOf(ask, nodes, best)
  const decision: PlacementDecision = {
    scheduler: scheduler.name,
    atMs,
    ...(best ? { picked: best.nodeId } : {}),
    scores: ranked.map(({ node, cost }) => ({ nodeId: node.nodeId, name: node.name, cost })),
    refusals,
    considered: nodes.length,
    ...(best ? {} : { why: sumUp(ask, nodes, filters, counts) }),
    ...(note === undefined ? {} : { note }),
  }
  if (!best) return { decision, state }
  return { decision, nodeId: best.nodeId, state: best.nodeId === ask.prefer ? state : scheduler.picked(best, state) }
}
