/**
 * A real manager on a real port and a real store, a worker whose tasks end by themselves, and an honest client that submits
 * and follows them all the while: what a hostile peer must not disturb.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { frameLimits } from '../../actors/protocol/frame.ts'
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'
import { createPages } from '../../runtime/http/pages.ts'
import { type Logger, silentLogger } from '../../runtime/logger.ts'
import { ManagerHost } from '../../runtime/manager/manager.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { openRocksdbStorage } from '../../runtime/storage/rocksdb.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { systemClock as clock, systemRandom as random } from '../../runtime/system.ts'
import { WorkerHost } from '../../runtime/worker/worker.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'
import { Witness } from './witness.ts'

export const token = 'a-token-for-tests'

const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
export const transportLimits = {
  ...{ frameBytesMax, frameDepthMax, sendBufferBytesMax },
  sendBufferBytesHigh: sendBufferBytesMax / 4,
}

/** Everything that it starts ends well, at once. */
function briefDriver(): Driver {
  let tell = (_: DriverEvent) => {}
  return {
    name: 'process',
    supports: { logs: true, stats: false, exec: false },
    probe: async () => ({ state: 'complete', detail: '' }),
    watch: async (_, listener) => {
      tell = listener
    },
    start: async (key) => {
      const atMs = clock.nowMs()
      tell({ type: 'Started', key, atMs })
      tell({ type: 'Exited', key, atMs, exitCode: 0 })
    },
    stop: async () => {},
    remove: async () => {},
    list: async () => [],
    async *logs() {},
    close: async () => {},
  }
}

export class World {
  /** What the manager and its transport have logged, counted by level and text. */
  readonly logged = new Map<string, number>()
  readonly failures: Error[] = []
  /** What the first errors and warnings said beside their text. */
  readonly details: string[] = []
  readonly #dir: string
  readonly #manager: ManagerHost
  #worker: WorkerHost | undefined
  #witness: Witness | undefined

  static async open(): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'troupe-hostile-'))
    const world = new World(dir, await openRocksdbStorage({ dir: join(dir, 'store'), logger: silentLogger }))
    await world.#manager.start()
    await world.#join()
    return world
  }

  private constructor(dir: string, storage: Storage) {
    this.#dir = dir
    const logger = this.#logger()
    this.#manager = new ManagerHost({
      ...{ storage, token, clock, random, logger, onFailure: this.#onFailure },
      transports: [{ transport: createWebsocketTransport({ limits: transportLimits, logger }), listen: '127.0.0.1:0' }],
      version: 'test',
      serve: createPages(async () => new Map([['index.html', { bytes: Buffer.from('<p>a page</p>'), digest: 'a' }]])),
      // Everybody shares one thread here: late is not gone.
      liveness: { heartbeatMs: 1_000, suspectMs: 30_000, leaseMs: 60_000 },
      writeCopy: async (_, entries) => {
        for await (const _entry of entries);
      },
    })
  }

  get url(): string {
    return this.#manager.addresses[0] as string
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** The honest client, which notices everything. */
  get witness(): Witness {
    return this.#witness as Witness
  }

  /** Connections that the manager has, by its own count. */
  get connections(): number {
    return this.#manager.metrics().connections
  }

  /** Lines that were logged. */
  get lines(): number {
    return [...this.logged.values()].reduce((sum, count) => sum + count, 0)
  }

  async close(): Promise<void> {
    await this.#witness?.close()
    await this.#worker?.stop()
    await this.#manager.stop()
    await rm(this.#dir, { recursive: true })
  }

  readonly #onFailure = (error: Error): void => void this.failures.push(error)

  async #join(): Promise<void> {
    const transport = createWebsocketTransport({ limits: transportLimits })
    this.#worker = new WorkerHost({
      ...{ storage: createMemoryStorage(), transport, managerUrl: this.url, token, clock, random },
      drivers: new Map([['process', briefDriver()]]),
      registration: { name: 'healthy', resources: { cpus: 64, memoryBytes: 2 ** 40 }, labels: {} },
      logger: silentLogger,
      version: 'test',
      onFailure: this.#onFailure,
    })
    await this.#worker.start()
    await this.#worker.connected
    this.#witness = await Witness.open(this.url, token, transport)
  }

  #logger(): Logger {
    const log = (level: string) => (message: string, fields?: Record<string, unknown>) => {
      if (level === 'error' && this.details.length < 20) this.details.push(`${message} ${JSON.stringify(fields)}`)
      const line = `${level} ${message}`
      this.logged.set(line, (this.logged.get(line) ?? 0) + 1)
    }
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  }
}
