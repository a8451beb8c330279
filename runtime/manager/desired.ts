/**
 * What each node should be doing: level-triggered, derived from the tasks, and told only once it is durable. Machines
 * change it through the standing of their task; sessions alone send it.
 */
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { DesiredAttempt } from '../../actors/protocol/session.ts'
import type { Turn } from '../host/turn.ts'

export interface DesiredChange {
  readonly set?: DesiredAttempt
  readonly remove?: AttemptKey
}

export class Desired {
  readonly #nodes = new Map<string, Map<string, DesiredAttempt>>()
  /** Told of each durable change, in order. */
  onChange: (nodeId: string, change: DesiredChange) => void = () => {}

  /** All that is desired of a node. */
  complete(nodeId: string): DesiredAttempt[] {
    return [...(this.#nodes.get(nodeId)?.values() ?? [])]
  }

  set(turn: Turn, nodeId: string, attempt: DesiredAttempt): void {
    turn.afterwards(() => {
      this.load(nodeId, attempt)
      this.onChange(nodeId, { set: attempt })
    })
  }

  remove(turn: Turn, nodeId: string, key: AttemptKey): void {
    turn.afterwards(() => {
      const attempts = this.#nodes.get(nodeId)
      attempts?.delete(attemptName(key))
      if (attempts?.size === 0) this.#nodes.delete(nodeId)
      this.onChange(nodeId, { remove: { taskId: key.taskId, attempt: key.attempt } })
    })
  }

  /** As `set`, for what was durable before: at load. */
  load(nodeId: string, attempt: DesiredAttempt): void {
    const attempts = this.#nodes.get(nodeId) ?? new Map<string, DesiredAttempt>()
    attempts.set(attemptName(attempt), attempt)
    this.#nodes.set(nodeId, attempts)
  }
}
