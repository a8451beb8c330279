/** What of a chart is lit: the states on a path, the transition that was taken, how often each was, and how long each state held. */
import { type ChartGraph, type ChartState, type ChartTransition, statesWithin } from '../../chart/graph.ts'

/** One step of a machine, as logs and inspection tell it. */
export interface TracedStep {
  /** The event's type. */
  readonly type: string
  /** State paths: `Running.Up`; the regions of a parallel state are joined by `+`. `from` is '' for the first. */
  readonly from: string
  readonly to: string
  readonly atMs: number
}

export interface ChartTrace {
  /** How often each transition was taken, by its id. */
  readonly counts: ReadonlyMap<string, number>
  /** How long the machine was in each state in all, in milliseconds, by the state's id; final states are left out. */
  readonly dwellMs: ReadonlyMap<string, number>
  /** The transition of the last step, by its id; undefined for the first step, and where the graph has none that fits. */
  readonly taken: string | undefined
  /** The path after the last step. */
  readonly value: string
}

/** The ids of all states that a path is in, the machine's own first; empty for a path that the graph does not have. */
export function statesOn(graph: ChartGraph, path: string): string[] {
  if (path === '') return []
  const tokens = path.split(/([.+])/)
  const ids: string[] = []
  let at = 0
  const descend = (state: ChartState): boolean => {
    ids.push(state.id)
    for (;;) {
      const child = state.states.find(({ path: keys }) => keys.at(-1) === tokens[at])
      if (child === undefined) return false
      at += 1
      const goesIn = tokens[at] === '.'
      if (goesIn) at += 1
      if (!goesIn) ids.push(child.id)
      else if (!descend(child)) return false
      const sibling = state.states.some(({ path: keys }) => keys.at(-1) === tokens[at + 1])
      if (state.kind !== 'parallel' || tokens[at] !== '+' || !sibling) return true
      at += 1
    }
  }
  return descend(graph.root) && at >= tokens.length ? ids : []
}

/** The id of the transition that a step took; undefined where the graph has none that fits. */
export function edgeOf(graph: ChartGraph, { type, from, to }: Pick<TracedStep, 'type' | 'from' | 'to'>) {
  const before = statesOn(graph, from).reverse()
  const after = new Set(statesOn(graph, to))
  const branches = before.flatMap((source) =>
    graph.transitions.filter((transition) => transition.source === source && takes(transition, type)),
  )
  const leads = ({ targets }: ChartTransition) =>
    targets.length === 0 ? from === to : targets.every((target) => after.has(target))
  // What goes on by itself from where it led may have left that state again.
  const found = branches.find(leads) ?? branches.find(({ targets }) => targets.length > 0 && from !== to)
  return found?.id
}

const takes = ({ event, kind }: ChartTransition, type: string): boolean =>
  event === type || (kind === 'wildcard' && (event === '*' || type.startsWith(event.slice(0, -1))))

/** Adds up steps; the last state holds until `untilMs`, in milliseconds since 1970. */
export function traceOf(graph: ChartGraph, steps: readonly TracedStep[], untilMs: number): ChartTrace {
  const counts = new Map<string, number>()
  const dwellMs = new Map<string, number>()
  const final = new Set([...statesWithin(graph.root)].filter(({ kind }) => kind === 'final').map(({ id }) => id))
  const edges = new Map<string, string | undefined>()
  const paths = new Map<string, readonly string[]>()
  let taken: string | undefined
  for (const [index, step] of steps.entries()) {
    const key = `${step.type}|${step.from}|${step.to}`
    if (!edges.has(key)) edges.set(key, edgeOf(graph, step))
    taken = edges.get(key)
    if (taken !== undefined) counts.set(taken, (counts.get(taken) ?? 0) + 1)
    const spentMs = Math.max(0, (steps[index + 1]?.atMs ?? untilMs) - step.atMs)
    const on = paths.get(step.to) ?? statesOn(graph, step.to)
    paths.set(step.to, on)
    // What is final holds for ever, which says nothing.
    if (on.some((id) => final.has(id))) continue
    for (const id of on) dwellMs.set(id, (dwellMs.get(id) ?? 0) + spentMs)
  }
  return { counts, dwellMs, taken, value: steps.at(-1)?.to ?? '' }
}
