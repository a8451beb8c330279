/** What the window is called, and when a view is another one. */
import type { Route } from '../route.ts'

const nouns = { tasks: 'Tasks', nodes: 'Nodes', actors: 'Actors', file: 'Files' } as const

/** `Tasks · Troupe`. */
export const titleOf = (route: Route): string => `${nameOf(route)} · Troupe`

function nameOf(route: Route): string {
  switch (route.view) {
    case 'task':
      return `Task ${route.id}${route.at === undefined ? '' : ` at ${route.at}`}`
    case 'node':
      return `Node ${route.id}`
    case 'actor':
      return `Actor ${route.id}`
    case 'unknown':
      return 'Nothing here'
    default:
      return nouns[route.view]
  }
}

/** The same for as long as one stays: another panel, revision or search is no other place. */
export const placeOf = (route: Route): string => ('id' in route ? `${route.view}/${route.id}` : route.view)

/** Which entry of the navigation a route belongs to. */
export function sectionOf({ view }: Route): 'tasks' | 'nodes' | 'actors' | 'file' | undefined {
  if (view === 'tasks' || view === 'task') return 'tasks'
  if (view === 'nodes' || view === 'node') return 'nodes'
  if (view === 'actors' || view === 'actor') return 'actors'
  return view === 'file' ? view : undefined
}
