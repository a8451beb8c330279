/**
 * `assign` as XState has it, for machines that know much. XState copies a context field by field, and works out the state's
 * value and tags again, which no change of the context touches: half of the time of a task's step. A spread copies at once
 * what is no hash table (`lean.ts`). It leans on how built-in actions are resolved; `test/actors/step.test.ts` is the gate for
 * moving the pinned version of XState.
 */
import { type AnyMachineSnapshot, type MachineContext, assign as xstateAssign } from 'xstate'

type Assigned = Readonly<Record<string, unknown>>
type Expression = (args: object, params: unknown) => Assigned

const fieldOf = (given: unknown, args: object, params: unknown): unknown =>
  typeof given === 'function' ? given(args, params) : given

function assigned(assignment: Expression | Assigned, args: object, params: unknown): Assigned {
  if (typeof assignment === 'function') return assignment(args, params)
  const entries = Object.entries(assignment).map(([name, given]) => [name, fieldOf(given, args, params)])
  return Object.fromEntries(entries) as Assigned
}

/** What it has made last. */
let newest: MachineContext | undefined

/** Whether this very context was made by it: it is as lean as the one before it. */
export const isCopied = (context: MachineContext): boolean => context === newest

/** Nothing can be spawned by it: machines that are stepped have no children. */
function resolve(
  _scope: unknown,
  snapshot: AnyMachineSnapshot,
  args: object,
  params: unknown,
  { assignment }: { readonly assignment: Expression | Assigned },
): [AnyMachineSnapshot, undefined, undefined] {
  newest = { ...snapshot.context, ...assigned(assignment, args, params) }
  return [{ ...snapshot, context: newest } as AnyMachineSnapshot, undefined, undefined]
}

/** To be used as XState's own, whose types it bears. */
export const assign = ((assignment: never) =>
  Object.assign(xstateAssign(assignment), { resolve })) as unknown as typeof xstateAssign
