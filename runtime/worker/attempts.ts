/**
 * Carries out what attempts ask for: start, stop, remove. The driver's verbs only say when they were done; what became
 * of an attempt comes as events, and goes into its mailbox.
 */
import type { AttemptContext, AttemptEvents } from '../../actors/attempt.ts'
import { type AttemptPlace, withEnvironment } from '../../actors/environment.ts'
import { type AttemptKey, attemptName, type TaskSpec } from '../../actors/model.ts'
import { pathOf } from '../../actors/step.ts'
import type { Clock } from '../clock.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import { keys } from '../host/keys.ts'
import { readMeta } from '../host/load.ts'
import type { Logger } from '../logger.ts'
import type { Storage } from '../storage/storage.ts'
import type { Drivers } from './drivers.ts'
import type { Removals } from './removals.ts'
import type { Retries } from './retries.ts'
import { Slots } from './slots.ts'

export const attemptLimits = {
  /** Starts under way at once, for each driver: past it a machine only gets slower (4 to 8 containers, by measurement). */
  concurrentStartsMax: 6,
} as const

interface Start {
  readonly controller: AbortController
  /** The driver has been asked; from here on it alone says what came of it. */
  handedOver: boolean
  /** What is left of it is removed once the driver has answered. */
  removeAfter: boolean
}

export interface AttemptsOptions {
  readonly host: ActorHost
  readonly storage: Storage
  readonly drivers: Drivers
  readonly removals: Removals
  readonly retries: Retries
  /** Where they run, once the cluster is known. */
  readonly place: () => AttemptPlace
  readonly clock: Clock
  readonly logger: Logger
}

export class Attempts {
  readonly #options: AttemptsOptions
  /** Starts that were asked for and have not come to an end. */
  readonly #starts = new Map<string, Start>()
  /** How often the driver was asked to start it, in this life of the worker. */
  readonly #startsMade = new Map<string, number>()
  readonly #slots = new Map<string, Slots>()
  /** Of attempts that were not started yet, so that a start need not read the store. */
  readonly #specs = new Map<string, TaskSpec>()
  #closed = false

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  get(key: AttemptKey): HostedActor | undefined {
    return this.#options.host.actors.get(keys.attempt(key))
  }

