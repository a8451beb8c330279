/**
 * An attempt: one try of a task, on its worker. It only goes forward, and its intent to start is stored before the start.
 *
 *   ▶ Starting ──Pulling──▶ Pulling ──Started──▶ Running ──┐
 *        │  │                 │  │                 │       │ Exited, StartFailed, Lost
 *        │  └─────────────────┼──┼── Stop ─────────┴─▶ Stopping ──▶ Ended ──acknowledged and absent──▶ Removing ──▶ Removed
 *        └────────────────────┴──┴───────────────────────────────────▲
 *
 * `HealthChanged` records what the health check of a running one found. `Absent` (the manager wants nothing of it) stops
 * what still runs. What is reported is derived: `statusOf`.
 */
import { setup } from 'xstate'
import { assign } from './assign.ts'
import { endOf } from './end.ts'
import type { Health, HealthCheck } from './health.ts'
import type { AttemptEnd, AttemptKey, AttemptStatus, HostPort, Resources, TaskSpec } from './model.ts'
import { reservationOf } from './model.ts'
import { hostPorts } from './ports.ts'
import type { Stamp } from './step.ts'

export interface AttemptContext {
  readonly key: AttemptKey
  readonly driver: TaskSpec['driver']
  readonly reserved: Resources
  /** The ports of its node that it holds; absent where it holds none, and in records from before there were ports. */
  readonly ports?: readonly HostPort[]
  /** How the worker is to find out whether it is well. */
  readonly check: HealthCheck | undefined
  /** What that came to; undefined until it counts. */
  readonly health: Health | undefined
  readonly graceMs: number
  readonly stopAfterMs: number | undefined
  /** Grows with every change that is worth a report. */
  readonly seq: number
  readonly pullingAtMs: number | undefined
  readonly startedAtMs: number | undefined
  readonly stoppingAtMs: number | undefined
  readonly endedAtMs: number | undefined
  readonly end: AttemptEnd | undefined
  /** The manager has stored the end. */
  readonly acknowledged: boolean
  /** The manager wants nothing of it any more. */
  readonly absent: boolean
}

export type AttemptEvents =
  | { readonly type: 'Pulling'; readonly occurredAtMs: number }
  | { readonly type: 'Started'; readonly occurredAtMs: number }
  | {
      readonly type: 'Exited'
      readonly occurredAtMs: number
      readonly exitCode: number
      readonly signal?: string
      readonly oomKilled?: boolean
      readonly startedAtMs?: number
    }
  | {
      readonly type: 'StartFailed'
      readonly occurredAtMs: number
      readonly code: string
      readonly message: string
      readonly retryable: boolean
    }
  | { readonly type: 'Lost'; readonly occurredAtMs: number; readonly message: string }
  | { readonly type: 'HealthChanged'; readonly health: Health }
  | { readonly type: 'Stop'; readonly graceMs: number }
  | { readonly type: 'Acknowledged' }
  | { readonly type: 'Absent' }
  | { readonly type: 'Removed' }
  /** After a crash of the worker, or when the driver can be asked again: what was asked of it is asked again. Not stored. */
  | { readonly type: 'Recovered' }
export type AttemptEvent = AttemptEvents & Stamp
export const attemptEventTypes = [
  'Pulling',
  'Started',
  'Exited',
  'StartFailed',
  'Lost',
  'HealthChanged',
  'Stop',
  'Acknowledged',
  'Absent',
  'Removed',
  'Recovered',
] as const satisfies readonly AttemptEvents['type'][]

export interface AttemptInput {
  readonly key: AttemptKey
  readonly spec: TaskSpec
  readonly graceMs: number
  readonly stopAfterMs: number | undefined
  /** `stop`: it was to be stopped before this worker ever heard of it, so it must never start. */
  readonly action: 'run' | 'stop'
  readonly atMs: number
}

type EndEvent = Extract<AttemptEvent, { type: 'Exited' | 'StartFailed' | 'Lost' }>

const neverStarted: AttemptEnd = {
  kind: 'startFailed',
  code: 'start-failed',
  message: 'it was stopped before it was started',
  retryable: true,
}

function initialContext({ key, spec, graceMs, stopAfterMs, action, atMs }: AttemptInput): AttemptContext {
  const stopped = action === 'stop'
  const ports = hostPorts((spec.ports ?? []).filter(({ host }) => host !== undefined))
  return {
    key,
    driver: spec.driver,
    reserved: reservationOf(spec),
    ...(ports.length > 0 ? { ports } : {}),
    check: spec.health,
    health: undefined,
    graceMs,
    stopAfterMs,
    seq: 1,
    pullingAtMs: undefined,
    startedAtMs: undefined,
    stoppingAtMs: stopped ? atMs : undefined,
    endedAtMs: stopped ? atMs : undefined,
    end: stopped ? neverStarted : undefined,
    acknowledged: false,
    absent: false,
  }
}

const end = { target: 'Ended' as const, actions: 'recordEnd' as const }
const ends = { Exited: end, StartFailed: end, Lost: end }
const stops = {
  Stop: { target: 'Stopping' as const, actions: ['recordStop'] as const },
  Absent: { target: 'Stopping' as const, actions: ['recordAbsent', 'recordStop'] as const },
}

