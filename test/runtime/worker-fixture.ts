/**
 * A worker under test: a manual clock, a scripted world of attempts that outlives the worker, a manager's end over the
 * memory transport, and lives of a worker that can be ended at any moment as a crash would.
 */
import { setImmediate } from 'node:timers/promises'
import { type AttemptKey, type AttemptStatus, attemptName, type TaskSpec } from '../../actors/model.ts'
import type { DesiredAttempt, ManagerMessage, WorkerMessage, WorkerMessages } from '../../actors/protocol/session.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Driver, DriverChunk, DriverEvent } from '../../runtime/drivers/driver.ts'
import type { OnBoundary } from '../../runtime/host/boundary.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Random } from '../../runtime/random.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { WorkerHost, type WorkerHostOptions } from '../../runtime/worker/worker.ts'
import { createMemoryTransport, type MemoryTransport } from '../../transport/memory.ts'
import type { Connection, Listener } from '../../transport/transport.ts'

export const limits = {
  frameBytesMax: 4 * 1_024 * 1_024,
  frameDepthMax: 32,
  sendBufferBytesHigh: 1_024 * 1_024,
  sendBufferBytesMax: 16 * 1_024 * 1_024,
}
const patienceMs = 10_000

/** Time that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Map<object, { readonly dueMs: number; readonly callback: () => void }>()

  nowMs(): number {
    return this.#now
  }

  uptimeMs(): number {
    return this.#now
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const id = {}
    this.#timers.set(id, { dueMs: this.#now + delayMs, callback })
    return () => this.#timers.delete(id)
  }

  advance(byMs: number): void {
    const until = this.#now + byMs
    for (;;) {
      const next = [...this.#timers]
        .filter(([, { dueMs }]) => dueMs <= until)
        .sort((a, b) => a[1].dueMs - b[1].dueMs)[0]
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.#now = Math.max(this.#now, next[1].dueMs)
      next[1].callback()
    }
    this.#now = until
  }
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

/** Lets everything that is ready happen. */
export async function settle(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await setImmediate()
}

/** Polls until it holds; with a clock, time goes on by `stepMs` now and then. */
export async function until(what: string, holds: () => boolean, clock?: ManualClock, stepMs = 20): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let turn = 1; !holds(); turn++) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await setImmediate()
    if (turn % 20 === 0) clock?.advance(stepMs)
  }
}

export type Thing = 'running' | { readonly exitCode: number }

/** What a driver's engine has: it outlives the worker. */
export class World {
  readonly things = new Map<string, Thing>()
  /** How often each was really begun. */
  readonly begun = new Map<string, number>()
  readonly removed: string[] = []
  readonly stops: { readonly name: string; readonly graceMs: number }[] = []
  readonly output = new Map<string, Uint8Array[]>()
  available = true
  /** Whether a stop ends it at once. */
  obedient = true
  /** Whether starts wait until they are let through. */
  held = false
  /** Whether starts that wait hear of an abort. */
  deaf = false
  readonly letThrough: (() => void)[] = []
  removeFailures = 0
  listeners = new Set<(event: DriverEvent) => void>()
  readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  tell(event: DriverEvent): void {
    for (const listener of this.listeners) listener(event)
  }

  keys(): AttemptKey[] {
    return [...this.things.keys()].map(keyOf)
  }

  begin(key: AttemptKey): void {
    const name = attemptName(key)
    if (!this.things.has(name)) {
      this.things.set(name, 'running')
      this.begun.set(name, (this.begun.get(name) ?? 0) + 1)
    }
    this.say(key, this.tell.bind(this))
  }

  exit(key: AttemptKey, exitCode = 0): void {
    if (this.things.get(attemptName(key)) !== 'running') return
    this.things.set(attemptName(key), { exitCode })
    this.say(key, this.tell.bind(this))
  }

