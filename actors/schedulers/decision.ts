/** From nodes that were looked at to a decision that explains itself: the pick among those that are fit, or the refusal. */

import { affinityOf } from '../affinity.ts'
import type { PlacementDecision } from '../model.ts'
import type { Ask, CandidateNode, Filter } from './filters.ts'
import { cpusText, isWithin, memoryText, microCpus } from './resources.ts'
import type { Scheduler } from './scheduler.ts'

export const schedulerLimits = {
  /** Scores and refusals kept with a decision, each. */
  decisionNodesMax: 20,
} as const

export interface Decided<State> {
  /** To be kept with the task and shown by `explain`. */
  readonly decision: PlacementDecision
  /** Absent when no node is fit; `decision.why` then says why. */
  readonly nodeId?: string
  readonly state: State
}

/** What a look at the nodes, or at a sample of them, has found. */
export interface Looked {
  /** At least one; of a preferred node that is fit it must tell. */
  readonly fit: readonly CandidateNode[]
  /** In the order in which they are to be shown. */
  readonly refused: readonly CandidateNode[]
  /** How many nodes were looked at. */
  readonly considered: number
  /** How many there are. */
  readonly of: number
  find(nodeId: string): CandidateNode | undefined
}

interface Scored {
  readonly node: CandidateNode
  /** As the scheduler said it. */
  readonly cost: number
  /** What its affinities add up to; 0 where there are none. */
  readonly affinity: number
  /** What it is compared by. */
  readonly rank: number
}

type Refusal = PlacementDecision['refusals'][number]

const refusal = ({ nodeId, name }: CandidateNode, why: string): Refusal => ({ nodeId, name, why })

function precedes(a: Scored, b: Scored, prefer: string | undefined): boolean {
  if (a.node.nodeId === prefer || b.node.nodeId === prefer) return a.node.nodeId === prefer
  if (a.rank !== b.rank) return a.rank < b.rank
  if (a.affinity !== b.affinity) return a.affinity > b.affinity
  return a.cost < b.cost || (a.cost === b.cost && a.node.nodeId < b.node.nodeId)
}

function score<State>(scheduler: Scheduler<State>, ask: Ask, node: CandidateNode, state: State): number {
  const cost = scheduler.score(ask, node, state)
  if (!Number.isFinite(cost)) throw new Error(`scheduler ${scheduler.name} gave a cost of ${cost}`)
  return cost
}

/**
 * Costs are any numbers, a scheduler's own, and weights are not: so that both can be compared, the costs of the nodes that
 * were scored are stretched to 0 for the cheapest and 1 for the dearest, and a hundredth of the node's affinity is taken
 * away. A weight of 100 thus outweighs any difference in cost, one of 10 a tenth of the largest; where both come to the same
 * the greater affinity wins. Without affinities costs are compared as they are.
 */
function scoreAll<State>(
  scheduler: Scheduler<State>,
  ask: Ask,
  fit: readonly CandidateNode[],
  state: State,
): readonly Scored[] {
  if (!ask.affinities?.length) {
    return fit.map((node) => {
      const cost = score(scheduler, ask, node, state)
      return { node, cost, affinity: 0, rank: cost }
    })
  }
  const affinity = affinityOf(ask.affinities)
  const costs = fit.map((node) => score(scheduler, ask, node, state))
  // Halves, for the difference of two numbers may be more than a number can be.
  const least = costs.reduce((a, b) => Math.min(a, b)) / 2
  const spread = costs.reduce((a, b) => Math.max(a, b)) / 2 - least
  return fit.map((node, at) => {
    const cost = costs[at] as number
    const wished = affinity(node)
    return { node, cost, affinity: wished, rank: (spread === 0 ? 0 : (cost / 2 - least) / spread) - wished / 100 }
  })
}

/** The preferred and then the best of the fit nodes, best first, at most `decisionNodesMax`: keeping few is cheaper than sorting all. */
function rank<State>(scheduler: Scheduler<State>, ask: Ask, fit: readonly CandidateNode[], state: State): Scored[] {
  const ranked: Scored[] = []
  for (const scored of scoreAll(scheduler, ask, fit, state)) {
    let at = ranked.length
    while (at > 0 && precedes(scored, ranked[at - 1] as Scored, ask.prefer)) at -= 1
    if (at === schedulerLimits.decisionNodesMax) continue
    ranked.splice(at, 0, scored)
    if (ranked.length > schedulerLimits.decisionNodesMax) ranked.pop()
  }
  return ranked
}

