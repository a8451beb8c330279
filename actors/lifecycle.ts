/**
 * What the lives of a manager and of a worker have in common: both open, recover what was stored, serve, and stop in
 * order; a failed store ends them at once, for they recover by starting again.
 *
 *   ▶ Idle ──Start──▶ Recovering ──Loaded──▶ Serving ──Stop──▶ Stopping ──Drained──▶ Stopped
 *                         │  └──────────────Stop──────────────────▲ │
 *                         └───────Fail──────────┴───────Fail────────┴──▶ Failed
 */
import { assign, setup } from 'xstate'
import type { Stamp } from './step.ts'

export interface LifecycleContext {
  readonly reason: string | undefined
}

export type LifecycleEvents =
  | { readonly type: 'Start' }
  | { readonly type: 'Loaded' }
  | { readonly type: 'Stop' }
  | { readonly type: 'Drained' }
  | { readonly type: 'Fail'; readonly reason: string }
export type LifecycleEvent = LifecycleEvents & Stamp
export const lifecycleEventTypes = [
  'Start',
  'Loaded',
  'Stop',
  'Drained',
  'Fail',
] as const satisfies readonly LifecycleEvents['type'][]

/** The machine of such a life. `recover` loads and answers `Loaded`; `open` begins to serve; `close` ends it and answers `Drained`. */
export const lifecycleMachine = (id: 'manager' | 'worker') =>
  setup({
    types: { context: {} as LifecycleContext, events: {} as LifecycleEvent },
    actions: {
      recover: () => {},
      open: () => {},
      close: () => {},
      recordReason: assign(({ event }) => ({ reason: event.type === 'Fail' ? event.reason : undefined })),
    },
  }).createMachine({
    id,
    context: { reason: undefined },
    initial: 'Idle',
    states: {
      Idle: { on: { Start: 'Recovering' } },
      Recovering: {
        entry: 'recover',
        on: { Loaded: 'Serving', Stop: 'Stopping', Fail: { target: 'Failed', actions: 'recordReason' } },
      },
      Serving: {
        entry: 'open',
        on: { Stop: 'Stopping', Fail: { target: 'Failed', actions: 'recordReason' } },
      },
      Stopping: {
        entry: 'close',
        on: { Drained: 'Stopped', Fail: { target: 'Failed', actions: 'recordReason' } },
      },
      Stopped: { type: 'final' },
      Failed: { type: 'final' },
    },
  })
