/** What would come of a task, if it were submitted now: everything that submitting would look at, and nothing is changed. */
import type { PlacementDecision, TaskSpec } from '../../actors/model.ts'
import type { Access } from '../../actors/protocol/access.ts'
import type { ClientReplies } from '../../actors/protocol/client.ts'
import { askOf } from '../../actors/standing.ts'
import { initialContext } from '../../actors/task-context.ts'
import type { Clock } from '../clock.ts'
import type { Placement } from './placement.ts'
import type { Tasks } from './tasks.ts'

export interface PlansOptions {
  readonly tasks: Tasks
  readonly placement: Placement
  readonly clock: Clock
}

type Plan = Omit<ClientReplies['Planned'], 'type' | 'req'>

/** Stands for the id of a task that was given none; nothing of an ask depends on it. */
const noId = 'plan'

export class Plans {
  readonly #options: PlansOptions

  constructor(options: PlansOptions) {
    this.#options = options
  }

  /** Throws what submitting it would: `Invalid`, `Conflict`. */
  async make(taskId: string | undefined, spec: TaskSpec, access: Access): Promise<Plan> {
    const { tasks, placement, clock } = this.#options
    const task = await tasks.examine(taskId, spec, access)
    if (task !== undefined) return { task, node: null, nodeId: null, why: null, ahead: 0, decisions: [] }
    const ask = askOf(initialContext({ taskId: taskId ?? noId, spec, atMs: clock.nowMs() }))
    const decisions = placement.compare(ask, clock.nowMs())
    const own = decisions[0] as PlacementDecision
    const picked = own.scores.find(({ nodeId }) => nodeId === own.picked)
    return {
      node: picked?.name ?? null,
      nodeId: picked?.nodeId ?? null,
      why: picked === undefined ? (own.why ?? 'no node is fit') : null,
      ahead: placement.waitingLike(ask),
      decisions,
    }
  }
}
