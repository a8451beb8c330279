/** The view of a route. */
import { ActorPage } from '../actors/actor-page.tsx'
import { ActorsView } from '../actors/actors-view.tsx'
import { FileView } from '../file/file-view.tsx'
import { NodesView } from '../nodes/nodes-view.tsx'
import type { Route } from '../route.ts'
import { TaskPage } from '../task/task-page.tsx'
import { TasksView } from '../tasks/tasks-view.tsx'
import { UnknownPage } from './failed-page.tsx'

export function View({ route }: { readonly route: Route }) {
  switch (route.view) {
    case 'tasks':
      return <TasksView query={route.query} />
    case 'file':
      return <FileView />
    case 'task':
      return <TaskPage id={route.id} panel={route.panel} at={route.at} />
    case 'nodes':
      return <NodesView />
    case 'node':
      return <NodesView id={route.id} />
    case 'actors':
      return <ActorsView />
    case 'actor':
      return <ActorPage id={route.id} />
    default:
      return <UnknownPage address={location.hash.replace(/^#/, '')} />
  }
}
