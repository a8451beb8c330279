/**
 * A task: what a user wishes to run, from submission to its end. DESIGN section 2 is its table.
 *
 *   ┌─ Pending ────────────┐ Placed  ┌─ Scheduled ──────────┐ Started ┌─ Running ────────────┐
 *   │ ▶ Queued ◀─ BackingOff ├───────▶│ ▶ Starting ─▶ Pulling ├────────▶│ ▶ Up                 │
 *   └──┬───────────▲───▲───┘         │   Unreachable        │         │   Unreachable        │
 *      │           │   │             │   Stopping           │         │   Stopping           │
 *      │           │   │             └──────────┬───────────┘         └──────────┬───────────┘
 *      │           │   └── the policy restarts ─┴──── Exited, StartFailed, ──────┘
 *      │           └────── replaced when lost ──┬──── Lost ──────────────────────┘
 *      │ Stop, PlacementExpired                 │ the verdict (verdict.ts)
 *      ▼                                        ▼
 *   Completed: succeeded, stopped               Failed: exit, oom, start, timeout, unhealthy, lost, unplaceable
 *
 * What follows from where a task stands (its place in the queue, its reservation, what its node should do) is not asked
 * for by effects but derived from the snapshot: `standingOf`. So a crash can neither lose nor double it.
 */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate'
import type { AttemptEnd, AttemptSummary, Outcome, PlacementDecision, Resources, TaskSpec } from './model.ts'
import { reservationOf } from './model.ts'
import { type Policies, resolvePolicies } from './policies.ts'
import { backOffMs } from './restart.ts'
import type { Stamp } from './step.ts'
import { describeEnd, type StopCause, type Verdict, verdict } from './verdict.ts'

export const taskLimits = {
  /** Attempts kept in the history of a task; the oldest go first. */
  attemptsKeptMax: 10,
  /** Characters of the command kept for people to see. */
  commandCharsMax: 512,
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
  readonly reserved: Resources
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
  readonly why: string | undefined
  readonly stopCause: StopCause | undefined
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
    }
  | { readonly type: 'Unplaceable'; readonly why: string }
  | { readonly type: 'PlacementExpired' }
  | { readonly type: 'BackOffElapsed' }
  | { readonly type: 'Pulling' }
  | { readonly type: 'Started'; readonly startedAtMs: number }
  | { readonly type: 'StartFailed'; readonly code: string; readonly message: string; readonly retryable: boolean }
  | { readonly type: 'Exited'; readonly exitCode: number; readonly signal?: string; readonly oomKilled?: boolean }
  | { readonly type: 'Lost'; readonly message?: string }
  /** `graceMs` overrides the task's own; 0 kills at once. */
  | { readonly type: 'Stop'; readonly graceMs?: number }
  | { readonly type: 'TimedOut' }
  | { readonly type: 'Unhealthy' }
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
  'Unhealthy',
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

function endOf(event: EndEvent): AttemptEnd {
  switch (event.type) {
    case 'Exited': {
      const { exitCode, signal, oomKilled } = event
      return { kind: 'exited', exitCode, ...(signal ? { signal } : {}), ...(oomKilled ? { oomKilled } : {}) }
    }
    case 'StartFailed':
      return { kind: 'startFailed', code: event.code, message: event.message, retryable: event.retryable }
    case 'Lost':
      return { kind: 'lost', message: event.message ?? 'its node was unreachable for too long' }
  }
}

const verdictOf = (context: TaskContext, event: TaskEvent): Verdict => verdict(context, endOf(event as EndEvent))

