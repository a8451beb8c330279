/**
 * A manager's life: Idle → Recovering → Serving → Stopping → Stopped, or Failed (drawn in lifecycle.ts). `recover`
 * raises the epoch and loads every live actor; `open` opens the door, which therefore never shows a state that a
 * recovery could still change; `close` shuts it before the store is let go.
 */
import { lifecycleMachine } from './lifecycle.ts'

export const managerMachine = lifecycleMachine('manager')
