/** What may be done to a node as it stands, and what a drain would do to its tasks. */
import type { NodeView } from '../../../actors/model.ts'
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import { previewEvent } from './preview.ts'

/** Why it may not be forgotten, with the next step; undefined: it may, as far as the page knows. */
export function whyNotForget({ state, draining, tasks }: NodeView): string | undefined {
  if (state === 'Down') return undefined
  if (!draining) return `It is ${state}. Drain it, stop its worker, then it can be forgotten.`
  if (tasks > 0) return `It still has ${tasks} ${tasks === 1 ? 'task' : 'tasks'}: wait until it is drained.`
  if (state === 'Ready') return 'Its worker is connected and would register it again: stop that worker first.'
  return undefined
}

export interface DrainPlan {
  /** Go elsewhere at once. */
  readonly moving: number
  /** Are waited for, or stopped at the deadline. */
  readonly waiting: number
  /** Are being stopped already. */
  readonly stopping: number
}

/** By stepping the machines of its tasks: what each of them would do if it were told of the drain. */
export function planDrain(tasks: readonly ActorView[], atMs: number): DrainPlan {
  let moving = 0
  let stopping = 0
  for (const task of tasks) {
    if (task.value.endsWith('.Stopping')) stopping += 1
    else if (previewEvent(task, { type: 'Drain' }, atMs).kind !== 'nothing') moving += 1
  }
  return { moving, stopping, waiting: tasks.length - moving - stopping }
}
