/** Gives each part of a chart its place, by ELK's layered layout with nested states. */
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api.js'
import { type Box, boxesOf, boxSizes } from './box.ts'
import type { LayoutEngine } from './elk.ts'
import { type ChartGraph, type ChartState, type StateKind, statesWithin } from './graph.ts'
import type { Label } from './label.ts'
import { markOf, type Wire, wiresOf } from './wire.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Place extends Point {
  readonly width: number
  readonly height: number
}

export interface PlacedState extends Place {
  readonly id: string
  readonly path: readonly string[]
  readonly kind: StateKind
  /** Cut to what fits; `fullName` is not. */
  readonly name: string
  readonly fullName: string
  readonly headerHeight: number
  /** What it takes without leaving. */
  readonly rows?: Label
  /** It is one of a parallel state's regions. */
  readonly region: boolean
  readonly description?: string
}

export interface PlacedWire {
  readonly id: string
  readonly source: string
  readonly target: string
  readonly initial: boolean
  /** From a state to one that it holds. */
  readonly goesIn: boolean
  /** The ids of what it stands for. */
  readonly transitions: readonly string[]
  readonly points: readonly Point[]
  readonly label?: Label & Point
}

/** A chart with a place for everything, in px; plain JSON. States come before the states that they hold. */
export interface PlacedChart {
  readonly graph: ChartGraph
  readonly width: number
  readonly height: number
  readonly states: readonly PlacedState[]
  /** The initial marks: the middle of each. */
  readonly marks: readonly (Point & { readonly state: string })[]
  readonly wires: readonly PlacedWire[]
}

const layered: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '3',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
}

/**
 * Which of the arrows of a circle is drawn upwards decides how a chart reads, and no way of choosing it suits all: each
 * of these is tried, the first one being the best of equals.
 */
const cycleBreakers = ['BFS_NODE_ORDER', 'DEPTH_FIRST', 'GREEDY'] as const

export const layoutLimits = {
  /** With more arrows than these only one way is tried, for time's sake. */
  comparedWiresMax: 200,
} as const

/** Lays out a graph. The same graph always comes out the same. */
export async function layOut(graph: ChartGraph, engine: LayoutEngine): Promise<PlacedChart> {
  const wires = wiresOf(graph)
  const charts: PlacedChart[] = []
  let failure: unknown
  for (const breaker of cycleBreakers) {
    if (charts.length > 0 && wires.length > layoutLimits.comparedWiresMax) break
    try {
      charts.push(await layOutBy(breaker, graph, wires, engine))
    } catch (error) {
      // ELK fails at some graphs in one way and not in another.
      failure = error
    }
  }
  const [first, ...others] = charts
  if (first === undefined) throw new Error(`no layout was found for the machine "${graph.id}"`, { cause: failure })
  return others.reduce((best, chart) => (upwardness(chart) < upwardness(best) ? chart : best), first)
}

async function layOutBy(
  breaker: string,
  graph: ChartGraph,
  wires: readonly Wire[],
  engine: LayoutEngine,
): Promise<PlacedChart> {
  const boxes = boxesOf(graph)
  const options = { ...layered, 'elk.layered.cycleBreaking.strategy': breaker }
  const whole: ElkNode = {
    id: '|chart',
    layoutOptions: { ...options, 'elk.padding': '[top=8,left=8,bottom=8,right=8]' },
    children: [nodeOf(graph.root, boxes, options)],
    edges: wires.map(edgeOf),
  }
  const laidOut: ElkNode = await engine.layout(whole)
  const places = placesOf(laidOut.children ?? [], boxes)
  return {
    graph,
    width: round(laidOut.width),
    height: round(laidOut.height),
    ...places,
    wires: placedWires(wires, laidOut.edges ?? [], places.states),
  }
}

/** How much of a chart reads from below: arrows that point upwards, and what stands above where a state begins. */
function upwardness({ graph, states, wires }: PlacedChart): number {
  const topOf = new Map(states.map(({ id, y }) => [id, y]))
  const upward = wires.filter(({ points }) => (points.at(-1)?.y ?? 0) < (points[0]?.y ?? 0)).length
  const begunBelow = [...statesWithin(graph.root)].filter(({ initial, states: inner }) => {
    const top = initial === undefined ? undefined : topOf.get(initial)
    return top !== undefined && inner.some(({ id }) => (topOf.get(id) ?? top) < top)
  })
  return upward + 3 * begunBelow.length
}

