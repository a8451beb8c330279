/** Containers by Troupe against the same by bare dockerode, by turns. Left out where there is no engine. */
import { type Bench, figure, type Row, type Size, scaled } from './bench.ts'
import { Child } from './child.ts'
import { Cluster, type Cpu } from './cluster.ts'
import { type Counts, Histogram } from './histogram.ts'
import { medianOf } from './interval.ts'

const image = 'troupe-test/busybox:1'
const full = { rounds: 10, containers: 20, starts: 20 }
/** At once, of both: what a worker starts at once by default. */
const inFlight = 6

const quick = ['true']
const lasting = ['sleep', '600']

async function run(size: Size): Promise<Row[]> {
  const engine = new Child('engine')
  try {
    const missing = await engine.ask<string | undefined>('missing', image)
    if (missing !== undefined) return [{ 'left out': missing }]
    await engine.ask('open')
    const cluster = await Cluster.open('docker', size)
    try {
      const removed = removals(engine)
      const rows = await rates(engine, cluster, size, removed)
      return [...rows, await timesToRunning(engine, cluster, size, removed)]
    } finally {
      await cluster.close()
    }
  } finally {
    await engine.close()
  }
}

/** Resolves once all containers of ours were removed that there ever were, as those of the bare ones are. */
type Removed = (more: number) => Promise<void>

function removals(engine: Child): Removed {
  let all = 0
  return async (more) => {
    all += more
    await engine.ask('untilDestroyed', all)
  }
}

async function rates(engine: Child, cluster: Cluster, size: Size, removed: Removed): Promise<Row[]> {
  const containers = scaled(full.containers, size)
  const ours = async (count: number) => {
    const beganMs = performance.now()
    await cluster.run({ driver: 'docker', image, command: quick }, count, inFlight)
    await removed(count)
    return performance.now() - beganMs
  }
  const bare = (count: number) => engine.ask<number>('lives', { image, command: quick, count, inFlight })
  await ours(Math.min(inFlight, containers))
  await bare(Math.min(inFlight, containers))
  const rounds = scaled(full.rounds, size)
  const ratios: number[] = []
  const perSecond = { ours: [] as number[], bare: [] as number[] }
  const cpu: Record<keyof Cpu, number> = { manager: 0, worker: 0, client: 0 }
  let bareCpuMs = 0
  for (let round = 0; round < rounds; round += 1) {
    const before = cluster.cpuMs()
    const oursMs = await ours(containers)
    const after = cluster.cpuMs()
    for (const part of ['manager', 'worker', 'client'] as const) cpu[part] += after[part] - before[part]
    const bareBefore = engine.usage().cpuMs
    const bareMs = await bare(containers)
    bareCpuMs += engine.usage().cpuMs - bareBefore
    ratios.push(bareMs / oursMs)
    perSecond.ours.push((containers * 1_000) / oursMs)
    perSecond.bare.push((containers * 1_000) / bareMs)
  }
  const { median, low, high, confidence } = medianOf(ratios)
  const each = (ms: number) => figure(ms / (rounds * containers))
  const parts = `manager ${each(cpu.manager)}, worker ${each(cpu.worker)}, client ${each(cpu.client)}`
  return [
    {
      what: `containers/s, ${inFlight} at once, median of ${rounds} × ${containers}`,
      ...{ ours: figure(medianOf(perSecond.ours).median), bare: figure(medianOf(perSecond.bare).median) },
      compared: `${figure(median)} (${figure(low)} to ${figure(high)}, ${Math.round(confidence * 100)} %)`,
    },
    {
      what: 'CPU-ms per container, without the engine’s',
      ...{ ours: each(cpu.manager + cpu.worker + cpu.client), bare: each(bareCpuMs) },
      compared: parts,
    },
  ]
}

/** By turns in fives, one at a time, of containers that go on; each is removed before the next begins. */
async function timesToRunning(engine: Child, cluster: Cluster, size: Size, removed: Removed): Promise<Row> {
  const turns = 4
  const count = Math.max(1, Math.round(scaled(full.starts, size) / turns))
  const ours = new Histogram()
  const bare = new Histogram()
  for (let turn = 0; turn < turns; turn += 1) {
    for (let made = 0; made < count; made += 1) {
      ours.addAll((await cluster.run({ driver: 'docker', image, command: lasting }, 1, 1, true)).running)
      await removed(1)
    }
    bare.addAll(await engine.ask<Counts>('starts', { image, command: lasting, count }))
  }
  const p50 = { ours: ours.quantileMs(0.5), bare: bare.quantileMs(0.5) }
  return {
    what: 'SubmitTask to Running, p50 in ms; bare: to the engine’s event',
    ...{ ours: figure(p50.ours), bare: figure(p50.bare) },
    compared: `${figure(p50.ours - p50.bare)} ms longer`,
  }
}

export const docker: Bench = { name: 'docker', what: 'containers, by Troupe and by bare dockerode in turns', run }
