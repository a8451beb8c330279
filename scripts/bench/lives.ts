/** Whole lives of tasks, from `SubmitTask` to the news of `Completed`, through processes of their own for each part. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskEvent } from '../../actors/model.ts'
import { bareLifeMicros } from './bare-life.ts'
import { type Bench, figure, type Row, type Size, scaled } from './bench.ts'
import { built } from './built.ts'
import { Child } from './child.ts'
import { Histogram } from './histogram.ts'
import type { Lives } from './lives-main.ts'

const inFlights = [1, 50, 1_000] as const
/** Of one run, and of the one before the first, which is not measured. */
const fullMs = 30_000
const warmMs = 5_000
/** The worst of so many is told. */
const runs = 3
const bareLives = 100_000
/** So that the log of all of them is there to be looked at. Tasks that have ended are trimmed as ever. */
const retention = { logBytes: 2 ** 40 }
const token = 'bench-token-of-no-worth'
const wholePath = 'Pending Scheduled Running Completed'

/** What one run took of each process, per life. */
interface Taken {
  readonly perSecond: number
  readonly row: Row
}

class Cluster {
  readonly #dir: string
  readonly #manager: Child
  readonly #worker: Child
  readonly #client = new Child('lives')

  constructor(dir: string, { managerFlags, workerFlags }: Size) {
    this.#dir = dir
    this.#manager = new Child('manager', managerFlags)
    this.#worker = new Child('idle-worker', workerFlags)
  }

  async open(): Promise<void> {
    const dir = this.#dir
    const address = await this.#manager.ask<string>('open', { dir, token, notes: false, retention })
    await this.#worker.ask('open', { address, token, dir })
    await this.#client.ask('open', { address, token })
  }

  async run(inFlight: number, ms: number): Promise<Taken> {
    const hosts = [this.#manager, this.#worker]
    const all = [...hosts, this.#client]
    const syncedOf = () => Promise.all(hosts.map((host) => host.ask<number>('synced')))
    const before = all.map((child) => child.usage().cpuMs)
    const syncedBefore = await syncedOf()
    const { perSecond, spans } = await this.#client.ask<Lives>('run', { inFlight, ms })
    const synced = (await syncedOf()).map((count, at) => count - (syncedBefore[at] as number))
    const histogram = new Histogram()
    histogram.addAll(spans)
    const { count } = histogram
    const micros = all.map((child, at) => figure(((child.usage().cpuMs - (before[at] as number)) * 1_000) / count))
    const row = {
      ...{ 'in flight': inFlight, 'lives/s': figure(perSecond) },
      ...{ 'p50 ms': figure(histogram.quantileMs(0.5)), 'p99 ms': figure(histogram.quantileMs(0.99)) },
      ...{ lives: count, 'fdatasync manager': synced[0] as number, 'fdatasync worker': synced[1] as number },
      ...{ 'manager µs each': micros[0] as number, 'worker µs each': micros[1] as number },
      'client µs each': micros[2] as number,
    }
    return { perSecond, row }
  }

  submitted(): Promise<number> {
    return this.#client.ask('submitted')
  }

  async close(): Promise<void> {
    await Promise.all([this.#manager, this.#worker, this.#client].map((child) => child.close()))
  }
}

/** How many of the tasks `t0`, `t1`, … have their whole path in the manager's log, as it stands on disk. */
async function wholeInLog(dir: string, tasks: number): Promise<number> {
  const { openStorage } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
  const { endOf, prefixes } = await built<typeof import('../../runtime/host/keys.ts')>('runtime/host/keys.js')
  const { decodeRecord } = await built<typeof import('../../runtime/host/record.ts')>('runtime/host/record.js')
  const { silentLogger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')
  const storage = await openStorage('rocksdb', join(dir, 'manager'), silentLogger)
  const paths = new Map<string, string>()
  for await (const [, bytes] of storage.scan({ gte: prefixes.log, lt: endOf(prefixes.log) })) {
    const { taskId, to } = decodeRecord(bytes) as TaskEvent
    const [state] = to.split('.')
    const path = paths.get(taskId)
    paths.set(taskId, path === undefined ? `${state}` : `${path} ${state}`)
  }
  await storage.close()
  let whole = 0
  for (let at = 0; at < tasks; at += 1) if (paths.get(`t${at}`) === wholePath) whole += 1
  return whole
}

async function measure(inFlight: number, size: Size): Promise<Row> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const cluster = new Cluster(dir, size)
  try {
    await cluster.open()
    await cluster.run(inFlight, scaled(warmMs, size))
    const taken: Taken[] = []
    while (taken.length < runs) taken.push(await cluster.run(inFlight, scaled(fullMs, size)))
    const worst = taken.reduce((a, b) => (b.perSecond < a.perSecond ? b : a))
    const submitted = await cluster.submitted()
    await cluster.close()
    const whole = await wholeInLog(dir, submitted)
    if (whole < submitted) throw new Error(`${submitted - whole} of ${submitted} tasks are not whole in the log`)
    const bare = await bareLifeMicros(scaled(bareLives, size))
    const hosts = Number(worst.row['manager µs each']) + Number(worst.row['worker µs each'])
    return { ...worst.row, 'XState µs': figure(bare), 'hosts / XState': figure(hosts / bare), 'whole in log': whole }
  } finally {
    await cluster.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

async function run(size: Size): Promise<Row[]> {
  const rows: Row[] = []
  for (const inFlight of inFlights) rows.push(await measure(inFlight, size))
  return rows
}

export const lives: Bench = {
  name: 'lives',
  what: 'whole lives of tasks, from SubmitTask to the news of Completed; the worst of three runs',
  run,
}