function nodeOf(state: ChartState, boxes: ReadonlyMap<string, Box>, options: LayoutOptions): ElkNode {
  const { id, states, initial } = state
  const { width, height, headerHeight } = boxes.get(id) as Box
  if (states.length === 0) return { id, width, height }
  const { insidePx, markPx } = boxSizes
  const mark = {
    id: markOf(id),
    width: markPx,
    height: markPx,
  }
  return {
    id,
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${headerHeight + insidePx},left=${insidePx},bottom=${insidePx},right=${insidePx}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
    children: [...(initial === undefined ? [] : [mark]), ...states.map((child) => nodeOf(child, boxes, options))],
  }
}

function edgeOf({ id, source, target, label, initial }: Wire): ElkExtendedEdge {
  const text = label && {
    text: id,
    width: label.width + 6,
    height: label.height + 2,
    layoutOptions: { 'elk.edgeLabels.placement': 'CENTER', 'elk.edgeLabels.inline': 'true' },
  }
  return {
    id,
    sources: [source],
    targets: [target],
    ...(text && { labels: [text] }),
    layoutOptions: initial ? { 'elk.layered.priority.straightness': '10', 'elk.layered.priority.shortness': '10' } : {},
  }
}

function placesOf(nodes: readonly ElkNode[], boxes: ReadonlyMap<string, Box>): Pick<PlacedChart, 'states' | 'marks'> {
  const states: PlacedState[] = []
  const marks: (Point & { state: string })[] = []
  const visit = (node: ElkNode, parent: ChartState | undefined) => {
    const box = boxes.get(node.id)
    if (box) states.push(placedState(box, node, parent))
    else marks.push({ state: (parent as ChartState).id, ...middleOf(node) })
    for (const child of node.children ?? []) visit(child, box?.state)
  }
  for (const node of nodes) visit(node, undefined)
  return { states, marks }
}

function placedState({ state, name, rows, headerHeight }: Box, node: ElkNode, parent?: ChartState): PlacedState {
  const { id, path, kind, name: fullName, description } = state
  return {
    id,
    path,
    kind,
    name,
    fullName,
    headerHeight,
    ...(rows && { rows }),
    region: parent?.kind === 'parallel' && kind !== 'history',
    ...(description !== undefined && { description }),
    ...placeOf(node),
  }
}

function placedWires(
  wires: readonly Wire[],
  edges: readonly ElkExtendedEdge[],
  states: readonly PlacedState[],
): PlacedWire[] {
  const edgeById = new Map(edges.map((edge) => [edge.id, edge]))
  const stateById = new Map(states.map((state) => [state.id, state]))
  return wires.map(({ id, source, target, initial, transitions, label }) => {
    const edge = edgeById.get(id)
    const from = stateById.get(source)
    const to = stateById.get(target)
    const goesIn = from !== undefined && to !== undefined && isWithin(to, from)
    const goesOut = from !== undefined && to !== undefined && isWithin(from, to)
    let points = pointsOf(edge)
    if (goesIn) points = outOfHeader(points, from)
    if (goesOut) points = outOfHeader(points.toReversed(), to).toReversed()
    const text = edge?.labels?.[0]
    return {
      id,
      source,
      target,
      initial,
      goesIn,
      transitions: transitions.map((transition) => transition.id),
      points,
      ...(label && text && { label: { ...label, x: round((text.x ?? 0) + 3), y: round((text.y ?? 0) + 1) } }),
    }
  })
}

function pointsOf(edge: ElkExtendedEdge | undefined): Point[] {
  return (edge?.sections ?? []).flatMap(({ startPoint, bendPoints, endPoint }) =>
    [startPoint, ...(bendPoints ?? []), endPoint].map(({ x, y }) => ({ x: round(x), y: round(y) })),
  )
}

const isWithin = (inner: PlacedState, outer: PlacedState): boolean =>
  inner.path.length > outer.path.length && outer.path.every((key, depth) => inner.path[depth] === key)

/** ELK lets a line into a state begin at its upper border; what is written there is not to be crossed. */
function outOfHeader(points: readonly Point[], { y, headerHeight }: PlacedState): Point[] {
  const [first, second, ...rest] = points
  const below = round(y + headerHeight)
  if (first === undefined || second === undefined || first.y > y + 1 || second.y <= below) return [...points]
  return [{ x: first.x, y: below }, second, ...rest]
}

function placeOf({ x, y, width, height }: ElkNode): Place {
  return { x: round(x), y: round(y), width: round(width), height: round(height) }
}

function middleOf(node: ElkNode): Point {
  const { x, y, width, height } = placeOf(node)
  return { x: x + width / 2, y: y + height / 2 }
}

/** Tenths of a px are enough for the eye. */
const round = (value = 0): number => Math.round(value * 10) / 10
