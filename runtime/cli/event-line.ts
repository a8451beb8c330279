/** One transition of a task as a line for people. */
import type { TaskEvent } from '../../actors/model.ts'
import { printable } from './table.ts'

type Payload = Readonly<Record<string, unknown>>

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

// Whatever of the payload a person would ask for next. Payloads of events to come are passed over.
function payloadText(event: Payload): string {
  const parts = [
    text(event.nodeName) && `on ${event.nodeName}`,
    text(event.why),
    text(event.code) && `${event.code}`,
    text(event.message),
    typeof event.exitCode === 'number' ? `exit ${event.exitCode}` : undefined,
    text(event.signal),
    event.oomKilled === true ? 'out of memory' : undefined,
    text((event.health as Payload | undefined)?.detail),
  ]
  return parts.filter(Boolean).join(', ')
}

/** `Running.Up` says no more than `Running`. */
const plain = (path: string): string => path.replace(/\.Up$/, '')

/** `Pending.Queued → Scheduled.Starting  Placed (on node-1)  attempt 1` */
export function eventText({ event, attempt, ...path }: TaskEvent): string {
  const from = plain(path.from)
  const to = plain(path.to)
  const steps = from === '' ? to : from === to ? to : `${from} → ${to}`
  const payload = payloadText(event as Payload)
  const cause = payload ? `${event.type} (${payload})` : event.type
  return printable(`${steps}  ${cause}${attempt > 0 ? `  attempt ${attempt}` : ''}`)
}
