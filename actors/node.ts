/**
 * A node: the manager's record of a worker's machine. Two things are true of it at once.
 *
 *   Liveness:   ▶ Unknown ──Registered──▶ Ready ◀──HeardFrom── Suspect ◀──HeartbeatLate── Ready
 *                  │                        │                     │
 *                  └──────────── LeaseExpired ────────────────────┴──▶ Down ──Registered──▶ Ready
 *   Admission:  ▶ Open ◀──Undrain / Drain──▶ Draining (DrainExpired: over, so that all must leave)
 *
 * Registration and admission are durable; liveness is not: whoever loads the record gives the node a full lease
 * (`Recovered` → Unknown), so that a manager's absence is never held against its nodes.
 */
import { assign, cancel, enqueueActions, setup } from 'xstate'
import type { DriverState, NodeRegistration, NodeState } from './model.ts'
import type { Stamp } from './step.ts'

export interface NodeContext {
  readonly registration: NodeRegistration
  /** Grows with every change that must be stored. */
  readonly version: number
  /** The drain's deadline has passed: what is left on it is stopped. */
  readonly drainIsOver?: boolean
}

export type NodeEvents =
  | { readonly type: 'Registered'; readonly registration: NodeRegistration }
  | { readonly type: 'DriversChanged'; readonly drivers: Readonly<Record<string, DriverState>> }
  | { readonly type: 'HeartbeatLate' }
  | { readonly type: 'HeardFrom' }
  | { readonly type: 'LeaseExpired' }
  /** `deadlineMs`: from now; absent = as it was, which to begin with is none. */
  | { readonly type: 'Drain'; readonly deadlineMs?: number }
  | { readonly type: 'DrainExpired' }
  | { readonly type: 'Undrain' }
  | { readonly type: 'Recovered' }
export type NodeEvent = NodeEvents & Stamp
export const nodeEventTypes = [
  'Registered',
  'DriversChanged',
  'HeartbeatLate',
  'HeardFrom',
  'LeaseExpired',
  'Drain',
  'DrainExpired',
  'Undrain',
  'Recovered',
] as const satisfies readonly NodeEvents['type'][]

export interface NodeInput {
  readonly registration: NodeRegistration
}

export const nodeMachine = setup({
  types: { context: {} as NodeContext, events: {} as NodeEvent, input: {} as NodeInput },
  guards: {
    hasDeadline: ({ event }) => event.type === 'Drain' && event.deadlineMs !== undefined,
    isNotOver: ({ context }) => context.drainIsOver !== true,
  },
  actions: {
    recordRegistration: assign(({ context, event }) => ({
      registration: (event as Extract<NodeEvent, { type: 'Registered' }>).registration,
      version: context.version + 1,
    })),
    recordDrivers: assign(({ context, event }) => ({
      registration: {
        ...context.registration,
        drivers: { ...(event as Extract<NodeEvent, { type: 'DriversChanged' }>).drivers },
      },
    })),
    recordAdmission: assign(({ context }) => ({ version: context.version + 1, drainIsOver: false })),
    recordDrainOver: assign(({ context }) => ({ version: context.version + 1, drainIsOver: true })),
    limitDrain: enqueueActions(({ event, enqueue }) => {
      const { deadlineMs } = event as Extract<NodeEvent, { type: 'Drain' }>
      if (deadlineMs === undefined) return
      enqueue.raise({ type: 'DrainExpired' } as NodeEvent, { id: 'drain', delay: deadlineMs })
    }),
  },
}).createMachine({
  id: 'node',
  type: 'parallel',
  context: ({ input }) => ({ registration: input.registration, version: 1 }),
  states: {
    Liveness: {
      initial: 'Unknown',
      on: {
        Registered: { target: '.Ready', actions: 'recordRegistration' },
        DriversChanged: { actions: 'recordDrivers' },
        Recovered: '.Unknown',
      },
      states: {
        Unknown: { on: { LeaseExpired: 'Down' } },
        Ready: { on: { HeartbeatLate: 'Suspect', LeaseExpired: 'Down' } },
        Suspect: { on: { HeardFrom: 'Ready', LeaseExpired: 'Down' } },
        Down: {},
      },
    },
    Admission: {
      initial: 'Open',
      states: {
        Open: { on: { Drain: { target: 'Draining', actions: ['recordAdmission', 'limitDrain'] } } },
        Draining: {
          exit: cancel('drain'),
          on: {
            Drain: { guard: 'hasDeadline', actions: [cancel('drain'), 'recordAdmission', 'limitDrain'] },
            DrainExpired: { guard: 'isNotOver', actions: 'recordDrainOver' },
            Undrain: { target: 'Open', actions: 'recordAdmission' },
          },
        },
      },
    },
  },
})

/** The two regions of a node's state value, as words. */
export function nodeStanding(value: unknown): { state: NodeState; draining: boolean } {
  const regions = value as { Liveness: NodeState; Admission: 'Open' | 'Draining' }
  return { state: regions.Liveness, draining: regions.Admission === 'Draining' }
}
