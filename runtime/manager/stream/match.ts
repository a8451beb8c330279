/** A filter as a question that can be asked of a task: does it fit, and could it have fitted before? */
import type { TaskEvent, TaskView } from '../../../actors/model.ts'
import type { TaskFilter } from '../../../actors/protocol/client.ts'
import { stateOf } from '../../../actors/standing.ts'

/** The part of a task that may fit at one time and not at another. */
export interface Place {
  readonly state: TaskView['state']
  readonly node: string | null
  readonly nodeId: string | null
}

export class Match {
  /** The whole ids that are meant; undefined = any. */
  readonly ids: ReadonlySet<string> | undefined
  readonly #filter: TaskFilter
  readonly #labels: readonly (readonly [string, string])[]
  /** The names of the nodes that are meant by their ids: a transition tells of its node by name. */
  readonly #nodeNames: readonly string[]

  constructor(filter: TaskFilter, ids: readonly string[] | undefined, nodeNames: readonly string[]) {
    this.#nodeNames = nodeNames
    this.ids = ids === undefined ? undefined : new Set(ids)
    this.#filter = filter
    this.#labels = Object.entries(filter.labels ?? {})
  }

  /** Whether more than an event's own fields is asked for, so that its task has to be looked at. */
  get asksForTask(): boolean {
    const { drivers, name } = this.#filter
    return this.#labels.length > 0 || drivers !== undefined || name !== undefined
  }

  fits(task: TaskView): boolean {
    return this.fitsAlways(task) && this.fitsAt(task)
  }

  /** What never changes in a task. */
  fitsAlways(task: Pick<TaskView, 'id' | 'labels' | 'driver' | 'name'>): boolean {
    const { drivers, name } = this.#filter
    if (this.ids !== undefined && !this.ids.has(task.id)) return false
    if (drivers !== undefined && !drivers.includes(task.driver)) return false
    if (name !== undefined && task.name !== name) return false
    return this.#labels.every(([label, value]) => Object.hasOwn(task.labels, label) && task.labels[label] === value)
  }

  /** Where it stands. */
  fitsAt({ state, node, nodeId }: Place): boolean {
    const { states, nodes } = this.#filter
    if (states !== undefined && !states.includes(state)) return false
    return nodes === undefined || this.#isOn(nodes, node, nodeId)
  }

  #isOn(nodes: readonly string[], node: string | null, nodeId: string | null): boolean {
    return (node !== null && nodes.includes(node)) || (nodeId !== null && nodes.includes(nodeId))
  }

  /** Whether a task that does not fit where it stands can have fitted before: one that never did need not be taken back. */
  mayHaveFitted({ attempt, node, nodeId }: Pick<TaskView, 'attempt' | 'node' | 'nodeId'>): boolean {
    const { states, nodes } = this.#filter
    // An end is never left.
    if (states?.every((state) => state === 'Completed' || state === 'Failed')) return false
    return nodes === undefined || attempt > 1 || this.#isOn(nodes, node, nodeId)
  }

  /** A transition, by what it led to. What never changes in its task is asked apart. */
  fitsEvent(event: TaskEvent): boolean {
    const { states, nodes } = this.#filter
    if (this.ids !== undefined && !this.ids.has(event.taskId)) return false
    if (states !== undefined && !states.includes(stateOf(event.to).state)) return false
    if (nodes === undefined) return true
    return event.node !== undefined && (nodes.includes(event.node) || this.#nodeNames.includes(event.node))
  }
}
