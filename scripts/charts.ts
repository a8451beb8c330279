/**
 * Lays out the charts of Troupe's own machines and writes them to dist/, so that a page that draws them needs no layout
 * engine. Made with each build, so that they cannot be older than the machines.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { loadEngine } from '../inspector/chart/elk.ts'
import { foldGraph } from '../inspector/chart/fold.ts'
import { readGraph } from '../inspector/chart/graph.ts'
import { layOut, type PlacedChart } from '../inspector/chart/layout.ts'
import { type BuiltInName, builtInMachines, builtInNames } from '../inspector/chart/machines.ts'

export const chartsFile = resolve(import.meta.dirname, '../dist/inspector/charts.json')

/** A wider chart gets an outline too: at 400 px its texts would be too small to read. */
const outlineAbovePx = 640

export interface BuiltInChart {
  readonly whole: PlacedChart
  /** With the outermost states only. */
  readonly outline?: PlacedChart
}

/** The charts, by the names of the machines. */
export async function builtInCharts(): Promise<Record<BuiltInName, BuiltInChart>> {
  const engine = await loadEngine()
  const charts: [BuiltInName, BuiltInChart][] = []
  for (const name of builtInNames) {
    const graph = readGraph(builtInMachines[name])
    const whole = await layOut(graph, engine)
    const isWide = whole.width > outlineAbovePx
    charts.push([name, isWide ? { whole, outline: await layOut(foldGraph(graph, 1), engine) } : { whole }])
  }
  return Object.fromEntries(charts) as Record<BuiltInName, BuiltInChart>
}

if (import.meta.filename === process.argv[1]) {
  const charts = await builtInCharts()
  mkdirSync(dirname(chartsFile), { recursive: true })
  writeFileSync(chartsFile, `${JSON.stringify(charts)}\n`)
}
