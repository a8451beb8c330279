/**
 * A graph with its inner states left out, for where there is little room. What leads from an inner state or to one is
 * drawn at the outer state that is left; what happens within that one is not drawn.
 */
import { type ChartGraph, type ChartState, type ChartTransition, statesWithin } from './graph.ts'

/** Keeps the states down to this depth; the machine itself is at 0. */
export function foldGraph(graph: ChartGraph, depth: number): ChartGraph {
  /** What each state is drawn as: itself, or the state that is left of it. */
  const left = new Map<string, string>()
  const folded = new Set<string>()
  const fold = (state: ChartState): ChartState => {
    left.set(state.id, state.id)
    if (state.states.length === 0) return state
    if (state.path.length < depth) return { ...state, states: state.states.map(fold) }
    for (const { id } of statesWithin(state)) left.set(id, state.id)
    folded.add(state.id)
    const { initial: _, ...rest } = state
    return { ...rest, kind: 'atomic', states: [] }
  }
  const root = fold(graph.root)
  const transitions = graph.transitions.flatMap((transition): ChartTransition[] => {
    const source = left.get(transition.source) as string
    const targets = [...new Set(transition.targets.map((target) => left.get(target) as string))]
    const staysWithin = folded.has(source) && targets.every((target) => target === source)
    return staysWithin ? [] : [{ ...transition, source, targets }]
  })
  return { id: graph.id, root, transitions }
}