  /** What is true of it, again. */
  say(key: AttemptKey, tell: (event: DriverEvent) => void): void {
    const thing = this.things.get(attemptName(key))
    const atMs = this.clock.nowMs()
    if (thing === 'running') tell({ type: 'Started', key, atMs })
    else if (thing !== undefined) tell({ type: 'Exited', key, atMs, exitCode: thing.exitCode, startedAtMs: atMs - 1 })
  }

  setAvailable(available: boolean): void {
    this.available = available
    if (available) for (const key of this.keys()) this.say(key, this.tell.bind(this))
    this.tell({ type: 'Availability', state: available ? 'complete' : 'unavailable', detail: 'told so' })
  }
}

export const keyOf = (name: string): AttemptKey => {
  const [taskId = '', attempt = ''] = name.split('.')
  return { taskId, attempt: Number(attempt) }
}

/** A driver of this world, for one life of a worker: `alive` false, and nothing it is asked happens any more. */
export function worldDriver(world: World, alive: () => boolean = () => true): Driver {
  const never = new Promise<never>(() => {})
  const ask = async (): Promise<void> => {
    if (!alive()) await never
    if (!world.available) throw new Error('the engine cannot be asked')
  }
  return {
    name: 'process',
    supports: { logs: true, stats: false, exec: false },
    probe: async () => ({ state: world.available ? 'complete' : 'unavailable', detail: '' }),
    async watch(_scope, listener) {
      const gated = (event: DriverEvent) => alive() && listener(event)
      world.listeners.add(gated)
      if (world.available) for (const key of world.keys()) world.say(key, gated)
    },
    async start(key, _spec, signal) {
      if (!alive()) await never
      const name = attemptName(key)
      const failed = (code: string, message: string) =>
        world.tell({ type: 'StartFailed', key, atMs: world.clock.nowMs(), code, message, retryable: true })
      if (!world.available) return failed('engine-unreachable', 'the engine cannot be asked')
      if (world.held && !world.things.has(name)) await new Promise<void>((resolve) => world.letThrough.push(resolve))
      if (!alive()) await never
      if (signal.aborted && !world.deaf) return failed('start-failed', 'it was stopped before it was started')
      world.begin(key)
    },
    async stop(key, graceMs) {
      await ask()
      world.stops.push({ name: attemptName(key), graceMs })
      if (world.obedient) world.exit(key, 143)
    },
    async remove(key) {
      await ask()
      if (world.removeFailures > 0) {
        world.removeFailures -= 1
        throw new Error('the engine is busy')
      }
      world.things.delete(attemptName(key))
      world.removed.push(attemptName(key))
    },
    async list() {
      await ask()
      return world.keys()
    },
    async *logs(key): AsyncGenerator<DriverChunk> {
      for (const data of world.output.get(attemptName(key)) ?? []) yield { stream: 'stdout', data }
    },
    async close() {},
  }
}

/** The manager's end: takes every connection, records what it hears, and sends what a test tells it to. */
export class FakeManager {
  readonly url = 'memory://manager:4747'
  readonly heard: WorkerMessage[] = []
  readonly frames: { readonly e?: number; readonly m: readonly WorkerMessage[] }[] = []
  readonly closes: { readonly code: number; readonly reason: string }[] = []
  connection: Connection | undefined
  sessions = 0
  epoch = 1
  clusterId = 'cluster-a'
  heartbeatMs = 1_000
  leaseMs = 10_000
  /** What is answered to a Hello; undefined = a Welcome and the complete desired state. */
  onHello: ((hello: WorkerMessages['WorkerHello']) => void) | undefined
  acknowledges = true
  answersHeartbeats = true
  readonly desired = new Map<string, DesiredAttempt>()
  seq = 0
  #listener: Listener | undefined

