/** What a live task costs the manager in memory: while it waits, and while it runs on a node. */
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { Stock } from './stock.ts'

const fullTasks = 100_000

async function run(size: Size): Promise<Row[]> {
  const tasks = scaled(fullTasks, size)
  const stock = await Stock.open(size.managerFlags)
  const measure = async () => {
    const heapBytes = await stock.manager.ask<number>('heap')
    return { heapBytes, rssBytes: stock.manager.usage().rssBytes }
  }
  try {
    // One, so that everything that is loaded late is there.
    await stock.submit(1)
    const bare = await measure()
    const row = async (state: string): Promise<Row> => {
      const { heapBytes, rssBytes } = await measure()
      return {
        ...{ tasks, 'all of them': state, 'heap MB': `${megabytes(bare.heapBytes)} → ${megabytes(heapBytes)}` },
        'heap bytes each': figure((heapBytes - bare.heapBytes) / tasks),
        'RSS MB': `${megabytes(bare.rssBytes)} → ${megabytes(rssBytes)}`,
        'RSS bytes each': figure((rssBytes - bare.rssBytes) / tasks),
      }
    }
    await stock.submit(tasks)
    const waiting = await row('Pending, for want of a node')
    await stock.work({ forEver: true })
    await stock.settled()
    return [waiting, await row('Running on one node')]
  } finally {
    await stock.remove()
  }
}

export const memory: Bench = { name: 'memory', what: 'what a live task takes of the manager’s memory', run }
