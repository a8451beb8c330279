/** What a task knows and is told: its context, its events, and how the one follows from the other. `task.ts` is the table. */

import { type Aim, type Departure, explained, onwardAfter, type RestartWindow } from './aim.ts'
import { endOf } from './end.ts'
import type { Health } from './health.ts'
import type {
  Affinity,
  AttemptEnd,
  AttemptSummary,
  HostPort,
  Outcome,
  PlacementDecision,
  Port,
  Resources,
  TaskSpec,
} from './model.ts'
import { reservationOf } from './model.ts'
import { type Policies, resolvePolicies } from './policies.ts'
import { endingOf } from './restart.ts'
import type { Stamp } from './step.ts'
import { describeEnd, describeHealth, type StopCause, type Verdict, verdict } from './verdict.ts'

export const taskLimits = {
  /** Attempts kept in the history of a task; the oldest go first. */
  attemptsKeptMax: 10,
  /** Characters of the command kept for people to see. */
  commandCharsMax: 512,
  /** Different policies and reservations that are kept once for all tasks that have them. */
  sharedMax: 512,
} as const

export interface TaskContext {
  readonly taskId: string
  readonly name: string
  readonly driver: TaskSpec['driver']
  readonly image: string | undefined
  /** The command for people, cut to a length that is fit for a list. */
  readonly command: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly constraints: readonly string[]
  /** What it would rather have of its node; absent where that is nothing, and in records of before. */
  readonly affinities?: readonly Affinity[]
  readonly reserved: Resources
  /** What it wants to be reached at; absent where it wants nothing, and in records from before there were ports. */
  readonly ports?: readonly Port[]
  readonly policies: Policies
  readonly rerunOf: string | undefined
  readonly createdAtMs: number
  /** When it began to wait for a node this time; keeps its place in the queue across restarts of the manager. */
  readonly queuedAtMs: number
  readonly attempt: number
  readonly restarts: number
  readonly nodeId: string | undefined
  readonly nodeName: string | undefined
  readonly decision: PlacementDecision | undefined
  /** Its newest restarts after failures on one node. Like `aim`, absent in records from before there was such a thing. */
  readonly window: RestartWindow | undefined
  /** Where its next attempt should go, while it is Pending. */
  readonly aim: Aim | undefined
  readonly why: string | undefined
  readonly stopCause: StopCause | undefined
  /** Whether it has a health check. */
  readonly checked: boolean
  /** What that said last of the newest attempt; undefined until it counts. */
  readonly health: Health | undefined
  readonly graceMs: number
  readonly scheduledAtMs: number | undefined
  readonly startedAtMs: number | undefined
  readonly finishedAtMs: number | undefined
  readonly end: AttemptEnd | undefined
  readonly outcome: Outcome | undefined
  readonly reason: string | undefined
  readonly attempts: readonly AttemptSummary[]
}

/** Events a task takes, each stamped by its host. */
export type TaskEvents =
  | {
      readonly type: 'Placed'
      readonly nodeId: string
      readonly nodeName: string
      readonly decision: PlacementDecision
      /** What its attempt is given of what it wants; absent where that is nothing. */
      readonly ports?: readonly HostPort[]
      /** The attempt has a greater number than this: lower ones may have been used by a past that the store does not know. */
      readonly after?: number
    }
  | { readonly type: 'Unplaceable'; readonly why: string }
  | { readonly type: 'PlacementExpired' }
  | { readonly type: 'BackOffElapsed' }
  | { readonly type: 'Pulling' }
  | { readonly type: 'Started'; readonly startedAtMs: number }
  | { readonly type: 'StartFailed'; readonly code: string; readonly message: string; readonly retryable: boolean }
  | {
      readonly type: 'Exited'
      readonly exitCode: number
      readonly signal?: string
      readonly oomKilled?: boolean
      /** It ended before its worker began to stop it, so that it was not the stop that ended it. */
      readonly byItself?: boolean
    }
  | { readonly type: 'Lost'; readonly message?: string }
  /** `graceMs` overrides the task's own; 0 kills at once. */
  | { readonly type: 'Stop'; readonly graceMs?: number }
  | { readonly type: 'TimedOut' }
  /** Its health is not what it was; `failed` comes as `Unhealthy`. */
  | { readonly type: 'HealthChanged'; readonly health: Health }
  | { readonly type: 'Unhealthy'; readonly health?: Health }
  /** Its node is drained: it leaves if it may be replaced, and at the drain's deadline (`isOver`) in any case. */
  | { readonly type: 'Drain'; readonly isOver?: boolean }
  | { readonly type: 'NodeUnreachable' }
  | { readonly type: 'NodeReturned' }
  /** After a crash of the manager; changes no state and is not stored. */
  | { readonly type: 'Recovered' }
