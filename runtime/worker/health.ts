/**
 * Health checks of the attempts that run here: timers, and one probe at a time for each. What is found out is told to the
 * attempt's machine only when it changes, which stores and reports it; that a task is stopped for it is the manager's
 * decision. An engine that cannot be asked proves nothing, neither way.
 */
import type { AttemptContext } from '../../actors/attempt.ts'
import { type Health, type HealthCheck, healthDefaults, healthTimes, judge, type Probed } from '../../actors/health.ts'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { Clock } from '../clock.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Prober } from '../health/prober.ts'
import type { Logger } from '../logger.ts'
import { type Attempts, contextOf, stateOf } from './attempts.ts'
import type { Drivers } from './drivers.ts'
import { Slots } from './slots.ts'

export const checkupLimits = {
  /** Checks over the network under way at once, of all attempts of a worker: those that wait for an answer cost nothing. */
  networkChecksMax: 128,
  /** Checks by the engine or by a process of their own, which do cost. */
  engineChecksMax: 8,
  /** How much longer than its time-out a check may hold its place, in milliseconds: a driver kills what takes too long. */
  leewayMs: 2_000,
} as const

export interface CheckupsOptions {
  readonly attempts: Attempts
  readonly drivers: Drivers
  /** Absent: this worker cannot check over the network, and says so as the result. */
  readonly prober: Prober | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** The checks of one attempt, from its start to its end. */
interface Checkup {
  readonly key: AttemptKey
  readonly check: HealthCheck
  /** When its start period is over, by the clock that nobody sets. */
  readonly startsUntilMs: number
  health: Health | undefined
  /** How its checks were timed last: soon while it starts, then at the interval. */
  pace: 'start' | 'interval' | undefined
  cancelTimer: () => void
  abort: AbortController | undefined
  ended: boolean
}

export class Checkups {
  readonly #options: CheckupsOptions
  readonly #checkups = new Map<string, Checkup>()
  readonly #network = new Slots(checkupLimits.networkChecksMax)
  readonly #engine = new Slots(checkupLimits.engineChecksMax)
  #closed = false

  constructor(options: CheckupsOptions) {
    this.#options = options
  }

  /** Where this attempt stands is durable: its checks begin or end. Also to be called for each at load. */
  follow(key: AttemptKey): void {
    if (this.#closed) return
    const name = attemptName(key)
    const actor = this.#options.attempts.get(key)
    const isRunning = actor !== undefined && stateOf(actor) === 'Running'
    const known = this.#checkups.get(name)
    if (!isRunning) {
      if (known !== undefined) this.#end(known)
      return
    }
    const context = contextOf(actor)
    if (known !== undefined || context.check === undefined || context.health?.state === 'failed') return
    this.#begin(context, context.check)
  }

  /** No more checks; those under way are given up. */
  close(): void {
    this.#closed = true
    this.#network.close()
    this.#engine.close()
    for (const checkup of [...this.#checkups.values()]) this.#end(checkup)
  }

  #begin({ key, startedAtMs, health }: AttemptContext, check: HealthCheck): void {
    const { clock } = this.#options
    const { startPeriodMs } = healthTimes(check)
    // The wall clock may have been set since it started, or be set later: from here on never more than the whole of it.
    const ageMs = startedAtMs === undefined ? 0 : Math.max(0, clock.nowMs() - startedAtMs)
    const checkup: Checkup = {
      key,
      check,
      startsUntilMs: clock.uptimeMs() + startPeriodMs - ageMs,
      // Of an earlier life of this worker: what was well has no start period once more.
      health,
      pace: undefined,
      cancelTimer: () => {},
      abort: undefined,
      ended: false,
    }
    this.#checkups.set(attemptName(key), checkup)
    this.#wait(checkup)
  }

  #end(checkup: Checkup): void {
    checkup.ended = true
    checkup.cancelTimer()
    checkup.abort?.abort()
    this.#checkups.delete(attemptName(checkup.key))
  }

  #isStarting({ startsUntilMs }: Checkup): boolean {
    return this.#options.clock.uptimeMs() < startsUntilMs
  }

