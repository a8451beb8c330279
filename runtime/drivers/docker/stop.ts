/**
 * Ends attempts: asks first, and kills when the grace is over. The engine's own stop would block a request for the
 * whole grace, die with the connection, and could not be shortened; so the two signals and the timer are ours.
 */
import type { AttemptKey } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import { type Engine, isSilence } from './engine.ts'
import { DriverClosed, type EngineWatch } from './events.ts'
import { containerName, isAttempt } from './identity.ts'
import type { AttemptRecord, Reports, Stopping } from './report.ts'
import type { Starts } from './start.ts'

/** How long a killed container is waited for before it is killed again. */
const killAgainMs = 2_000

export interface StopOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
  readonly starts: Starts
  readonly clock: Clock
  readonly logger: Logger
}

export class Stops {
  readonly #options: StopOptions

  constructor(options: StopOptions) {
    this.#options = options
  }

  /** See `Driver.stop`. While the engine is away it waits: a stop that nobody heard is none. */
  async stop(key: AttemptKey, graceMs: number): Promise<void> {
    try {
      await this.#stop(key, this.#options.clock.uptimeMs() + graceMs, graceMs > 0)
    } catch (error) {
      if (!(error instanceof DriverClosed)) throw error
    }
  }

  async #stop(key: AttemptKey, killAtMs: number, asksFirst: boolean): Promise<void> {
    const { reports, watch, starts } = this.#options
    const starting = reports.find(key)?.starting
    if (starting !== undefined) {
      // Before the engine is asked to start it this ends it; after that the container is stopped like any other.
      starting.controller.abort()
      await starting.done
    }
    const name = containerName(reports.scope, key)
    const view = await watch.inspect(name)
    if (view === undefined || !isAttempt(reports.scope, key, view.labels)) return
    const record = reports.recordOf(key)
    record.containerId = view.id
    if (view.phase === 'created' && record.end === undefined) return starts.cancel(record)
    await reports.observe(view)
    if (view.phase !== 'running') return
    record.stopping ??= { termSent: false, killAtMs: Number.POSITIVE_INFINITY, cancelKill: () => {} }
    const { stopping } = record
    if (!asksFirst) {
      stopping.cancelKill()
      stopping.killAtMs = killAtMs
      return this.#kill(record, view.id, stopping)
    }
    this.#arm(record, view.id, stopping, killAtMs)
    if (stopping.termSent) return
    stopping.termSent = true
    await this.#signal(view.id, view.stopSignal)
  }

  /** Sets the time of the kill, unless an earlier one is set. */
  #arm(record: AttemptRecord, id: string, stopping: Stopping, killAtMs: number): void {
    const { clock } = this.#options
    if (killAtMs >= stopping.killAtMs) return
    stopping.cancelKill()
    stopping.killAtMs = killAtMs
    const kill = () => void this.#kill(record, id, stopping)
    stopping.cancelKill = clock.setTimer(kill, Math.max(0, killAtMs - clock.uptimeMs()))
  }

  /** Kills until it has ended: the engine may be away, or restart between the signal and the end. */
  async #kill(record: AttemptRecord, id: string, stopping: Stopping): Promise<void> {
    try {
      await this.#signal(id, 'SIGKILL')
    } catch (error) {
      if (error instanceof DriverClosed) return
      throw error
    }
    if (record.end !== undefined) return
    const again = async () => {
      const { reports, watch } = this.#options
      if (record.end !== undefined || record.stopping !== stopping) return
      const view = await watch.inspect(id)
      if (view === undefined) return
      await reports.observe(view)
      if (view.phase === 'running') await this.#kill(record, id, stopping)
    }
    stopping.cancelKill = this.#options.clock.setTimer(() => {
      again().catch((error: unknown) => {
        if (error instanceof DriverClosed) return
        this.#options.logger.warn('A container could not be killed.', { id, error: String(error) })
      })
    }, killAgainMs)
  }

  async #signal(id: string, signal: string): Promise<void> {
    const { engine, watch, logger } = this.#options
    await watch.patiently(async () => {
      try {
        await engine.kill(id, signal)
      } catch (error) {
        if (isSilence(error)) throw error
        // The engine has refused; the kill that follows is tried again until the container has ended.
        logger.warn(`The engine could not send ${signal}.`, { id, error: String(error) })
      }
    })
  }
}
