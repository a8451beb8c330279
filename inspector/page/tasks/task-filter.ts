/** Which tasks a search and filters let through. */
import type { TaskView } from '../../../actors/model.ts'
import type { TasksQuery } from '../route.ts'

/** A query made ready to be asked of very many tasks. */
export interface TaskFilter {
  /** All that the query asks for, but the state: what the counts of the states are of. */
  readonly fitsRest: (row: Searched) => boolean
  readonly fitsState: (task: TaskView) => boolean
}

/** A task with the text of it, which is made only when a search asks for it. */
export interface Searched {
  readonly task: TaskView
  readonly text: string
}

/** Every word must be somewhere in a task's text; of each other kind, one of those that are named. */
export function createFilter(query: TasksQuery): TaskFilter {
  const words = wordsOf(query.search)
  const states = new Set(query.states)
  const nodes = new Set(query.nodes)
  const drivers = new Set(query.drivers)
  const labels = groupByKey(query.labels)
  return {
    fitsState: ({ state }) => states.size === 0 || states.has(state),
    fitsRest: (row) => fitsRest(row.task) && words.every((word) => row.text.includes(word)),
  }

  function fitsRest(task: TaskView): boolean {
    return (
      (nodes.size === 0 || (task.node !== null && nodes.has(task.node))) &&
      (drivers.size === 0 || drivers.has(task.driver)) &&
      labels.every(([key, values]) => values.has(task.labels[key] ?? null))
    )
  }
}

/** All that a search looks into, in lower case. A line ends each part, so that no word is found across two of them. */
export function searchTextOf({ id, name, image, command, labels, node }: TaskView): string {
  const labelled = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return [id, name, image ?? '', command.join(' '), node ?? '', ...labelled].join('\n').toLowerCase()
}

/** Whether it narrows anything. */
export const isNarrow = ({ search, states, nodes, drivers, labels }: TasksQuery): boolean =>
  search.trim() !== '' || states.length + nodes.length + drivers.length + labels.length > 0

/** The same list without the value, or with it. */
export const toggled = (values: readonly string[], value: string): string[] =>
  values.includes(value) ? values.filter((other) => other !== value) : [...values, value]

const wordsOf = (search: string): string[] =>
  search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')

/** Two values of one label are two ways to fit; two labels must both fit. */
function groupByKey(labels: readonly string[]): [string, Set<string | null>][] {
  const groups = new Map<string, Set<string | null>>()
  for (const label of labels) {
    const at = label.indexOf('=')
    const key = at < 0 ? label : label.slice(0, at)
    const values = groups.get(key) ?? new Set()
    values.add(at < 0 ? '' : label.slice(at + 1))
    groups.set(key, values)
  }
  return [...groups]
}
