/**
 * Keeps watch on the engine. Its events are the fast path: they say which container to inspect. Inspection is the
 * truth: after every (re)connection, and every `sweepMs`, all containers of the scope are looked at, for the engine
 * replays only the last 256 events, from memory, and none of before its own restart.
 */
import type { Readable } from 'node:stream'
import { attemptName } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { ContainerPhase, ContainerView } from './container.ts'
import { type Engine, EngineError, isInnerError, isSilence } from './engine.ts'
import { scopeFilter } from './identity.ts'
import { jsonLines } from './json-lines.ts'
import { type AttemptRecord, type Reports, removedByOthers } from './report.ts'

/** The first pause before the engine is asked again, doubled up to the greatest, each with full jitter above half. */
const backOffMs = 200
const backOffMaxMs = 5_000
/** How often a container is looked at again that has ended by an event but not yet by inspection, and how soon. */
const lookAgainTimes = 20
const lookAgainMs = 50

/** What is read of an event. */
interface EngineEvent {
  readonly id?: string
  readonly Action?: string
  readonly timeNano?: number
  readonly Actor?: { readonly Attributes?: { readonly exitCode?: string } }
}

export interface WatchOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly clock: Clock
  readonly logger: Logger
  readonly roll: () => number
  readonly sweepMs: number
}

/** Rejects whoever waits for the engine when the driver is closed. */
export class DriverClosed extends Error {}