export const attemptMachine = setup({
  types: { context: {} as AttemptContext, events: {} as AttemptEvent, input: {} as AttemptInput },
  guards: {
    shortensGrace: ({ context, event }) => event.type === 'Stop' && event.graceMs < context.graceMs,
    alreadyEnded: ({ context }) => context.end !== undefined,
    isAbsent: ({ context }) => context.absent,
    isAcknowledged: ({ context }) => context.acknowledged,
    isNew: ({ context }) => !context.absent,
    isFirstStart: ({ context }) => context.startedAtMs === undefined,
    isFirstAcknowledgement: ({ context }) => !context.acknowledged,
  },
  actions: {
    startAttempt: (_, _params: { key: AttemptKey }) => {},
    stopAttempt: (_, _params: { key: AttemptKey; graceMs: number }) => {},
    removeAttempt: (_, _params: { key: AttemptKey }) => {},
    recordPulling: assign(({ context, event }) => ({
      seq: context.seq + 1,
      pullingAtMs: (event as Extract<AttemptEvent, { type: 'Pulling' }>).occurredAtMs,
    })),
    recordStart: assign(({ context, event }) => ({
      seq: context.seq + 1,
      startedAtMs: (event as Extract<AttemptEvent, { type: 'Started' }>).occurredAtMs,
    })),
    recordStop: assign(({ context, event }) => ({
      seq: context.seq + 1,
      stoppingAtMs: context.stoppingAtMs ?? event.atMs,
      graceMs: event.type === 'Stop' ? event.graceMs : context.graceMs,
    })),
    recordHealth: assign(({ context, event }) => ({
      seq: context.seq + 1,
      health: (event as Extract<AttemptEvent, { type: 'HealthChanged' }>).health,
    })),
    recordAbsent: assign({ absent: true }),
    recordAcknowledged: assign({ acknowledged: true }),
    recordEnd: assign(({ context, event }) => {
      const ended = event as EndEvent
      const startedAtMs = ended.type === 'Exited' ? (ended.startedAtMs ?? ended.occurredAtMs) : undefined
      return {
        seq: context.seq + 1,
        // What exited did start, even if the word of it was lost with a crash.
        startedAtMs: context.startedAtMs ?? startedAtMs,
        endedAtMs: ended.occurredAtMs,
        end: endOf(ended),
      }
    }),
  },
}).createMachine({
  id: 'attempt',
  context: ({ input }) => initialContext(input),
  initial: 'Deciding',
  states: {
    /** Passed through at once: what is to be stopped before it was known here never starts. */
    Deciding: { always: [{ guard: 'alreadyEnded', target: 'Ended' }, { target: 'Starting' }] },
    Starting: {
      entry: { type: 'startAttempt', params: ({ context }) => ({ key: context.key }) },
      on: {
        ...ends,
        ...stops,
        Pulling: { target: 'Pulling', actions: 'recordPulling' },
        Started: { target: 'Running', actions: 'recordStart' },
        Recovered: { actions: { type: 'startAttempt', params: ({ context }) => ({ key: context.key }) } },
      },
    },
    Pulling: {
      on: {
        ...ends,
        ...stops,
        Started: { target: 'Running', actions: 'recordStart' },
        Recovered: { actions: { type: 'startAttempt', params: ({ context }) => ({ key: context.key }) } },
      },
    },
    Running: { on: { ...ends, ...stops, HealthChanged: { actions: 'recordHealth' } } },
    Stopping: {
      entry: { type: 'stopAttempt', params: ({ context }) => ({ key: context.key, graceMs: context.graceMs }) },
      on: {
        ...ends,
        // It was under way when the stop came; that it did start is still worth knowing, once.
        Started: { guard: 'isFirstStart', actions: 'recordStart' },
        Stop: { guard: 'shortensGrace', target: 'Stopping', reenter: true, actions: 'recordStop' },
        Absent: { guard: 'isNew', actions: 'recordAbsent' },
        Recovered: {
          actions: { type: 'stopAttempt', params: ({ context }) => ({ key: context.key, graceMs: context.graceMs }) },
        },
      },
    },
    Ended: {
      on: {
        Acknowledged: [
          { guard: 'isAbsent', target: 'Removing', actions: 'recordAcknowledged' },
          { guard: 'isFirstAcknowledgement', actions: 'recordAcknowledged' },
        ],
        Absent: [
          { guard: 'isAcknowledged', target: 'Removing', actions: 'recordAbsent' },
          { guard: 'isNew', actions: 'recordAbsent' },
        ],
      },
    },
    Removing: {
      entry: { type: 'removeAttempt', params: ({ context }) => ({ key: context.key }) },
      on: {
        Removed: 'Removed',
        Recovered: { actions: { type: 'removeAttempt', params: ({ context }) => ({ key: context.key }) } },
      },
    },
    Removed: { type: 'final' },
  },
})

/** What the worker reports of it: cumulative, so that only the newest counts. Field by field: as many spreads take thirty times as long. */
export function statusOf(context: AttemptContext): AttemptStatus {
  const { key, seq, reserved, ports, pullingAtMs, startedAtMs, stoppingAtMs, endedAtMs, health, end } = context
  const status: { -readonly [Field in keyof AttemptStatus]: AttemptStatus[Field] } = {
    taskId: key.taskId,
    attempt: key.attempt,
    seq,
    reserved,
  }
  if (ports !== undefined) status.ports = ports.map(({ host, protocol }) => ({ host, protocol }))
  if (pullingAtMs !== undefined) status.pullingAtMs = pullingAtMs
  if (startedAtMs !== undefined) status.startedAtMs = startedAtMs
  if (stoppingAtMs !== undefined) status.stoppingAtMs = stoppingAtMs
  if (endedAtMs !== undefined) status.endedAtMs = endedAtMs
  if (health !== undefined) status.health = health
  if (end !== undefined) status.end = end
  return status
}
