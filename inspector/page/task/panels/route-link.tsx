/** Names that lead to their pages, as links that a browser can open elsewhere, too. */
import { go } from '../../navigation.ts'
import { formatRoute, type Route } from '../../route.ts'

function RouteLink({ to, text }: { readonly to: Route; readonly text: string }) {
  const onClick = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(to)
  }
  return (
    <a href={formatRoute(to)} onClick={onClick}>
      {text}
    </a>
  )
}

export const NodeLink = ({ id, name }: { readonly id: string; readonly name: string }) => (
  <RouteLink to={{ view: 'node', id }} text={name} />
)

export const TaskLink = ({ id }: { readonly id: string }) => (
  <RouteLink to={{ view: 'task', id, panel: 'timeline', at: undefined }} text={id} />
)
