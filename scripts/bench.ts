/**
 * Measures the stream and its requests with real processes, WebSockets and a store that syncs, and prints tables for
 * docs/PERFORMANCE.md. Needs Linux and a build (`npm run build`).
 *
 *   npm run bench -- --only subscribers --json
 */
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { asks } from './bench/asks.ts'
import type { Row } from './bench/bench.ts'
import { buildVariable } from './bench/built.ts'
import { docker } from './bench/docker.ts'
import { inspection } from './bench/inspection.ts'
import { lives } from './bench/lives.ts'
import { memory } from './bench/memory.ts'
import { million } from './bench/million.ts'
import { placements } from './bench/placements.ts'
import { processes } from './bench/processes.ts'
import { rest } from './bench/rest.ts'
import { stalled } from './bench/stalled.ts'
import { startup } from './bench/startup.ts'
import { subscribers } from './bench/subscribers.ts'
import { tableOf } from './bench/table.ts'

const measured = [subscribers, stalled, asks, inspection, lives, docker, placements, processes, memory, startup, rest]
/** It takes minutes, and is run only when it is named. */
const benches = [...measured, million]

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    /** Parts of the full numbers, above 0 and up to 1. */
    scale: { type: 'string', default: '1' },
    /** The folder of the build to measure, to compare two; default: `dist`. */
    build: { type: 'string' },
    /** Flags for the manager's Node, such as `--manager-flag=--cpu-prof`. */
    'manager-flag': { type: 'string', multiple: true, default: [] },
    /** The same for the worker's, where it has a process of its own. */
    'worker-flag': { type: 'string', multiple: true, default: [] },
  },
})
const scale = Number(values.scale)
const unknown = values.only.find((name) => !benches.some((bench) => bench.name === name))
if (unknown !== undefined || !(scale > 0 && scale <= 1)) {
  const names = benches.map(({ name }) => name).join(', ')
  console.error(`--only takes ${names}; --scale a number above 0 and up to 1.`)
  process.exitCode = 2
} else {
  if (values.build !== undefined) process.env[buildVariable] = resolve(values.build)
  const tables: Record<string, Row[]> = {}
  for (const { name, what, run } of benches) {
    if (values.only.length > 0 ? !values.only.includes(name) : name === million.name) continue
    tables[name] = await run({ scale, managerFlags: values['manager-flag'], workerFlags: values['worker-flag'] })
    if (!values.json) console.log(`\n${name}: ${what}\n\n${tableOf(tables[name])}`)
  }
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node ${process.versions.node}`
  console.log(values.json ? JSON.stringify({ machine, tables }) : `\n${machine}`)
}
