/**
 * Addresses of the page. They live in the fragment, so that the page works from a file as well, and one address is one
 * thing at one moment: `#/tasks/3fk2…?at=41` is a task as it stood after revision 41 of the log. Several of its steps may
 * share a revision: that is after the last of them, and `?at=41.0` after the first.
 */

/** What the page shows. `at` is a revision of the log, as the address has it; without it, how things stand now. */
export type Route =
  | { readonly view: 'tasks'; readonly query: TasksQuery }
  | { readonly view: 'task'; readonly id: string; readonly panel: TaskPanel; readonly at: string | undefined }
  | { readonly view: 'nodes' }
  | { readonly view: 'node'; readonly id: string }
  | { readonly view: 'actors' }
  | { readonly view: 'actor'; readonly id: string }
  /** Charts, and histories that were saved to a file. */
  | { readonly view: 'file' }
  | { readonly view: 'unknown'; readonly address: string }

/** What the list of tasks is narrowed to. */
export interface TasksQuery {
  readonly search: string
  readonly states: readonly string[]
  readonly nodes: readonly string[]
  readonly drivers: readonly string[]
  /** `key=value`. */
  readonly labels: readonly string[]
}

export const taskPanels = ['timeline', 'events', 'sequence', 'logs', 'stats', 'placement', 'spec'] as const
export type TaskPanel = (typeof taskPanels)[number]

export const everyTask: TasksQuery = { search: '', states: [], nodes: [], drivers: [], labels: [] }

/** Reads a fragment, with or without its `#`. An address that nothing has is told as such. */
export function readRoute(fragment: string): Route {
  const address = fragment.replace(/^#/, '')
  const [path = '', search = ''] = address.split(/\?(.*)/s)
  const [, view = '', ...rest] = path.split('/').map(decoded)
  const params = new URLSearchParams(search)
  const [id] = rest
  if ((view === '' || view === 'tasks') && id === undefined) return { view: 'tasks', query: readQuery(params) }
  if (view === 'tasks' && id !== undefined) return { view: 'task', id, panel: readPanel(rest[1]), at: readAt(params) }
  if (view === 'nodes') return id === undefined ? { view } : { view: 'node', id }
  // An attempt has a slash in its id, which somebody who writes the address leaves as it is.
  if (view === 'actors') return id === undefined ? { view } : { view: 'actor', id: rest.join('/') }
  if (view === 'file') return { view }
  return { view: 'unknown', address }
}

/** The fragment of a route, with its `#`. */
export function formatRoute(route: Route): string {
  const at = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join('/')}`
  switch (route.view) {
    case 'tasks':
      return at('tasks') + formatQuery(route.query)
    case 'task': {
      const panel = route.panel === 'timeline' ? [] : [route.panel]
      return at('tasks', route.id, ...panel) + (route.at === undefined ? '' : `?at=${route.at}`)
    }
    case 'node':
      return at('nodes', route.id)
    case 'actor':
      return at('actors', route.id)
    case 'unknown':
      return `#${route.address}`
    default:
      return at(route.view)
  }
}

const readPanel = (text: string | undefined): TaskPanel => taskPanels.find((panel) => panel === text) ?? 'timeline'

function readAt(params: URLSearchParams): string | undefined {
  const text = params.get('at')
  return text !== null && /^\d{1,16}(\.\d{1,6})?$/.test(text) ? text : undefined
}

const readQuery = (params: URLSearchParams): TasksQuery => ({
  search: params.get('q') ?? '',
  states: params.getAll('state'),
  nodes: params.getAll('node'),
  drivers: params.getAll('driver'),
  labels: params.getAll('label'),
})

function formatQuery({ search, states, nodes, drivers, labels }: TasksQuery): string {
  const params = new URLSearchParams()
  if (search !== '') params.set('q', search)
  for (const state of states) params.append('state', state)
  for (const node of nodes) params.append('node', node)
  for (const driver of drivers) params.append('driver', driver)
  for (const label of labels) params.append('label', label)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** Half-written escapes stay as they are. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
