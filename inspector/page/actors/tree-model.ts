/** The actors of a cluster as a tree, and the part of it that is seen: what is folded up is counted, what is long is cut. */
import { actorIds } from '../../../actors/inspection.ts'
import type { NodeView, TaskView } from '../../../actors/model.ts'
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import { everyTask, formatRoute } from '../route.ts'
import { plural } from '../ui/format.ts'
import { standingOf } from './actor-names.ts'

export const treeLimits = {
  /** Tasks shown below a node, and attempts below a task. */
  tasksMax: 50,
  attemptsMax: 5,
} as const

/** Tasks that belong together, newest first, of which perhaps not all are held. */
export interface TaskBucket {
  readonly count: number
  readonly tasks: readonly TaskView[]
}

export interface TreeInput {
  readonly actors: readonly ActorView[]
  readonly nodes: readonly NodeView[]
  /** By node id; only of nodes whose tasks are shown must they be whole. */
  readonly tasks: ReadonlyMap<string, TaskBucket>
  /** Those that wait for a node. */
  readonly waiting: TaskBucket
  readonly expanded: ReadonlySet<string>
}

/** One line of the tree as it is seen. */
export interface TreeRow {
  readonly id: string
  /** `manager`, `node`, …; `tasks` and `more` are no actors. */
  readonly kind: ActorView['machine'] | 'tasks' | 'more'
  readonly label: string
  readonly state: string
  readonly detail: string
  readonly sinceMs: number | undefined
  /** Where it opens. */
  readonly href: string | undefined
  readonly level: number
  /** Its place among its siblings, from 1, and how many those are. */
  readonly place: number
  readonly siblings: number
  readonly parent: string | undefined
  readonly isExpandable: boolean
  readonly isExpanded: boolean
}

type Branch = Pick<TreeRow, 'id' | 'kind' | 'label' | 'href'> & {
  readonly state?: string
  readonly detail?: string
  readonly sinceMs?: number | undefined
  /** Absent: nothing can be below it. */
  readonly below?: () => readonly Branch[]
}

export const groupIdOf = (nodeId: string): string => `tasks:${nodeId}`
export const waitingId = 'tasks-waiting'

/** Top down, as it is read. */
export function treeRows(input: TreeInput): TreeRow[] {
  const rows: TreeRow[] = []
  const lay = (branches: readonly Branch[], level: number, parent: string | undefined) => {
    for (const [index, { below, state = '', detail = '', sinceMs, ...rest }] of branches.entries()) {
      const isExpanded = below !== undefined && input.expanded.has(rest.id)
      const place = { level, place: index + 1, siblings: branches.length, parent }
      rows.push({ ...rest, state, detail, sinceMs, ...place, isExpandable: below !== undefined, isExpanded })
      if (isExpanded) lay(below(), level + 1, rest.id)
    }
  }
  lay([managerOf(input)], 1, undefined)
  return rows
}

/** What is open to begin with. */
export const firstExpanded = (nodes: readonly NodeView[]): Set<string> =>
  new Set([actorIds.manager, ...(nodes.length === 1 ? nodes.map(({ id }) => actorIds.node(id)) : [])])

function managerOf(input: TreeInput): Branch {
  const { actors, nodes, waiting } = input
  const byId = new Map(actors.map((actor) => [actor.id, actor]))
  const named = [...nodes].sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }))
  const below = () => [
    ...named.map((node) => nodeOf(node, byId, input)),
    ...(waiting.count === 0
      ? []
      : [groupOf(waitingId, `${plural(waiting.count, 'task')} without a node`, waiting, ['Pending'], undefined)]),
  ]
  return { ...actorOf(actorIds.manager, 'manager', 'manager', byId), below }
}

function actorOf(id: string, kind: ActorView['machine'], label: string, byId: ReadonlyMap<string, ActorView>): Branch {
  const actor = byId.get(id)
  const standing = actor === undefined ? { state: 'not in view', detail: '' } : standingOf(actor.value)
  return { id, kind, label, href: formatRoute({ view: 'actor', id }), ...standing, sinceMs: actor?.atMs }
}

function nodeOf(node: NodeView, byId: ReadonlyMap<string, ActorView>, { tasks }: TreeInput): Branch {
  const bucket = tasks.get(node.id) ?? { count: node.tasks, tasks: [] }
  const label = `${plural(bucket.count, 'task')}`
  const below = () => [
    actorOf(actorIds.worker(node.id), 'worker', 'worker', byId),
    actorOf(actorIds.session(node.id), 'session', 'session', byId),
    bucket.count === 0
      ? { id: groupIdOf(node.id), kind: 'tasks' as const, label: 'no tasks', href: undefined }
      : groupOf(groupIdOf(node.id), label, bucket, ['Scheduled', 'Running'], node.name),
  ]
  return { ...actorOf(actorIds.node(node.id), 'node', node.name, byId), below }
}

