/** What stands in a step of the log, in words: its payload in short, and how an attempt ended by it. */
import type { TaskEvent } from '../../../../actors/model.ts'

type Payload = Readonly<Record<string, unknown>>

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** What of the payload a person would ask for next, on one line; '' if nothing. Events to come may have any payload. */
export function payloadText({ event }: TaskEvent): string {
  const payload = event as Payload
  const health = payload.health as Payload | undefined
  const parts = [
    text(payload.nodeName) && `on ${payload.nodeName}`,
    text(payload.why),
    text(payload.code),
    text(payload.message),
    exitText(payload),
    typeof payload.graceMs === 'number' ? `within ${payload.graceMs} ms` : undefined,
    payload.isOver === true ? 'the deadline has passed' : undefined,
    text(health?.state),
    text(health?.detail),
  ]
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}

/** `exit 137, SIGKILL, out of memory`. */
function exitText({ exitCode, signal, oomKilled }: Payload): string | undefined {
  if (typeof exitCode !== 'number') return undefined
  const parts = [`exit ${exitCode}`, text(signal), oomKilled === true ? 'out of memory' : undefined]
  return parts.filter((part) => part !== undefined).join(', ')
}

const ends: Readonly<Record<string, string>> = {
  Stop: 'stopped',
  PlacementExpired: 'no node in time',
  StartFailed: 'start failed',
  Lost: 'lost',
}

/** How an attempt ended by this step: `exit 3`, `stopped, exit 143, SIGTERM`, `lost`, `start failed: no-such-command`. */
export function endText(step: TaskEvent): string {
  const { event } = step
  const payload = event as Payload
  if (event.type === 'Exited') {
    const text = exitText(payload) ?? 'exited'
    return step.from.endsWith('.Stopping') ? `stopped, ${text}` : text
  }
  const word = ends[event.type] ?? event.type
  return text(payload.code) === undefined ? word : `${word}: ${payload.code}`
}

/** The payload as it was recorded, without its type; undefined if there is nothing else. */
export function payloadOf({ event }: TaskEvent): Payload | undefined {
  const { type: _type, ...rest } = event as Payload & { type: string }
  return Object.keys(rest).length === 0 ? undefined : rest
}

/** `Running.Up` says no more than `Running`. */
export const stateText = (path: string): string => (path === '' ? '–' : path.replace(/\.Up$/, '').replace('.', ' · '))
