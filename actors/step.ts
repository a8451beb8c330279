/**
 * Steps an XState machine through its own actor-logic contract, without ever making an actor of it: nothing runs,
 * and what the machine asks for comes back as data.
 *
 *     snapshot + event  ──step──▶  snapshot' + effects
 *
 * One inert scope serves all steps, which is five times faster than XState's pure `transition()`. It leans on
 * internals that hold from 5.28 to 5.33; `test/actors/step.test.ts` compares it with live actors and is the gate for
 * moving the pinned version.
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject, StateValue } from 'xstate'
import { type Effect, effectTypes } from './effects.ts'
import { lean, leanCopy } from './lean.ts'

export { pathOf } from './path.ts'

/** Every event carries the time and the chance of its step, stamped by the host, so that a replay gives the same. */
export interface Stamp {
  /** Wall clock, milliseconds. */
  readonly atMs: number
  /** In [0, 1). */
  readonly roll: number
}

export interface Step {
  readonly snapshot: AnyMachineSnapshot
  readonly effects: readonly Effect[]
  /** False when the event fits no transition that is open now: the very same snapshot came back, and nothing is asked for. */
  readonly changed: boolean
}

/** What is kept of a snapshot; plain data, to be encoded to bytes at once, for it shares references with the live one. */
export interface PersistedSnapshot {
  readonly status: 'active' | 'done' | 'error'
  readonly value: StateValue
  readonly context: unknown
  readonly output?: unknown
  readonly error?: unknown
}

let collected: Effect[] = []

const scope = {
  self: { id: 'stepped', sessionId: 'stepped', send() {} },
  id: 'stepped',
  sessionId: 'stepped',
  system: { _sendInspectionEvent() {}, scheduler: {} },
  logger() {},
  defer() {},
  emit() {},
  stopChild() {},
  actionExecutor: collect,
} as unknown as AnyActorScope

function collect(action: { readonly type: string; readonly params: unknown }): void {
  const params = action.params as Record<string, unknown> | undefined
  if (action.type === 'xstate.raise') {
    // An undelayed raise is reported too, but has been taken within the step already.
    if (params?.delay === undefined) return
    const event = params.event as EventObject
    if (params.id === undefined) {
      throw new Error(
        `machine delays "${event.type}" without an id; give it one, so that it can be stored and cancelled`,
      )
    }
    collected.push({ type: 'schedule', id: String(params.id), event, delayMs: Number(params.delay) })
  } else if (action.type === 'xstate.cancel') {
    collected.push({ type: 'cancel', id: String(params?.sendId) })
  } else if (Object.hasOwn(effectTypes, action.type)) {
    collected.push({ ...params, type: action.type } as Effect)
  } else {
    throw new Error(`machine asks for "${action.type}", which is no effect; see actors/effects.ts`)
  }
}

/** Runs `body` with an empty collection, also when it throws. */
function collecting<T>(body: () => T): [T, readonly Effect[]] {
  collected = []
  const executor = scope.actionExecutor
  try {
    const result = body()
    return [result, collected]
  } finally {
    // XState swaps the executor during a microstep and puts it back; a throw must not leave the swapped one behind.
    scope.actionExecutor = executor
    collected = []
  }
}

/** The machine's first snapshot. Throws what the machine's own code throws. */
export function initialStep(machine: AnyStateMachine, input: unknown): Step {
  const [snapshot, effects] = collecting(() => machine.getInitialSnapshot(scope, input as never) as AnyMachineSnapshot)
  if (snapshot.status === 'error') throw snapshot.error
  return { snapshot: lean(machine, snapshot), effects, changed: true }
}

/**
 * One step. A snapshot that is done or in error stays as it is. Throws what the machine's own code throws (a guard, an
 * assign); the snapshot given in is untouched then.
 */
export function step(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: EventObject & Stamp): Step {
  if (snapshot.status !== 'active') return { snapshot, effects: [], changed: false }
  const [next, effects] = collecting(() => machine.transition(snapshot, event, scope) as AnyMachineSnapshot)
  // A transition that only acts gives the very same snapshot back, and what it asks for must be carried out all the same.
  if (next === snapshot) return { snapshot, effects, changed: effects.length > 0 }
  return { snapshot: lean(machine, next, snapshot), effects, changed: true }
}

/** Whether any state that it is in names this event; of one that none names, `step` would say that nothing has changed. */
export const takes = ({ _nodes }: AnyMachineSnapshot, type: string): boolean =>
  _nodes.some(({ transitions }) => transitions.has(type) || transitions.has('*'))

export function persist(snapshot: AnyMachineSnapshot): PersistedSnapshot {
  const { status, value, context, output, error } = snapshot
  return {
    status: status === 'stopped' ? 'done' : status,
    value,
    context,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : error }),
  }
}

/** The inverse of `persist`. Give it a fresh copy: it becomes part of the snapshot. Throws on a state the machine does not have. */
export function restore(machine: AnyStateMachine, persisted: PersistedSnapshot): AnyMachineSnapshot {
  const { status, value, context } = persisted
  const copy = status === 'active' ? leanCopy(machine, value, context) : undefined
  if (copy !== undefined) return copy
  const snapshot = machine.restoreSnapshot(
    { ...persisted, output: persisted.output, error: persisted.error, historyValue: {}, children: {} } as never,
    scope,
  ) as AnyMachineSnapshot
  if (snapshot.status === 'error' && persisted.status !== 'error') throw snapshot.error
  return lean(machine, snapshot)
}
