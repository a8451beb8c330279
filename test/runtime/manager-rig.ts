/**
 * A real manager on a network and a store in memory, under a clock that a test moves by hand. The manager may crash and
 * come back on the same store; clients are the real library, workers are scripted.
 */
import type { TaskSpec } from '../../actors/model.ts'
import { frameLimits, subprotocols } from '../../actors/protocol/frame.ts'
import type { Scheduler } from '../../actors/schedulers/scheduler.ts'
import type { Client } from '../../runtime/client/client.ts'
import { connectClient } from '../../runtime/client/client.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Boundary } from '../../runtime/host/boundary.ts'
import type { Logger } from '../../runtime/logger.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { ManagerHost } from '../../runtime/manager/manager.ts'
import type { StreamLimits } from '../../runtime/manager/stream/limits.ts'
import type { Retention } from '../../runtime/options.ts'
import type { Random } from '../../runtime/random.ts'
import { createMemoryTransport } from '../../transport/memory.ts'
import type { Connection, Listener, Transport } from '../../transport/transport.ts'
import { ManualClock } from './manager-clock.ts'
import { Disk } from './manager-disk.ts'
import { ScriptedWorker, token, url, type WorkerTraits } from './manager-worker.ts'

export { token } from './manager-worker.ts'

const listen = '127.0.0.1:4747'
/** Of clients that may only look. */
export const viewToken = 'a-token-for-onlookers'
export const heartbeatMs = 1_000

/** A task that any worker of these tests can take. */
export const spec = (more: Partial<TaskSpec> = {}): TaskSpec => ({ driver: 'process', command: ['true'], ...more })

interface Life {
  alive: boolean
  readonly host: ManagerHost
  readonly listeners: Listener[]
}

/** A connection that speaks by hand. */
export interface RawEnd {
  readonly connection: Connection
  readonly received: { readonly type: string; readonly [field: string]: unknown }[]
  closed: { readonly code: number; readonly reason: string } | undefined
}

export class Rig {
  disk = new Disk()
  /** How the next manager takes office. */
  newTerm = false
  /** The bounds of the next manager's streams. */
  streamLimits: Partial<StreamLimits> = {}
  /** What the next manager keeps of what has ended. */
  retention: Partial<Retention> = {}
  /** Of the next manager; round-robin where there is none. */
  scheduler: Scheduler | undefined
  /** The manager's ends of all connections, oldest first. */
  readonly accepted: Connection[] = []
  /** Backups that were made, by their folder. */
  readonly copies = new Map<string, Disk>()
  readonly clock: ManualClock
  readonly failures: Error[] = []
  readonly logged: string[] = []
  readonly boundaries: Boundary[] = []
  /** What the next dice show. */
  roll = 0.5
  readonly #network
  readonly #workers: ScriptedWorker[] = []
  #pending = 0
  #ids = 0
  #life: Life | undefined