export type TaskEvent = TaskEvents & Stamp
/** Every event's name; the exhaustive test walks it. */
export const taskEventTypes = [
  'Placed',
  'Unplaceable',
  'PlacementExpired',
  'BackOffElapsed',
  'Pulling',
  'Started',
  'StartFailed',
  'Exited',
  'Lost',
  'Stop',
  'TimedOut',
  'HealthChanged',
  'Unhealthy',
  'Drain',
  'NodeUnreachable',
  'NodeReturned',
  'Recovered',
] as const satisfies readonly TaskEvents['type'][]

export interface TaskInput {
  readonly taskId: string
  readonly spec: TaskSpec
  readonly atMs: number
}

type EndEvent = Extract<TaskEvent, { type: 'Exited' | 'StartFailed' | 'Lost' }>

/** What the end in the event means for the task. */
export function verdictOf(context: TaskContext, event: TaskEvent): Verdict {
  const { policies, restarts, health } = context
  return verdict({ policies, restarts, health, stopCause: causeOf(context, event) }, endOf(event as EndEvent))
}

/** A task that was done before a drain could reach it is done: to run it again elsewhere would be once too often. */
function causeOf({ stopCause }: TaskContext, event: TaskEvent): StopCause | undefined {
  const byItself = event.type === 'Exited' && event.byItself === true
  return stopCause === 'Drain' && byItself ? undefined : stopCause
}

/** Whether a drain ends the attempt that is open: at the drain's deadline any, before it those that may be replaced. */
export const isDrained = ({ policies }: TaskContext, event: TaskEvent): boolean =>
  event.type === 'Drain' && (event.isOver === true || policies.disconnect.replace)

/** What a task knows at its submission. */
export function initialContext({ taskId, spec, atMs }: TaskInput): TaskContext {
  const policies = shared(resolvePolicies(spec))
  return {
    taskId,
    name: spec.name ?? taskId,
    driver: spec.driver,
    image: spec.image,
    command: cutCommand(spec.command ?? none),
    labels: spec.labels ?? noLabels,
    constraints: spec.constraints ?? none,
    ...(spec.affinities?.length ? { affinities: spec.affinities } : {}),
    reserved: shared(reservationOf(spec)),
    ...(spec.ports?.length ? { ports: spec.ports } : {}),
    policies,
    rerunOf: spec.rerunOf,
    createdAtMs: atMs,
    queuedAtMs: atMs,
    attempt: 0,
    restarts: 0,
    nodeId: undefined,
    nodeName: undefined,
    decision: undefined,
    window: undefined,
    aim: undefined,
    why: undefined,
    stopCause: undefined,
    checked: spec.health !== undefined,
    health: undefined,
    graceMs: policies.limits.stopGraceMs,
    scheduledAtMs: undefined,
    startedAtMs: undefined,
    finishedAtMs: undefined,
    end: undefined,
    outcome: undefined,
    reason: undefined,
    attempts: [],
  }
}

// What most tasks have alike, they share.
const none: readonly string[] = []
const noLabels: Readonly<Record<string, string>> = {}
const known = new Map<string, unknown>()

function shared<T>(value: T): T {
  const text = JSON.stringify(value)
  if (!known.has(text) && known.size < taskLimits.sharedMax) known.set(text, value)
  return (known.get(text) as T | undefined) ?? value
}

/** Itself where it need not be cut: there may be 100,000 tasks in memory. */
function cutCommand(command: readonly string[]): readonly string[] {
  const kept: string[] = []
  let chars = 0
  for (const word of command) {
    if (chars + word.length > taskLimits.commandCharsMax) return [...kept, `${word.slice(0, 40)}…`]
    chars += word.length
    kept.push(word)
  }
  return command
}

