/** The arrows of a chart before they have a place: all transitions from one state to another are one arrow. */
import { type ChartGraph, type ChartTransition, statesWithin } from './graph.ts'
import { isIgnored, type Label, labelOf } from './label.ts'

export interface Wire {
  readonly id: string
  readonly source: string
  readonly target: string
  /** It leads from a compound state's mark to where that state begins. */
  readonly initial: boolean
  readonly transitions: readonly ChartTransition[]
  readonly label: Label | undefined
}

/** The node in which a compound state's initial mark stands. */
export const markOf = (state: string): string => `${state}|initial`

/** Arrows in the order of the graph, the initial ones first. */
export function wiresOf(graph: ChartGraph): Wire[] {
  const wires = new Map<string, Wire>()
  for (const { id, initial } of statesWithin(graph.root)) {
    if (initial === undefined) continue
    const source = markOf(id)
    wires.set(source, { id: source, source, target: initial, initial: true, transitions: [], label: undefined })
  }
  const between = new Map<string, ChartTransition[]>()
  for (const transition of graph.transitions) {
    for (const target of transition.targets) {
      const id = `${transition.source}|to|${target}`
      between.set(id, [...(between.get(id) ?? []), transition])
    }
  }
  for (const [id, transitions] of between) {
    const { source } = transitions[0] as ChartTransition
    const target = id.slice(source.length + '|to|'.length)
    wires.set(id, { id, source, target, initial: false, transitions, label: labelOf(transitions) })
  }
  return [...wires.values()]
}

/**
 * What a state takes without leaving: written into its box. That it ignores an event is said only where it never does
 * anything else with it.
 */
export function rowsOf(graph: ChartGraph, state: string): Label | undefined {
  const own = graph.transitions.filter(({ source }) => source === state)
  const heeded = new Set(own.filter((transition) => !isIgnored(transition)).map(({ event }) => event))
  const told = own.filter(({ targets }) => targets.length === 0)
  return labelOf(told.filter((transition) => !isIgnored(transition) || !heeded.has(transition.event)))
}
