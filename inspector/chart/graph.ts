/**
 * A machine as a graph that knows nothing of XState: its states, and its transitions as they are written. It is read from
 * the machine's definition and runs nothing of it, so that any machine can be drawn, whatever it does.
 */

import { eventWords } from './event-words.ts'
import { actionName, type GuardLike, guardText } from './logic-name.ts'

export const chartLimits = {
  /** The most states of a machine that is drawn. */
  statesMax: 2_000,
  /** The most transitions of a machine that is drawn. */
  transitionsMax: 10_000,
} as const

export type StateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history'

export interface ChartState {
  /** XState's own id of the state, unique within the machine. */
  readonly id: string
  /** The keys that lead to it from the root: the root's is empty. */
  readonly path: readonly string[]
  readonly name: string
  readonly kind: StateKind
  /** Of a compound state: where it begins. */
  readonly initial?: string
  /** Of a history state: how far down it remembers. */
  readonly history?: 'shallow' | 'deep'
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  /** The names of what it invokes. */
  readonly invokes: readonly string[]
  readonly description?: string
  readonly states: readonly ChartState[]
}

export type TransitionKind = 'event' | 'wildcard' | 'always' | 'after' | 'done' | 'error' | 'snapshot' | 'history'

export interface ChartTransition {
  /** `state|descriptor|index`: the same for as long as the machine is written so. */
  readonly id: string
  readonly source: string
  /** Empty for one that stays where it is and exits nothing. */
  readonly targets: readonly string[]
  readonly kind: TransitionKind
  /** XState's descriptor of the event; empty for `always` and for a history state's default. */
  readonly event: string
  /** The same in words: `Placed`, `after 5 s`, `always`, `any event`. */
  readonly label: string
  readonly guard?: string
  readonly actions: readonly string[]
  /** It exits and enters its source again. */
  readonly reenter: boolean
  readonly description?: string
}

export interface ChartGraph {
  readonly id: string
  readonly root: ChartState
  readonly transitions: readonly ChartTransition[]
}

/** What is read of XState's StateNode. Spelled out, for the machine may come from another copy of XState. */
export interface StateNodeLike {
  readonly id: string
  readonly key: string
  readonly path: readonly string[]
  readonly type: StateKind
  readonly history: false | 'shallow' | 'deep'
  readonly parent?: StateNodeLike | undefined
  readonly states: Readonly<Record<string, StateNodeLike>>
  readonly initial?: { readonly target: readonly StateNodeLike[] } | undefined
  readonly entry: readonly unknown[]
  readonly exit: readonly unknown[]
  readonly invoke: readonly { readonly id: string; readonly src: unknown }[]
  readonly transitions: ReadonlyMap<string, readonly TransitionLike[]>
  readonly always?: readonly TransitionLike[] | undefined
  readonly description?: string | undefined
  readonly config: { readonly target?: string | undefined }
}

export interface TransitionLike {
  readonly target?: readonly StateNodeLike[] | undefined
  readonly guard?: GuardLike | undefined
  readonly actions: readonly unknown[]
  readonly reenter: boolean
  readonly description?: string | undefined
}

export interface MachineLike {
  readonly id: string
  readonly root: StateNodeLike
}

/** Whether a value is a state machine of XState 5, of whichever copy of the library. */
export function isMachine(value: unknown): value is MachineLike {
  if (typeof value !== 'object' || value === null || !('root' in value)) return false
  const { root } = value
  if (typeof root !== 'object' || root === null) return false
  const { states, transitions } = root as Partial<StateNodeLike>
  return typeof states === 'object' && states !== null && transitions instanceof Map
}

/** Reads a machine. Throws RangeError for one that is too large to be drawn. */
export function readGraph(machine: MachineLike): ChartGraph {
  const transitions: ChartTransition[] = []
  let states = 0
  const read = (node: StateNodeLike): ChartState => {
    states += 1
    transitions.push(...transitionsOf(node))
    if (states > chartLimits.statesMax || transitions.length > chartLimits.transitionsMax) {
      const { statesMax, transitionsMax } = chartLimits
      throw new RangeError(
        `the machine "${machine.id}" is too large to be drawn; ${statesMax} states and ${transitionsMax} transitions are the most`,
      )
    }
    return stateOf(node, Object.values(node.states).map(read))
  }
  const root = read(machine.root)
  return { id: machine.id, root, transitions }
}

/** A state and all within it, outermost first. */
export function* statesWithin(state: ChartState): Iterable<ChartState> {
  yield state
  for (const child of state.states) yield* statesWithin(child)
}

/** One transition in a line: `Exited [fails] / closeAttempt, conclude`. */
export function transitionText({ label, guard, actions }: ChartTransition): string {
  return `${label}${guard === undefined ? '' : ` [${guard}]`}${actions.length === 0 ? '' : ` / ${actions.join(', ')}`}`
}

function stateOf(node: StateNodeLike, states: readonly ChartState[]): ChartState {
  const initial = node.type === 'compound' ? node.initial?.target[0]?.id : undefined
  return {
    id: node.id,
    path: node.path,
    name: node.parent === undefined ? node.id : node.key,
    kind: node.type,
    ...(initial === undefined ? {} : { initial }),
    ...(node.history === false ? {} : { history: node.history }),
    entry: node.entry.map(actionName),
    exit: node.exit.map(actionName),
    invokes: node.invoke.map(({ id, src }) => (typeof src === 'string' ? src : id)),
    ...(node.description === undefined ? {} : { description: node.description }),
    states,
  }
}

function* transitionsOf(node: StateNodeLike): Iterable<ChartTransition> {
  for (const [event, branches] of node.transitions) {
    const words = eventWords(event, node)
    for (const [index, branch] of branches.entries()) yield transitionOf(node, event, index, branch, words)
  }
  for (const [index, branch] of (node.always ?? []).entries()) {
    yield transitionOf(node, '', index, branch, { kind: 'always', label: 'always' })
  }
  const fallback = node.type === 'history' ? historyDefault(node) : undefined
  if (fallback !== undefined) {
    const branch = { target: [fallback], actions: [], reenter: false }
    yield transitionOf(node, '', 0, branch, { kind: 'history', label: 'at first' })
  }
}

function transitionOf(
  node: StateNodeLike,
  event: string,
  index: number,
  branch: TransitionLike,
  words: { readonly kind: TransitionKind; readonly label: string },
): ChartTransition {
  return {
    id: `${node.id}|${event}|${index}`,
    source: node.id,
    targets: (branch.target ?? []).map(({ id }) => id),
    ...words,
    event,
    ...(branch.guard === undefined ? {} : { guard: guardText(branch.guard) }),
    actions: branch.actions.map(actionName),
    reenter: branch.reenter,
    ...(branch.description === undefined ? {} : { description: branch.description }),
  }
}

/** Where a history state leads that remembers nothing yet, if it says so; without a word it is its parent's beginning. */
function historyDefault({ parent, config }: StateNodeLike): StateNodeLike | undefined {
  if (config.target === undefined) return undefined
  const path = config.target.replace(/^\./, '').split('.')
  return path.reduce<StateNodeLike | undefined>((at, key) => at?.states[key], parent)
}
