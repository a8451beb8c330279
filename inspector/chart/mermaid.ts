/**
 * A graph as Mermaid's `stateDiagram-v2`. Where Mermaid has no counterpart: a history state is one with that word in its
 * name, and what leads from a state to one that it holds begins at a state "anywhere in …", for Mermaid cannot lead an
 * arrow from a state into itself; what leads the other way is a line in the inner one.
 */
import { type ChartGraph, type ChartState, type ChartTransition, statesWithin } from './graph.ts'
import { isIgnored } from './label.ts'

/** Draws it as text, with a line's end after each line. */
export function drawMermaid(graph: ChartGraph): string {
  return `${new Drawing(graph).lines().join('\n')}\n`
}

interface Arrow {
  readonly from: ChartState
  readonly to: ChartState
  readonly transitions: readonly ChartTransition[]
}

class Drawing {
  readonly #graph: ChartGraph
  /** Mermaid takes few signs in a name, so each state gets a plain one, in the order of the graph. */
  readonly #names: ReadonlyMap<ChartState, string>
  readonly #arrows: readonly Arrow[]

  constructor(graph: ChartGraph) {
    this.#graph = graph
    const states = [...statesWithin(graph.root)]
    this.#names = new Map(states.map((state, index) => [state, `s${index}`]))
    this.#arrows = arrowsOf(graph, new Map(states.map((state) => [state.id, state])))
  }

  /** Mermaid puts a state where it is named last: so arrows from one to another come before the tree of states. */
  lines(): string[] {
    const { root } = this.#graph
    const free = this.#arrows.filter(({ from, to }) => !holds(from, to) && !holds(to, from))
    const arrows = free.map((arrow) => `  ${this.#arrow(this.#name(arrow.from), arrow)}`)
    return ['stateDiagram-v2', ...arrows, ...this.#state(root).map((line) => `  ${line}`)]
  }

  #state(state: ChartState): string[] {
    const name = this.#name(state)
    const head = `state "${escapeText(titleOf(state))}" as ${name}`
    if (state.states.length === 0) {
      const end = state.kind === 'final' ? [`${name} --> [*]`] : []
      return [head, ...this.#remarks(state).map((text) => `${name} : ${text}`), ...end]
    }
    return [head, `state ${name} {`, ...this.#inside(state).map((line) => `  ${line}`), '}', ...this.#note(state)]
  }

  #inside(state: ChartState): string[] {
    const initial = state.states.find(({ id }) => id === state.initial)
    const begin = initial === undefined ? [] : [`[*] --> ${this.#name(initial)}`]
    const first = [...begin, ...this.#anywhere(state)]
    if (state.kind !== 'parallel') return [...first, ...state.states.flatMap((child) => this.#state(child))]
    // History is no region; it and what begins anywhere share the first.
    const histories = state.states.filter(({ kind }) => kind === 'history').flatMap((child) => this.#state(child))
    const regions = state.states.filter(({ kind }) => kind !== 'history').map((child) => this.#state(child))
    return regions.flatMap((region, index) => (index === 0 ? [...first, ...histories, ...region] : ['--', ...region]))
  }

  #anywhere(state: ChartState): string[] {
    const inward = this.#arrows.filter(({ from, to }) => from === state && holds(from, to))
    if (inward.length === 0) return []
    const name = `${this.#name(state)}_any`
    const head = `state "anywhere in ${escapeText(state.name)}" as ${name}`
    return [head, ...inward.map((arrow) => this.#arrow(name, arrow))]
  }

  #note(state: ChartState): string[] {
    const remarks = this.#remarks(state)
    if (remarks.length === 0) return []
    return [`note right of ${this.#name(state)}`, ...remarks.map((text) => `  ${text}`), 'end note']
  }

  /** What it takes without leaving, and what leads to a state that holds it. */
  #remarks(state: ChartState): string[] {
    const staying = this.#graph.transitions.filter(({ source, targets }) => source === state.id && targets.length === 0)
    const outward = this.#arrows.filter(({ from, to }) => from === state && holds(to, from))
    return [
      ...wordsOf(staying),
      ...outward.map(({ to, transitions }) => `${wordsOf(transitions).join(', ')} → ${escapeText(to.name)}`),
    ]
  }

  #arrow(from: string, { to, transitions }: Arrow): string {
    return `${from} --> ${this.#name(to)} : ${wordsOf(transitions).join('<br/>')}`
  }

  #name(state: ChartState): string {
    return this.#names.get(state) as string
  }
}

/** All transitions from one state to another are one arrow. */
function arrowsOf(graph: ChartGraph, states: ReadonlyMap<string, ChartState>): Arrow[] {
  const arrows = new Map<ChartState, Map<ChartState, ChartTransition[]>>()
  for (const transition of graph.transitions) {
    const from = states.get(transition.source) as ChartState
    const outgoing = arrows.get(from) ?? new Map<ChartState, ChartTransition[]>()
    arrows.set(from, outgoing)
    for (const target of transition.targets) {
      const to = states.get(target) as ChartState
      outgoing.set(to, [...(outgoing.get(to) ?? []), transition])
    }
  }
  return [...arrows].flatMap(([from, outgoing]) =>
    [...outgoing].map(([to, transitions]) => ({ from, to, transitions })),
  )
}

const holds = (outer: ChartState, inner: ChartState): boolean =>
  inner.path.length > outer.path.length && outer.path.every((key, depth) => inner.path[depth] === key)

const titleOf = ({ kind, name, history }: ChartState): string =>
  kind === 'history' ? `${name} (${history === 'deep' ? 'deep ' : ''}history)` : name

/** A text for each guard: `Exited, Lost [fails]`. */
function wordsOf(transitions: readonly ChartTransition[]): string[] {
  const groups = new Map<string, string[]>()
  for (const transition of transitions) {
    const { guard, label } = transition
    const after = guard === undefined ? (isIgnored(transition) ? ' (ignored)' : '') : ` [${guard}]`
    groups.set(after, [...(groups.get(after) ?? []), label])
  }
  return [...groups].map(([after, labels]) => escapeText(`${labels.join(', ')}${after}`))
}

/** Signs that Mermaid reads as its own, as its entity codes. */
function escapeText(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').replace(/["#;:<>{}%\\&`|*[\]]/g, (sign) => `#${sign.charCodeAt(0)};`)
}
