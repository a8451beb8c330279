/**
 * Starts attempts, each at most once, ever. What makes it safe to be killed between any two lines:
 *
 * - before `create`: nothing exists; the next start begins anew.
 * - `create` sent: the engine gives a name to one container only, so the next start finds it (409) or makes it.
 * - created, and perhaps `start` sent: nobody can see whether a request to start is still on its way inside the engine,
 *   and a second request after a quick end would run it twice. So a container that an earlier life left in `created` is
 *   never started: it is fenced (removed without force, which the engine refuses once it runs) and made anew. Requests
 *   name the container by its id, so a late one cannot hit the new container.
 * - started: the next start finds it running or ended, and only tells.
 * - removed: the saved output is there, and the next start refuses.
 *
 * The one gap is the engine's own: if it is killed while it starts a container, it may forget that it did. Then the
 * attempt is never started again; it is told as failed, and the next attempt has another name.
 */
import { type AttemptKey, attemptName, type TaskSpec } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import { type Engine, EngineError, isInnerError, isRefusal, isSilence } from './engine.ts'
import { DriverClosed, type EngineWatch } from './events.ts'
import { failureOf, StartFailure, stoppedBeforeStart, toStartFailure, unseenStart } from './failure.ts'
import { containerName, isAttempt } from './identity.ts'
import { type Images, isImageId } from './images.ts'
import type { KeptContainers } from './kept.ts'
import { type AttemptRecord, type Reports, removedByOthers } from './report.ts'
import type { Slots } from './slots.ts'
import { type ContainerPolicy, containerOptions } from './spec.ts'

/** How often one call makes a container anew after a fence. More would be a defect, not bad luck. */
const roundsMax = 6
/** How long an init is given to find out that it cannot run the command, and how often the engine is asked meanwhile. */
const settleMs = 150
/** Programs that are known to exist, so that their next start need not settle. */
const provenMax = 1_000
const askAgainMs = 100

export interface StartOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
  readonly images: Images
  readonly slots: Slots
  readonly clock: Clock
  readonly kept: KeptContainers
  readonly policy: ContainerPolicy
}

interface Request {
  readonly record: AttemptRecord
  readonly spec: TaskSpec
  readonly signal: AbortSignal
}

/** `again`: there is no container (any more), and none of this attempt ever ran. */
type Round = 'told' | 'again' | 'image-missing'

export class Starts {
  readonly #options: StartOptions
  readonly #proven = new Set<string>()

  constructor(options: StartOptions) {
    this.#options = options
  }

