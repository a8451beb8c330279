/**
 * A task: what a user wishes to run, from submission to its end. DESIGN section 2 is its table.
 *
 *   ┌─ Pending ────────────┐ Placed  ┌─ Scheduled ──────────┐ Started ┌─ Running ──────────────────────┐
 *   │ ▶ Queued ◀─ BackingOff ├───────▶│ ▶ Starting ─▶ Pulling ├────────▶│ ▶ Up ◀─ HealthChanged ─┐       │
 *   └──┬───────────▲───▲───┘         │   Unreachable        │         │ ▶ Checking ─▶ Unhealthy ┘      │
 *      │           │   │             │   Stopping           │         │   Unreachable   Stopping       │
 *      │           │   │             └──────────┬───────────┘         └──────────┬─────────────────────┘
 *      │           │   └── the policy restarts ─┴──── Exited, StartFailed, ──────┘
 *      │           └─ replaced if lost, drained ┬──── Lost ──────────────────────┘
 *      │ Stop, PlacementExpired                 │ the verdict (verdict.ts)
 *      ▼                                        ▼
 *   Completed: succeeded, stopped               Failed: exit, oom, start, timeout, unhealthy, lost, unplaceable
 *
 * What follows from where a task stands (its place in the queue, its reservation, what its node should do) is not asked
 * for by effects but derived from the snapshot: `standingOf`. So a crash can neither lose nor double it.
 */
import { cancel, enqueueActions, raise, setup } from 'xstate'
import { assign } from './assign.ts'
import type { Outcome } from './model.ts'
import { backOffMs, moveDelayMs } from './restart.ts'
import {
  closeAttempt,
  initialContext,
  isDrained,
  leftNode,
  openAttempt,
  started,
  stopping,
  type TaskContext,
  type TaskEvent,
  type TaskInput,
  verdictOf,
} from './task-context.ts'
import type { Verdict } from './verdict.ts'

export * from './task-context.ts'

const ends = [
  { guard: 'completes' as const, target: '#task.Completed' as const, actions: ['closeAttempt', 'conclude'] as const },
  { guard: 'fails' as const, target: '#task.Failed' as const, actions: ['closeAttempt', 'conclude'] as const },
  {
    guard: 'backsOff' as const,
    target: '#task.Pending.BackingOff' as const,
    actions: ['closeAttempt', 'leaveNode', 'backOff'] as const,
  },
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
const recordDrain = [{ guard: 'changesDrain' as const, actions: 'recordStop' as const }, {}]
const restop = { Stop: recordStop, TimedOut: recordStop, Unhealthy: recordStop, Drain: recordDrain }
/** Where a stop is known to be under way, a limit says nothing new. */
const stoppingAlready = { Stop: recordStop, TimedOut: {}, Unhealthy: {}, Drain: {} }
/** A lease is never trusted across a crash: the wait for the loss begins anew when the node's new lease has expired. */
const unreachable = {
  ...restop,
  NodeUnreachable: { actions: ['forgetLoss', 'expectLoss'] as const },
  Recovered: { actions: 'forgetLoss' as const },
}

/** The machine that every task is: for charts and tests. A Troupe runs it; an application only reads it. */
export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent, input: {} as TaskInput },
  guards: {
    completes: ({ context, event }) => verdictOf(context, event).to === 'Completed',
    fails: ({ context, event }) => verdictOf(context, event).to === 'Failed',
    backsOff: ({ context, event }) => verdictOf(context, event).to === 'BackingOff',
    requeues: ({ context, event }) => verdictOf(context, event).to === 'Queued',
    isStopping: ({ context }) => context.stopCause !== undefined,
    isDrained: ({ context, event }) => isDrained(context, event),
    isChecked: ({ context }) => context.checked,
    becomesWell: ({ event }) => event.type === 'HealthChanged' && event.health.state === 'healthy',
    becomesUnhealthy: ({ event }) => event.type === 'HealthChanged' && event.health.state === 'unhealthy',
    isUnhealthy: ({ context }) => context.health?.state === 'unhealthy',
    isNotKnownWell: ({ context }) => context.checked && context.health === undefined,
    changesDrain: ({ context, event }) => context.stopCause === undefined && isDrained(context, event),
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
    recordHealth: assign(({ event }) => ({ health: (event as Extract<TaskEvent, { type: 'HealthChanged' }>).health })),
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
    leaveNode: assign(({ context, event }) => leftNode(context, event)),
    backOff: enqueueActions(({ context, event, enqueue }) => {
      // `leaveNode` came before, and has said where to.
      const delayOf = context.aim?.is === 'avoid' ? moveDelayMs : backOffMs
      const delay = delayOf(context.policies.restart, context.restarts, event.roll)
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
          { guard: 'isChecked', target: '#task.Running.Checking', actions: 'recordStart' },
          { target: '#task.Running', actions: 'recordStart' },
        ],
        Exited: ends,
        StartFailed: ends,
        Lost: ends,
        Stop: { target: '.Stopping', actions: 'recordStop' },
        TimedOut: { target: '.Stopping', actions: 'recordStop' },
        Unhealthy: { target: '.Stopping', actions: 'recordStop' },
        Drain: { guard: 'isDrained', target: '.Stopping', actions: 'recordStop' },
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
        Lost: ends,
        Stop: { target: '.Stopping', actions: 'recordStop' },
        TimedOut: { target: '.Stopping', actions: 'recordStop' },
        Unhealthy: { target: '.Stopping', actions: 'recordStop' },
        Drain: { guard: 'isDrained', target: '.Stopping', actions: 'recordStop' },
        NodeUnreachable: '.Unreachable',
        HealthChanged: [
          { guard: 'becomesWell', target: '.Up', actions: 'recordHealth' },
          { guard: 'becomesUnhealthy', target: '.Unhealthy', actions: 'recordHealth' },
        ],
      },
      states: {
        Up: {},
        /** Within its start period, or before the first check that counts. */
        Checking: {},
        /** Its newest check failed, and not yet too many in a row. */
        Unhealthy: {},
        Unreachable: {
          entry: 'expectLoss',
          exit: 'forgetLoss',
          on: {
            ...unreachable,
            HealthChanged: { actions: 'recordHealth' },
            NodeReturned: [
              { guard: 'isStopping', target: 'Stopping' },
              { guard: 'isUnhealthy', target: 'Unhealthy' },
              { guard: 'isNotKnownWell', target: 'Checking' },
              { target: 'Up' },
            ],
          },
        },
        Stopping: { on: { ...stoppingAlready, HealthChanged: {} } },
      },
    },
    Completed: { type: 'final' },
    Failed: { type: 'final' },
  },
})
