/** Trims the log: the oldest transitions first, by age and by what all of them take. */
import type { TaskEvent } from '../../actors/model.ts'
import { endOf, keys, pastKeyOf, prefixes, revisionOf } from '../host/keys.ts'
import { decodeRecord, RecordError } from '../host/record.ts'
import type { StorageOp } from '../storage/storage.ts'
import type { RetentionOptions, Trimmed } from './retention.ts'

export const oldLogLimits = {
  /** Transitions that are trimmed in one batch: more than one commit ever has, and a few milliseconds of work. */
  batchEntries: 315,
  /** Operations in one unit. */
  unitOps: 64,
  /** Transitions at either end by which the size of a log is told that an earlier manager has written. */
  sampledEntries: 512,
} as const

interface Entry {
  readonly key: string
  readonly revision: number
  readonly bytes: number
  /** Undefined where it cannot be read. */
  readonly event: TaskEvent | undefined
}

export class OldLog implements Trimmed {
  readonly #options: RetentionOptions
  /** Of what was written before this manager, less what was trimmed; undefined while it was not looked at. */
  #beforeBytes: number | undefined
  #upTo = 0
  /** Before then none is too old. */
  #dueMs = Number.NEGATIVE_INFINITY

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** What all transitions take, in bytes, with their keys, about; undefined while that is being found out. */
  get bytes(): number | undefined {
    if (this.#beforeBytes === undefined) return undefined
    return Math.max(0, this.#beforeBytes + this.#options.book.loggedBytes)
  }

  begin(): void {
    this.#upTo = this.#options.journal.revision
  }

  async trim(): Promise<boolean> {
    const { retention, clock } = this.#options
    // What is kept for ever need not be looked at.
    if (Math.min(retention.logMs, retention.logBytes) === Number.POSITIVE_INFINITY) return false
    this.#beforeBytes ??= await this.#estimate()
    const excess = (this.bytes ?? 0) - retention.logBytes
    if (excess <= 0 && clock.nowMs() < this.#dueMs) return false
    const entries = await this.#entries(excess)
    if (entries.length === 0) return false
    await this.#delete(entries)
    return true
  }

  /** By some at either end: to add up all of a large log would take minutes, and what is written from now on is counted. */
  async #estimate(): Promise<number> {
    const { trims } = this.#options
    const range = { gte: keys.log(trims.log + 1, 0), lt: keys.log(this.#upTo + 1, 0) }
    const limit = oldLogLimits.sampledEntries
    const [oldest, newest] = [
      await this.#scan({ ...range, limit }),
      await this.#scan({ ...range, limit, reverse: true }),
    ]
    const [first, last] = [oldest[0], newest[0]]
    if (first === undefined || last === undefined) return 0
    const sum = (entries: readonly Entry[]) => entries.reduce((bytes, entry) => bytes + entry.bytes, 0)
    if (oldest.length < limit) return sum(oldest)
    const span = (entries: readonly Entry[]) =>
      Math.abs((entries.at(-1) as Entry).revision - (entries[0] as Entry).revision) + 1
    const perRevision = (sum(oldest) + sum(newest)) / (span(oldest) + span(newest))
    return perRevision * (last.revision - first.revision + 1)
  }

  async #scan(range: { gte: string; lt: string; limit: number; reverse?: boolean }): Promise<Entry[]> {
    const entries: Entry[] = []
    for await (const [key, value] of this.#options.storage.scan(range)) {
      entries.push({ key, revision: revisionOf(key), bytes: bytesOfLogged(key, value), event: eventOf(value) })
    }
    return entries
  }

  /** What is to go in this batch: whole commits, oldest first. */
  async #entries(excess: number): Promise<Entry[]> {
    const { trims, retention, clock } = this.#options
    const nowMs = clock.nowMs()
    const limit = oldLogLimits.batchEntries
    const found = await this.#scan({ gte: keys.log(trims.log + 1, 0), lt: endOf(prefixes.log), limit })
    if (found.length === 0) this.#dueMs = nowMs + retention.logMs
    let bytes = 0
    let upTo = found.length === limit ? (found.at(-1)?.revision ?? 0) : Number.POSITIVE_INFINITY
    for (const { revision, event, bytes: size } of found) {
      const dueMs = (event?.atMs ?? 0) + retention.logMs
      if (bytes >= excess && dueMs > nowMs) {
        this.#dueMs = dueMs
        upTo = Math.min(upTo, revision)
        break
      }
      bytes += size
    }
    // The commit that the batch ends in may go on behind it.
    return found.filter(({ revision }) => revision < upTo)
  }

  async #delete(entries: readonly Entry[]): Promise<void> {
    const { storage, journal, trims } = this.#options
    const { revision } = entries.at(-1) as Entry
    trims.raiseLog(revision, Math.max(0, ...entries.map(({ event }) => event?.atMs ?? 0)))
    for (const { ops, upTo } of this.#units(entries))
      journal.commit({ ops: [trims.op({ log: upTo }), ...ops], actions: [] })
    await new Promise<void>((resolve) => journal.afterAll(resolve))
    await storage.deleteRange(prefixes.log, keys.log(revision + 1, 0), { epoch: journal.epoch })
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
    this.#beforeBytes = (this.#beforeBytes ?? 0) - bytes
  }

  /** The index by task, of whole commits as far as they fit: what a crash leaves of it would be found by nobody. */
  *#units(entries: readonly Entry[]): Generator<{ ops: StorageOp[]; upTo: number }> {
    let ops: StorageOp[] = []
    let upTo = 0
    for (let at = 0; at < entries.length; ) {
      const { revision } = entries[at] as Entry
      const commit: StorageOp[] = []
      for (; entries[at]?.revision === revision; at += 1) {
        const { key, event } = entries[at] as Entry
        if (event !== undefined) commit.push({ type: 'del', key: pastKeyOf(event.taskId, key) })
      }
      if (ops.length > 0 && ops.length + commit.length >= oldLogLimits.unitOps) {
        yield { ops, upTo }
        ops = []
      }
      ops.push(...commit)
      upTo = revision
    }
    yield { ops, upTo }
  }
}

/** What a transition takes with both of its keys. */
export const bytesOfLogged = (key: string, value: Uint8Array): number => 2 * key.length + 32 + value.length

function eventOf(value: Uint8Array): TaskEvent | undefined {
  try {
    return decodeRecord(value) as TaskEvent
  } catch (error) {
    if (error instanceof RecordError) return undefined
    throw error
  }
}
