/**
 * Lays out the charts of Troupe's own machines and writes them to dist/, so that a page that draws them needs no layout
 * engine. Made with each build, so that they cannot be older than the machines.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { loadEngine } from '../inspector/chart/elk.ts'
import { readGraph } from '../inspector/chart/graph.ts'
import { layOut, type PlacedChart } from '../inspector/chart/layout.ts'
import { type BuiltInName, builtInMachines, builtInNames } from '../inspector/chart/machines.ts'

export const chartsFile = resolve(import.meta.dirname, '../dist/inspector/charts.json')

/** The charts, by the names of the machines. */
export async function builtInCharts(): Promise<Record<BuiltInName, PlacedChart>> {
  const engine = await loadEngine()
  const charts: [BuiltInName, PlacedChart][] = []
  for (const name of builtInNames) charts.push([name, await layOut(readGraph(builtInMachines[name]), engine)])
  return Object.fromEntries(charts) as Record<BuiltInName, PlacedChart>
}

if (import.meta.filename === process.argv[1]) {
  const charts = await builtInCharts()
  mkdirSync(dirname(chartsFile), { recursive: true })
  writeFileSync(chartsFile, `${JSON.stringify(charts)}\n`)
}
