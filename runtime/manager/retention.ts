/**
 * Retention: what has ended is kept for a while, and then goes, a little at a time and beside the work.
 *
 *   tasks that have ended ── too old, or too many ──▶ a mark of the id, for 24 h
 *   the log ──────────────── too old, or too large ─▶ gone, with its index by task
 *
 * What is deleted one by one goes through the journal, with how far that is, in one unit; what stands in order goes by
 * range after it. So a crash between any two leaves an index that points at nothing, which every reader takes as gone, and
 * which the next manager deletes.
 */
import type { Clock } from '../clock.ts'
import type { ActorHost } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import { keys, prefixes } from '../host/keys.ts'
import type { Logger } from '../logger.ts'
import type { Retention } from '../options.ts'
import type { Storage } from '../storage/storage.ts'
import type { Book } from './book.ts'
import { EndedTasks } from './ended-tasks.ts'
import { History } from './history.ts'
import { inWords, KnownIds } from './known-ids.ts'
import { OldLog } from './old-log.ts'
import { Trims } from './trims.ts'

/** What is kept where nothing else is said. */
export const retentionDefaults: Retention = {
  finishedMs: 7 * 24 * 3_600_000,
  finishedMax: 100_000,
  logMs: 7 * 24 * 3_600_000,
  logBytes: 1_024 * 1_024 * 1_024,
}

/** For people: how long tasks that have ended are kept, and how many. */
export function keptInWords({ finishedMs, finishedMax }: Retention): string {
  const words = [
    ...(Number.isFinite(finishedMs) ? [`for ${inWords(finishedMs)}`] : []),
    ...(Number.isFinite(finishedMax) ? [`${finishedMax} of them at most`] : []),
  ]
  return words.length === 0 ? 'for ever now, and were not before' : words.join(', ')
}

/** What a manager has of what was kept before it, and of how much that is. */
export function createPast(storage: Storage, clock: Clock, chosen: Partial<Retention> = {}) {
  const retention: Retention = { ...retentionDefaults, ...chosen }
  const trims = new Trims()
  const knownIds = new KnownIds({ storage, clock, kept: keptInWords(retention) })
  return { retention, trims, knownIds, history: new History(storage, trims) }
}

export const retentionLimits = {
  /** Between two looks at whether there is too much, in milliseconds. A look costs no reading while there is not. */
  checkMs: 5_000,
  /** Between two batches while there is, in milliseconds: whatever else is to be done comes first. */
  pauseMs: 2,
} as const

export interface RetentionOptions {
  readonly retention: Retention
  readonly storage: Storage
  readonly journal: Journal
  readonly host: ActorHost
  readonly book: Book
  readonly trims: Trims
  readonly knownIds: KnownIds
  /** Tasks that are not to be touched, for nobody knows what is wanted of them. */
  readonly setAside: ReadonlySet<string>
  readonly clock: Clock
  readonly logger: Logger
}

/** Something that is trimmed in batches. */
export interface Trimmed {
  /** One batch. Whether there is more to be done at once. */
  trim(): Promise<boolean>
}

export class Retainer {
  readonly #options: RetentionOptions
  readonly tasks: EndedTasks
  readonly log: OldLog
  #cancel: (() => void) | undefined
  #closed = false
  #hasFailed = false

  constructor(options: RetentionOptions) {
    this.#options = options
    this.tasks = new EndedTasks(options)
    this.log = new OldLog(options)
  }

  /** Begins, once the tasks are loaded. Deletes what a crash has left of the last batch. */
  start(): void {
    this.tasks.begin()
    this.log.begin()
    this.#next(0, () => this.#tidy())
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #next(delayMs: number, work: () => Promise<number>): void {
    if (this.#closed) return
    this.#cancel = this.#options.clock.setTimer(() => void this.#run(work), delayMs)
  }

  async #run(work: () => Promise<number>): Promise<void> {
    let delayMs: number = retentionLimits.checkMs
    try {
      delayMs = await work()
      this.#hasFailed = false
    } catch (error) {
      // A store that is closed or broken ends the manager by itself; here it is only told, once.
      if (!this.#closed && !this.#hasFailed) {
        this.#options.logger.warn('what has ended could not be trimmed; trying again', {
          error: (error as Error).message,
        })
      }
      this.#hasFailed = true
    }
    this.#next(delayMs, () => this.#round())
  }

  async #tidy(): Promise<number> {
    const { storage, journal, trims } = this.#options
    const { epoch } = journal
    if (trims.tasks > 0) await storage.deleteRange(prefixes.final, keys.final(trims.tasks, ''), { epoch })
    if (trims.log > 0) await storage.deleteRange(prefixes.log, keys.log(trims.log + 1, 0), { epoch })
    return retentionLimits.pauseMs
  }

  /** How long to wait for the next. */
  async #round(): Promise<number> {
    const { journal, knownIds } = this.#options
    if (journal.isBehind || journal.failed) return retentionLimits.checkMs
    const [moreTasks, moreLog] = [await this.tasks.trim(), await this.log.trim()]
    if (moreTasks || moreLog) return retentionLimits.pauseMs
    await knownIds.forget(journal.epoch)
    return retentionLimits.checkMs
  }
}
