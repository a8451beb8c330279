/** A host whose time and disk are moved by hand, and who hears everything that it does to the outside, in order. */
import type { AttemptInput } from '../../actors/attempt.ts'
import type { AttemptKey, NodeRegistration, TaskSpec } from '../../actors/model.ts'
import { pathOf } from '../../actors/step.ts'
import type { TaskInput } from '../../actors/task.ts'
import type { Clock } from '../../runtime/clock.ts'
import { ActorHost, type HostedActor, type Stepped } from '../../runtime/host/actor.ts'
import type { Boundary } from '../../runtime/host/boundary.ts'
import { Journal, type JournalOptions, type Unit } from '../../runtime/host/journal.ts'
import { keys } from '../../runtime/host/keys.ts'
import { readActor } from '../../runtime/host/load.ts'
import type { Turn } from '../../runtime/host/turn.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { ScanRange, Storage, StorageOp } from '../../runtime/storage/storage.ts'

/** Lets everything that only waits for microtasks go on to its end. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface HandTimer {
  readonly callback: () => void
  readonly dueMs: number
  readonly delayMs: number
}

/** Stands still until it is moved. Its wall clock can be set apart from its uptime. */
export class HandClock implements Clock {
  wallMs = 1_700_000_000_000
  #uptimeMs = 1_000
  readonly timers = new Set<HandTimer>()

  nowMs(): number {
    return this.wallMs
  }