  constructor() {
    this.clock = new ManualClock(() => this.settle())
    const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
    this.#network = createMemoryTransport({
      limits: { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: 1_024 * 1_024 },
      schedule: (deliver) => {
        this.#pending += 1
        setImmediate(() => {
          this.#pending -= 1
          deliver()
        })
      },
    })
  }

  static async start(): Promise<Rig> {
    const rig = new Rig()
    await rig.open()
    return rig
  }

  get host(): ManagerHost {
    return (this.#life as Life).host
  }

  /** A manager comes into office on the store as it is. */
  async open(): Promise<void> {
    const life = this.prepare(this.disk)
    this.#life = life
    await life.host.start()
    await this.settle()
  }

  /** A manager that has not started, on this network. */
  prepare(disk: Disk): Life {
    const life: { alive: boolean; listeners: Listener[]; host?: ManagerHost } = { alive: true, listeners: [] }
    const transport: Transport = {
      connect: (to, options) => this.#network.connect(to, options),
      listen: async (address, options) => {
        const onConnection = (connection: Connection) => {
          this.accepted.push(connection)
          options.onConnection(connection)
        }
        const listener = await this.#network.listen(address, { ...options, onConnection })
        life.listeners.push(listener)
        return listener
      },
    }
    const clock: Clock = {
      nowMs: () => this.clock.nowMs(),
      uptimeMs: () => this.clock.uptimeMs(),
      setTimer: (callback, delayMs) => this.clock.setTimer(() => life.alive && callback(), delayMs),
    }
    life.host = new ManagerHost({
      storage: disk.handle(() => life.alive),
      transports: [{ transport, listen }],
      token,
      viewToken,
      version: 'test',
      clock,
      random: this.random,
      logger: this.#logger(),
      newTerm: this.newTerm,
      streamLimits: this.streamLimits,
      ...(this.scheduler === undefined ? {} : { scheduler: this.scheduler as Scheduler<never> }),
      retention: this.retention,
      writeCopy: (dir, entries) => this.#copy(dir, entries),
      liveness: { heartbeatMs, suspectMs: 3_500, leaseMs: 10_000 },
      onBoundary: (boundary) => this.boundaries.push(boundary),
      onFailure: (error) => this.failures.push(error),
    })
    return life as Life
  }

  async #copy(dir: string, entries: AsyncIterable<readonly [key: string, value: Uint8Array]>): Promise<void> {
    const copy = new Disk()
    for await (const [key, value] of entries) {
      await copy.memory.batch([{ type: 'put', key, value }], { sync: true, epoch: 0 })
    }
    this.copies.set(dir, copy)
  }

  /** The manager dies, and another one starts on the copy. */
  async restore(dir: string, options: { newTerm: boolean }): Promise<void> {
    await this.crash()
    this.disk = this.copies.get(dir) as Disk
    this.newTerm = options.newTerm
    await this.open()
  }

  /** The manager dies: what it had not flushed is lost, and all connections are cut. */
  async crash(): Promise<void> {
    const life = this.#life as Life
    life.alive = false
    this.disk.writes.release()
    this.#network.cut()
    for (const listener of life.listeners) await listener.close()
    await this.settle()
  }

  async restart(): Promise<void> {
    await this.crash()
    await this.open()
  }

  /** Runs until nothing is under way any more: no frame, no microtask. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#pending > 0) quiet = -1
    }
  }

  /** Lets time pass while these workers (all, unless told) send their heartbeats. */
  async advance(ms: number, beating: readonly ScriptedWorker[] = this.#workers): Promise<void> {
    let leftMs = ms
    while (leftMs > 0) {
      const step = Math.min(heartbeatMs, leftMs)
      await this.clock.advance(step)
      for (const worker of beating) if (worker.open) worker.beat()
      await this.settle()
      leftMs -= step
    }
  }

  /** A client under the manual clock. */
  async client(): Promise<Client> {
    const transport = this.#network.as('client')
    return connectClient({ transport, url, token, clock: this.clock, random: this.random, logger: silentLogger })
  }

  /** A connection without manners: nothing is said on it yet. */
  async raw(protocols: readonly string[] = subprotocols): Promise<RawEnd> {
    const connection = await this.#network.as('raw').connect(url, { protocols })
    const end: RawEnd = { connection, received: [], closed: undefined }
    connection.onFrame = (frame) => end.received.push(...(frame as { m: RawEnd['received'] }).m)
    connection.onClose = (code, reason) => {
      end.closed = { code, reason }
    }
    return end
  }

  /** A worker that has dialled, said Hello, and heard the answer. */
  async worker(traits: WorkerTraits = {}): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(traits)
    this.#workers.push(worker)
    await this.join(worker)
    return worker
  }

  /** It dials (again) and tells what it holds. */
  async join(worker: ScriptedWorker): Promise<void> {
    await this.dial(worker)
    worker.hello({ attempts: [...worker.statuses.values()] })
    await this.settle()
  }

  async dial(worker: ScriptedWorker): Promise<void> {
    await worker.dial(this.#network.as(`worker-${worker.nodeId}`))
  }

  /** Cuts what has this name at one end: `client`, `raw`, `worker-<nodeId>`. */
  async cut(name: string): Promise<void> {
    this.#network.cut(name)
    await this.settle()
  }

  readonly random: Random = {
    roll: () => this.roll,
    id: (chars) => {
      this.#ids += 1
      return `${'a'.repeat(chars)}${this.#ids}`.slice(-chars)
    },
  }

  #logger(): Logger {
    const log = (level: string) => (message: string, fields?: Record<string, unknown>) => {
      this.logged.push(`${level} ${message}${fields?.error === undefined ? '' : `: ${String(fields.error)}`}`)
    }
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  }
}

/** `Pending.Queued`, or `Running` where there is no detail. */
export const stateOf = ({ state, detail }: { state: string; detail: string }): string =>
  detail === '' ? state : `${state}.${detail}`

export async function stateOfTask(client: Client, taskId: string): Promise<string> {
  const { items } = await client.query({ ids: [taskId] })
  return items[0] === undefined ? 'none' : stateOf(items[0])
}
