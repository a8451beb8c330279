/**
 * What an event would do to an actor, by stepping the very machine that the manager steps, from where the actor is known to
 * stand. Nothing is sent, and nothing is kept of it.
 */
import type { AnyStateMachine, StateValue } from 'xstate'
import { nodeMachine } from '../../../actors/node.ts'
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import { pathOf, restore, type Step, step } from '../../../actors/step.ts'
import { taskMachine } from '../../../actors/task.ts'
import { becauseOf, nothingBecause } from './preview-words.ts'

/** An event that a person may send. */
export interface SentEvent {
  readonly type: string
  readonly graceMs?: number
  readonly deadlineMs?: number
  /** A drain's deadline has passed. */
  readonly isOver?: boolean
}

/** A part of the context that would be another one. */
export interface ContextChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

export type Preview =
  /** It would go from one state to another. */
  | {
      readonly kind: 'goes'
      readonly from: string
      readonly to: string
      readonly because: string
      readonly changes: readonly ContextChange[]
    }
  /** It would stay where it is, and take note. */
  | {
      readonly kind: 'records'
      readonly from: string
      readonly because: string
      readonly changes: readonly ContextChange[]
    }
  | { readonly kind: 'nothing'; readonly because: string }
  /** The page does not know enough to say. */
  | { readonly kind: 'unknown'; readonly because: string }

const machines: Readonly<Partial<Record<ActorView['machine'], AnyStateMachine>>> = {
  task: taskMachine,
  node: nodeMachine,
}

/** `atMs`: milliseconds since 1970. */
export function previewEvent(actor: ActorView, event: SentEvent, atMs: number): Preview {
  const machine = machines[actor.machine]
  if (machine === undefined)
    return { kind: 'unknown', because: `The page does not step the machine of a ${actor.machine}.` }
  if (actor.cut)
    return { kind: 'unknown', because: 'Its context is too large to be shown whole, so it cannot be stepped.' }
  if (actor.status !== 'active') return { kind: 'nothing', because: `It is ${actor.value}, which is final.` }
  let taken: Step
  try {
    const persisted = {
      status: 'active' as const,
      value: stateValueOf(actor.value),
      context: structuredClone(actor.context),
    }
    // Chance plays no part in what a person may send.
    taken = step(machine, restore(machine, persisted), { ...event, atMs, roll: 0 })
  } catch (error) {
    return {
      kind: 'unknown',
      because: `It cannot be stepped here: ${error instanceof Error ? error.message : String(error)}.`,
    }
  }
  const to = pathOf(taken.snapshot.value)
  const changes = changesOf(actor.context, taken.snapshot.context as Record<string, unknown>)
  if (to !== actor.value) return { kind: 'goes', from: actor.value, to, because: becauseOf(actor, event, to), changes }
  if (changes.length > 0) return { kind: 'records', from: to, because: becauseOf(actor, event, to), changes }
  return { kind: 'nothing', because: nothingBecause(actor, event) }
}

/** A path as XState writes a state: `Running.Up` is `{Running: 'Up'}`. */
export function stateValueOf(path: string): StateValue {
  const regions = path.split('+')
  const [only = ''] = regions
  if (regions.length === 1 && !only.includes('.')) return only
  return Object.fromEntries(
    regions.map((region) => {
      const [name = '', ...rest] = region.split('.')
      return [name, rest.length === 0 ? {} : stateValueOf(rest.join('.'))]
    }),
  )
}

function changesOf(before: Record<string, unknown>, after: Record<string, unknown>): ContextChange[] {
  return Object.keys(after)
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }))
}
