/** How often a manager answers a client on one connection. */
import type { Asks } from './asks-main.ts'
import { type Bench, figure, type Row, type Size, scaled } from './bench.ts'
import { Child } from './child.ts'
import { Histogram } from './histogram.ts'
import { Stage } from './stage.ts'

const inFlights = [1, 50, 200] as const
const kinds = ['QueryTasks of one id', 'the cheapest'] as const
const fullMs = 4_000
const warmMs = 4_000

async function run(size: Size): Promise<Row[]> {
  const stage = await Stage.open(1, size.managerFlags)
  const asker = new Child('asks')
  try {
    await asker.ask('open', { address: stage.address, token: stage.token })
    const rows: Row[] = []
    for (const ask of kinds) {
      // One at a time, so that both ends have met many frames, and not only many messages.
      await asker.ask('run', { ask, inFlight: 1, ms: scaled(warmMs, size) })
      for (const inFlight of inFlights) {
        const cpuBefore = stage.manager.usage().cpuMs
        const ms = scaled(fullMs, size)
        const { perSecond, spans } = await asker.ask<Asks>('run', { ask, inFlight, ms })
        const all = new Histogram()
        all.addAll(spans)
        rows.push({
          ...{ ask, 'in flight': inFlight, 'answers/s': figure(perSecond) },
          ...{ 'p50 ms': figure(all.quantileMs(0.5)), 'p99 ms': figure(all.quantileMs(0.99)) },
          // What it takes of the manager says more than the rate where others use the machine as well.
          'manager µs each': figure(((stage.manager.usage().cpuMs - cpuBefore) * 1_000) / all.count),
        })
      }
    }
    return rows
  } finally {
    await asker.close()
    await stage.close()
  }
}

export const asks: Bench = { name: 'asks', what: 'requests and their replies on one connection', run }