  /** See `Driver.start`. A second call while the first is under way joins it. */
  start(key: AttemptKey, spec: TaskSpec, signal: AbortSignal): Promise<void> {
    const record = this.#options.reports.recordOf(key)
    if (record.starting === undefined) {
      const controller = new AbortController()
      const done = this.#run({ record, spec, signal: controller.signal }).finally(() => {
        record.starting = undefined
      })
      record.starting = { controller, done }
    }
    const { controller, done } = record.starting
    const abort = () => controller.abort()
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    return done.finally(() => signal.removeEventListener('abort', abort))
  }

  async #run(request: Request): Promise<void> {
    const { reports } = this.#options
    const { record } = request
    // `record.starting` is set by the caller, which must happen before anything here looks at it.
    await record.removing?.catch(() => {})
    try {
      await this.#rounds(request)
    } catch (error) {
      if (error instanceof DriverClosed) return
      const failure = toStartFailure(error)
      if (failure === undefined) throw error
      reports.tellFailure(record, failure)
    }
  }

  async #rounds(request: Request): Promise<void> {
    const { reports, watch, kept } = this.#options
    const { record } = request
    if (record.end !== undefined) return reports.tell(record.end)
    // Until all containers were looked at once, an earlier life's may be running: then no failure may be told.
    await watch.seen()
    if (record.containerId === undefined && (await kept.wasRemoved(record.key))) {
      return reports.tellLost(record, `${attemptName(record.key)} was removed already; an attempt never starts twice.`)
    }
    let isPulled = false
    for (let round = 0; round < roundsMax; round++) {
      const outcome =
        record.containerId === undefined ? await this.#create(request, isPulled) : await this.#adopt(record)
      if (outcome === 'told') return
      if (outcome === 'image-missing') {
        await this.#pull(request)
        isPulled = true
      }
    }
    throw new StartFailure('start-failed', true, `Its container could not be made in ${roundsMax} tries.`)
  }

  async #pull({ record, spec, signal }: Request): Promise<void> {
    const { reports, images, clock } = this.#options
    const { key } = record
    const image = spec.image as string
    if (spec.pull === 'never' || isImageId(image)) {
      const why = spec.pull === 'never' ? 'must not pull it: pull it there, or let the task do so' : 'cannot pull an id'
      throw new StartFailure('no-such-image', false, `The worker has no image ${image} and ${why}.`)
    }
    reports.tell({ type: 'Pulling', key, atMs: clock.nowMs() })
    await images.pull(image, (text) => reports.tell({ type: 'Progress', key, text }), signal)
  }

  /** Makes the container and starts it, in one slot; adopts the one that has its name. */
  async #create(request: Request, isPulled: boolean): Promise<Round> {
    const { engine, reports, slots, policy } = this.#options
    const { record, spec, signal } = request
    const options = await containerOptions(reports.scope, record.key, spec, policy)
    if (spec.pull === 'always' && !isPulled) return 'image-missing'
    return slots.run(async () => {
      let id: string
      try {
        id = await engine.create(options, signal)
      } catch (error) {
        if (isRefusal(error, 409)) return this.#findByName(record)
        const isMissing = isRefusal(error, 404) && failureOf((error as Error).message).code === 'no-such-image'
        if (isMissing && !isPulled) return 'image-missing'
        throw error
      }
      record.containerId = id
      if (signal.aborted) {
        await this.#fence(record, id)
        throw stoppedBeforeStart()
      }
      return this.#launch(record, id)
    }, signal)
  }

  /** The name is taken: by this attempt's own container, or by a stranger's. */
  async #findByName(record: AttemptRecord): Promise<Round> {
    const { engine, reports } = this.#options
    const name = containerName(reports.scope, record.key)
    const view = await engine.inspect(name)
    if (view === undefined) return 'again'
    if (!isAttempt(reports.scope, record.key, view.labels)) {
      throw new StartFailure(
        'start-failed',
        true,
        `A container named ${name} exists already, and is not this attempt's.`,
      )
    }
    record.containerId = view.id
    return 'again'
  }

  /** A container of an earlier life, or of an earlier call: tells what is true of it and starts nothing that may run. */
  async #adopt(record: AttemptRecord): Promise<Round> {
    const { reports, watch } = this.#options
    const id = record.containerId as string
    const view = await watch.inspect(id)
    if (view === undefined) {
      record.containerId = undefined
      if (!record.startedTold) return 'again'
      reports.tellLost(record, removedByOthers(attemptName(record.key)))
      return 'told'
    }
    if (view.phase === 'created' && !record.startedTold) return this.#fence(record, id)
    if (view.phase === 'running' && record.startedTold) {
      reports.tell({ type: 'Started', key: record.key, atMs: view.startedAtMs ?? this.#options.clock.nowMs() })
      return 'told'
    }
    await reports.observe(view, true)
    return 'told'
  }

  /** The point of no return: from here on nothing is told but what the engine shows. */
  async #launch(record: AttemptRecord, id: string): Promise<Round> {
    const { engine, reports, watch } = this.#options
    try {
      await engine.start(id)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      if (isSilence(error)) return this.#afterSilence(record, id, error)
      const view = await watch.inspect(id)
      if (view?.phase === 'running' || view?.phase === 'ended') await reports.observe(view, true)
      else reports.tellFailure(record, failureOf(error.message, error.status))
      return 'told'
    }
    let confirmed = () => {}
    record.confirming = new Promise((resolve) => {
      confirmed = () => {
        record.confirming = undefined
        resolve()
      }
    })
    return this.#confirm(record, id, confirmed).finally(confirmed)
  }

  /** `onUnsure`: what comes of it is seen by those who hear of the end, too. */
  async #confirm(record: AttemptRecord, id: string, onUnsure: () => void): Promise<Round> {
    const { reports, watch } = this.#options
    let view = await watch.inspect(id)
    if (view?.phase === 'running' && view.init && !this.#proven.has(view.program)) {
      onUnsure()
      await reports.untilEnd(record, settleMs)
      view = await watch.inspect(id)
    }
    if (view === undefined) {
      reports.tellLost(record, removedByOthers(attemptName(record.key)))
      return 'told'
    }
    if (view.phase === 'running' && this.#proven.size < provenMax) this.#proven.add(view.program)
    await reports.observe(view, true)
    return 'told'
  }

  /** The engine died or was silent during the very start: waits until it answers, and then tells the truth. */
  async #afterSilence(record: AttemptRecord, id: string, why: EngineError): Promise<Round> {
    const { reports, watch } = this.#options
    const view = await watch.inspect(id)
    if (view?.phase === 'failed') reports.tellFailure(record, failureOf(view.error))
    else if (view?.phase === 'running' || view?.phase === 'ended') await reports.observe(view, true)
    else if (view === undefined || (await this.#fence(record, id)) === 'again') {
      // It was not seen to run. An engine that was killed may have forgotten that it did, so it is not tried again.
      throw unseenStart(why)
    }
    return 'told'
  }

  /**
   * Makes sure that a container in `created` never starts: the engine removes it without force only if it does not run,
   * waits meanwhile for a start that is under way, and refuses one that comes later. Tells what it finds if it runs.
   */
  async #fence(record: AttemptRecord, id: string): Promise<Round> {
    const { engine, reports, watch } = this.#options
    for (;;) {
      const view = await watch.inspect(id)
      if (view === undefined) break
      if (view.phase !== 'created') {
        await reports.observe(view, true)
        return 'told'
      }
      try {
        await engine.remove(id, { force: false })
        break
      } catch (error) {
        if (!isSilence(error) && !isInnerError(error) && !isRefusal(error, 409)) throw error
        await watch.pause(askAgainMs)
      }
    }
    record.containerId = undefined
    // Between the engine's look and its removal a start may have slipped in; its event would still be there.
    if (!(await watch.patiently(() => this.#wasStarted(id)))) return 'again'
    reports.tellLost(record, 'It was removed at the very moment in which it started.')
    return 'told'
  }

  async #wasStarted(id: string): Promise<boolean> {
    const { engine, clock } = this.#options
    const filters = { type: ['container'], event: ['start'], container: [id] }
    const span = { since: 1, until: clock.nowMs() / 1_000 }
    return engine.within('events', engine.deadlines.requestMs, async (signal) => {
      const stream = await engine.events(filters, signal, span)
      for await (const block of stream) if (String(block).trim() !== '') return true
      return false
    })
  }

  /** Makes sure that a container which nobody starts in this process will not start; tells that it did not. */
  async cancel(record: AttemptRecord): Promise<void> {
    if (record.containerId === undefined) return
    if ((await this.#fence(record, record.containerId)) === 'again') {
      this.#options.reports.tellFailure(record, stoppedBeforeStart())
    }
  }
}
