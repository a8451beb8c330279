/**
 * What attempts use, measured for the manager while somebody watches there, and for nobody else. A sample that the
 * connection does not take now is left out: the next one says more.
 */
import { Check, Clean } from 'typebox/value'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { ManagerMessages, WorkerMessage } from '../../actors/protocol/session.ts'
import { AttemptStats } from '../../actors/usage.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { type Attempts, contextOf, stateOf } from './attempts.ts'
import type { Drivers } from './drivers.ts'

export const samplingLimits = {
  /** Attempts that are measured at once. */
  streamsMax: 256,
  /** Failures in a row after which a stream is ended. */
  failuresMax: 5,
  /** Characters of an error that the wire takes. */
  errorCharsMax: 4_096,
} as const

export interface SamplingsOptions {
  readonly attempts: Attempts
  readonly drivers: Drivers
  readonly clock: Clock
  readonly logger: Logger
  /** False = held back, until `drained`. */
  readonly send: (message: WorkerMessage) => boolean
}

interface Sampling {
  readonly id: string
  readonly key: AttemptKey
  readonly everyMs: number
  failures: number
  cancelTimer: () => void
}

/** Why nothing can be measured: it goes to whoever watches. */
interface Refusal {
  readonly code: string
  readonly error: string
}

export class Samplings {
  readonly #options: SamplingsOptions
  readonly #samplings = new Map<string, Sampling>()
  #held = false

  constructor(options: SamplingsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#samplings.size
  }

  open({ stream: id, taskId, attempt, everyMs }: ManagerMessages['OpenStats']): void {
    if (this.#samplings.has(id)) {
      this.#options.logger.warn(`a stream of samples ${id} is open already; the second is ignored`)
      return
    }
    const { streamsMax } = samplingLimits
    if (this.#samplings.size >= streamsMax) {
      const error = `this worker measures ${streamsMax} attempts already; watch fewer, or try again later`
      this.#options.send({ type: 'StatsEnded', stream: id, error, code: 'Overloaded' })
      return
    }
    const sampling: Sampling = { id, key: { taskId, attempt }, everyMs, failures: 0, cancelTimer: () => {} }
    this.#samplings.set(id, sampling)
    // At once, so that the manager can tell this worker from one that knows nothing of samples.
    this.#send({ type: 'StatsData', stream: id })
    void this.#turn(sampling)
  }

  /** Nothing more of it is sent, not even its end. */
  close(id: string): void {
    const sampling = this.#samplings.get(id)
    if (sampling === undefined) return
    this.#samplings.delete(id)
    sampling.cancelTimer()
  }

  closeAll(): void {
    this.#held = false
    for (const id of [...this.#samplings.keys()]) this.close(id)
  }

  /** The connection takes more again. */
  drained(): void {
    this.#held = false
  }

  /** One sample, and the next in its time: never two of an attempt at once, however slow its engine is. */
  async #turn(sampling: Sampling): Promise<void> {
    const outcome = await this.#measure(sampling)
    if (this.#samplings.get(sampling.id) !== sampling) return
    if (outcome === 'over' || isRefusal(outcome)) {
      this.close(sampling.id)
      const why = outcome === 'over' ? {} : outcome
      this.#options.send({ type: 'StatsEnded', stream: sampling.id, ...why })
      return
    }
    // While it is held back another would only grow old.
    if (!this.#held) {
      this.#send({ type: 'StatsData', stream: sampling.id, ...(outcome === undefined ? {} : { sample: outcome }) })
    }
    const { clock } = this.#options
    sampling.cancelTimer = clock.setTimer(() => void this.#turn(sampling), sampling.everyMs)
  }

  /** A sample; nothing, if nothing runs or it could not be found out now; or why there will be none any more. */
  async #measure(sampling: Sampling): Promise<AttemptStats | Refusal | 'over' | undefined> {
    const { attempts, drivers, logger } = this.#options
    const { key } = sampling
    const actor = attempts.get(key)
    if (actor === undefined || contextOf(actor).end !== undefined) return 'over'
    if (!['Running', 'Stopping'].includes(stateOf(actor))) return undefined
    const { driver: name } = contextOf(actor)
    const driver = await drivers.ready(name)
    if (driver?.stats === undefined || !driver.supports.stats) {
      return { code: 'Invalid', error: `the ${name} driver of this worker cannot tell what its tasks use` }
    }
    try {
      const sample = await driver.stats(key)
      if (sample !== undefined && !Check(AttemptStats, sample)) {
        // It would cost the session: the manager takes only what keeps to the schema.
        throw new Error(`the ${name} driver gave ${JSON.stringify(sample)}, which is no sample`)
      }
      sampling.failures = 0
      // Fields of its own are nobody's to see, and cost every watcher.
      return sample && (Clean(AttemptStats, { ...sample }) as AttemptStats)
    } catch (thrown) {
      sampling.failures += 1
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      logger.debug(`what ${attemptName(key)} uses could not be measured`, { reason })
      if (sampling.failures < samplingLimits.failuresMax) return undefined
      return {
        code: 'Unavailable',
        error: `what it uses could not be measured: ${reason}`.slice(0, samplingLimits.errorCharsMax),
      }
    }
  }

  #send(message: WorkerMessage): void {
    this.#held = !this.#options.send(message)
  }
}

const isRefusal = (outcome: AttemptStats | Refusal | undefined): outcome is Refusal =>
  outcome !== undefined && 'code' in outcome
