/** The name of a node, leading to its page. */
import { go } from '../../navigation.ts'
import { formatRoute, type Route } from '../../route.ts'

export function NodeLink({ id, name }: { readonly id: string; readonly name: string }) {
  const to: Route = { view: 'node', id }
  const onClick = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(to)
  }
  return (
    <a href={formatRoute(to)} onClick={onClick}>
      {name}
    </a>
  )
}
