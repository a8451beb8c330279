/**
 * The journal: units of work become durable in order, and only then act. Many units share one synced flush, one flush is
 * in flight, and the actors step ahead meanwhile.
 *
 *   commit(unit) ─▶ waiting ─▶ one batch, synced ─▶ the units' actions, in order
 *
 * A flush that fails is never tried again, for what reached the disk is unknown: whatever waits is dropped, nobody hears
 * of it, and the process must end and recover.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Logger } from '../logger.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'
import type { OnBoundary } from './boundary.ts'
import type { JournalMetrics } from './metrics.ts'
import { encodeRecord } from './record.ts'

export const journalLimits = {
  /** Operations of one unit, so that it fits one transaction of a replicated store. */
  unitOpsMax: 64,
  /** Operations in one flush. */
  flushOpsMax: 8_192,
  /** Bytes of keys and values in one flush; a single larger unit still goes, alone. */
  flushBytesMax: 8 * 1_024 * 1_024,
  /** Operations that may wait for the disk before new work from outside is refused as `Overloaded`. */
  backlogOpsMax: 65_536,
  /** The same in bytes: specs may be large. */
  backlogBytesMax: 64 * 1_024 * 1_024,
} as const

/** What became true together. */
export interface Unit {
  readonly ops: readonly StorageOp[]
  /** Whether a crash may take it back: it is written, and synced with whatever is synced next. Default false. */
  readonly mayBeLost?: boolean
  /** Run in order once the unit is durable, or written if it may be lost. */
  readonly actions: readonly (() => void)[]
}

interface Waiting {
  readonly unit: Unit
  readonly bytes: number
}

/** Characters for the bytes of keys, which are short. */
const bytesOf = (ops: readonly StorageOp[]): number =>
  ops.reduce((sum, op) => sum + op.key.length + (op.type === 'put' ? op.value.byteLength : 0), 0)

export interface JournalOptions {
  readonly storage: Storage
  readonly epoch: number
  /** The last revision that the store holds. */
  readonly revision: number
  /**
   * Where each flush writes the last revision down, so that none is ever given twice, whichever records can be read
   * later. In the batch that is synced anyway it costs one small key, where a unit's own would cost one each.
   */
  readonly revisionKey?: string
  readonly logger: Logger
  readonly onBoundary: OnBoundary
  /** Called once, when a flush failed. */
  readonly onFailure: (error: Error) => void
}

export class Journal {
  readonly #options: JournalOptions
  #waiting: Waiting[] = []
  readonly #waiters = new Set<() => void>()
  #backlogOps = 0
  #backlogBytes = 0
  #flushing: Promise<void> | undefined
  #flushes = 0
  #units = 0
  #entries = 0
  #failed = false
  #closed = false
  #revision: number

  constructor(options: JournalOptions) {
    this.#options = options
    this.#revision = options.revision
  }

  /** Of the newest unit that was begun; not durable yet, perhaps. */
  get revision(): number {
    return this.#revision
  }

  get epoch(): number {
    return this.#options.epoch
  }

  get failed(): boolean {
    return this.#failed
  }

  /** Whether the disk is too far behind to take on new work from outside. */
  get isBehind(): boolean {
    return this.#backlogOps > journalLimits.backlogOpsMax || this.#backlogBytes > journalLimits.backlogBytesMax
  }

  /** Throws `Overloaded` when the disk is too far behind to take on new work from outside. */
  admit(): void {
    if (this.#failed)
      throw new TroupeError('StorageFailed', 'The store could not save; it restarts. Try again shortly.')
    if (this.#closed) throw new TroupeError('Unavailable', 'The manager is stopping; try again when it is back.')
    if (this.isBehind) {
      throw new TroupeError('Overloaded', 'Too many changes wait for the disk; try again in a moment.')
    }
  }

  /** The revision of the unit that is being made. */
  nextRevision(): number {
    this.#revision += 1
    return this.#revision
  }

  /** Its actions run after the flush that carries it, and after those of all units before it. */
  commit(unit: Unit): void {
    if (this.#failed || this.#closed) return
    const bytes = bytesOf(unit.ops)
    this.#waiting.push({ unit, bytes })
    this.#backlogOps += unit.ops.length
    this.#backlogBytes += bytes
    this.#options.onBoundary('stepped')
    if (this.#flushing === undefined) this.#flushing = this.#flush()
  }

  /** Told once when a flush has failed, or had failed already, before the process ends; for those who wait for an answer. */
  onFailed(callback: () => void): () => void {
    this.#waiters.add(callback)
    if (this.#failed) queueMicrotask(() => this.#tellWaiters())
    return () => this.#waiters.delete(callback)
  }

  /** Runs an action once everything that was committed so far and must not be lost is durable. */
  afterAll(action: () => void): void {
    this.commit({ ops: [], actions: [action] })
  }

  metrics(): JournalMetrics {
    return {
      flushes: this.#flushes,
      units: this.#units,
      entries: this.#entries,
      waitingEntries: this.#backlogOps,
      waitingBytes: this.#backlogBytes,
    }
  }

  /** Resolves when all that was committed is durable and has acted, or the journal has failed. */
  async settled(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  /**
   * What was committed so far becomes durable and acts; what comes later is dropped, as if the process had died here.
   * The store may be let go of then.
   */
  async close(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    this.#closed = true
  }

  async #flush(): Promise<void> {
    // One microtask later: the units of the same turn go together.
    await undefined
    while (this.#waiting.length > 0 && !this.#failed) {
      const taken = this.#take()
      const ops = taken.flatMap(({ unit }) => unit.ops)
      if (ops.length > 0) {
        this.#options.onBoundary('flush')
        const { revisionKey } = this.#options
        if (revisionKey !== undefined) ops.push({ type: 'put', key: revisionKey, value: encodeRecord(this.#revision) })
        const sync = taken.some(({ unit }) => unit.mayBeLost !== true && unit.ops.length > 0)
        try {
          await this.#options.storage.batch(ops, { sync, epoch: this.#options.epoch })
        } catch (error) {
          this.#fail(error as Error)
          break
        }
        if (sync) this.#flushes += 1
        this.#entries += ops.length
        this.#options.onBoundary('flushed')
      }
      this.#units += taken.length
      for (const { unit, bytes } of taken) {
        this.#backlogOps -= unit.ops.length
        this.#backlogBytes -= bytes
      }
      for (const { unit } of taken) this.#act(unit)
    }
    this.#flushing = undefined
  }

  #take(): Waiting[] {
    const { flushOpsMax, flushBytesMax } = journalLimits
    let ops = 0
    let bytes = 0
    let count = 0
    for (const { unit, bytes: size } of this.#waiting) {
      ops += unit.ops.length
      bytes += size
      if (count > 0 && (ops > flushOpsMax || bytes > flushBytesMax)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  #act(unit: Unit): void {
    for (const action of unit.actions) {
      if (this.#failed) return
      try {
        action()
      } catch (error) {
        this.#options.logger.error('an action after a commit threw; this is a defect of Troupe', {
          error: (error as Error).stack,
        })
      }
    }
  }

  /** What is in memory can no longer be stored: as after a flush that failed, the process must end and recover. */
  abandon(error: Error): void {
    if (!this.#failed) this.#fail(error)
  }

  #fail(error: Error): void {
    this.#failed = true
    this.#waiting = []
    this.#tellWaiters()
    this.#options.onFailure(error)
  }

  #tellWaiters(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter()
  }
}
