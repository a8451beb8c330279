/** A stage for workers: what is around one and outlives it, and lives of a worker that can be ended as a crash would. */
import type { Clock } from '../../runtime/clock.ts'
import type { OnBoundary } from '../../runtime/host/boundary.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Random } from '../../runtime/random.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { WorkerHost, type WorkerHostOptions } from '../../runtime/worker/worker.ts'
import { createMemoryTransport, type MemoryTransport } from '../../transport/memory.ts'
import { FakeManager } from './worker-peer.ts'
import { ManualClock, until, World, worldDriver } from './worker-world.ts'

export { FakeManager, key, spec } from './worker-peer.ts'
export { settle, until } from './worker-world.ts'

export const limits = {
  frameBytesMax: 4 * 1_024 * 1_024,
  frameDepthMax: 32,
  sendBufferBytesHigh: 1_024 * 1_024,
  sendBufferBytesMax: 16 * 1_024 * 1_024,
}
export function seededRandom(seed = 1): Random {
  let state = seed
  const roll = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const id = (chars: number) =>
    Array.from({ length: chars }, () => 'abcdefghijklmnopqrstuvwxyz234567'[Math.floor(roll() * 32)]).join('')
  return { roll, id }
}

export interface Life {
  readonly worker: WorkerHost
  readonly failures: Error[]
  readonly started: Promise<void>
  /** As `kill -9`: nothing that it does from now on reaches anything. */
  kill(): void
}

/** Everything around a worker, which outlives its lives. */
export class Stage {
  readonly clock = new ManualClock()
  readonly world = new World(this.clock)
  readonly transport = createMemoryTransport({ limits })
  readonly manager = new FakeManager()
  readonly storage: Storage = createMemoryStorage()
  readonly said: string[] = []
  #lives = 0
  #stalled: (() => void)[] | undefined

  static async open(): Promise<Stage> {
    const stage = new Stage()
    await stage.manager.listen(stage.transport)
    return stage
  }

  /** The disk takes nothing until it is told to go on. */
  stall(): void {
    this.#stalled = []
  }

  goOn(): void {
    for (const resolve of this.#stalled ?? []) resolve()
    this.#stalled = undefined
  }

  /** A worker on this stage. A second one goes on from the store of the first. */
  begin(more: Partial<WorkerHostOptions> = {}): Life {
    this.#lives += 1
    const name = `life-${this.#lives}`
    const failures: Error[] = []
    let alive = true
    const kill = () => {
      if (!alive) return
      alive = false
      this.transport.cut(name)
    }
    const onBoundary: OnBoundary = (boundary) => {
      if (alive) more.onBoundary?.(boundary)
    }
    const worker = new WorkerHost({
      storage: mortalStorage(
        this.storage,
        () => alive,
        () => this.#disk(),
      ),
      transport: mortalTransport(this.transport.as(name), () => alive),
      managerUrl: this.manager.url,
      token: 'token',
      drivers: new Map([['process', worldDriver(this.world, () => alive)]]),
      registration: { name: 'w1', resources: { cpus: 2, memoryBytes: 2 ** 30 }, labels: { zone: 'a' } },
      clock: mortalClock(this.clock, () => alive),
      random: seededRandom(this.#lives),
      logger: this.#logger(),
      version: '0.0.0',
      onFailure: (error) => failures.push(error),
      ...more,
      onBoundary,
    })
    const started = worker.start()
    started.catch(() => {})
    return { worker, failures, started, kill }
  }

  async connected(life: Life): Promise<void> {
    await life.started
    let isConnected = false
    void life.worker.connected.then(() => {
      isConnected = true
    })
    await until('the worker is connected', () => isConnected, this.clock)
  }

  /** Resolves when the disk takes something. */
  async #disk(): Promise<void> {
    const stalled = this.#stalled
    if (stalled !== undefined) await new Promise<void>((resolve) => stalled.push(resolve))
  }

  #logger(): Logger {
    const say = (message: string, fields?: Record<string, unknown>) => {
      this.said.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`)
    }
    return { debug: say, info: say, warn: say, error: say }
  }
}

function mortalStorage(storage: Storage, alive: () => boolean, disk: () => Promise<void>): Storage {
  const never = new Promise<never>(() => {})
  return {
    supports: storage.supports,
    get: (name) => storage.get(name),
    batch: async (ops, options) => {
      await disk()
      if (!alive()) return never
      await storage.batch(ops, options)
      if (!alive()) await never
    },
    scan: (range) => storage.scan(range),
    deleteRange: (gte, lt, options) => storage.deleteRange(gte, lt, options),
    close: () => storage.close(),
  }
}

function mortalTransport(
  transport: ReturnType<MemoryTransport['as']>,
  alive: () => boolean,
): ReturnType<MemoryTransport['as']> {
  return {
    listen: (address, options) => transport.listen(address, options),
    async connect(url, options) {
      const connection = alive() ? await transport.connect(url, options) : undefined
      if (connection !== undefined && alive()) return connection
      connection?.close(1000, 'dead')
      return new Promise(() => {})
    },
  }
}

function mortalClock(clock: Clock, alive: () => boolean): Clock {
  return {
    nowMs: () => clock.nowMs(),
    uptimeMs: () => clock.uptimeMs(),
    setTimer: (callback, delayMs) => clock.setTimer(() => alive() && callback(), delayMs),
  }
}
