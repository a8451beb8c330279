/**
 * Compares the attempts with what a driver has: after a start of the worker, whenever an engine can be asked again, and
 * once the complete desired state is known. What was asked of the driver before is asked again, what is gone is Lost,
 * and what nobody wants is removed. A driver that does not answer proves nothing.
 */
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { Clock } from '../clock.ts'
import { keys } from '../host/keys.ts'
import type { UnreadableRecord } from '../host/load.ts'
import type { Logger } from '../logger.ts'
import { type Attempts, contextOf, stateOf } from './attempts.ts'
import type { Desired } from './desired.ts'
import type { Drivers } from './drivers.ts'
import type { Removals } from './removals.ts'
import type { Retries } from './retries.ts'

/** States in which something was asked of the driver, of which a crash may have lost the answer. */
const asking = new Set(['Stopping', 'Removing'])
/**
 * States in which a start was asked for. What runs was adopted before anybody looks here, so these were never started:
 * after a crash that may have lasted for long their task can have been given up and have ended elsewhere. They are
 * started only once the manager of this session has said that it still wants them.
 */
const starting = new Set(['Starting', 'Pulling'])
/** States of an attempt that must exist in its driver. */
const existing = new Set(['Running', 'Stopping'])

export interface RecoveryOptions {
  readonly attempts: Attempts
  readonly desired: () => Desired
  readonly drivers: Drivers
  readonly removals: Removals
  readonly retries: Retries
  readonly clock: Clock
  readonly logger: Logger
  /** Records that could not be read. */
  readonly unreadable: readonly UnreadableRecord[]
}

export class Recovery {
  readonly #options: RecoveryOptions
  /** Addresses of attempts whose records could not be read, and whether a driver was seen to have them. */
  readonly #setAside: Map<string, boolean>
  /** Drivers that have said what they have. */
  readonly #listed = new Set<string>()
  #closed = false

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#setAside = new Map(options.unreadable.map(({ key }) => [key, false]))
  }

  /**
   * An attempt whose record cannot be read may have run before. It may be adopted, but without anything left of it to
   * adopt it must not be started. Undefined until its driver has said what there is.
   */
  mayRun(key: AttemptKey, driverName: string): boolean | undefined {
    const wasSeen = this.#setAside.get(keys.attempt(key))
    return wasSeen === false && !this.#listed.has(driverName) ? undefined : (wasSeen ?? true)
  }

  close(): void {
    this.#closed = true
  }

  /** The driver has told what exists: asks again what was asked of it. Resolves when it was done, or is put off. */
  async look(driverName: string): Promise<void> {
    const { attempts } = this.#options
    // Those that begin while the driver answers are not in its answer: also those whose start waits for its flush.
    const before = this.#of(driverName)
      .filter((actor) => existing.has(stateOf(actor)))
      .map((actor) => ({ key: contextOf(actor).key, starts: attempts.startsMade(contextOf(actor).key) }))
      .filter(({ key }) => !attempts.isStarting(key))
    const listed = await this.#list(driverName)
    if (listed === undefined) return
    const names = new Set(listed.map(attemptName))
    const looked = before.filter(({ key, starts }) => starts === attempts.startsMade(key)).map(({ key }) => key)
    for (const key of looked) if (!names.has(attemptName(key))) this.#lost(driverName, key)
    const desired = this.#options.desired()
    for (const actor of this.#of(driverName)) {
      const { key } = contextOf(actor)
      const isWanted = desired.isComplete && desired.wants(key)
      const asksAgain = asking.has(stateOf(actor)) || (starting.has(stateOf(actor)) && isWanted)
      if (asksAgain) attempts.tell(key, { type: 'Recovered' })
    }
    this.#sweep(driverName, listed)
    // One that waited for its start and was stopped while the driver answered: that stop found nothing, and nothing tells its end.
    const isMissed = (key: AttemptKey) => !names.has(attemptName(key)) && !attempts.isStarting(key)
    const stopping = this.#of(driverName).filter((actor) => stateOf(actor) === 'Stopping')
    const missed = stopping.map((actor) => contextOf(actor).key).filter((key) => isMissed(key) && !looked.includes(key))
    if (missed.length > 0) await this.look(driverName)
  }

  /** All that is desired is known: looks into every driver, starts what waited for that, removes what nobody wants. */
  async lookAll(): Promise<void> {
    const { drivers } = this.#options
    const one = async (driverName: string) => {
      await drivers.ready(driverName)
      await this.look(driverName)
    }
    await Promise.all(drivers.names.map(one))
  }

  #of(driverName: string) {
    return [...this.#options.attempts.all()].filter((actor) => contextOf(actor).driver === driverName)
  }

  /** Undefined if it cannot be asked now; it is looked at later then, at the latest when it says that it can be. */
  async #list(driverName: string): Promise<AttemptKey[] | undefined> {
    const { drivers, retries, logger } = this.#options
    const name = `look ${driverName}`
    try {
      const listed = await (await drivers.ready(driverName))?.list()
      if (this.#closed || listed === undefined) return undefined
      retries.done(name)
      for (const key of listed) {
        const address = keys.attempt(key)
        if (this.#setAside.has(address)) this.#setAside.set(address, true)
      }
      this.#listed.add(driverName)
      this.#options.desired().resume()
      return listed
    } catch (error) {
      if (this.#closed) return undefined
      const failures = retries.later(name, () => void this.look(driverName))
      const reason = (error as Error).message
      if (failures === 1) logger.warn(`the ${driverName} driver cannot say what it has; asking again`, { reason })
      return undefined
    }
  }

  /**
   * Also one that is being stopped and was never seen to start. That it never ran would be said by a failed start, and
   * nobody knows it: its intent is stored and the moment in which the driver is asked is not, and a container that ran
   * while no worker looked can have been removed from outside.
   */
  #lost(driverName: string, key: AttemptKey): void {
    const { attempts, clock } = this.#options
    const actor = attempts.get(key)
    if (actor === undefined || !existing.has(stateOf(actor))) return
    const message = `nothing was left of it when the ${driverName} driver was asked`
    attempts.tell(key, { type: 'Lost', occurredAtMs: clock.nowMs(), message })
  }

  #sweep(driverName: string, listed: readonly AttemptKey[]): void {
    const { attempts, removals, logger } = this.#options
    const desired = this.#options.desired()
    for (const key of listed) {
      if (!desired.isComplete || attempts.get(key) !== undefined) continue
      if (desired.wants(key) || desired.keeps(key)) continue
      logger.info(`removing ${attemptName(key)}, which nobody wants`, { driver: driverName })
      removals.remove(driverName, key, () => this.#setAside.delete(keys.attempt(key)))
    }
  }
}
