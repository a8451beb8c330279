/** What a driver's engine has, scripted: it outlives the worker, as containers do. With the time it all happens in. */
import { setImmediate } from 'node:timers/promises'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Driver, DriverChunk, DriverEvent } from '../../runtime/drivers/driver.ts'

const patienceMs = 10_000

/** Time that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now = 1_000_000
  /** How far the wall clock was set forward, or back. */
  skewMs = 0
  readonly #timers = new Map<object, { readonly dueMs: number; readonly callback: () => void }>()

  nowMs(): number {
    return this.#now + this.skewMs
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
  readonly output = new Map<string, (Uint8Array | DriverChunk)[]>()
  available = true
  /** Whether a stop ends it at once. */
  obedient = true
  /** Whether starts wait until they are let through. */
  held = false
  /** Whether lists, too, wait until they are let through. */
  heldLists = false
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
      const listed = world.keys()
      if (world.heldLists) await new Promise<void>((resolve) => world.letThrough.push(resolve))
      return listed
    },
    async *logs(key): AsyncGenerator<DriverChunk> {
      for (const data of world.output.get(attemptName(key)) ?? [])
        yield data instanceof Uint8Array ? { stream: 'stdout', data } : data
    },
    keeps: async (key) => world.output.has(attemptName(key)),
    async close() {},
  }
}
