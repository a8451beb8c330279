/** What several schedulers would decide, node by node: the decisions side by side, as a table shows them. Pure. */
import type { PlacementDecision } from './model.ts'

/** What one scheduler says of one node. */
export interface ComparedCost {
  readonly cost: number
  readonly isPicked: boolean
}

export interface ComparedNode {
  readonly nodeId: string
  readonly name: string
  /** One for each scheduler, in their order; undefined where it gave the node no cost. */
  readonly costs: readonly (ComparedCost | undefined)[]
  /** What it adds up to by the task's affinities; undefined where the task has none, or of a node that is not fit. */
  readonly affinity: number | undefined
  /** Why it is not fit; undefined if it is. */
  readonly why: string | undefined
}

export interface Comparison {
  /** Their names, the cluster's own first. */
  readonly schedulers: readonly string[]
  /** Those that are fit first, best first as the first scheduler has it; then those that are not. */
  readonly nodes: readonly ComparedNode[]
  /** Nodes there are that no decision names. */
  readonly left: number
}

/** `decisions`: of one ask at one moment, one for each scheduler. */
export function comparisonOf(decisions: readonly PlacementDecision[]): Comparison {
  const names = new Map<string, string>()
  const affinities = new Map<string, number | undefined>()
  for (const { nodeId, name, affinity } of decisions.flatMap(({ scores }) => scores)) {
    names.set(nodeId, name)
    affinities.set(nodeId, affinity)
  }
  const fit = new Set(names.keys())
  const reasons = new Map<string, string>()
  for (const { refusals } of decisions) {
    for (const { nodeId, name, why } of refusals) {
      if (fit.has(nodeId) || reasons.has(nodeId)) continue
      names.set(nodeId, name)
      reasons.set(nodeId, why)
    }
  }
  const costs = decisions.map(({ scores, picked }) => {
    return new Map(scores.map(({ nodeId, cost }) => [nodeId, { cost, isPicked: nodeId === picked }]))
  })
  const nodes = [...names].map(([nodeId, name]) => ({
    nodeId,
    name,
    costs: costs.map((of) => of.get(nodeId)),
    affinity: affinities.get(nodeId),
    why: reasons.get(nodeId),
  }))
  const most = Math.max(0, ...decisions.map(({ considered, of = considered }) => of))
  return {
    schedulers: decisions.map(({ scheduler }) => scheduler),
    nodes,
    left: Math.max(0, most - nodes.length),
  }
}

/** `0`, `0.25`, `1.235`, `1.8e+308`: four digits at most. */
export const costText = (cost: number): string => (cost === 0 ? '0' : String(Number(cost.toPrecision(4))))

/** `+50`, `-30`, `0`: what a node's affinities add up to. */
export const signedText = (affinity: number): string => (affinity > 0 ? `+${affinity}` : String(affinity))
