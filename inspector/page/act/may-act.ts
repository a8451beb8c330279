/** Whether this page may change anything just now, and if not, why. */
import { connectionState, troupe } from '../connection.ts'

/** Its token may only look: nothing that acts is offered at all. */
export const isViewOnly = (): boolean => troupe.value?.access === 'view'

/** One sentence; undefined: it may. A component that asks is drawn anew when it changes. */
export function whyNotAct(): string | undefined {
  const state = connectionState.value
  if (state.type === 'stale') return 'The manager does not answer; this is possible again once it is back.'
  const opened = troupe.value
  if (opened === undefined || state.type !== 'live') return 'There is no connection to a manager.'
  if (opened.access === 'view') return 'The token that opened this page may only look.'
  return undefined
}