  *all(): Generator<HostedActor> {
    for (const actor of this.#options.host.actors.values()) if (actor.kind === 'attempt') yield actor
  }

  tell(key: AttemptKey, event: AttemptEvents): void {
    if (!this.#closed) this.#options.host.tell(keys.attempt(key), event)
  }

  /** Whether a start of it is under way or waits for its turn. */
  isStarting(key: AttemptKey): boolean {
    return this.#starts.has(attemptName(key))
  }

  /** How many starts of it were asked for up to now: whoever compares can tell whether one was asked for in between. */
  startsMade(key: AttemptKey): number {
    return this.#startsMade.get(attemptName(key)) ?? 0
  }

  /** Its spec is at hand for the start that follows. */
  expect(key: AttemptKey, spec: TaskSpec): void {
    this.#specs.set(attemptName(key), spec)
  }

  /** It will not be started any more. */
  forgetSpec(key: AttemptKey): void {
    this.#specs.delete(attemptName(key))
  }

  /** Starts it in its turn. One that is being started already is left alone. */
  start(key: AttemptKey): void {
    const name = attemptName(key)
    const actor = this.get(key)
    if (actor === undefined || contextOf(actor).startedAtMs !== undefined || this.#starts.has(name)) return
    const start: Start = { controller: new AbortController(), handedOver: false, removeAfter: false }
    this.#starts.set(name, start)
    this.#startsMade.set(name, this.startsMade(key) + 1)
    const driverName = contextOf(actor).driver
    this.#slotsOf(driverName).run(async () => {
      await this.#start(key, driverName, start)
      this.#settled(key, start)
    })
  }

  /** Ends it. A start that was not handed over yet never happens. */
  stop(key: AttemptKey): void {
    const start = this.#starts.get(attemptName(key))
    start?.controller.abort()
    const actor = this.get(key)
    // What has started already was found by the driver itself; a start that waits was only to adopt it.
    const hasStarted = actor !== undefined && contextOf(actor).startedAtMs !== undefined
    if (start !== undefined && !start.handedOver && !hasStarted) {
      this.#starts.delete(attemptName(key))
      this.#startFailed(key, 'start-failed', 'it was stopped before it was started', true)
      return
    }
    void this.#stop(key)
  }

  /**
   * Removes what is left of it. It may have ended while the driver is still busy with a start that would only have adopted it:
   * that one must be over first, or it finds nothing any more and starts it a second time.
   */
  remove(key: AttemptKey): void {
    const start = this.#starts.get(attemptName(key))
    start?.controller.abort()
    if (start?.handedOver) {
      start.removeAfter = true
      return
    }
    this.#starts.delete(attemptName(key))
    this.#remove(key)
  }

  /** Nothing more is asked of a driver. What runs goes on running, and what is being started is adopted next time. */
  close(): void {
    this.#closed = true
    for (const slots of this.#slots.values()) slots.close()
  }

  async #start(key: AttemptKey, driverName: string, start: Start): Promise<void> {
    const { drivers, logger } = this.#options
    if (!drivers.offers(driverName)) {
      this.#startFailed(key, 'bad-spec', `this worker offers no ${driverName} driver`, false)
      return
    }
    const driver = await drivers.ready(driverName)
    if (this.#closed || start.controller.signal.aborted) return
    const spec = await this.specOf(key)
    if (this.#closed || start.controller.signal.aborted || driver === undefined) return
    if (spec === undefined) {
      this.#startFailed(key, 'start-failed', 'what was to be started cannot be read from the store', false)
      return
    }
    start.handedOver = true
    try {
      await driver.start(key, spec, start.controller.signal)
    } catch (error) {
      const reason = (error as Error).message
      logger.error(`the ${driverName} driver failed at starting ${attemptName(key)}`, { reason })
      const message = `the ${driverName} driver failed: ${reason}`.slice(0, 4_096)
      this.#startFailed(key, 'start-failed', message, false)
    }
  }

  /** A stop that came while it was being started may have found nothing to stop; now there is something, or never will be. */
  #settled(key: AttemptKey, start: Start): void {
    const name = attemptName(key)
    if (this.#starts.get(name) !== start) return
    this.#starts.delete(name)
    if (this.#closed) return
    if (start.removeAfter) this.#remove(key)
    else if (start.controller.signal.aborted) void this.#stop(key)
  }

  #remove(key: AttemptKey): void {
    const actor = this.get(key)
    this.#startsMade.delete(attemptName(key))
    if (actor === undefined) return
    this.#options.removals.remove(contextOf(actor).driver, key, () => this.tell(key, { type: 'Removed' }))
  }

  async #stop(key: AttemptKey): Promise<void> {
    const { drivers, retries, logger } = this.#options
    const name = attemptName(key)
    const driverName = this.#stopping(key)?.driver
    if (driverName === undefined) return
    const driver = await drivers.ready(driverName)
    const context = this.#stopping(key)
    if (this.#closed || context === undefined) return
    try {
      if (driver === undefined) throw new Error(`this worker offers no ${driverName} driver now`)
      await driver.stop(key, context.graceMs)
      retries.done(`stop ${name}`)
    } catch (error) {
      if (this.#closed) return
      const failures = retries.later(`stop ${name}`, () => void this.#stop(key))
      const reason = (error as Error).message
      if (failures === 1) logger.warn(`${name} could not be stopped; trying again until it is`, { reason })
    }
  }

  /** What is known of it while it is to be stopped; undefined once it has ended. */
  #stopping(key: AttemptKey): AttemptContext | undefined {
    const actor = this.get(key)
    if (actor !== undefined && stateOf(actor) === 'Stopping') return contextOf(actor)
    this.#options.retries.done(`stop ${attemptName(key)}`)
    return undefined
  }

  /** What it was to be started from, with every variable that it is to have; undefined if the store cannot tell. */
  async specOf(key: AttemptKey): Promise<TaskSpec | undefined> {
    const { storage, place } = this.#options
    try {
      const spec = this.#specs.get(attemptName(key)) ?? (await readMeta<TaskSpec>(storage, keys.attemptSpec(key)))
      return spec && withEnvironment(spec, key, place())
    } catch (error) {
      const reason = (error as Error).message
      this.#options.logger.error(`the spec of ${attemptName(key)} cannot be read`, { reason })
      return undefined
    }
  }

  #startFailed(key: AttemptKey, code: string, message: string, retryable: boolean): void {
    const occurredAtMs = this.#options.clock.nowMs()
    this.tell(key, { type: 'StartFailed', occurredAtMs, code, message, retryable })
  }

  #slotsOf(driverName: string): Slots {
    const slots = this.#slots.get(driverName) ?? new Slots(attemptLimits.concurrentStartsMax)
    this.#slots.set(driverName, slots)
    return slots
  }
}

export const contextOf = (actor: HostedActor): AttemptContext => actor.snapshot.context as AttemptContext
export const stateOf = (actor: HostedActor): string => pathOf(actor.snapshot.value)
