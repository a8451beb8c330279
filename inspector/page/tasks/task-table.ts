/**
 * All tasks that the page knows, in order, with the part of them that a query lets through and with counts. Every change
 * costs about as much as it changes: nothing is sorted, filtered or counted anew but by a new query.
 */
import type { TaskView } from '../../../actors/model.ts'
import type { TaskChange } from '../../../runtime/client/task-changes.ts'
import { everyTask, type TasksQuery } from '../route.ts'
import { OrderedRows } from './ordered-rows.ts'
import { Tally } from './tally.ts'
import { createFilter, searchTextOf, type TaskFilter } from './task-filter.ts'
import { pathOf } from './task-words.ts'

export const tableLimits: { readonly endedMax: number; readonly endedSlack: number } = {
  /** Ended tasks that are kept; the oldest are let go of beyond that. */
  endedMax: 200_000,
  /** So many beyond it before that is done, so that it is done seldom. */
  endedSlack: 10_000,
}

/** One task in the table; it is the same object for as long as the task is in it. */
export class TaskRow {
  readonly id: string
  readonly createdAtMs: number
  /** When its state last changed while it was looked at, by the page's clock; undefined if it did not. */
  changedAtMs: number | undefined
  /** Whether the query but its states lets it through, and whether all of it does. */
  isCounted = false
  isShown = false
  #task: TaskView
  #text: string | undefined

  constructor(task: TaskView) {
    this.id = task.id
    this.createdAtMs = task.createdAtMs
    this.#task = task
  }

  get task(): TaskView {
    return this.#task
  }

  set task(task: TaskView) {
    // The node is the one thing in its text that can change.
    if (this.#task.node !== task.node) this.#text = undefined
    this.#task = task
  }

  /** What a search looks into: made when the first one does. */
  get text(): string {
    this.#text ??= searchTextOf(this.#task)
    return this.#text
  }
}

export class TaskTable {
  readonly #limits: typeof tableLimits
  /** Of all tasks. */
  readonly states = new Tally()
  readonly nodes = new Tally()
  readonly drivers = new Tally()
  /** Of `key=value`. */
  readonly labels = new Tally()
  /** Why those wait that are queued. */
  readonly waiting = new Tally()
  /** Of what the query but its states lets through. */
  readonly countedStates = new Tally()
  readonly #rows = new Map<string, TaskRow>()
  readonly #all = new OrderedRows<TaskRow>()
  readonly #shown = new OrderedRows<TaskRow>()
  #query: TasksQuery = everyTask
  #filter: TaskFilter = createFilter(everyTask)
  #ended = 0
  #filtered = 0

  constructor(limits: Partial<typeof tableLimits> = {}) {
    this.#limits = { ...tableLimits, ...limits }
  }

  get count(): number {
    return this.#rows.size
  }

  /** What the query lets through, newest first. */
  get shown(): Pick<OrderedRows<TaskRow>, 'count' | 'at' | 'slice' | 'indexOf'> {
    return this.#shown
  }

