/** The log of what happened to tasks: written with the steps themselves, read for `explain`, `events` and resumption. */
import type { TaskEvent } from '../../actors/model.ts'
import { endOf, keys, logKeyOf, prefixes, revisionOf } from '../host/keys.ts'
import { decodeRecord, encodeRecord } from '../host/record.ts'
import type { Turn } from '../host/turn.ts'
import type { Storage } from '../storage/storage.ts'

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
  const entries = Object.entries(event)
    .filter(([name, value]) => !unlogged.has(name) && value !== undefined)
    .map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, historyLimits.textCharsMax) : value])
  return Object.fromEntries(entries) as TaskEvent['event']
}

export interface TaskHistory {
  readonly events: TaskEvent[]
  readonly isWhole: boolean
}

export class History {
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Adds a transition to the turn that makes it. */
  write(turn: Turn, event: TaskEvent): void {
    const index = turn.logged
    turn.logged += 1
    turn.put(keys.log(event.revision, index), encodeRecord(event))
    turn.put(keys.past(event.taskId, event.revision, index), new Uint8Array(0))
  }

  /**
   * Transitions of a task with `after` < revision ≤ `upTo`, oldest first; only the newest `limit` of them, and only as
   * many as `readBytesMax` holds. `isWhole`: none was left out.
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
      if (revision <= after) break
      const bytes = await this.#storage.get(logKey)
      bytesRead += bytes?.length ?? 0
      isWhole = events.length < limit && bytesRead <= historyLimits.readBytesMax
      if (!isWhole) break
      if (bytes !== undefined) events.push(decodeRecord(bytes) as TaskEvent)
    }
    return { events: events.reverse(), isWhole }
  }

  /** The revision after which the newest `readBytesMax` of a task's transitions begin; -1 if that is all of them. */
  async beginningOf(taskId: string, upTo: number): Promise<number> {
    const prefix = prefixes.past(taskId)
    let bytes = 0
    for await (const [key] of this.#storage.scan({ gte: prefix, lt: endOf(prefix), reverse: true })) {
      const logKey = logKeyOf(key)
      if (revisionOf(logKey) > upTo) continue
      bytes += (await this.#storage.get(logKey))?.length ?? 0
      if (bytes > historyLimits.readBytesMax) return revisionOf(logKey)
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
      if (bytes !== undefined) events.push(decodeRecord(bytes) as TaskEvent)
    }
    return { events, last: undefined }
  }
}