/** What came of the ask's preference or avoidance, for a pick. */
function noteOf(ask: Ask, looked: Looked, filters: readonly Filter[], picked: CandidateNode): string | undefined {
  if (ask.prefer !== undefined) {
    if (picked.nodeId === ask.prefer) return 'that node is preferred, and it is fit'
    const preferred = looked.find(ask.prefer)
    if (!preferred) return 'that node is preferred, but there is no such node any more'
    const why = filters.find((filter) => !filter.admits(preferred))?.why(preferred)
    return `that node is preferred, but it is not fit (${why})`
  }
  if (ask.avoid === undefined) return undefined
  return picked.nodeId === ask.avoid
    ? 'that node should be avoided, but no other is fit'
    : 'that node is avoided, and another was fit'
}

/**
 * Picks one of the fit nodes: a preferred one whatever it costs, an avoided one only if it is the only one, else the
 * best by cost and affinities. Throws if the scheduler gives a cost that is not a number.
 */
export function decideAmong<State>(
  scheduler: Scheduler<State>,
  ask: Ask,
  looked: Looked,
  filters: readonly Filter[],
  state: State,
  atMs: number,
): Decided<State> {
  const { fit, refused, considered, of } = looked
  const refusals = refusalsOf(refused, filters)
  const avoided = fit.length > 1 ? fit.find(({ nodeId }) => nodeId === ask.avoid) : undefined
  if (avoided !== undefined && refusals.length < schedulerLimits.decisionNodesMax) {
    refusals.push(refusal(avoided, 'avoided: another node is fit'))
  }
  const ranked = rank(scheduler, ask, avoided === undefined ? fit : fit.filter((node) => node !== avoided), state)
  const best = (ranked[0] as Scored).node
  const note = noteOf(ask, looked, filters, best)
  const decision: PlacementDecision = {
    scheduler: scheduler.name,
    atMs,
    picked: best.nodeId,
    scores: ranked.map(({ node: { nodeId, name }, cost, affinity }) =>
      ask.affinities?.length ? { nodeId, name, cost, affinity } : { nodeId, name, cost },
    ),
    refusals,
    considered,
    ...(considered === of ? {} : { of }),
    ...(note === undefined ? {} : { note }),
  }
  return { decision, nodeId: best.nodeId, state: best.nodeId === ask.prefer ? state : scheduler.picked(best, state) }
}

/** Says it when no node, however empty, could ever take the ask; undefined if one could. */
function neverFits(ask: Ask, nodes: Iterable<CandidateNode>): string | undefined {
  let mostCpus = 0
  let mostMemory = 0
  for (const { offered } of nodes) {
    if (isWithin(ask.reserved, offered)) return undefined
    mostCpus = Math.max(mostCpus, offered.cpus)
    mostMemory = Math.max(mostMemory, offered.memoryBytes)
  }
  const cpus = cpusText(ask.reserved.cpus)
  const memory = `${memoryText(ask.reserved.memoryBytes, 'up')} of memory`
  const short: string[] = []
  if (microCpus(ask.reserved.cpus) > microCpus(mostCpus)) short.push(`${cpus} (the most is ${cpusText(mostCpus)})`)
  if (ask.reserved.memoryBytes > mostMemory) short.push(`${memory} (the most is ${memoryText(mostMemory, 'down')})`)
  const what = short.length > 0 ? short.join(' or ') : `${cpus} and ${memory} together`
  return `no node is large enough for ${what}; ask for less, or add a larger node`
}

/** All nodes, none of which is fit. */
export interface AllRefused {
  /** How many each filter refused, by its place among them; each node counts once, for the first that refuses it. */
  readonly counts: readonly number[]
  /** Those to be shown, in order. */
  readonly shown: readonly CandidateNode[]
  readonly nodes: Iterable<CandidateNode>
  readonly of: number
}

/** `2 nodes not ready; 3 nodes lack 512 MiB of memory`, and the reason for each node that is shown. */
export function explainRefusal(
  scheduler: string,
  ask: Ask,
  { counts, shown, nodes, of }: AllRefused,
  filters: readonly Filter[],
  atMs: number,
): PlacementDecision {
  const clauses = filters.flatMap((filter, at) => ((counts[at] ?? 0) > 0 ? [filter.sum(counts[at] as number)] : []))
  const why = of === 0 ? 'no node has registered' : (neverFits(ask, nodes) ?? clauses.join('; '))
  return { scheduler, atMs, scores: [], refusals: refusalsOf(shown, filters), considered: of, why }
}

const refusalsOf = (nodes: readonly CandidateNode[], filters: readonly Filter[]): Refusal[] =>
  nodes.slice(0, schedulerLimits.decisionNodesMax).map((node) => {
    return refusal(node, filters.find((filter) => !filter.admits(node))?.why(node) ?? '')
  })
