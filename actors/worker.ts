/**
 * A worker's life: Idle → Recovering → Serving → Stopping → Stopped, or Failed (drawn in lifecycle.ts). `recover`
 * loads its attempts and adopts what the drivers find running; `open` dials the manager; `close` hangs up. Its tasks
 * run on when it stops.
 */
import { lifecycleMachine } from './lifecycle.ts'

export const workerMachine = lifecycleMachine('worker')
