/**
 * The worker's drivers: bound to their scope once the cluster is known, asked for their states, heard of everything
 * else. Whoever asks something of a driver waits until it is bound.
 */
import type { AttemptEvents } from '../../actors/attempt.ts'
import type { AttemptKey, DriverState } from '../../actors/model.ts'
import type { Driver, DriverEvent, DriverScope } from '../drivers/driver.ts'
import type { Logger } from '../logger.ts'
import { createDeferred } from './deferred.ts'

export const driverLimits = {
  /** Characters of a driver's message that are kept, as the wire allows. */
  messageCharsMax: 4_096,
  codeCharsMax: 64,
  progressCharsMax: 512,
  signalCharsMax: 32,
} as const

interface Bound {
  readonly driver: Driver
  /** Resolves once the driver was bound to its scope and told what exists. */
  readonly ready: Promise<void>
  readonly markReady: () => void
}

export interface DriversOptions {
  readonly drivers: ReadonlyMap<string, Driver>
  readonly logger: Logger
  /** Something is true of an attempt. */
  readonly onAttempt: (key: AttemptKey, event: AttemptEvents) => void
  /** How far a start is, for people. */
  readonly onProgress: (key: AttemptKey, text: string) => void
  /** It has told what exists: it was bound, or its engine can be asked again. */
  readonly onComplete: (name: string) => Promise<void>
  /** The state of one of them is not what it was. */
  readonly onChange: () => void
}

export class Drivers {
  readonly #options: DriversOptions
  readonly #bound = new Map<string, Bound>()
  readonly #states = new Map<string, DriverState>()
  #watched = false
  #closed = false

  constructor(options: DriversOptions) {
    this.#options = options
    for (const [name, driver] of options.drivers) {
      const { promise: ready, resolve: markReady } = createDeferred()
      this.#bound.set(name, { driver, ready, markReady })
    }
  }

  get names(): string[] {
    return [...this.#bound.keys()]
  }

  /** The driver once it is bound; undefined if this worker does not offer it. */
  async ready(name: string): Promise<Driver | undefined> {
    const bound = this.#bound.get(name)
    await bound?.ready
    return bound?.driver
  }

  /** Whether this worker offers a driver of that name. */
  offers(name: string): boolean {
    return this.#bound.has(name)
  }

  /** Binds every driver, once in this worker's life. Resolves when all have told what exists, and it was taken in. */
  async watch(scope: DriverScope): Promise<void> {
    if (this.#watched) return
    this.#watched = true
    await Promise.all([...this.#bound].map(([name, bound]) => this.#bind(name, bound, scope)))
  }

  /** Asks each of them now. */
  async probe(): Promise<Record<string, DriverState>> {
    const probe = async ([name, { driver }]: [string, Bound]) => {
      try {
        this.#states.set(name, (await driver.probe()).state)
      } catch (error) {
        this.#states.set(name, 'unavailable')
        this.#options.logger.error(`the ${name} driver could not be probed`, { reason: (error as Error).message })
      }
    }
    await Promise.all([...this.#bound].map(probe))
    return this.states()
  }

  /** As last heard. */
  states(): Record<string, DriverState> {
    const entries = this.names.map((name) => [name, this.#states.get(name) ?? 'unavailable'] as const)
    return Object.fromEntries(entries)
  }

  /** Nothing that they tell is heard any more. */
  close(): void {
    this.#closed = true
  }

  async #bind(name: string, { driver, markReady }: Bound, scope: DriverScope): Promise<void> {
    try {
      await driver.watch(scope, (event) => this.#hear(name, event))
    } catch (error) {
      this.#options.logger.error(`the ${name} driver cannot watch; its attempts go unseen`, {
        reason: (error as Error).message,
      })
    }
    markReady()
    await this.#complete(name)
  }

  async #complete(name: string): Promise<void> {
    await this.ready(name)
    if (!this.#closed) await this.#options.onComplete(name)
  }

  #hear(name: string, event: DriverEvent): void {
    if (this.#closed) return
    if (event.type === 'Availability') this.#availability(name, event.state, event.detail)
    else if (event.type === 'Progress')
      this.#options.onProgress(event.key, event.text.slice(0, driverLimits.progressCharsMax))
    else this.#options.onAttempt(event.key, attemptEvent(event))
  }

  #availability(name: string, state: DriverState, detail: string): void {
    const changed = this.#states.get(name) !== state
    this.#states.set(name, state)
    if (changed) {
      this.#options.logger.info(`the ${name} driver is ${state}`, { detail })
      this.#options.onChange()
    }
    if (state === 'complete') void this.#complete(name)
  }
}

type AttemptNews = Exclude<DriverEvent, { type: 'Availability' | 'Progress' }>

/** Cut to what the wire takes: a message that is too long must not cost the session. */
function attemptEvent(event: AttemptNews): AttemptEvents {
  const { atMs: occurredAtMs } = event
  const { messageCharsMax, codeCharsMax, signalCharsMax } = driverLimits
  switch (event.type) {
    case 'Pulling':
    case 'Started':
      return { type: event.type, occurredAtMs }
    case 'Exited': {
      const { exitCode, signal, oomKilled, startedAtMs } = event
      return {
        type: 'Exited',
        occurredAtMs,
        exitCode,
        ...(signal === undefined ? {} : { signal: signal.slice(0, signalCharsMax) }),
        ...(oomKilled === undefined ? {} : { oomKilled }),
        ...(startedAtMs === undefined ? {} : { startedAtMs }),
      }
    }
    case 'StartFailed': {
      const { code, message, retryable } = event
      const cut = { code: code.slice(0, codeCharsMax), message: message.slice(0, messageCharsMax) }
      return { type: 'StartFailed', occurredAtMs, ...cut, retryable }
    }
    case 'Lost':
      return { type: 'Lost', occurredAtMs, message: event.message.slice(0, messageCharsMax) }
  }
}