/** A new attempt begins: what belonged to the one before it is gone from the status, and stays in `attempts`. */
export function openAttempt(context: TaskContext, event: Extract<TaskEvent, { type: 'Placed' }>): Partial<TaskContext> {
  const attempt = Math.max(context.attempt, event.after ?? 0) + 1
  const ports = event.ports?.length ? { ports: [...event.ports] } : {}
  const summary: AttemptSummary = { attempt, nodeId: event.nodeId, ...ports, scheduledAtMs: event.atMs }
  return {
    attempt,
    nodeId: event.nodeId,
    nodeName: event.nodeName,
    decision: explained(event.decision, context.aim),
    aim: undefined,
    why: undefined,
    scheduledAtMs: event.atMs,
    startedAtMs: undefined,
    health: undefined,
    end: undefined,
    graceMs: context.policies.limits.stopGraceMs,
    attempts: [...context.attempts, summary].slice(-taskLimits.attemptsKeptMax),
  }
}

const noPorts: readonly HostPort[] = []

/** The ports of the newest attempt, which it holds as long as it is open. */
export const portsOf = ({ attempts }: TaskContext): readonly HostPort[] => attempts.at(-1)?.ports ?? noPorts

/** Why the attempt is over, for people: what stopped it says more than the signal that it ended by. */
function reasonOf(context: TaskContext, event: TaskEvent, end: AttemptEnd): string | undefined {
  const told = describeEnd(end)
  const cause = causeOf(context, event)
  if (cause === 'Unhealthy') return describeHealth(context.health)
  return cause === 'Drain' ? `its node was drained${told ? `: ${told}` : ''}` : told
}

/** The attempt is over: its end stays with the task and in the list of its attempts. */
export function closeAttempt(context: TaskContext, event: TaskEvent): Partial<TaskContext> {
  const end = endOf(event as EndEvent)
  const reason = reasonOf(context, event, end)
  const attempts = context.attempts.map((summary) =>
    summary.attempt === context.attempt
      ? {
          ...summary,
          endedAtMs: event.atMs,
          ...(end.kind === 'exited' ? { exitCode: end.exitCode } : {}),
          ...(reason === undefined ? {} : { reason }),
        }
      : summary,
  )
  return { end, attempts }
}

function departureOf(context: TaskContext, event: TaskEvent): Departure {
  const end = endOf(event as EndEvent)
  if (end.kind === 'lost') return 'lost'
  const cause = causeOf(context, event)
  if (cause === 'Drain') return 'drained'
  return cause === undefined && endingOf(end) === 'succeeded' ? 'succeeded' : 'failed'
}

/** The task waits again, and knows where it should go next. */
export function leftNode(context: TaskContext, event: TaskEvent): Partial<TaskContext> {
  const nodeId = context.nodeId as string
  const left = { nodeId, nodeName: context.nodeName ?? nodeId, atMs: event.atMs, window: context.window }
  const onward = onwardAfter(departureOf(context, event), context.policies.restart, left)
  return { ...onward, queuedAtMs: event.atMs, stopCause: undefined, why: undefined }
}

/** The attempt runs, since the moment its worker names. */
export function started(context: TaskContext, { startedAtMs }: { startedAtMs: number }): Partial<TaskContext> {
  // V8 would give each object that is spread and added to a layout of its own, of three times its size.
  const attempts = context.attempts.map((summary) =>
    summary.attempt === context.attempt ? Object.assign({}, summary, { startedAtMs }) : summary,
  )
  return { startedAtMs, attempts }
}

/** A stop by a person outweighs one by a limit; a shorter grace outweighs a longer one. */
export function stopping(context: TaskContext, event: TaskEvent): Partial<TaskContext> {
  if (event.type === 'Stop') {
    const asked = event.graceMs ?? context.policies.limits.stopGraceMs
    const graceMs = context.stopCause === undefined ? asked : Math.min(context.graceMs, asked)
    return { stopCause: 'Stop', graceMs }
  }
  const health = event.type === 'Unhealthy' && event.health !== undefined ? { health: event.health } : {}
  return { ...health, stopCause: context.stopCause ?? (event.type as 'TimedOut' | 'Unhealthy' | 'Drain') }
}
