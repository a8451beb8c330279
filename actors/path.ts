/** Where a machine stands, as a word. Without XState, so that a client which is told of actors need not load it. */
import type { StateValue } from 'xstate'

/** A state value as a path: `Pending.Queued`; the regions of a parallel state are joined by `+`. */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value
  let path = ''
  // Asked for many times in each step: no lists are made for it.
  for (const key in value) {
    const child = value[key]
    const rest = child === undefined ? '' : pathOf(child)
    const region = rest === '' ? key : `${key}.${rest}`
    path = path === '' ? region : `${path}+${region}`
  }
  return path
}
