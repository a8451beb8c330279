/**
 * A task's history as a sequence diagram: who said what to whom. The log records what reached the manager and what it decided; the messages
 * that carried it follow from the protocol (docs/PROTOCOL.md) and are told apart as implied.
 */
import type { TaskEvent } from '../../../../actors/model.ts'
import { payloadText } from './event-text.ts'

export const lanes = ['client', 'manager', 'worker', 'attempt'] as const
export type Lane = (typeof lanes)[number]

/** An arrow; from a lane to itself, it is what that one does for itself. */
export interface SequenceMessage {
  readonly kind: 'message'
  readonly from: Lane
  readonly to: Lane
  readonly label: string
  /** The rest of what is known of it; '' if nothing. */
  readonly detail: string
  /** It stands in the log. Otherwise the protocol implies it. */
  readonly isRecorded: boolean
  /** Of the step that it belongs to: an index of the steps. */
  readonly step: number
  readonly atMs: number
}

/** A line across: what follows belongs to it. */
export interface SequenceDivider {
  readonly kind: 'divider'
  readonly label: string
  readonly step: number
}

export type SequenceRow = SequenceMessage | SequenceDivider

type Step = { readonly event: TaskEvent }
type Said = readonly [from: Lane, to: Lane, label: string, isRecorded: boolean]

const isStopping = (path: string) => path.endsWith('.Stopping')
const isFinal = (path: string) => path === 'Completed' || path === 'Failed'

/** The rows of these steps, in order. `isTrimmed`: the log no longer has their beginning, and so does the diagram. */
export function sequenceOf(steps: readonly Step[], { isTrimmed = false } = {}): SequenceRow[] {
  const rows: SequenceRow[] = []
  if (isTrimmed) rows.push({ kind: 'divider', label: 'what came before is not in the log any more', step: 0 })
  for (const [step, { event }] of steps.entries()) {
    if (event.event.type === 'Placed') {
      rows.push({ kind: 'divider', label: `attempt ${event.attempt}${event.node ? ` on ${event.node}` : ''}`, step })
    }
    const detail = payloadText(event)
    for (const [from, to, label, isRecorded] of saidBy(event)) {
      rows.push({
        kind: 'message',
        from,
        to,
        label,
        detail: isRecorded ? detail : '',
        isRecorded,
        step,
        atMs: event.atMs,
      })
    }
    for (const said of [...acknowledgement(event, steps[step + 1]?.event), ...newsOf(event)]) {
      const [from, to, label] = said
      rows.push({ kind: 'message', from, to, label, detail: '', isRecorded: false, step, atMs: event.atMs })
    }
  }
  return rows
}

/** What a worker's status tells; several of one commit came with one status. */
const reports = new Set(['Pulling', 'Started', 'StartFailed', 'Exited', 'HealthChanged', 'Unhealthy'])

const isReport = ({ event }: TaskEvent): boolean =>
  reports.has(event.type) || (event.type === 'Lost' && (event as { message?: unknown }).message !== undefined)

function acknowledgement(event: TaskEvent, next: TaskEvent | undefined): Said[] {
  if (!isReport(event)) return []
  if (next !== undefined && next.revision === event.revision && isReport(next)) return []
  const isOver = ['Exited', 'StartFailed', 'Lost'].includes(event.event.type)
  const acknowledged: Said = ['manager', 'worker', isOver ? 'acknowledges the end' : 'acknowledges', false]
  return isOver ? [acknowledged, ['worker', 'attempt', 'removes what is left', false]] : [acknowledged]
}

/** Whoever follows the task hears of each step; only the end is worth an arrow. */
const newsOf = ({ to }: TaskEvent): Said[] => (isFinal(to) ? [['manager', 'client', `tells: ${to}`, false]] : [])

function saidBy(event: TaskEvent): Said[] {
  const { type } = event.event
  switch (type) {
    case 'Created':
      return [
        ['client', 'manager', 'SubmitTask', false],
        ['manager', 'manager', 'Created', true],
        ['manager', 'client', 'Submitted', false],
      ]
    case 'Placed':
      return [
        ['manager', 'manager', 'Placed', true],
        ['manager', 'worker', 'run{spec}', false],
        ['worker', 'attempt', 'starts it', false],
      ]
    case 'Pulling':
      return [['worker', 'manager', 'Pulling', true]]
    case 'Started':
      return [
        ['attempt', 'worker', 'runs', false],
        ['worker', 'manager', 'Started', true],
      ]
    case 'Exited':
      return [
        ['attempt', 'worker', 'ends', false],
        ['worker', 'manager', 'Exited', true],
      ]
    case 'StartFailed':
      return [
        ['attempt', 'worker', 'could not begin', false],
        ['worker', 'manager', 'StartFailed', true],
      ]
    case 'HealthChanged':
      return [
        ['worker', 'attempt', 'checks its health', false],
        ['worker', 'manager', 'HealthChanged', true],
      ]
    case 'Lost':
      // Without a word of the worker's it is the manager who has waited for long enough.
      return isReport(event) ? [['worker', 'manager', 'Lost', true]] : [['manager', 'manager', 'Lost', true]]
    default:
      return stopOrSelf(event)
  }
}

/** What ends an attempt that is open, and what the manager does for itself. */
function stopOrSelf(event: TaskEvent): Said[] {
  const { type } = event.event
  const stop: Said[] =
    isStopping(event.to) && !isStopping(event.from)
      ? [
          ['manager', 'worker', 'stop{graceMs}', false],
          ['worker', 'attempt', 'TERM, then KILL', false],
        ]
      : []
  switch (type) {
    case 'Stop':
      return [['client', 'manager', 'Stop', true], ['manager', 'client', 'StopAccepted', false], ...stop]
    case 'Drain':
      return [...drainAsked(event), ['manager', 'manager', 'Drain', true], ...stop]
    case 'Unhealthy':
      return [['worker', 'manager', 'Unhealthy', true], ...stop]
    case 'NodeReturned':
      return [
        ['worker', 'manager', 'connects again', false],
        ['manager', 'manager', 'NodeReturned', true],
        ...(isStopping(event.to) ? stop : []),
      ]
    default:
      return [['manager', 'manager', type, true], ...stop]
  }
}

/** At a drain's deadline it is the manager's clock that speaks, before it somebody who asked for the drain. */
const drainAsked = ({ event }: TaskEvent): Said[] =>
  (event as { isOver?: unknown }).isOver === true ? [] : [['client', 'manager', 'drains its node', false]]
