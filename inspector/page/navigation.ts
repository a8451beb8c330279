/** Where the page is: the address's fragment, as a signal; and how far each place was scrolled when it was left. */
import { signal } from '@preact/signals'
import { formatRoute, type Route, readRoute } from './route.ts'

export const route = signal<Route>(readRoute(location.hash))

/** How far the entries of this tab's history were scrolled when they were left, by the key in their state. */
const scrolled = new Map<number, number>()
let newestKey = Date.now()
let key = keyOf(history.state) ?? mark()
let comesBack = false

// The page does it itself: what is scrolled is there only once it is drawn.
history.scrollRestoration = 'manual'

addEventListener('hashchange', () => {
  scrolled.set(key, scrollY)
  // What was there before has its key; a link has led to what has none.
  const before = keyOf(history.state)
  comesBack = before !== undefined
  key = before ?? mark()
  route.value = readRoute(location.hash)
})

/** Goes there. `replace` leaves no step in the browser's history: for what changes while one looks, such as a search. */
export function go(to: Route, { replace = false } = {}): void {
  const fragment = formatRoute(to)
  if (fragment === location.hash) return
  if (replace) history.replaceState(history.state, '', fragment)
  else {
    scrolled.set(key, scrollY)
    key = newKey()
    comesBack = false
    history.pushState({ key }, '', fragment)
  }
  route.value = to
}

/** How far to scroll where one has just arrived: where one was, if one has come back to it, else to the top. */
export const arrivalPx = (): number => (comesBack ? (scrolled.get(key) ?? 0) : 0)

function keyOf(state: unknown): number | undefined {
  const known = (state as { key?: unknown } | null)?.key
  return typeof known === 'number' ? known : undefined
}

function newKey(): number {
  newestKey += 1
  return newestKey
}

function mark(): number {
  const fresh = newKey()
  history.replaceState({ key: fresh }, '')
  return fresh
}
