/**
 * The ids of tasks that were trimmed. For a day and a night each stays known by a small mark, so that a client that sends
 * its submission once more, for it never heard the answer, starts nothing a second time. Marks are kept by the day on
 * which they were made, so that old ones go by range.
 */
import { crc32 } from 'node:zlib'
import type { TaskSpec, TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { viewOf } from '../../actors/standing.ts'
import { restore } from '../../actors/step.ts'
import { taskMachine } from '../../actors/task.ts'
import { initialContext, type TaskContext } from '../../actors/task-context.ts'
import type { Clock } from '../clock.ts'
import { dayOf, endOf, keys, prefixes } from '../host/keys.ts'
import { decodeRecord, encodeRecord, RecordError } from '../host/record.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'

export const knownIdLimits = {
  /** How long the id of a task that was trimmed stays known, in milliseconds. */
  knownMs: 24 * 3_600_000,
  /** Marks of as long a time are deleted together, in milliseconds: none goes before its time, and each before twice of it. */
  dayMs: 24 * 3_600_000,
} as const

/** What is left of a task. */
export interface Mark {
  /** Of its specification; undefined where that could not be read, and then no other is the same. */
  readonly spec: string | undefined
  readonly trimmedAtMs: number
  /** Its final state. */
  readonly state: 'Completed' | 'Failed'
  /** Of what it knew, what is small. */
  readonly context: Partial<
    Pick<TaskContext, 'outcome' | 'end' | 'attempt' | 'restarts' | 'createdAtMs' | 'startedAtMs' | 'finishedAtMs'>
  >
  readonly revision: number
}

/**
 * The same for the same specification, whatever the order of its fields. 96 bits tell apart what programs send by mistake;
 * nobody is kept from making two that are alike, which would only deceive themselves.
 */
export function hashOfSpec(spec: TaskSpec): string {
  const text = textOfSpec(spec)
  // FNV-1a and a multiplicative hash side by side, each of 32 bits, beside the checksum.
  let [a, b] = [0x811c9dc5, 0x9e3779b9]
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b + code, 0x85ebca6b) ^ (b >>> 13)
  }
  return [crc32(text), a, b].map((part) => (part >>> 0).toString(36)).join('.')
}

/** A specification as text: its fields in order, and without those that are not set. */
export const textOfSpec = (spec: TaskSpec): string => JSON.stringify(ordered(spec))

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, ordered(field)]))
}

/** A trimmed task as clients see it: what its specification says, and how it ended. */
export function viewOfMark(taskId: string, spec: TaskSpec, mark: Mark): TaskView {
  const context: TaskContext = {
    ...initialContext({ taskId, spec, atMs: mark.context.createdAtMs ?? mark.trimmedAtMs }),
    ...mark.context,
    reason: 'it has ended and was trimmed since: only how it ended is known',
  }
  return viewOf(restore(taskMachine, { status: 'done', value: mark.state, context }), mark.revision)
}

/** A time for people: `7 days`, `1.5 hours`, `12 minutes`, `8 seconds`. */
export function inWords(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 1) return `${Math.max(0, Math.round(ms / 1_000))} seconds`
  const [amount, unit] =
    minutes >= 1_440 ? [minutes / 1_440, 'days'] : minutes >= 60 ? [minutes / 60, 'hours'] : [minutes, 'minutes']
  return `${Math.round(amount * 10) / 10} ${unit}`
}

export interface KnownIdsOptions {
  readonly storage: Storage
  readonly clock: Clock
  /** For people: what is kept, "for 7d, at most 100000 of them". */
  readonly kept: string
}

export class KnownIds {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #kept: string
  /** The days of which there are marks. */
  readonly #days = new Set<number>()

  constructor({ storage, clock, kept }: KnownIdsOptions) {
    this.#storage = storage
    this.#clock = clock
    this.#kept = kept
  }

  /** Finds out of which days there are marks, with one look for each. */
  async load(): Promise<void> {
    const lt = endOf(prefixes.known)
    for (let gte: string | undefined = prefixes.known; gte !== undefined; ) {
      let day: number | undefined
      for await (const [key] of this.#storage.scan({ gte, lt, limit: 1 })) day = dayOf(key)
      if (day !== undefined) this.#days.add(day)
      gte = day === undefined ? undefined : keys.known(day + 1, '')
    }
  }

  /** What marks the id of a task that is trimmed with it, in one unit. */
  note(taskId: string, mark: Mark): StorageOp {
    const day = Math.floor(mark.trimmedAtMs / knownIdLimits.dayMs)
    this.#days.add(day)
    return { type: 'put', key: keys.known(day, taskId), value: encodeRecord(mark) }
  }

  /** Of a task that was trimmed less than 24 h ago. Costs nothing while none was. */
  async find(taskId: string): Promise<Mark | undefined> {
    const nowMs = this.#clock.nowMs()
    let newest: Mark | undefined
    for (const day of this.#days) {
      const mark = await this.#read(keys.known(day, taskId))
      if (mark === undefined || mark.trimmedAtMs + knownIdLimits.knownMs <= nowMs) continue
      if (newest === undefined || newest.trimmedAtMs < mark.trimmedAtMs) newest = mark
    }
    return newest
  }

  /** Why there is nothing to tell of it; undefined for a task that was not trimmed, or is forgotten. */
  async refusal(taskId: string): Promise<TroupeError | undefined> {
    const mark = await this.find(taskId)
    if (mark === undefined) return undefined
    const { finishedAtMs } = mark.context
    const ended = finishedAtMs === undefined ? 'has ended' : `ended ${inWords(this.#clock.nowMs() - finishedAtMs)} ago`
    return new TroupeError(
      'NotFound',
      `task ${taskId} ${ended} and was trimmed: tasks that have ended are kept ${this.#kept}`,
    )
  }

  /** One that cannot be read marks an id that is taken: nobody knows by what. */
  async #read(key: string): Promise<Mark | undefined> {
    const bytes = await this.#storage.get(key)
    if (bytes === undefined) return undefined
    try {
      return decodeRecord(bytes) as Mark
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      const trimmedAtMs = (dayOf(key) + 1) * knownIdLimits.dayMs
      return { spec: undefined, trimmedAtMs, state: 'Failed', context: {}, revision: 0 }
    }
  }

  /** Deletes the marks of days that are over for long enough. */
  async forget(epoch: number): Promise<void> {
    const { knownMs, dayMs } = knownIdLimits
    const first = Math.floor((this.#clock.nowMs() - knownMs) / dayMs)
    const over = [...this.#days].filter((day) => day < first)
    if (over.length === 0) return
    await this.#storage.deleteRange(prefixes.known, keys.known(first, ''), { epoch })
    for (const day of over) this.#days.delete(day)
  }
}
