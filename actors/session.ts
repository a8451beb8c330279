/**
 * A session: a worker's tie to its manager. It dials, greets, and after any break tries again for ever, with a delay
 * drawn at random below a doubling bound (full jitter), so that a manager that comes back is not stormed.
 *
 *   ▶ Idle ──Open──▶ Connecting ──Connected──▶ Greeting ──Welcomed──▶ Established
 *      ▲                 ▲  │ DialFailed           │ Closed, Refused, GreetingExpired │ Closed
 *      │                 │  └───────────▶ BackingOff ◀─────────────────────────────┘
 *    Close               └──BackOffElapsed──┘
 *
 * `Refused{retryable: false}` ends in Rejected: an operator must act.
 */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate'
import type { Stamp } from './step.ts'

export const sessionLimits = {
  /** The bound of the first delay before dialling again. */
  backOffMs: 100,
  /** The cap of its doubling. */
  backOffMaxMs: 5_000,
  /** How long a Hello may go unanswered. */
  greetingMsMax: 10_000,
} as const

export interface SessionContext {
  /** Breaks since the last time it was established. */
  readonly failures: number
  readonly sessionId: string | undefined
  readonly epoch: number
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** Why the last connection ended or none came about. */
  readonly reason: string | undefined
}

export type SessionEvents =
  | { readonly type: 'Open' }
  | { readonly type: 'Connected' }
  | { readonly type: 'DialFailed'; readonly reason: string }
  | {
      readonly type: 'Welcomed'
      readonly sessionId: string
      readonly epoch: number
      readonly heartbeatMs: number
      readonly leaseMs: number
    }
  | { readonly type: 'Refused'; readonly reason: string; readonly retryable: boolean }
  | { readonly type: 'GreetingExpired' }
  | { readonly type: 'Closed'; readonly reason: string }
  | { readonly type: 'BackOffElapsed' }
  | { readonly type: 'Close' }
export type SessionEvent = SessionEvents & Stamp
export const sessionEventTypes = [
  'Open',
  'Connected',
  'DialFailed',
  'Welcomed',
  'Refused',
  'GreetingExpired',
  'Closed',
  'BackOffElapsed',
  'Close',
] as const satisfies readonly SessionEvents['type'][]

const broken = { target: '#session.BackingOff' as const, actions: ['recordReason'] as const }

export const sessionMachine = setup({
  types: { context: {} as SessionContext, events: {} as SessionEvent },
  guards: {
    isFinal: ({ event }) => event.type === 'Refused' && !event.retryable,
  },
  actions: {
    dial: () => {},
    greet: () => {},
    hangUp: () => {},
    recordReason: assign(({ event }) => ({ reason: 'reason' in event ? event.reason : 'no answer to its Hello' })),
    recordWelcome: assign(({ event }) => {
      const { sessionId, epoch, heartbeatMs, leaseMs } = event as Extract<SessionEvent, { type: 'Welcomed' }>
      return { sessionId, epoch, heartbeatMs, leaseMs, failures: 0, reason: undefined }
    }),
    backOff: enqueueActions(({ context, event, enqueue }) => {
      const bound = Math.min(sessionLimits.backOffMaxMs, sessionLimits.backOffMs * 2 ** Math.min(context.failures, 16))
      enqueue.assign({ failures: context.failures + 1, sessionId: undefined })
      enqueue.raise({ type: 'BackOffElapsed' } as SessionEvent, {
        id: 'backOff',
        delay: Math.floor(event.roll * bound),
      })
    }),
    limitGreeting: raise({ type: 'GreetingExpired' } as SessionEvent, {
      id: 'greeting',
      delay: sessionLimits.greetingMsMax,
    }),
  },
}).createMachine({
  id: 'session',
  context: {
    failures: 0,
    sessionId: undefined,
    epoch: 0,
    heartbeatMs: 0,
    leaseMs: 0,
    reason: undefined,
  },
  initial: 'Idle',
  on: {
    Close: { target: '.Idle', actions: 'hangUp' },
  },
  states: {
    Idle: { on: { Open: 'Connecting' } },
    Connecting: { entry: 'dial', on: { Connected: 'Greeting', DialFailed: broken } },
    Greeting: {
      entry: ['greet', 'limitGreeting'],
      exit: cancel('greeting'),
      on: {
        Welcomed: { target: 'Established', actions: 'recordWelcome' },
        Refused: [{ guard: 'isFinal', target: 'Rejected', actions: 'recordReason' }, broken],
        GreetingExpired: {
          target: 'BackingOff',
          actions: ['recordReason', 'hangUp'],
        },
        Closed: broken,
      },
    },
    Established: { on: { Closed: broken } },
    BackingOff: { entry: 'backOff', exit: cancel('backOff'), on: { BackOffElapsed: 'Connecting' } },
    Rejected: {},
  },
})
