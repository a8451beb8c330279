/**
 * Keeps snapshots small and quick, for a manager holds 100,000 of them in memory.
 *
 * - XState gives each snapshot its own `_nodes`, `tags`, `children` and `historyValue`, though all snapshots of a machine in
 *   one state have the same. They share them here.
 * - XState's `assign` makes a context key by key, and V8 keeps an object of more than some 16 keys that was made so as a hash
 *   table: of four times the size, and four times slower to copy at the next `assign`. A copy of an object that has all its
 *   keys already, filled in, is not one.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { isCopied } from './assign.ts'

/** Orders of keys that are known of one machine. A context with optional keys has a few; one of any more is left as it is. */
const shapesMax = 16

type Context = Record<string, unknown>

interface Shape {
  readonly keys: readonly string[]
  /** Has all of them, and is no hash table. */
  readonly empty: Context
}

interface Known {
  /** A snapshot without a context, by status and state. */
  readonly models: Map<string, AnyMachineSnapshot>
  readonly shapes: Shape[]
}

const machines = new WeakMap<AnyStateMachine, Known>()

function knownOf(machine: AnyStateMachine): Known {
  const known = machines.get(machine) ?? { models: new Map(), shapes: [] }
  machines.set(machine, known)
  return known
}

const nameOf = (status: string, value: AnyMachineSnapshot['value']): string =>
  `${status} ${typeof value === 'string' ? value : JSON.stringify(value)}`

/** Makes a snapshot lean that nobody has seen but XState: it is changed in place, and given back. */
export function lean(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  before?: AnyMachineSnapshot,
): AnyMachineSnapshot {
  // A machine with children or a history is none of ours; what belongs to it alone stays its own.
  if (Object.keys(snapshot.children).length > 0 || Object.keys(snapshot.historyValue).length > 0) return snapshot
  const { models, shapes } = knownOf(machine)
  const name = nameOf(snapshot.status, snapshot.value)
  const model = models.get(name)
  if (model === undefined) models.set(name, { ...snapshot, context: {}, output: undefined, error: undefined } as never)
  else {
    const { value, _nodes, tags, children, historyValue } = model
    Object.assign(snapshot, { value, _nodes, tags, children, historyValue })
  }
  if (snapshot.context !== before?.context && !isCopied(snapshot.context))
    snapshot.context = leanContext(shapes, snapshot.context)
  return snapshot
}

/**
 * The snapshot of an active machine in a state in which it has been before; undefined in any other, and for what is no context.
 * It is as XState's own `restoreSnapshot` would make it, for contexts without actors in them.
 */
export function leanCopy(
  machine: AnyStateMachine,
  value: AnyMachineSnapshot['value'],
  context: unknown,
): AnyMachineSnapshot | undefined {
  const known = machines.get(machine)
  const model = known?.models.get(nameOf('active', value))
  if (known === undefined || model === undefined || typeof context !== 'object' || context === null) return undefined
  return { ...model, context: leanContext(known.shapes, context as Context) } as AnyMachineSnapshot
}

function leanContext(shapes: Shape[], context: Context): Context {
  for (const shape of shapes) {
    const copy = copyOf(context, shape)
    if (copy !== undefined) return copy
  }
  if (shapes.length >= shapesMax) return context
  const keys = Object.keys(context)
  // What is parsed is made with all its keys at once.
  const empty = JSON.parse(JSON.stringify(Object.fromEntries(keys.map((key) => [key, null])))) as Context
  for (const key of keys) empty[key] = undefined
  const shape = { keys, empty }
  shapes.push(shape)
  return copyOf(context, shape) ?? context
}

/** Undefined if it has other keys, or in another order. */
function copyOf(context: Context, { keys, empty }: Shape): Context | undefined {
  const copy = { ...empty }
  let at = 0
  for (const key in context) {
    if (keys[at] !== key) return undefined
    copy[key] = context[key]
    at += 1
  }
  return at === keys.length ? copy : undefined
}