function groupOf(
  id: string,
  label: string,
  { count, tasks }: TaskBucket,
  states: readonly string[],
  node: string | undefined,
): Branch {
  const href = formatRoute({ view: 'tasks', query: { ...everyTask, states, nodes: node === undefined ? [] : [node] } })
  const below = () => {
    const shown = tasks.slice(0, treeLimits.tasksMax)
    const more = count - shown.length
    const rest = { id: `more:${id}`, kind: 'more' as const, label: `and ${plural(more, 'more task')}`, href }
    return [...shown.map(taskOf), ...(more > 0 ? [rest] : [])]
  }
  return { id, kind: 'tasks', label, href, below }
}

function taskOf(task: TaskView): Branch {
  const { id, name, state, detail, attempt } = task
  const href = formatRoute({ view: 'task', id, panel: 'timeline', at: undefined })
  const sinceMs = task.finishedAtMs ?? task.startedAtMs ?? task.scheduledAtMs ?? task.createdAtMs
  const branch = { id: actorIds.task(id), kind: 'task' as const, label: name, state, detail, href, sinceMs }
  return attempt === 0 ? branch : { ...branch, below: () => attemptsOf(task) }
}

/** The newest first; of those before it only that they are over is known. */
function attemptsOf({ id, attempt, state }: TaskView): Branch[] {
  const shown = Array.from({ length: Math.min(attempt, treeLimits.attemptsMax) }, (_, index) => attempt - index)
  const rows = shown.map((number): Branch => {
    const actorId = actorIds.attempt(id, number)
    const isOpen = number === attempt && (state === 'Scheduled' || state === 'Running')
    const href = formatRoute({ view: 'actor', id: actorId })
    return { id: actorId, kind: 'attempt', label: `attempt ${number}`, state: isOpen ? 'open' : 'over', href }
  })
  const more = attempt - shown.length
  const href = formatRoute({ view: 'task', id, panel: 'timeline', at: undefined })
  if (more === 0) return rows
  return [...rows, { id: `more:${id}`, kind: 'more', label: `and ${plural(more, 'earlier attempt')}`, href }]
}

/** Puts tasks with the nodes they are on; of those in `whole` the newest are kept, of all others only the count. */
export function bucketTasks(
  tasks: Iterable<TaskView>,
  whole: ReadonlySet<string>,
): { byNode: Map<string, TaskBucket>; waiting: TaskBucket } {
  const found = new Map<string, { count: number; tasks: TaskView[] }>()
  const put = (key: string, task: TaskView) => {
    const bucket = found.get(key) ?? { count: 0, tasks: [] }
    bucket.count += 1
    if (whole.has(key) && bucket.tasks.length < treeLimits.tasksMax) bucket.tasks.push(task)
    found.set(key, bucket)
  }
  for (const task of tasks) {
    if (task.outcome !== null) continue
    if (task.state === 'Pending' || task.nodeId === null) put(waitingId, task)
    else put(task.nodeId, task)
  }
  const waiting = found.get(waitingId) ?? { count: 0, tasks: [] }
  found.delete(waitingId)
  return { byNode: found, waiting }
}

/** Where a key leads in the tree, as the tree pattern of WAI-ARIA has it; undefined: nowhere. */
export type TreeMove =
  | { readonly type: 'go'; readonly id: string }
  | { readonly type: 'fold' | 'unfold'; readonly id: string }

export function moveOf(key: string, rows: readonly TreeRow[], active: string): TreeMove | undefined {
  const at = rows.findIndex(({ id }) => id === active)
  const row = rows[at]
  if (row === undefined) return undefined
  const go = (index: number): TreeMove | undefined => {
    const target = rows[index]
    return target === undefined ? undefined : { type: 'go', id: target.id }
  }
  switch (key) {
    case 'ArrowDown':
      return go(at + 1)
    case 'ArrowUp':
      return go(at - 1)
    case 'Home':
      return go(0)
    case 'End':
      return go(rows.length - 1)
    case 'ArrowRight':
      if (!row.isExpandable) return undefined
      return row.isExpanded ? go(at + 1) : { type: 'unfold', id: row.id }
    case 'ArrowLeft':
      if (row.isExpanded) return { type: 'fold', id: row.id }
      return row.parent === undefined ? undefined : { type: 'go', id: row.parent }
    default:
      return undefined
  }
}