export class EngineWatch {
  readonly #options: WatchOptions
  readonly #closing = new AbortController()
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>()
  #state: 'complete' | 'unavailable' | 'unknown' = 'unknown'
  #wasComplete = false
  #wake: (() => void) | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Fires when the driver is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Begins the watch. Resolves once all containers were looked at, or the engine was found unavailable. */
  begin(): Promise<void> {
    return new Promise((resolve) => {
      this.#keep(resolve).catch((error: unknown) => {
        this.#options.logger.error('The watch on the Docker engine ended by a defect.', { error: String(error) })
      })
    })
  }

  close(): void {
    this.#closing.abort()
    this.#wake?.()
    for (const { reject } of this.#waiting) reject(new DriverClosed('the docker driver was closed'))
    this.#waiting.clear()
  }

  /** Resolves when the engine answers and all was looked at afresh; rejects with DriverClosed. */
  available(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(new DriverClosed('the docker driver was closed'))
    if (this.#state === 'complete') return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }))
  }

  /** Resolves when the engine has answered at least once and all was looked at; rejects with DriverClosed. */
  seen(): Promise<void> {
    return this.#wasComplete && !this.#closing.signal.aborted ? Promise.resolve() : this.available()
  }

  /**
   * Asks until the engine has answered, however long that takes; rejects with its refusal, or DriverClosed. For what
   * must be known before anything may be said. An engine's inner error (5xx) is no answer.
   */
  async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.available()
      try {
        return await ask()
      } catch (error) {
        if (!isSilence(error) && !isInnerError(error)) throw error
        await this.pause(lookAgainMs * 4)
      }
    }
  }

  /** What the engine shows of a container, however long it takes to answer; undefined if there is none. */
  inspect(idOrName: string): Promise<ContainerView | undefined> {
    return this.patiently(() => this.#options.engine.inspect(idOrName))
  }

  /** Waits; rejects with DriverClosed. */
  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const settle = () => {
        cancel()
        this.#closing.signal.removeEventListener('abort', settle)
        resolve()
      }
      const cancel = this.#options.clock.setTimer(settle, ms)
      this.#closing.signal.addEventListener('abort', settle)
    })
    if (this.#closing.signal.aborted) throw new DriverClosed('the docker driver was closed')
  }

  async #keep(onFirst: () => void): Promise<void> {
    let failures = 0
    while (!this.#closing.signal.aborted) {
      try {
        // The stream first: what happens during the sweep is then in the stream.
        const stream = await this.#open()
        try {
          await this.#sweep()
          this.#become('complete', `the Docker engine answers at ${this.#options.engine.address}`)
          onFirst()
          failures = 0
          await this.#follow(stream)
        } finally {
          stream.destroy()
        }
      } catch (error) {
        if (this.#closing.signal.aborted) break
        if (!(error instanceof EngineError)) throw error
        if (failures > 0 || !(await this.#answers())) {
          this.#become('unavailable', error.message)
          onFirst()
        }
      }
      if (failures > 0 || this.#state === 'unavailable') await this.#backOff(failures)
      failures++
    }
    onFirst()
  }

  #open(): Promise<Readable> {
    const label = scopeFilter(this.#options.reports.scope)
    const filters = { type: ['container'], event: ['oom', 'die', 'destroy'], label }
    return this.#options.engine.events(filters, this.#closing.signal)
  }

  /** A stream may break while the engine is well. */
  async #answers(): Promise<boolean> {
    return this.#options.engine.ping().then(
      () => true,
      () => false,
    )
  }

  #become(state: 'complete' | 'unavailable', detail: string): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.logger.info(state === 'complete' ? 'The Docker engine can be asked.' : 'The Docker engine is away.', {
      detail,
    })
    this.#options.reports.tell({ type: 'Availability', state, detail })
    if (state === 'unavailable') return
    this.#wasComplete = true
    for (const { resolve } of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async #backOff(failures: number): Promise<void> {
    const ceiling = Math.min(backOffMs * 2 ** failures, backOffMaxMs)
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.setTimer(resolve, ceiling * (0.5 + this.#options.roll() / 2))
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }

  /** Reads events until the stream breaks or a sweep finds that the engine no longer answers; then throws. */
  async #follow(stream: Readable): Promise<void> {
    let cancelSweep = () => {}
    const armSweep = () => {
      cancelSweep = this.#options.clock.setTimer(() => {
        this.#sweep().then(armSweep, (error: Error) => stream.destroy(error))
      }, this.#options.sweepMs)
    }
    armSweep()
    try {
      for await (const event of jsonLines<EngineEvent>(stream)) {
        this.#hear(event).catch((error: unknown) => {
          // The next sweep sees what this look missed.
          this.#options.logger.debug('A container could not be inspected.', { error: String(error) })
        })
      }
    } catch (error) {
      throw error instanceof EngineError ? error : new EngineError('unreachable', `the event stream broke (${error})`)
    } finally {
      cancelSweep()
    }
    throw new EngineError('unreachable', `the Docker engine at ${this.#options.engine.address} ended the event stream`)
  }

  async #hear({ id, Action, timeNano = 0, Actor }: EngineEvent): Promise<void> {
    const { reports } = this.#options
    if (id === undefined) return
    if (Action === 'oom') return reports.outOfMemory(id)
    if (Action === 'die') {
      const exitCode = Number(Actor?.Attributes?.exitCode ?? Number.NaN)
      return (await reports.died(id, exitCode, Math.floor(timeNano / 1e6))) ? undefined : this.#look(id, true)
    }
    // Most often it is this driver that has removed it: then there is nothing to be asked.
    if (isMissed(reports.findContainer(id))) await this.#look(id, false)
  }

  /** Inspects one container and tells what is new. One that just died may still be shown as running for a moment. */
  async #look(id: string, hasEnded: boolean): Promise<void> {
    for (let times = 0; times < lookAgainTimes; times++) {
      const view = await this.#options.engine.inspect(id)
      if (view === undefined) return this.#missing(id)
      if (view.phase !== 'running' || !hasEnded) return this.#options.reports.observe(view)
      await this.pause(lookAgainMs)
    }
  }

  /** A container is gone that this driver did not remove. */
  #missing(id: string): void {
    const record = this.#options.reports.findContainer(id)
    if (!isMissed(record)) return
    record.containerId = undefined
    if (record.startedTold) this.#options.reports.tellLost(record, removedByOthers(attemptName(record.key)))
    else if (record.end === undefined) this.#options.reports.forget(record)
  }

  /** Compares all that exists with what was told. Throws EngineError if the engine does not answer. */
  async #sweep(): Promise<void> {
    const { engine, reports, logger } = this.#options
    // Known before the list was made: what is created during it must not be taken for missing.
    const known = reports.all().flatMap((record) => record.containerId ?? [])
    const told = new Map(reports.all().flatMap((each) => (each.containerId ? [[each.containerId, each] as const] : [])))
    const containers = await engine.list(scopeFilter(reports.scope))
    const present = new Set(containers.map(({ Id }) => Id))
    const doubtful = containers.filter(({ Id, State }) => {
      const record = told.get(Id)
      if (record === undefined) return true
      if (record.end !== undefined) return false
      return !(record.startedTold && phaseOfList(State) === 'running')
    })
    for (const id of [...known.filter((each) => !present.has(each)), ...doubtful.map(({ Id }) => Id)]) {
      await this.#look(id, false).catch((error: unknown) => {
        // One container that the engine cannot show must not make all the others unavailable. If the engine itself
        // has gone, the stream breaks or the next sweep fails.
        logger.warn('A container could not be inspected; it is tried again later.', { id, error: String(error) })
        if (error instanceof EngineError && error.kind === 'unreachable') throw error
      })
    }
  }
}

const phaseOfList = (state: string): ContainerPhase | undefined =>
  state === 'running' || state === 'paused' ? 'running' : undefined

/** Whether it would be missed if it were gone: not by a start or a removal, which see for themselves. */
const isMissed = (record: AttemptRecord | undefined): record is AttemptRecord =>
  record !== undefined && record.starting === undefined && record.removing === undefined
