/** A worker on RocksDB whose driver runs nothing: each attempt has started and ended, with code 0, when it is asked for. */
import { join } from 'node:path'
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'
import { built } from './built.ts'
import { countSynced } from './synced.ts'
import { answer } from './verbs.ts'

const { startWorker, openStorage, transportLimits } =
  await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')
const { systemClock, systemRandom } = await built<typeof import('../../runtime/system.ts')>('runtime/system.js')
const { silentLogger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

let tell: (event: DriverEvent) => void = () => {}

const driver: Driver = {
  name: 'process',
  supports: { logs: false, stats: false, exec: false },
  probe: async () => ({ state: 'complete', detail: 'runs nothing' }),
  async watch(_, listener) {
    tell = listener
  },
  async start(key) {
    const atMs = Date.now()
    tell({ type: 'Started', key, atMs })
    tell({ type: 'Exited', key, atMs, exitCode: 0 })
  },
  async stop() {},
  async remove() {},
  list: async () => [],
  async *logs() {},
  async close() {},
}

let synced = () => 0
let close = async () => {}

answer({
  /** Resolves once the manager has let it in. */
  async open({ address, token, dir }: { address: string; token: string; dir: string }) {
    const storage = await openStorage('rocksdb', join(dir, 'worker'), silentLogger)
    synced = countSynced(storage)
    const worker = await startWorker({
      ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
      transport: createWebsocketTransport({ limits: transportLimits, logger: silentLogger }),
      ...{ managerUrl: address, token, storage, drivers: new Map([[driver.name, driver]]) },
      offer: { name: 'idle', cpus: 4_096, memoryBytes: 2 ** 45 },
    })
    await worker.connected
    close = () => worker.close()
  },
  synced: () => synced(),
  close: () => close(),
})
