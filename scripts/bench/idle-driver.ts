/** A driver that runs nothing: its attempts start, and mostly end, in the moment in which they are asked for. */
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'

/** `onStart` hears of each attempt, and answers whether it goes on. Default: each ends at once, with code 0. */
export function createIdleDriver(onStart: () => boolean = () => false): Driver {
  let tell: (event: DriverEvent) => void = () => {}
  return {
    name: 'process',
    supports: { logs: false, stats: false, exec: false },
    probe: async () => ({ state: 'complete', detail: 'runs nothing' }),
    async watch(_, listener) {
      tell = listener
    },
    async start(key) {
      const atMs = Date.now()
      tell({ type: 'Started', key, atMs })
      if (!onStart()) tell({ type: 'Exited', key, atMs, exitCode: 0 })
    },
    async stop() {},
    async remove() {},
    list: async () => [],
    async *logs() {},
    async close() {},
  }
}
