/** Processes by Troupe, each a durable task, against the same by bare `child_process.spawn`, by turns. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { Cluster } from './cluster.ts'
import { Histogram } from './histogram.ts'
import { medianOf } from './interval.ts'

const command = ['/bin/true']
const rounds = 5
/** How many of them make one turn, by how many there are at once. */
const full = [
  { inFlight: 1, count: 200 },
  { inFlight: 50, count: 1_000 },
] as const

interface Spawned {
  readonly ms: number
  readonly rssBytes: number
}

async function run(size: Size): Promise<Row[]> {
  const bare = fork(join(import.meta.dirname, 'spawn-main.mjs'))
  try {
    const cluster = await Cluster.open('process', size)
    try {
      const rows: Row[] = []
      for (const { inFlight, count } of full) rows.push(await compare(cluster, bare, inFlight, scaled(count, size)))
      return rows
    } finally {
      await cluster.close()
    }
  } finally {
    bare.disconnect()
    await once(bare, 'exit')
  }
}

async function compare(cluster: Cluster, bare: ChildProcess, inFlight: number, count: number): Promise<Row> {
  const spec = { driver: 'process' as const, command }
  // Once, so that all parts find their code compiled.
  await cluster.run(spec, count, inFlight)
  const perSecond = { ours: [] as number[], bare: [] as number[] }
  const lives = new Histogram()
  let cpuMs = 0
  let rssBytes = 0
  for (let round = 0; round < rounds; round += 1) {
    const before = cluster.cpuMs()
    const ours = await cluster.run(spec, count, inFlight)
    const after = cluster.cpuMs()
    cpuMs += after.manager + after.worker + after.client - before.manager - before.worker - before.client
    lives.addAll(ours.ended)
    perSecond.ours.push((count * 1_000) / ours.ms)
    bare.send({ command, count, inFlight })
    const [spawned] = (await once(bare, 'message')) as [Spawned]
    perSecond.bare.push((count * 1_000) / spawned.ms)
    rssBytes = spawned.rssBytes
  }
  const { median, low, high } = medianOf(perSecond.ours.map((each, round) => each / (perSecond.bare[round] as number)))
  return {
    ...{ 'in flight': inFlight, 'tasks/s': figure(medianOf(perSecond.ours).median) },
    ...{ 'p50 ms': figure(lives.quantileMs(0.5)), 'p99 ms': figure(lives.quantileMs(0.99)) },
    'ours, CPU-ms each': figure(cpuMs / (rounds * count)),
    ...{ 'bare spawn/s': figure(medianOf(perSecond.bare).median), 'its RSS MB': megabytes(rssBytes) },
    'ours / bare': `${figure(median)} (${figure(low)} to ${figure(high)})`,
  }
}

export const processes: Bench = { name: 'processes', what: 'processes, by Troupe and by bare spawn in turns', run }
