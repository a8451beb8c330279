/**
 * A worker on RocksDB whose driver runs nothing: each attempt has started when it is asked for, and ended with code 0, or
 * goes on for ever.
 */
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
let goesOn = false
let started = 0

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
    started += 1
    if (!goesOn) tell({ type: 'Exited', key, atMs, exitCode: 0 })
  },
  async stop() {},
  async remove() {},
  list: async () => [],
  async *logs() {},
  async close() {},
}

let synced = () => 0
let close = async () => {}

interface Opening {
  readonly address: string
  readonly token: string
  readonly dir: string
  /** Whether its tasks go on. */
  readonly forEver?: boolean
}

answer({
  /** Resolves once the manager has let it in. */
  async open({ address, token, dir, forEver = false }: Opening) {
    goesOn = forEver
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
  started: () => started,
  /** Bytes of the heap that are in use, after a collection. */
  heap() {
    global.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
  synced: () => synced(),
  close: () => close(),
})
