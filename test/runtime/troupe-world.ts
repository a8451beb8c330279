/** A cluster in this process that can be restarted, and a client of it over a network that can be cut. */
import { waitFor } from 'xstate'
import { frameLimits } from '../../actors/protocol/frame.ts'
import {
  connect,
  createMemoryStorage,
  createMemoryTransport,
  type OpenedTroupe,
  openTroupe,
  type Storage,
  type Troupe,
  type TroupeOptions,
} from '../../runtime/index.ts'
import { ScriptDriver } from './script-driver.ts'

const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 }
export const listen = '127.0.0.1:7000'
export const soon = { timeoutMs: 20_000 }
export const spec = { driver: 'process' as const, command: ['work'] }

export class World {
  readonly driver = new ScriptDriver()
  readonly network = createMemoryTransport({ limits })
  readonly #stores = { manager: lasting(), worker: lasting() }
  near!: OpenedTroupe
  far!: Troupe

  async open(more: TroupeOptions = {}): Promise<void> {
    this.near = await openTroupe({
      ...{ storage: (host: 'manager' | 'worker') => this.#stores[host], drivers: [this.driver], cpus: 1_000 },
      ...{
        memoryBytes: 2 ** 40,
        name: 'node-1',
        listen,
        transport: this.network.as('manager'),
        token: 'secret',
        ...more,
      },
    })
  }

  async connect(): Promise<Troupe> {
    this.far = await connect(`ws://${listen}`, { token: 'secret', transport: this.network.as('client') })
    return this.far
  }

  async close(): Promise<void> {
    await this.far.close()
    await this.near.close()
  }
}

/** A store that what was stored in it outlives. */
function lasting(): Storage {
  const store = createMemoryStorage()
  return {
    supports: store.supports,
    get: (key) => store.get(key),
    batch: (ops, options) => store.batch(ops, options),
    scan: (range) => store.scan(range),
    deleteRange: (gte, lt, options) => store.deleteRange(gte, lt, options),
    close: async () => undefined,
  }
}

export const running = async (troupe: Troupe, more = {}) => {
  const task = await troupe.run({ ...spec, ...more })
  await waitFor(task, (s) => s.matches('Running'), { timeout: 20_000 })
  return task
}

export async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) if (taken.push(item) === count) break
  return taken
}