  #wait(checkup: Checkup): void {
    const { intervalMs } = healthTimes(checkup.check)
    const isStarting = checkup.health === undefined && this.#isStarting(checkup)
    const wholeMs = isStarting ? Math.min(intervalMs, healthDefaults.startIntervalMs) : intervalMs
    const pace = isStarting ? 'start' : 'interval'
    // The first of each pace comes earlier, by a time of its own: what was started together is not checked together.
    const delayMs = checkup.pace === pace ? wholeMs : Math.ceil(wholeMs * firstPart(attemptName(checkup.key)))
    checkup.pace = pace
    checkup.cancelTimer = this.#options.clock.setTimer(() => {
      const slots = isOverNetwork(checkup.check) ? this.#network : this.#engine
      slots.run(() => this.#check(checkup))
    }, delayMs)
  }

  async #check(checkup: Checkup): Promise<void> {
    if (checkup.ended) return
    const { clock, logger, attempts } = this.#options
    const isStarting = this.#isStarting(checkup)
    const probed = await this.#probe(checkup).catch((error: Error) => {
      // Nothing was learnt: an engine that is away is told of elsewhere.
      logger.debug(`the health of ${attemptName(checkup.key)} could not be checked`, { reason: error.message })
      return undefined
    })
    if (checkup.ended) return
    if (probed !== undefined) {
      const before = checkup.health
      const { check, key } = checkup
      const health = judge(before, probed, { check, atMs: clock.nowMs(), isStarting })
      checkup.health = health
      if (health !== undefined && health.state !== before?.state) {
        attempts.tell(key, { type: 'HealthChanged', health })
      }
      // The last word was said; the manager decides what becomes of it.
      if (health?.state === 'failed') return
    }
    this.#wait(checkup)
  }

  /** Rejects, or answers nothing, if it cannot be found out now. */
  async #probe(checkup: Checkup): Promise<Probed | undefined> {
    const { drivers, attempts, clock } = this.#options
    const { key, check } = checkup
    const { timeoutMs } = healthTimes(check)
    const actor = attempts.get(key)
    const driver = actor && (await drivers.ready(contextOf(actor).driver))
    if (driver === undefined || checkup.ended) return undefined
    const abort = new AbortController()
    checkup.abort = abort
    // A driver ends a command by itself, and says better what it was; its engine may hang all the same.
    const lateMs = timeoutMs + checkupLimits.leewayMs
    const cancelAbort = clock.setTimer(() => abort.abort(), isOverNetwork(check) ? timeoutMs : lateMs)
    let cancelLate = () => {}
    const late = new Promise<undefined>((resolve) => {
      cancelLate = clock.setTimer(() => resolve(undefined), lateMs)
    })
    return Promise.race([this.#ask(driver, key, check, abort.signal), late]).finally(() => {
      cancelAbort()
      cancelLate()
    })
  }

  async #ask(driver: Driver, key: AttemptKey, check: HealthCheck, signal: AbortSignal): Promise<Probed | undefined> {
    switch (check.kind) {
      case 'http':
      case 'tcp':
        return this.#overNetwork(driver, key, check, signal)
      case 'command':
        return this.#byCommand(driver, key, check, signal)
      case 'container':
        return byContainer(driver, key)
    }
  }

  async #overNetwork(driver: Driver, key: AttemptKey, check: HealthCheck, signal: AbortSignal): Promise<Probed> {
    const { prober, attempts } = this.#options
    const { kind, path = '/', expect } = check
    if (prober === undefined) return { passed: false, detail: `this worker cannot check by ${kind}` }
    const host = driver.address === undefined ? loopback : await driver.address(key)
    if (host === undefined) {
      return { passed: false, detail: `it has no address that this worker could check by ${kind}; use a command` }
    }
    const actor = attempts.get(key)
    const given =
      actor && contextOf(actor).ports?.find(({ target, protocol }) => target === check.port && protocol === 'tcp')
    // On the worker's own network it listens at the port that it was given.
    const port = (host === loopback ? given?.host : undefined) ?? check.port ?? 0
    if (kind === 'tcp') return prober.tcp({ host, port, signal })
    return prober.http({ host, port, path, signal, ...(expect === undefined ? {} : { expect }) })
  }

  async #byCommand(
    driver: Driver,
    key: AttemptKey,
    check: HealthCheck,
    signal: AbortSignal,
  ): Promise<Probed | undefined> {
    const { command = [] } = check
    const { timeoutMs } = healthTimes(check)
    if (driver.exec === undefined) {
      return { passed: false, detail: `the ${driver.name} driver of this worker runs no commands beside a task` }
    }
    const spec = await this.#options.attempts.specOf(key)
    if (spec === undefined) return undefined
    const { exitCode, output } = await driver.exec(key, { command, spec, signal, timeoutMs })
    if (exitCode === 0) return { passed: true }
    const how = exitCode === undefined ? output : `exited with code ${exitCode}${output === '' ? '' : `: ${output}`}`
    return { passed: false, detail: `${command[0]} ${how}` }
  }
}

/**
 * The part of a whole delay after which the first of an attempt's checks comes: from a half to a whole, by its name. By
 * chance it would be drawn anew at each start of the worker. FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
 */
function firstPart(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  // Names differ mostly at their end, which reaches the low bits first.
  return 0.5 + (hash % 1_000) / 2_000
}

/** Where the worker's own network is. */
const loopback = '127.0.0.1'

const isOverNetwork = ({ kind }: HealthCheck): boolean => kind === 'http' || kind === 'tcp'

async function byContainer(driver: Driver, key: AttemptKey): Promise<Probed | undefined> {
  const health = await driver.health?.(key)
  if (health === undefined) {
    const detail = 'the container has no HEALTHCHECK: give its image one, or choose another kind of check'
    return { passed: false, detail, isLast: true }
  }
  if (health.state === 'starting') return undefined
  // The engine has counted its own retries.
  return health.state === 'healthy' ? { passed: true } : { passed: false, detail: health.detail, isLast: true }
}
