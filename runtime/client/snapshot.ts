/**
 * A task as XState shows an actor: `status`, `value`, `context` and `output`, made from the view that the manager sends.
 * It is a picture of a machine that runs elsewhere, so it has no machine, no children and no history of its own.
 */
import type { TaskView } from '../../actors/model.ts'

/** The nested states of the five; `Completed` and `Failed` have none. A task that is simply running is `Running.Up`. */
export const nestedStates = {
  Pending: ['Queued', 'BackingOff'],
  Scheduled: ['Starting', 'Pulling', 'Unreachable', 'Stopping'],
  Running: ['Up', 'Checking', 'Unhealthy', 'Unreachable', 'Stopping'],
} as const

type NestedStates = typeof nestedStates

/** Where a task stands, as XState writes it: `{ Running: 'Up' }`, `'Completed'`. */
export type TaskStateValue =
  | { [S in keyof NestedStates]: { [K in S]: NestedStates[S][number] } }[keyof NestedStates]
  | 'Completed'
  | 'Failed'

/** What `matches` takes: one of the five states (`'Running'`), or one with its nested state (`{ Running: 'Unhealthy' }`). */
export type TaskStateTest = TaskStateValue | keyof NestedStates

/** What can be sent to a task: only the wish that it end. `graceMs` overrides the task's own; 0 kills at once. */
export interface TaskRefEvent {
  /** The one event there is. */
  readonly type: 'Stop'
  /** Between TERM and KILL, in milliseconds, 0 to 2^31 - 1. */
  readonly graceMs?: number
}

/** `final` once it is Completed or Failed, `live` before. */
export type TaskTag = 'live' | 'final'

/** What a final task came to, Completed and Failed alike. */
export interface TaskOutput {
  /** `succeeded` and `stopped` are Completed, everything else is Failed. */
  readonly outcome: NonNullable<TaskView['outcome']>
  /** 0 to 255; 128 + signal if a signal ended it; null where there is none: it never started, or was lost. */
  readonly exitCode: number | null
  /** One sentence for people on why it failed; null where there is nothing to say. */
  readonly reason: string | null
}

interface TaskSnapshotBase {
  readonly value: TaskStateValue
  /** All that the manager tells of the task. */
  readonly context: TaskView
  readonly tags: Set<TaskTag>
  /** Whether it is in that state: `matches('Running')`, `matches({ Pending: 'BackingOff' })`. */
  matches(state: TaskStateTest): boolean
  hasTag(tag: TaskTag): boolean
  /** Whether sending this would change something. */
  can(event: TaskRefEvent): boolean
  /** Plain data: `{ status, value, context, output, error }`. */
  toJSON(): unknown
}

/** A task at one revision. It never changes; the next one is another object. */
export type TaskSnapshot = TaskSnapshotBase &
  (
    | { readonly status: 'active'; readonly output: undefined; readonly error: undefined }
    | { readonly status: 'done'; readonly output: TaskOutput; readonly error: undefined }
    // XState knows these two as well; no task is ever in them: a failed one is done, and its output says so.
    | { readonly status: 'error'; readonly output: undefined; readonly error: unknown }
    | { readonly status: 'stopped'; readonly output: undefined; readonly error: undefined }
  )

/** The output of a final task; undefined while it lives. */
export function outputOf({ outcome, exitCode, reason }: TaskView): TaskOutput | undefined {
  return outcome === null ? undefined : { outcome, exitCode, reason }
}

/** A nested state that this version does not know, of a newer manager, is passed on as it is. */
function stateValueOf({ state, detail }: TaskView): TaskStateValue {
  if (state === 'Completed' || state === 'Failed') return state
  const nested = detail === '' ? plainOf[state] : detail
  return { [state]: nested } as TaskStateValue
}

/** The nested state that people are shown as no detail at all. */
const plainOf = { Pending: 'Queued', Scheduled: 'Starting', Running: 'Up' } as const

function matches(value: TaskStateValue, test: TaskStateTest): boolean {
  if (typeof value === 'string') return value === test
  const [state, nested] = Object.entries(value)[0] as [string, string]
  if (typeof test === 'string') return test === state
  const [asked] = Object.entries(test)
  return asked !== undefined && asked[0] === state && asked[1] === nested
}

export function snapshotOf(view: TaskView): TaskSnapshot {
  const value = stateValueOf(view)
  const output = outputOf(view)
  const tag: TaskTag = output === undefined ? 'live' : 'final'
  const status =
    output === undefined
      ? { status: 'active' as const, output: undefined, error: undefined }
      : { status: 'done' as const, output, error: undefined }
  return {
    ...status,
    value,
    context: view,
    tags: new Set([tag]),
    matches: (test) => matches(value, test),
    hasTag: (asked) => asked === tag,
    can: (event) => event.type === 'Stop' && tag === 'live',
    toJSON: () => ({ ...status, value, context: view }),
  }
}
