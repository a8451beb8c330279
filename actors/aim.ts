/**
 * Where a task that goes on should go on: on the node of its last attempt, or rather not there. Decision 6 says why so.
 * Pure; the scheduler carries it out as far as it can (`Ask.prefer` and `Ask.avoid`) and says what came of it.
 */
import type { PlacementDecision } from './model.ts'
import { type ResolvedRestart, restartDefaults } from './restart.ts'

/** The restarts after failures on one node that count together. */
export interface RestartWindow {
  readonly nodeId: string
  /** When the first of them was decided; wall clock. */
  readonly fromMs: number
  readonly restarts: number
}

export interface Aim {
  readonly is: 'prefer' | 'avoid'
  readonly nodeId: string
  /** A clause for people. */
  readonly because: string
}

/** What the ended attempt leaves behind for the next one. */
interface Onward {
  readonly window: RestartWindow | undefined
  readonly aim: Aim
}

/** How the attempt that ended did: `failed` is whatever uses up a restart and is not the others. */
export type Departure = 'failed' | 'succeeded' | 'lost' | 'drained'

interface Left {
  readonly nodeId: string
  /** For people. */
  readonly nodeName: string
  readonly atMs: number
  readonly window: RestartWindow | undefined
}

/** What was lost or drained goes elsewhere, and what succeeded stays; neither counts as a failure of the node. */
export function onwardAfter(departure: Departure, restart: ResolvedRestart, left: Left): Onward {
  const { nodeId, nodeName, window } = left
  switch (departure) {
    case 'failed':
      return afterFailure(restart, left)
    case 'succeeded':
      return { window, aim: { is: 'prefer', nodeId, because: `its last attempt succeeded on ${nodeName}` } }
    case 'lost':
      return { window, aim: { is: 'avoid', nodeId, because: `its last attempt was lost on ${nodeName}` } }
    case 'drained':
      return { window, aim: { is: 'avoid', nodeId, because: `${nodeName} was drained` } }
  }
}

/**
 * On the same node while the window has restarts left, elsewhere after that. What is used up stays so until the window is
 * over or the task has been on another node: if it had to stay for want of another node, it tries to leave again next time.
 */
function afterFailure(restart: ResolvedRestart, { nodeId, nodeName, atMs, window: last }: Left): Onward {
  const { sameNode = restartDefaults.sameNode, windowMs = restartDefaults.windowMs } = restart
  const sinceMs = last?.nodeId === nodeId ? atMs - last.fromMs : -1
  // A clock that was set back begins a new window; otherwise it could make the old one last for ever.
  const window = sinceMs >= 0 && sinceMs < windowMs ? last : undefined
  const used = window?.restarts ?? 0
  // Only so many of its restarts stay, which is no limit on how often it is tried.
  const stays = `${sameNode === 1 ? 'stays' : 'stay'} on ${nodeName} within ${timeText(windowMs)}`
  if (used < sameNode) {
    const because =
      sameNode === 1 ? `the one restart that ${stays}` : `restart ${used + 1} of the ${sameNode} that ${stays}`
    return {
      window: { nodeId, fromMs: window?.fromMs ?? atMs, restarts: used + 1 },
      aim: { is: 'prefer', nodeId, because },
    }
  }
  return { window, aim: { is: 'avoid', nodeId, because: usedUp(sameNode, nodeName, stays) } }
}

function usedUp(sameNode: number, nodeName: string, stays: string): string {
  if (sameNode === 0) return `it failed on ${nodeName}, and its policy has it restart elsewhere`
  return sameNode === 1
    ? `the one restart that ${stays} is used up`
    : `the ${sameNode} restarts that ${stays} are used up`
}

function timeText(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000} min`
  return ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`
}

/** The decision with the reason for what the task had asked for. */
export function explained(decision: PlacementDecision, aim: Aim | undefined): PlacementDecision {
  if (aim === undefined || decision.note === undefined) return decision
  return { ...decision, note: `${aim.because}: ${decision.note}` }
}
