/** How long a manager takes from its start to its first answer, with many tasks in its store. */
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { built } from './built.ts'
import { medianOf } from './interval.ts'
import { Program } from './program.ts'
import { Stock } from './stock.ts'

const fullTasks = 100_000
const fullStarts = 3

async function run(size: Size): Promise<Row[]> {
  const tasks = scaled(fullTasks, size)
  const rows: Row[] = []
  for (const what of ['none', 'all finished', 'all Running'] as const) {
    const stock = await Stock.open([])
    try {
      if (what !== 'none') {
        // Before them: what is placed as it comes is written once less.
        await stock.work({ forEver: what === 'all Running' })
        await stock.submit(tasks)
        await stock.settled()
      }
      await stock.close()
      rows.push(await row(what === 'none' ? 0 : tasks, what, stock, size))
    } finally {
      await stock.remove()
    }
  }
  return rows
}

async function row(tasks: number, what: string, stock: Stock, size: Size): Promise<Row> {
  const seconds: number[] = []
  const cpuSeconds: number[] = []
  let rssBytes = 0
  for (let start = 0; start < scaled(fullStarts, size); start += 1) {
    const started = await startOnce(stock, size.managerFlags)
    seconds.push(started.ms / 1_000)
    cpuSeconds.push(started.cpuMs / 1_000)
    rssBytes = Math.max(rssBytes, started.rssBytes)
  }
  return {
    ...{ tasks, 'of which': what, 'to the first answer, s': figure(medianOf(seconds).median) },
    ...{ 'worst, s': figure(Math.max(...seconds)), 'CPU s': figure(medianOf(cpuSeconds).median) },
    'RSS MB': megabytes(rssBytes),
  }
}

async function startOnce({ dir, token }: Stock, flags: readonly string[]) {
  const { connect } = await built<typeof import('../../runtime/index.ts')>('runtime/index.js')
  const args = ['--listen', '127.0.0.1:0', '--data-dir', dir, '--token', token]
  const beganMs = performance.now()
  const manager = new Program(['manager', ...args], flags)
  try {
    const troupe = await connect(await manager.said('manager'), { token })
    await troupe.list({ filter: { ids: [] }, limit: 1 })
    const ms = performance.now() - beganMs
    const usage = manager.usage()
    await troupe.close()
    return { ms, ...usage }
  } finally {
    await manager.close()
  }
}

export const startup: Bench = { name: 'startup', what: 'from the start of a manager to its first answer', run }