  uptimeMs(): number {
    return this.#uptimeMs
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { callback, delayMs, dueMs: this.#uptimeMs + delayMs }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** How long each timer was set for, in the order of setting. */
  delays(): number[] {
    return [...this.timers].map(({ delayMs }) => delayMs)
  }

  /** Lets time pass, and lets what is due go off in its order. */
  advance(ms: number): void {
    const endMs = this.#uptimeMs + ms
    for (;;) {
      const due = [...this.timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.timers.delete(due)
      this.wallMs += due.dueMs - this.#uptimeMs
      this.#uptimeMs = due.dueMs
      due.callback()
    }
    this.wallMs += endMs - this.#uptimeMs
    this.#uptimeMs = endMs
  }
}

interface PendingBatch {
  readonly ops: readonly StorageOp[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A disk that writes when it is told to. */
export class HandStorage implements Storage {
  readonly supports = { durable: true, shared: false }
  readonly values: Map<string, Uint8Array>
  readonly pending: PendingBatch[] = []
  /** Every batch that was asked for, by its keys. */
  readonly asked: string[][] = []
  /** Writes at once. */
  automatic: boolean
  /** Whether it takes what may be lost; else only what is synced. */
  takesUnsynced = false

  constructor(values = new Map<string, Uint8Array>(), automatic = false) {
    this.values = values
    this.automatic = automatic
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.values.get(key)
  }

  batch(ops: readonly StorageOp[], options: { readonly sync: boolean }): Promise<void> {
    if (!options.sync && !this.takesUnsynced) throw new Error('a host syncs what it writes')
    this.asked.push(ops.map((op) => `${options.sync ? '' : 'unsynced '}${op.type} ${op.key}`))
    const done = new Promise<void>((resolve, reject) => this.pending.push({ ops: [...ops], resolve, reject }))
    if (this.automatic) this.#write()
    return done
  }

  async *scan(range: ScanRange): AsyncIterable<readonly [string, Uint8Array]> {
    const { gte = '', lt = '\uffff' } = range
    for (const key of [...this.values.keys()].sort()) {
      if (key >= gte && key < lt) yield [key, this.values.get(key) as Uint8Array]
    }
  }

  async deleteRange(): Promise<void> {}

  async close(): Promise<void> {}

  /** The oldest batch reaches the disk, and those who wait for it hear of it. */
  async flush(): Promise<void> {
    this.#write()
    await settle()
  }

  async fail(error: Error): Promise<void> {
    this.pending.shift()?.reject(error)
    await settle()
  }

  /** The oldest batch reaches the disk, and nobody hears of it: the process died meanwhile. */
  applySilently(): void {
    for (const op of this.pending.shift()?.ops ?? []) this.#apply(op)
  }

  #write(): void {
    const batch = this.pending.shift()
    if (batch === undefined) throw new Error('no batch waits')
    for (const op of batch.ops) this.#apply(op)
    batch.resolve()
  }

  #apply(op: StorageOp): void {
    if (op.type === 'put') this.values.set(op.key, op.value.slice())
    else this.values.delete(op.key)
  }
}

class SpyJournal extends Journal {
  readonly units: Unit[] = []

  override commit(unit: Unit): void {
    this.units.push(unit)
    super.commit(unit)
  }
}

export interface WorldOptions {
  readonly storage?: HandStorage
  readonly clock?: HandClock
  readonly revision?: number
  readonly onBoundary?: (boundary: Boundary) => void
  readonly onStep?: (stepped: Stepped, turn: Turn) => void
  readonly onQuiet?: (turn: Turn) => void
}

export class HostWorld {
  readonly clock: HandClock
  readonly storage: HandStorage
  readonly journal: SpyJournal
  readonly host: ActorHost
  /** What the outside hears, in order. */
  readonly heard: string[] = []
  /** Every step, as `address from→to`. */
  readonly steps: string[] = []
  readonly errors: string[] = []
  readonly failures: Error[] = []
  rolls = 0

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? new HandClock()
    this.storage = options.storage ?? new HandStorage()
    const onBoundary = options.onBoundary ?? (() => {})
    const logger: Logger = {
      debug() {},
      info() {},
      warn() {},
      error: (message, fields) => this.errors.push(`${message} ${JSON.stringify(fields)}`),
    }
    const journal: JournalOptions = {
      storage: this.storage,
      epoch: 1,
      revision: options.revision ?? 0,
      logger,
      onBoundary,
      onFailure: (error) => this.failures.push(error),
    }
    this.journal = new SpyJournal(journal)
    const hear = (verb: string) => (effect: { readonly key: AttemptKey }) =>
      this.heard.push(`${verb} ${effect.key.taskId}.${effect.key.attempt}`)
    this.host = new ActorHost({
      journal: this.journal,
      clock: this.clock,
      random: {
        roll: () => {
          this.rolls += 1
          return 0.5
        },
        id: (chars) => 'a'.repeat(chars),
      },
      logger,
      onBoundary,
      handlers: {
        attempts: { startAttempt: hear('start'), stopAttempt: hear('stop'), removeAttempt: hear('remove') },
      },
      onStep: (stepped, turn) => {
        this.steps.push(`${stepped.actor.address} ${stepped.from}→${stepped.to}`)
        options.onStep?.(stepped, turn)
      },
      onQuiet: (turn) => options.onQuiet?.(turn),
      onFinal: (actor) => this.heard.push(`final ${actor.address}`),
    })
  }

  attempt(taskId: string, attempt = 1, action: 'run' | 'stop' = 'run'): string {
    const address = keys.attempt({ taskId, attempt })
    this.host.run((turn) => this.host.create(turn, address, 'attempt', attemptOf(taskId, attempt, action)))
    return address
  }

  task(taskId: string, spec: Partial<TaskSpec> = {}): string {
    const address = keys.task(taskId)
    this.host.run((turn) => this.host.create(turn, address, 'task', taskOf(taskId, this.clock.nowMs(), spec)))
    return address
  }

  node(): string {
    const address = keys.nodeRecord(registration.nodeId)
    this.host.run((turn) => this.host.create(turn, address, 'node', { registration }))
    return address
  }

  /** Steps it in a turn of its own, at once. */
  step(address: string, event: { readonly type: string; readonly [field: string]: unknown }): void {
    this.host.run((turn) => turn.tell(address, event))
  }

  /** Where an actor stands in memory. */
  at(address: string): string | undefined {
    const actor = this.host.actors.get(address)
    return actor && pathOf(actor.snapshot.value)
  }

  actor(address: string): HostedActor {
    const actor = this.host.actors.get(address)
    if (actor === undefined) throw new Error(`${address} is not in memory`)
    return actor
  }

  /** What the disk holds of it. */
  stored(address: string) {
    const bytes = this.storage.values.get(address)
    if (bytes === undefined) return undefined
    const kind = address.startsWith('task/') ? 'task' : address.startsWith('node/') ? 'node' : 'attempt'
    const { snapshot, record } = readActor(address, kind, bytes)
    return { path: pathOf(snapshot.value), snapshot, record }
  }

  /** Takes in what the disk holds, as a process does that starts again. */
  reload(address: string): void {
    const stored = this.stored(address)
    if (stored === undefined) throw new Error(`${address} is not on the disk`)
    const kind = address.startsWith('task/') ? 'task' : address.startsWith('node/') ? 'node' : 'attempt'
    this.host.recover(this.host.adopt(address, kind, stored.snapshot, stored.record))
  }
}

export const registration: NodeRegistration = {
  nodeId: 'n1',
  name: 'one',
  resources: { cpus: 4, memoryBytes: 2 ** 30 },
  labels: {},
  drivers: { process: 'complete' },
}

const spec: TaskSpec = { driver: 'process', command: ['sleep', '1'] }

export const attemptOf = (taskId: string, attempt = 1, action: 'run' | 'stop' = 'run'): AttemptInput => ({
  key: { taskId, attempt },
  spec,
  graceMs: 10_000,
  stopAfterMs: undefined,
  action,
  atMs: 5,
})

export const taskOf = (taskId: string, atMs: number, more: Partial<TaskSpec> = {}): TaskInput => ({
  taskId,
  spec: { ...spec, ...more },
  atMs,
})

export const placed = (atMs = 5) => ({
  type: 'Placed',
  nodeId: 'n1',
  nodeName: 'one',
  decision: { scheduler: 'round-robin', atMs, scores: [], refusals: [], considered: 1 },
})

/** An event with its payload, where a host takes any. */
export const event = <E extends { readonly type: string }>(fields: E): E => fields
