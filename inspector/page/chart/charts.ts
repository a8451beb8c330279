/**
 * Where charts come from: those of Troupe's own machines were laid out with the build (a file beside the page, or within
 * it), all others are laid out in a worker that is loaded when first needed.
 */
import { type LayoutEngine, loadEngineIn } from '../../chart/elk.ts'
import { foldGraph } from '../../chart/fold.ts'
import type { ChartGraph } from '../../chart/graph.ts'
import { layOut, type PlacedChart } from '../../chart/layout.ts'
import { embedded } from '../file/embedded.ts'

/** A chart and, of a wide one, its outermost states alone. */
export interface Charts {
  readonly whole: PlacedChart
  readonly outline?: PlacedChart
}

/** A wider chart gets an outline too, in px. */
const outlineAbovePx = 640

let builtIn: Promise<Readonly<Record<string, Charts>>> | undefined
let engine: Promise<LayoutEngine> | undefined
const placed = new WeakMap<ChartGraph, Promise<Charts>>()

/** The charts of one of Troupe's own machines, by its name. Rejects if there is none, or they cannot be had. */
export async function builtInCharts(machine: string): Promise<Charts> {
  // A try that failed, while the manager was away, is not the last.
  builtIn ??= readBuiltIn().catch((error: unknown) => {
    builtIn = undefined
    throw error
  })
  const charts = (await builtIn)[machine]
  if (charts === undefined) throw new Error(`there is no chart of a machine "${machine}" here`)
  return charts
}

async function readBuiltIn(): Promise<Readonly<Record<string, Charts>>> {
  const within = embedded('troupe-charts')
  if (within !== undefined) return within as Record<string, Charts>
  const response = await fetch('charts.json')
  if (!response.ok) throw new Error(`the charts are not where the page is: the answer was ${response.status}`)
  return (await response.json()) as Record<string, Charts>
}

/** Lays a graph out, once for each graph. */
export function chartsOf(graph: ChartGraph): Promise<Charts> {
  const known = placed.get(graph)
  if (known !== undefined) return known
  const charts = place(graph)
  placed.set(graph, charts)
  return charts
}

async function place(graph: ChartGraph): Promise<Charts> {
  engine ??= openEngine()
  const whole = await layOut(graph, await engine)
  const isFlat = graph.root.states.every(({ states }) => states.length === 0)
  if (whole.width <= outlineAbovePx || isFlat) return { whole }
  return { whole, outline: await layOut(foldGraph(graph, 1), await engine) }
}

function openEngine(): Promise<LayoutEngine> {
  const source = embedded('troupe-elk')
  const url =
    typeof source === 'string'
      ? URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
      : new URL('elk-worker.js', document.baseURI).href
  return loadEngineIn(() => new Worker(url))
}
