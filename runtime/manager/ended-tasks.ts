/** Trims tasks that have ended: the oldest ends first, by age and by how many there are. */
import type { TaskSpec } from '../../actors/model.ts'
import type { TaskContext } from '../../actors/task-context.ts'
import { endOf, endOfTask, keys, prefixes } from '../host/keys.ts'
import { type ActorRecord, decodeRecord, RecordError } from '../host/record.ts'
import type { StorageOp } from '../storage/storage.ts'
import { hashOfSpec, type Mark } from './known-ids.ts'
import type { RetentionOptions, Trimmed } from './retention.ts'

export const endedTaskLimits = {
  /** Tasks that are trimmed in one batch: a few milliseconds of work. */
  batchTasks: 63,
  /** Tasks in one unit, with three operations each and one for how far that is. */
  unitTasks: 21,
  /** Keys that are counted in one batch after a start. */
  countedKeys: 1_024,
} as const

/** An entry of the index of ends, and what becomes of it. */
interface End {
  readonly key: string
  readonly revision: number
  readonly id: string
  /** Deletes its task, and marks the id; none where there is nothing to delete. */
  readonly ops: readonly StorageOp[]
}

export class EndedTasks implements Trimmed {
  readonly #options: RetentionOptions
  /** Ends that were found in the store so far, without those of this manager, and less those that were trimmed. */
  #counted = 0
  /** Where counting goes on; undefined: all are counted. */
  #countAfter: string | undefined = prefixes.final
  /** What ends later than this counts itself. */
  #countUpTo = 0
  /** Entries after this key are not trimmed. */
  #after: string = prefixes.final
  /** Before then none is too old. */
  #dueMs = Number.NEGATIVE_INFINITY

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** How many are kept now; undefined while that is being found out. */
  get count(): number | undefined {
    const { ended } = this.#options.book
    return this.#countAfter === undefined ? this.#counted + ended.Completed + ended.Failed : undefined
  }

  begin(): void {
    const { trims, journal } = this.#options
    this.#after = keys.final(trims.tasks, '')
    this.#countAfter = this.#after
    this.#countUpTo = journal.revision
  }

  async trim(): Promise<boolean> {
    const { finishedMs, finishedMax } = this.#options.retention
    // What is kept for ever need not be looked at.
    if (Math.min(finishedMs, finishedMax) === Number.POSITIVE_INFINITY) return false
    if (this.#countAfter !== undefined) {
      await this.#goOnCounting(this.#countAfter)
      return true
    }
    const { retention, clock } = this.#options
    const excess = Math.max(0, (this.count ?? 0) - retention.finishedMax)
    if (excess === 0 && clock.nowMs() < this.#dueMs) return false
    const ends = await this.#ends(excess)
    if (ends.length === 0) return false
    await this.#delete(ends)
    return true
  }

  /** A manager that starts does not wait for it, and trims by number only once it is done. */
  async #goOnCounting(after: string): Promise<void> {
    const { storage } = this.#options
    const lt = keys.final(this.#countUpTo + 1, '')
    let last: string | undefined
    let found = 0
    for await (const [key] of storage.scan({ gt: after, lt, limit: endedTaskLimits.countedKeys })) {
      last = key
      found += 1
    }
    this.#counted += found
    this.#countAfter = found < endedTaskLimits.countedKeys ? undefined : last
  }

  /** What is to go in this batch, oldest first. */
  async #ends(excess: number): Promise<End[]> {
    const { storage, retention, clock } = this.#options
    const nowMs = clock.nowMs()
    const range = { gt: this.#after, lt: endOf(prefixes.final), limit: endedTaskLimits.batchTasks }
    const found: string[] = []
    for await (const [key] of storage.scan(range)) found.push(key)
    // With nothing there, whatever comes is not too old before that.
    if (found.length === 0) this.#dueMs = nowMs + retention.finishedMs
    const ends: End[] = []
    // One whose end is not known is as old as can be.
    for (const key of found) {
      const { revision, id } = endOfTask(key)
      const task = await this.#read(id, revision)
      const dueMs = (task?.mark.context.finishedAtMs ?? 0) + retention.finishedMs
      if (ends.length >= excess && dueMs > nowMs) {
        this.#dueMs = dueMs
        break
      }
      ends.push({ key, revision, id, ops: task === undefined ? [] : await this.#opsOf(id, task.mark) })
    }
    return ends
  }

  /** What it leaves behind; undefined where the entry is of no task that has ended and is there. */
  async #read(id: string, revision: number): Promise<{ mark: Mark } | undefined> {
    const { storage, host, setAside, clock } = this.#options
    const address = keys.task(id)
    const bytes = await storage.get(address)
    if (bytes === undefined || host.actors.has(address) || setAside.has(id)) return undefined
    const trimmedAtMs = clock.nowMs()
    try {
      const record = decodeRecord(bytes) as ActorRecord
      // The id was forgotten and is another task's by now: this entry was left by a crash.
      if (record.snapshot.status === 'active' || record.revision !== revision) return undefined
      const context = record.snapshot.context as TaskContext
      const { outcome, end, attempt, restarts, createdAtMs, startedAtMs, finishedAtMs } = context
      const kept = { outcome, end: end?.kind === 'exited' ? end : undefined, attempt, restarts }
      const state = record.snapshot.value === 'Completed' ? 'Completed' : 'Failed'
      const times = { createdAtMs, startedAtMs, finishedAtMs }
      return { mark: { spec: undefined, trimmedAtMs, state, context: { ...kept, ...times }, revision } }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      return { mark: { spec: undefined, trimmedAtMs, state: 'Failed', context: {}, revision } }
    }
  }

  async #opsOf(id: string, mark: Mark): Promise<StorageOp[]> {
    const { storage, knownIds } = this.#options
    const bytes = await storage.get(keys.spec(id))
    let spec: string | undefined
    try {
      if (bytes !== undefined) spec = hashOfSpec(decodeRecord(bytes) as TaskSpec)
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
    }
    return [
      knownIds.note(id, { ...mark, spec }),
      { type: 'del', key: keys.task(id) },
      { type: 'del', key: keys.spec(id) },
    ]
  }

  async #delete(ends: readonly End[]): Promise<void> {
    const { storage, journal, trims } = this.#options
    const last = ends.at(-1) as End
    trims.raiseTasks(last.revision)
    for (let at = 0; at < ends.length; at += endedTaskLimits.unitTasks) {
      const some = ends.slice(at, at + endedTaskLimits.unitTasks)
      const upTo = trims.op({ tasks: some.at(-1)?.revision ?? last.revision })
      journal.commit({ ops: [upTo, ...some.flatMap(({ ops }) => ops)], actions: [] })
    }
    await new Promise<void>((resolve) => journal.afterAll(resolve))
    // Not before: an index that names what is there still is of use, and none must be missing from it.
    await storage.deleteRange(prefixes.final, `${last.key}\0`, { epoch: journal.epoch })
    this.#after = last.key
    this.#counted -= ends.length
  }
}
