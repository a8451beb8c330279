/**
 * A worker on RocksDB whose driver runs nothing: each attempt has started when it is asked for, and ended with code 0, or
 * goes on for ever.
 */
import { join } from 'node:path'
import { built } from './built.ts'
import { createIdleDriver } from './idle-driver.ts'
import { countSynced } from './synced.ts'
import { answer } from './verbs.ts'

const { startWorker, openStorage, transportLimits } =
  await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')
const { systemClock, systemRandom } = await built<typeof import('../../runtime/system.ts')>('runtime/system.js')
const { silentLogger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

let goesOn = false
let started = 0

const driver = createIdleDriver(() => {
  started += 1
  return goesOn
})

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
