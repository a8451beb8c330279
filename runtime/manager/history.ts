/** The log of what happened to tasks: written with the steps themselves, read for `explain`, `events` and resumption. */
import type { TaskEvent } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { endOf, keys, logKeyOf, prefixes, revisionOf } from '../host/keys.ts'
import { decodeRecord, encodeRecord, RecordError } from '../host/record.ts'
import type { Turn } from '../host/turn.ts'
import type { Storage } from '../storage/storage.ts'
import { bytesOfLogged } from './old-log.ts'
import type { Trims } from './trims.ts'

export const historyLimits = {
  /** The most characters of any text in a logged event. */
  textCharsMax: 2_048,
  /** Of transitions that are read at one go, so that a frame can carry them; a task that restarts for ever has more. */
  readBytesMax: 2 * 1_024 * 1_024,
} as const

/** Fields that are kept elsewhere (the decision stands with the task) or mean nothing later. */
const unlogged = new Set(['decision', 'atMs', 'roll'])

/** An event as it is logged: its payload, bounded. Secrets never reach an event: environments stay in the spec. */
export function loggedEvent(event: { readonly type: string }): TaskEvent['event'] {
  const logged: Record<string, unknown> = {}
  for (const name of Object.keys(event)) {
    const value = (event as Readonly<Record<string, unknown>>)[name]
    if (value === undefined || unlogged.has(name)) continue
    logged[name] = typeof value === 'string' ? value.slice(0, historyLimits.textCharsMax) : value
  }
  return logged as TaskEvent['event']
}

/**
 * A transition as it was written. `what` it is of is for people; `next` is what whoever asks can do. Throws `LostHistory`
 * where it cannot be read: what is left would be told as if it were whole.
 */
export function readTransition(bytes: Uint8Array, what: string, next: string): TaskEvent {
  try {
    return decodeRecord(bytes) as TaskEvent
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    // A repair leaves an empty one where it knows that something was.
    const why = bytes.length === 0 ? 'it was lost to damage before the store was repaired' : error.message
    throw new TroupeError(
      'LostHistory',
      `a part of ${what} cannot be read (${why}), and so none of it is told; ${next}`,
    )
  }
}

const transitionOf = (taskId: string, bytes: Uint8Array): TaskEvent =>
  readTransition(
    bytes,
    `the history of task ${taskId}`,
    'its state is not harmed ("troupe status"), and only a backup may still have what is missing',
  )

/** The first of a task: what an older task of this id did, which was forgotten since, is no part of its history. */
const isFirst = (event: TaskEvent): boolean => event.from === ''

const nothing = new Uint8Array(0)

export interface TaskHistory {
  readonly events: TaskEvent[]
  readonly isWhole: boolean
  /** What came before this moment was trimmed; undefined where nothing is missing for that reason. */
  readonly trimmedUntilMs: number | undefined
}

export class History {
  readonly #storage: Storage
  readonly #trims: Trims

  constructor(storage: Storage, trims: Trims) {
    this.#storage = storage
    this.#trims = trims
  }

  /** Adds a transition to the turn that makes it. Answers what it takes, in bytes, about. */
  write(turn: Turn, event: TaskEvent): number {
    const index = turn.logged
    turn.logged += 1
    const key = keys.log(event.revision, index)
    const value = encodeRecord(event)
    turn.put(key, value)
    turn.put(keys.past(event.taskId, event.revision, index), nothing)
    return bytesOfLogged(key, value)
  }

  /**
   * Transitions of a task with `after` < revision ≤ `upTo`, oldest first; only the newest `limit` of them, and only as
   * many as `readBytesMax` holds. `isWhole`: none that is there was left out. Rejects with `LostHistory` if one is damaged.
   */
  async of(taskId: string, range: { after?: number; upTo?: number; limit?: number }): Promise<TaskHistory> {
    const { after = -1, upTo = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY } = range
    const prefix = prefixes.past(taskId)
    const events: TaskEvent[] = []
    let bytesRead = 0
    let isWhole = true
    for await (const [key] of this.#storage.scan({ gte: prefix, lt: endOf(prefix), reverse: true })) {
      const logKey = logKeyOf(key)
      const revision = revisionOf(logKey)
      if (revision > upTo) continue
      if (revision <= after || revision <= this.#trims.log) break
      const bytes = await this.#storage.get(logKey)
      bytesRead += bytes?.length ?? 0
      isWhole = events.length < limit && bytesRead <= historyLimits.readBytesMax
      if (!isWhole) break
      if (bytes === undefined) continue
      const event = transitionOf(taskId, bytes)
      events.push(event)
      if (isFirst(event)) break
    }
    events.reverse()
    const isCut = isWhole && after < this.#trims.log && (events[0] === undefined || !isFirst(events[0]))
    return { events, isWhole, trimmedUntilMs: isCut ? this.#trims.logAtMs : undefined }
  }

  /** The revision after which the newest `readBytesMax` of a task's transitions begin; -1 if that is all of them. */
  async beginningOf(taskId: string, upTo: number): Promise<number> {
    const prefix = prefixes.past(taskId)
    let bytes = 0
    for await (const [key] of this.#storage.scan({ gte: prefix, lt: endOf(prefix), reverse: true })) {
      const logKey = logKeyOf(key)
      const revision = revisionOf(logKey)
      if (revision > upTo) continue
      if (revision <= this.#trims.log) return this.#trims.log
      const value = await this.#storage.get(logKey)
      bytes += value?.length ?? 0
      if (bytes > historyLimits.readBytesMax) return revision
      if (value !== undefined && isFirst(transitionOf(taskId, value))) return revision - 1
    }
    return -1
  }

  /**
   * Transitions of a task with `after` < revision ≤ `upTo`, oldest first, about as many as `bytesMax` holds and only whole
   * commits. `last`: go on after it; undefined = there are no more.
   */
  async portion(
    taskId: string,
    { after, upTo, bytesMax }: { after: number; upTo: number; bytesMax: number },
  ): Promise<{ events: TaskEvent[]; last: number | undefined }> {
    const events: TaskEvent[] = []
    let bytesRead = 0
    const range = { gte: keys.past(taskId, after + 1, 0), lt: keys.past(taskId, upTo + 1, 0) }
    for await (const [key] of this.#storage.scan(range)) {
      const logKey = logKeyOf(key)
      const last = events.at(-1)?.revision
      if (bytesRead > bytesMax && last !== undefined && last !== revisionOf(logKey)) return { events, last }
      const bytes = await this.#storage.get(logKey)
      bytesRead += bytes?.length ?? 0
      if (bytes !== undefined) events.push(transitionOf(taskId, bytes))
    }
    return { events, last: undefined }
  }
}
