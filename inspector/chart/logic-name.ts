/** What to call the guards and actions of a machine, which may be names, objects or bare functions. */

export type GuardLike = string | { readonly type: string } | GuardFunction
interface GuardFunction {
  readonly name: string
  /** Of `and`, `or` and `not`. */
  readonly guards?: readonly GuardLike[]
  /** Of `stateIn`. */
  readonly stateValue?: unknown
}

/** What a function without a name of its own is called. */
const nameless = 'inline'

/** A guard in a few words; `and`, `or` and `not` as a formula. */
export function guardText(guard: GuardLike): string {
  if (typeof guard === 'string') return guard
  if ('guards' in guard && guard.guards) return formula(guard.name, guard.guards)
  if ('stateValue' in guard) {
    const { stateValue } = guard
    return `in ${typeof stateValue === 'string' ? stateValue : JSON.stringify(stateValue)}`
  }
  if ('type' in guard) return guard.type
  // A function that is written in its place bears the name of the field it stands in.
  return guard.name === 'guard' || guard.name === '' ? nameless : guard.name
}

function formula(operator: string, guards: readonly GuardLike[]): string {
  if (operator === 'not') return `!${guards.map((guard) => bracketed(guard)).join('')}`
  return guards.map((guard) => bracketed(guard)).join(operator === 'or' ? ' or ' : ' and ')
}

function bracketed(guard: GuardLike): string {
  const isList = typeof guard === 'function' && 'guards' in guard && (guard as GuardFunction).name !== 'not'
  return isList ? `(${guardText(guard)})` : guardText(guard)
}

/** An action's name; for XState's own, such as `assign`, that of its kind. */
export function actionName(action: unknown): string {
  if (typeof action === 'string') return action
  const { type, name } = action as { readonly type?: unknown; readonly name?: unknown }
  if (typeof type === 'string') return type.replace(/^xstate\./, '')
  return typeof name === 'string' && name !== '' && name !== 'actions' && name !== 'entry' && name !== 'exit'
    ? name
    : nameless
}
