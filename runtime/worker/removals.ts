/** Removes what is left of attempts, again and again until each is gone; only so many at once. */
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { Logger } from '../logger.ts'
import type { Drivers } from './drivers.ts'
import type { Retries } from './retries.ts'
import { Slots } from './slots.ts'

export const removalLimits = {
  /** Removals under way at once. */
  concurrentRemovalsMax: 6,
} as const

export interface RemovalsOptions {
  readonly drivers: Drivers
  readonly retries: Retries
  readonly logger: Logger
}

export class Removals {
  readonly #options: RemovalsOptions
  readonly #slots = new Slots(removalLimits.concurrentRemovalsMax)
  readonly #queued = new Set<string>()
  #closed = false

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  /** Calls `done` once nothing is left of it. Asked again while it waits for another try, it tries at once. */
  remove(driverName: string, key: AttemptKey, done: () => void): void {
    const name = attemptName(key)
    if (this.#queued.has(name)) return
    this.#queued.add(name)
    this.#slots.run(async () => {
      const error = await this.#try(driverName, key)
      this.#queued.delete(name)
      if (this.#closed) return
      if (error === undefined) {
        this.#options.retries.done(`remove ${name}`)
        done()
      } else {
        this.#later(driverName, key, done, error)
      }
    })
  }

  close(): void {
    this.#closed = true
    this.#slots.close()
  }

  async #try(driverName: string, key: AttemptKey): Promise<Error | undefined> {
    if (!this.#options.drivers.offers(driverName)) return new Error(`this worker offers no ${driverName} driver now`)
    const driver = await this.#options.drivers.ready(driverName)
    if (this.#closed) return undefined
    try {
      await driver?.remove(key)
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  #later(driverName: string, key: AttemptKey, done: () => void, error: Error): void {
    const { retries, logger } = this.#options
    const name = attemptName(key)
    const failures = retries.later(`remove ${name}`, () => this.remove(driverName, key, done))
    const reason = error.message
    if (failures === 1)
      logger.warn(`what is left of ${name} could not be removed; trying again until it is`, { reason })
  }
}
