/** Where the page is: the address's fragment, as a signal. */
import { signal } from '@preact/signals'
import { formatRoute, type Route, readRoute } from './route.ts'

export const route = signal<Route>(readRoute(location.hash))

addEventListener('hashchange', () => {
  route.value = readRoute(location.hash)
})

/** Goes there. `replace` leaves no step in the browser's history: for what changes while one looks, such as a search. */
export function go(to: Route, { replace = false } = {}): void {
  const fragment = formatRoute(to)
  if (fragment === location.hash) return
  if (replace) history.replaceState(null, '', fragment)
  else history.pushState(null, '', fragment)
  route.value = to
}