function initialContext({ taskId, spec, atMs }: TaskInput): TaskContext {
  const policies = resolvePolicies(spec)
  return {
    taskId,
    name: spec.name ?? taskId,
    driver: spec.driver,
    image: spec.image,
    command: cutCommand(spec.command ?? []),
    labels: spec.labels ?? {},
    constraints: spec.constraints ?? [],
    reserved: reservationOf(spec),
    policies,
    rerunOf: spec.rerunOf,
    createdAtMs: atMs,
    queuedAtMs: atMs,
    attempt: 0,
    restarts: 0,
    nodeId: undefined,
    nodeName: undefined,
    decision: undefined,
    why: undefined,
    stopCause: undefined,
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

function cutCommand(command: readonly string[]): string[] {
  const kept: string[] = []
  let chars = 0
  for (const word of command) {
    if (chars + word.length > taskLimits.commandCharsMax) return [...kept, `${word.slice(0, 40)}…`]
    chars += word.length
    kept.push(word)
  }
  return kept
}

/** A new attempt begins: what belonged to the one before it is gone from the status, and stays in `attempts`. */
function openAttempt(context: TaskContext, event: Extract<TaskEvent, { type: 'Placed' }>): Partial<TaskContext> {
  const attempt = context.attempt + 1
  const summary: AttemptSummary = { attempt, nodeId: event.nodeId, scheduledAtMs: event.atMs }
  return {
    attempt,
    nodeId: event.nodeId,
    nodeName: event.nodeName,
    decision: event.decision,
    why: undefined,
    scheduledAtMs: event.atMs,
    startedAtMs: undefined,
    end: undefined,
    graceMs: context.policies.limits.stopGraceMs,
    attempts: [...context.attempts, summary].slice(-taskLimits.attemptsKeptMax),
  }
}

function closeAttempt(context: TaskContext, event: TaskEvent): Partial<TaskContext> {
  const end = endOf(event as EndEvent)
  const reason = describeEnd(end)
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

function started(context: TaskContext, { startedAtMs }: { startedAtMs: number }): Partial<TaskContext> {
  const attempts = context.attempts.map((summary) =>
    summary.attempt === context.attempt ? { ...summary, startedAtMs } : summary,
  )
  return { startedAtMs, attempts }
}

/** A stop by a person outweighs one by a limit; a shorter grace outweighs a longer one. */
function stopping(context: TaskContext, event: TaskEvent): Partial<TaskContext> {
  if (event.type === 'Stop') {
    const asked = event.graceMs ?? context.policies.limits.stopGraceMs
    const graceMs = context.stopCause === undefined ? asked : Math.min(context.graceMs, asked)
    return { stopCause: 'Stop', graceMs }
  }
  return { stopCause: context.stopCause ?? (event.type as 'TimedOut' | 'Unhealthy') }
}

const ends = [
  { guard: 'completes' as const, target: '#task.Completed' as const, actions: ['closeAttempt', 'conclude'] as const },
  { guard: 'fails' as const, target: '#task.Failed' as const, actions: ['closeAttempt', 'conclude'] as const },
  {
    guard: 'backsOff' as const,
    target: '#task.Pending.BackingOff' as const,
    actions: ['closeAttempt', 'leaveNode', 'backOff'] as const,
  },
]
const losses = [
  ...ends,
  {
    guard: 'requeues' as const,
    target: '#task.Pending.Queued' as const,
    actions: ['closeAttempt', 'leaveNode'] as const,
  },
]

/**
 * While it is stopping already, a further stop is only recorded. When it changes nothing it is taken all the same (the
 * last row), so that it does not reach the outer state and begin the stop again.
 */
const recordStop = [{ guard: 'changesStop' as const, actions: 'recordStop' as const }, {}]
const restop = { Stop: recordStop, TimedOut: recordStop, Unhealthy: recordStop }
/** Where a stop is known to be under way, a limit says nothing new. */
const stoppingAlready = { Stop: recordStop, TimedOut: {}, Unhealthy: {} }
/** A lease is never trusted across a crash: the wait for the loss begins anew when the node's new lease has expired. */
const unreachable = {
  ...restop,
  NodeUnreachable: { actions: ['forgetLoss', 'expectLoss'] as const },
  Recovered: { actions: 'forgetLoss' as const },
}

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent, input: {} as TaskInput },
  guards: {
    completes: ({ context, event }) => verdictOf(context, event).to === 'Completed',
    fails: ({ context, event }) => verdictOf(context, event).to === 'Failed',
    backsOff: ({ context, event }) => verdictOf(context, event).to === 'BackingOff',
    requeues: ({ context, event }) => verdictOf(context, event).to === 'Queued',
    isStopping: ({ context }) => context.stopCause !== undefined,
    /** A second stop says something new only if it comes from a person first, or shortens the grace. */
    changesStop: ({ context, event }) => {
      const next = stopping(context, event)
      return next.stopCause !== context.stopCause || (next.graceMs ?? context.graceMs) !== context.graceMs
    },
  },
  actions: {
    openAttempt: assign(({ context, event }) => openAttempt(context, event as Extract<TaskEvent, { type: 'Placed' }>)),
    closeAttempt: assign(({ context, event }) => closeAttempt(context, event)),
    recordWhy: assign(({ event }) => ({ why: (event as Extract<TaskEvent, { type: 'Unplaceable' }>).why })),
    recordStart: assign(({ context, event }) => started(context, event as Extract<TaskEvent, { type: 'Started' }>)),
    recordStop: assign(({ context, event }) => stopping(context, event)),
    conclude: assign(({ context, event }) => {
      const result = verdictOf(context, event) as Extract<Verdict, { outcome: Outcome }>
      const reason = result.reason === undefined ? {} : { reason: result.reason }
      return { outcome: result.outcome, finishedAtMs: event.atMs, ...reason }
    }),
    concludeUnplaceable: assign(({ context, event }) => ({
      outcome: 'unplaceable' as const,
      finishedAtMs: event.atMs,
      reason: `no node was found within ${context.policies.limits.waitTimeoutMs} ms: ${context.why ?? 'it was never considered'}`,
    })),
    concludeStopped: assign(({ context, event }) => ({
      outcome: 'stopped' as const,
      finishedAtMs: event.atMs,
      reason: context.attempt === 0 ? 'stopped before it was placed' : 'stopped before it was tried again',
    })),
    leaveNode: assign(({ event }) => ({ queuedAtMs: event.atMs, stopCause: undefined, why: undefined })),
    backOff: enqueueActions(({ context, event, enqueue }) => {
      const delay = backOffMs(context.policies.restart, context.restarts, event.roll)
      enqueue.assign({ restarts: context.restarts + 1 })
      enqueue.raise({ type: 'BackOffElapsed' } as TaskEvent, { id: 'backOff', delay })
    }),
    limitWaiting: enqueueActions(({ context, enqueue }) => {
      const delay = context.policies.limits.waitTimeoutMs
      if (delay !== undefined) enqueue.raise({ type: 'PlacementExpired' } as TaskEvent, { id: 'placement', delay })
    }),
    limitRunning: enqueueActions(({ context, enqueue }) => {
      const delay = context.policies.limits.timeoutMs
      if (delay !== undefined) enqueue.raise({ type: 'TimedOut' } as TaskEvent, { id: 'timeout', delay })
    }),
    expectLoss: raise({ type: 'Lost' } as TaskEvent, {
      id: 'lost',
      delay: ({ context }) => context.policies.disconnect.lostAfterMs,
    }),
    forgetLoss: cancel('lost'),
  },
}).createMachine({
  id: 'task',
  context: ({ input }) => initialContext(input),
  initial: 'Pending',
  states: {
    Pending: {
      initial: 'Queued',
      on: {
        PlacementExpired: { target: '#task.Failed', actions: 'concludeUnplaceable' },
        Stop: { target: '#task.Completed', actions: 'concludeStopped' },
      },
      states: {
        // The limit is on the wait for a node, which a task that backs off does not wait for.
        Queued: {
          entry: 'limitWaiting',
          exit: cancel('placement'),
          on: {
            Placed: { target: '#task.Scheduled', actions: 'openAttempt' },
            Unplaceable: { actions: 'recordWhy' },
          },
        },
        BackingOff: {
          exit: cancel('backOff'),
          on: { BackOffElapsed: { target: 'Queued', actions: assign(({ event }) => ({ queuedAtMs: event.atMs })) } },
        },
      },
    },
    Scheduled: {
      initial: 'Starting',
      on: {
        Started: [
          { guard: 'isStopping', target: '#task.Running.Stopping', actions: 'recordStart' },
          { target: '#task.Running', actions: 'recordStart' },
        ],
        Exited: ends,
        StartFailed: ends,
        Lost: losses,
        Stop: { target: '.Stopping', actions: 'recordStop' },
        TimedOut: { target: '.Stopping', actions: 'recordStop' },
        Unhealthy: { target: '.Stopping', actions: 'recordStop' },
        NodeUnreachable: '.Unreachable',
      },
      states: {
        Starting: { on: { Pulling: 'Pulling' } },
        Pulling: {},
        Unreachable: {
          entry: 'expectLoss',
          exit: 'forgetLoss',
          on: {
            ...unreachable,
            NodeReturned: [{ guard: 'isStopping', target: 'Stopping' }, { target: 'Starting' }],
          },
        },
        Stopping: { on: stoppingAlready },
      },
    },
    Running: {
      initial: 'Up',
      entry: 'limitRunning',
      exit: cancel('timeout'),
      on: {
        Exited: ends,
        StartFailed: ends,
        Lost: losses,
        Stop: { target: '.Stopping', actions: 'recordStop' },
        TimedOut: { target: '.Stopping', actions: 'recordStop' },
        Unhealthy: { target: '.Stopping', actions: 'recordStop' },
        NodeUnreachable: '.Unreachable',
      },
      states: {
        Up: {},
        Unreachable: {
          entry: 'expectLoss',
          exit: 'forgetLoss',
          on: {
            ...unreachable,
            NodeReturned: [{ guard: 'isStopping', target: 'Stopping' }, { target: 'Up' }],
          },
        },
        Stopping: { on: stoppingAlready },
      },
    },
    Completed: { type: 'final' },
    Failed: { type: 'final' },
  },
})
