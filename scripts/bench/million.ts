/** A million short tasks through a manager that keeps some of them: what grows, and what does not. */
import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { Child } from './child.ts'

const tasks = 1_000_000
/** Between two looks. */
const steps = 10
const inFlight = 1_000
const retention = { finishedMax: 20_000, logBytes: 64 * 1_024 * 1_024 }
/** Until the retention has caught up with what has just ended, in milliseconds: it looks every five seconds. */
const settleMs = 15_000
const token = 'bench-token-of-no-worth'

const bytesIn = (dir: string): number =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )

async function measure(dir: string, size: Size): Promise<Row[]> {
  const manager = new Child('manager', ['--expose-gc', ...size.managerFlags])
  const worker = new Child('idle-worker', ['--expose-gc', ...size.workerFlags])
  const client = new Child('lives')
  const rows: Row[] = []
  try {
    const address = await manager.ask<string>('open', { dir, token, notes: false, retention })
    await worker.ask('open', { address, token, dir })
    await client.ask('open', { address, token })
    for (let step = 1; step <= steps; step += 1) {
      const all = scaled((tasks / steps) * step, size)
      const perSecond = await client.ask<number>('upTo', { inFlight, tasks: all })
      await new Promise((resolve) => setTimeout(resolve, settleMs))
      const heaps = [await manager.ask<number>('heap'), await worker.ask<number>('heap')] as const
      rows.push({
        ...{ tasks: all, 'lives/s': figure(perSecond) },
        ...{ 'manager store MB': megabytes(bytesIn(join(dir, 'manager'))) },
        ...{ 'manager RSS MB': megabytes(manager.usage().rssBytes), 'manager heap MB': megabytes(heaps[0]) },
        ...{ 'worker store MB': megabytes(bytesIn(join(dir, 'worker'))) },
        ...{ 'worker RSS MB': megabytes(worker.usage().rssBytes), 'worker heap MB': megabytes(heaps[1]) },
      })
    }
    return rows
  } finally {
    await Promise.all([manager, worker, client].map((child) => child.close()))
  }
}

async function run(size: Size): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  try {
    return await measure(dir, size)
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

export const million: Bench = {
  name: 'million',
  what: 'a million short tasks, of which the last 20,000 and 64 MB of the log are kept: what all of it takes',
  run,
}