  async listen(transport: MemoryTransport): Promise<void> {
    this.#listener = await transport.listen('manager:4747', {
      protocols: ['troupe.v1.msgpack'],
      onConnection: (connection) => this.#onConnection(connection),
    })
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }

  send(...messages: ManagerMessage[]): void {
    this.connection?.send({ e: this.epoch, m: messages })
  }

  welcome(): void {
    const { clusterId, epoch, heartbeatMs, leaseMs } = this
    this.send(
      { type: 'Welcome', clusterId, sessionId: `s-${this.sessions}`, epoch, heartbeatMs, leaseMs },
      this.complete(),
    )
  }

  complete(): ManagerMessage {
    this.seq += 1
    return { type: 'Desired', seq: this.seq, complete: true, last: true, set: [...this.desired.values()], remove: [] }
  }

  want(key: AttemptKey, more: Partial<DesiredAttempt> = {}): void {
    const attempt = { ...key, action: 'run' as const, graceMs: 5_000, spec, ...more }
    this.desired.set(attemptName(key), attempt)
    this.#delta([attempt], [])
  }

  unwant(key: AttemptKey): void {
    this.desired.delete(attemptName(key))
    this.#delta([], [key])
  }

  /** The newest status heard of it. */
  status(key: AttemptKey): AttemptStatus | undefined {
    return this.statuses(key).at(-1)
  }

  statuses(key: AttemptKey): AttemptStatus[] {
    return this.heard
      .flatMap((message) => (message.type === 'Status' || message.type === 'WorkerHello' ? message.attempts : []))
      .filter((status) => attemptName(status) === attemptName(key))
  }

  of<T extends WorkerMessage['type']>(type: T): Extract<WorkerMessage, { type: T }>[] {
    return this.heard.filter((message) => message.type === type) as Extract<WorkerMessage, { type: T }>[]
  }

  #delta(set: DesiredAttempt[], remove: AttemptKey[]): void {
    if (this.connection === undefined) return
    this.seq += 1
    this.send({ type: 'Desired', seq: this.seq, complete: false, last: true, set, remove })
  }

  #onConnection(connection: Connection): void {
    this.connection = connection
    this.sessions += 1
    connection.onFrame = (frame) => {
      if (this.connection === connection) this.#onFrame(frame as FakeManager['frames'][number])
    }
    connection.onClose = (code, reason) => {
      this.closes.push({ code, reason })
      if (this.connection === connection) this.connection = undefined
    }
  }

  #onFrame(frame: FakeManager['frames'][number]): void {
    this.frames.push(frame)
    for (const message of frame.m) {
      this.heard.push(message)
      if (message.type === 'WorkerHello') {
        if (this.onHello === undefined) this.welcome()
        else this.onHello(message)
        this.#acknowledge(message.attempts)
      } else if (message.type === 'Status') {
        this.#acknowledge(message.attempts)
      } else if (message.type === 'Heartbeat' && this.answersHeartbeats) {
        this.send({ type: 'HeartbeatAck', seq: message.seq })
      } else if (message.type === 'DesiredGap') {
        this.send(this.complete())
      }
    }
  }

  #acknowledge(statuses: readonly AttemptStatus[]): void {
    if (!this.acknowledges || statuses.length === 0) return
    const attempts = statuses.map(({ taskId, attempt, seq, end }) => ({
      taskId,
      attempt,
      seq,
      ended: end !== undefined,
    }))
    this.send({ type: 'StatusAck', attempts })
  }
}

export const spec: TaskSpec = { driver: 'process', command: ['true'] }
export const key = (taskId: string, attempt = 1): AttemptKey => ({ taskId, attempt })

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

  static async open(): Promise<Stage> {
    const stage = new Stage()
    await stage.manager.listen(stage.transport)
    return stage
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
      storage: mortalStorage(this.storage, () => alive),
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

  #logger(): Logger {
    const say = (message: string, fields?: Record<string, unknown>) => {
      this.said.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`)
    }
    return { debug: say, info: say, warn: say, error: say }
  }
}

function mortalStorage(storage: Storage, alive: () => boolean): Storage {
  const never = new Promise<never>(() => {})
  return {
    supports: storage.supports,
    get: (name) => storage.get(name),
    batch: async (ops, options) => {
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