  /** Every task that is known, whatever the query. */
  *newestFirst(): IterableIterator<TaskView> {
    for (let index = 0; index < this.#all.count; index += 1) yield (this.#all.at(index) as TaskRow).task
  }

  get query(): TasksQuery {
    return this.#query
  }

  /** Comparisons, moves and rows visited so far. */
  get operations(): number {
    return this.#all.operations + this.#shown.operations + this.#filtered
  }

  get(id: string): TaskRow | undefined {
    return this.#rows.get(id)
  }

  /** News from the manager, which are the truth in the order in which they came. */
  apply(changes: Iterable<TaskChange>, atMs: number): void {
    const turn = new Turn()
    for (const change of changes) {
      if (change.type === 'Changed') this.#put(change.task, atMs, turn)
      else this.#drop(change.id, turn)
    }
    this.#end(turn)
  }

  /** Pages that were asked for: what came as news meanwhile is newer. */
  fill(tasks: Iterable<TaskView>, atMs: number): void {
    const turn = new Turn()
    for (const task of tasks) {
      const known = this.#rows.get(task.id)
      if (known === undefined || known.task.revision < task.revision) this.#put(task, atMs, turn)
    }
    this.#end(turn)
  }

  /** Shows what this query lets through: the one thing that looks at every row. */
  narrow(query: TasksQuery): void {
    this.#query = query
    this.#filter = createFilter(query)
    this.countedStates.clear()
    const shown: TaskRow[] = []
    for (const row of this.#all) {
      this.#judge(row)
      if (row.isCounted) this.countedStates.add(row.task.state, 1)
      if (row.isShown) shown.push(row)
    }
    this.#shown.replace(shown)
  }

  clear(): void {
    this.#rows.clear()
    this.#all.replace([])
    this.#shown.replace([])
    for (const tally of [this.states, this.nodes, this.drivers, this.labels, this.waiting, this.countedStates]) {
      tally.clear()
    }
    this.#ended = 0
  }

  #put(task: TaskView, atMs: number, turn: Turn): void {
    const known = this.#rows.get(task.id)
    if (known === undefined) {
      const row = new TaskRow(task)
      this.#rows.set(row.id, row)
      this.#enter(row, turn)
      turn.added.add(row)
      return
    }
    if (known.createdAtMs !== task.createdAtMs) {
      // Another task by that id, of a store that began anew.
      this.#drop(task.id, turn)
      this.#put(task, atMs, turn)
      return
    }
    const { isShown } = known
    this.#count(known, -1)
    if (pathOf(known.task) !== pathOf(task)) known.changedAtMs = atMs
    known.task = task
    this.#judge(known)
    this.#count(known, 1)
    if (known.isShown !== isShown) turn.move(known, known.isShown)
  }

  #enter(row: TaskRow, turn: Turn): void {
    this.#judge(row)
    this.#count(row, 1)
    if (row.isShown) turn.move(row, true)
  }

  #drop(id: string, turn: Turn): void {
    const row = this.#rows.get(id)
    if (row === undefined) return
    this.#rows.delete(id)
    this.#count(row, -1)
    if (!turn.added.delete(row)) turn.removed.add(row)
    if (row.isShown) turn.move(row, false)
  }

  #judge(row: TaskRow): void {
    this.#filtered += 1
    row.isCounted = this.#filter.fitsRest(row)
    row.isShown = row.isCounted && this.#filter.fitsState(row.task)
  }

  #count({ task, isCounted }: TaskRow, by: 1 | -1): void {
    const { state, detail, node, driver, labels, outcome, reason } = task
    this.states.add(state, by)
    this.drivers.add(driver, by)
    if (node !== null) this.nodes.add(node, by)
    for (const [key, value] of Object.entries(labels)) this.labels.add(`${key}=${value}`, by)
    if (state === 'Pending' && detail === 'Queued') this.waiting.add(reason ?? '', by)
    if (isCounted) this.countedStates.add(state, by)
    if (outcome !== null) this.#ended += by
  }

  #end(turn: Turn): void {
    this.#all.remove(turn.removed)
    this.#all.insert([...turn.added])
    this.#shown.remove(turn.hidden)
    this.#shown.insert([...turn.revealed])
    if (this.#ended > this.#limits.endedMax + this.#limits.endedSlack) this.#letGo()
  }

  #letGo(): void {
    const turn = new Turn()
    let excess = this.#ended - this.#limits.endedMax
    for (const row of this.#all) {
      if (excess === 0) break
      if (row.task.outcome === null) continue
      this.#drop(row.id, turn)
      excess -= 1
    }
    this.#end(turn)
  }
}

/** What one batch does to the order; a row that comes and goes within it does nothing. */
class Turn {
  readonly added = new Set<TaskRow>()
  readonly removed = new Set<TaskRow>()
  readonly revealed = new Set<TaskRow>()
  readonly hidden = new Set<TaskRow>()

  move(row: TaskRow, isShown: boolean): void {
    const [to, from] = isShown ? [this.revealed, this.hidden] : [this.hidden, this.revealed]
    if (!from.delete(row)) to.add(row)
  }
}
