/** Why an event leads where it does, in words: what the guards of the machines ask. */
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import { formatDuration } from '../ui/format.ts'
import type { SentEvent } from './preview.ts'

interface Policies {
  readonly disconnect?: { readonly replace?: boolean }
}

export function becauseOf({ machine, value, context }: ActorView, event: SentEvent, to: string): string {
  if (machine === 'task' && event.type === 'Stop') {
    if (to === 'Completed') return 'nothing of it runs, so there is nothing to wait for'
    if (to === value) {
      return context.stopCause === 'Stop'
        ? 'it is stopping already, and this shortens its grace'
        : 'it is stopping already, and a person’s wish outweighs that of a limit or a drain'
    }
    return 'it is on a node, and its worker must end it first'
  }
  if (machine === 'task' && event.type === 'Drain') {
    return event.isOver
      ? 'the drain’s deadline has passed, so that all must leave'
      : 'it may be replaced, so it goes elsewhere'
  }
  if (event.type === 'Undrain') return 'it is draining; what has left it does not come back'
  if (event.type === 'Drain' && to === value)
    return 'it is draining already, and a new deadline counts instead of the old'
  if (event.type === 'Drain') return 'it takes tasks now'
  return `${value} takes ${event.type}`
}

export function nothingBecause({ machine, value, context }: ActorView, event: SentEvent): string {
  if (machine === 'task' && event.type === 'Stop') {
    const grace = typeof context.graceMs === 'number' ? ` of ${formatDuration(context.graceMs)}` : ''
    return `It was told to stop already, and this would not shorten its grace${grace}.`
  }
  if (machine === 'task' && event.type === 'Drain') {
    const { disconnect } = (context.policies ?? {}) as Policies
    if (disconnect?.replace === false)
      return 'It may not be replaced, so it stays until it ends or the deadline passes.'
    return `In ${value} it takes no Drain.`
  }
  if (event.type === 'Drain') return 'It is draining already, and no deadline is given that could be another.'
  if (event.type === 'Undrain') return 'It is not draining.'
  return `In ${value} it takes no ${event.type}.`
}
