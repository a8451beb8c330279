/** A placement in words: why nodes were refused, in groups, and when what waits goes on. */
import type { PlacementDecision } from '../../../../actors/model.ts'

export interface RefusalGroup {
  readonly why: string
  /** Names of the nodes, in their order. */
  readonly nodes: readonly string[]
}

/** Refusals with one reason together, the most frequent first. Numbers make no other reason: `lacks 512 MiB (has 100 MiB)`. */
export function groupRefusals(refusals: PlacementDecision['refusals']): RefusalGroup[] {
  const groups = new Map<string, string[]>()
  for (const { name, why } of refusals) {
    const nodes = groups.get(why)
    if (nodes === undefined) groups.set(why, [name])
    else nodes.push(name)
  }
  return [...groups]
    .map(([why, nodes]) => ({ why, nodes }))
    .sort((one, other) => other.nodes.length - one.nodes.length || (one.why < other.why ? -1 : 1))
}

export interface RankedScore {
  readonly nodeId: string
  readonly name: string
  readonly cost: number
  /** What its affinities add up to; undefined where the task has none. */
  readonly affinity: number | undefined
  readonly isPicked: boolean
  /** Its cost as a share of the greatest, from 0 to 1; of 1 if all are the same and none is 0. */
  readonly share: number
}

/**
 * Scores with the lowest cost first; of equal ones, that of the node with the lower id, as the scheduler has it. With
 * affinities they stay in the order that both together gave them.
 */
export function rankScores({ scores, picked }: PlacementDecision): RankedScore[] {
  const most = Math.max(0, ...scores.map(({ cost }) => cost))
  return [...scores]
    .sort((one, other) =>
      one.affinity !== undefined ? 0 : one.cost - other.cost || (one.nodeId < other.nodeId ? -1 : 1),
    )
    .map(({ nodeId, name, cost, affinity }) => ({
      nodeId,
      name,
      cost,
      affinity,
      isPicked: nodeId === picked,
      share: most > 0 ? Math.max(0, cost) / most : 0,
    }))
}

const timers: Readonly<Record<string, string>> = {
  BackOffElapsed: 'its back-off ends and it queues again',
  PlacementExpired: 'it fails if no node is found',
  TimedOut: 'it has run for as long as it may, and is stopped',
  Lost: 'it is given up as lost',
}

/** What a timer of a task means when it is due. */
export const timerText = (event: string): string => timers[event] ?? event
