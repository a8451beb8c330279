/** What a live task costs the manager in memory: while it waits, and while it runs on a node. */
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { Stock } from './stock.ts'

const fullTasks = 100_000

async function run(size: Size): Promise<Row[]> {
  return [await row(false, size), await row(true, size)]
}

/** `isRunning`: on one node, which is there before them; else they wait for want of one. */
async function row(isRunning: boolean, size: Size): Promise<Row> {
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
    if (isRunning) await stock.work({ forEver: true })
    await stock.submit(tasks)
    if (isRunning) await stock.settled()
    const { heapBytes, rssBytes } = await measure()
    return {
      ...{
        tasks,
        'all of them': isRunning ? 'Running on one node' : 'Pending, for want of a node',
        'heap MB': `${megabytes(bare.heapBytes)} → ${megabytes(heapBytes)}`,
      },
      'heap bytes each': figure((heapBytes - bare.heapBytes) / tasks),
      'RSS MB': `${megabytes(bare.rssBytes)} → ${megabytes(rssBytes)}`,
      'RSS bytes each': figure((rssBytes - bare.rssBytes) / tasks),
    }
  } finally {
    await stock.remove()
  }
}

export const memory: Bench = { name: 'memory', what: 'what a live task takes of the manager’s memory', run }
