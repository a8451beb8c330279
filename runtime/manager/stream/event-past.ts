/** Transitions from the log, for subscriptions that begin or have fallen behind; read in portions, none of them kept. */
import type { TaskEvent, TaskView } from '../../../actors/model.ts'
import { TroupeError } from '../../../actors/protocol/errors.ts'
import type { Journal } from '../../host/journal.ts'
import { keys, prefixes } from '../../host/keys.ts'
import type { Storage } from '../../storage/storage.ts'
import { type History, readTransition } from '../history.ts'
import type { Tasks } from '../tasks.ts'
import type { StreamLimits } from './limits.ts'
import type { Match } from './match.ts'
import { bytesOfEvents } from './news.ts'

export interface EventPastOptions {
  readonly storage: Storage
  readonly journal: Journal
  readonly history: History
  readonly tasks: Tasks
  readonly limits: StreamLimits
}

const eventPastLimits = {
  /** Log entries that are read at one go; between two goes nothing of the store is held. */
  scanEntriesMax: 256,
  /** Entries that are looked through for a snapshot whose filter names no ids. */
  entriesScannedMax: 8_192,
} as const

export interface EventPage {
  readonly revision: number
  readonly events: TaskEvent[]
  readonly more: boolean
}

export class EventPast {
  readonly #options: EventPastOptions

  constructor(options: EventPastOptions) {
    this.#options = options
  }

  /** The history of each task that is named, or the newest transitions of all that fit. */
  async *pages(match: Match): AsyncGenerator<EventPage, void, void> {
    const { journal } = this.#options
    const revision = journal.revision
    await new Promise<void>((resolve) => journal.afterAll(resolve))
    if (match.ids === undefined) {
      yield { revision, events: await this.#newest(match, revision), more: false }
      return
    }
    // One behind, so that the last is known as the last.
    let page: TaskEvent[] = []
    for await (const events of this.#histories(match, revision)) {
      if (bytesOfEvents(page) + bytesOfEvents(events) > this.#options.limits.streamPageBytes && page.length > 0) {
        yield { revision, events: page, more: true }
        page = []
      }
      page.push(...events)
    }
    yield { revision, events: page, more: false }
  }

  /** Portions of the histories of the tasks that are named, one task after the other, each in order. */
  async *#histories(match: Match, upTo: number): AsyncGenerator<TaskEvent[], void, void> {
    const { history, limits } = this.#options
    const views = new Map<string, TaskView | undefined>()
    for (const id of match.ids ?? []) {
      let after = await history.beginningOf(id, upTo)
      for (;;) {
        const { events, last } = await history.portion(id, { after, upTo, bytesMax: limits.streamPageBytes / 2 })
        const fitting = await this.#fitting(events, match, views)
        if (fitting.length > 0) yield fitting
        if (last === undefined) break
        after = last
      }
      views.clear()
    }
  }

  async #newest(match: Match, upTo: number): Promise<TaskEvent[]> {
    const { snapshotEventsMax, streamPageBytes } = this.#options.limits
    const found: TaskEvent[] = []
    const views = new Map<string, TaskView | undefined>()
    let bytes = 0
    let lt = keys.log(upTo + 1, 0)
    for (let scanned = 0; scanned < eventPastLimits.entriesScannedMax; ) {
      const entries = await this.#scan({ gte: prefixes.log, lt, reverse: true })
      for (const event of await this.#fitting(
        entries.map(({ event }) => event),
        match,
        views,
      )) {
        bytes += bytesOfEvents([event])
        if (found.length >= snapshotEventsMax || bytes > streamPageBytes) return found.reverse()
        found.push(event)
      }
      scanned += entries.length
      const last = entries.at(-1)
      if (last === undefined || entries.length < eventPastLimits.scanEntriesMax) break
      lt = last.key
    }
    return found.reverse()
  }

  /** What fits, with `after` < revision ≤ `upTo`, in the order of the log. */
  async *after(match: Match, after: number, upTo: number): AsyncGenerator<TaskEvent, void, void> {
    const views = new Map<string, TaskView | undefined>()
    if (match.ids?.size === 1) {
      for await (const events of this.#missedOf([...match.ids][0] as string, after, upTo)) {
        yield* await this.#fitting(events, match, views)
      }
      return
    }
    const lt = keys.log(upTo + 1, 0)
    let range: { gte: string } | { gt: string } = { gte: keys.log(after + 1, 0) }
    for (;;) {
      const entries = await this.#scan({ ...range, lt })
      const events = entries.map(({ event }) => event)
      yield* await this.#fitting(events, match, views)
      const last = entries.at(-1)
      if (last === undefined || entries.length < eventPastLimits.scanEntriesMax) return
      range = { gt: last.key }
      views.clear()
    }
  }

  async *#missedOf(id: string, after: number, upTo: number): AsyncGenerator<TaskEvent[], void, void> {
    for (let from: number | undefined = after; from !== undefined; ) {
      const bytesMax = this.#options.limits.streamPageBytes
      const { events, last }: { events: TaskEvent[]; last: number | undefined } = await this.#options.history.portion(
        id,
        {
          ...{ after: from, upTo, bytesMax },
        },
      )
      yield events
      from = last
    }
  }

  async #scan(range: { gte?: string; gt?: string; lt: string; reverse?: boolean }) {
    const entries: { readonly key: string; readonly event: TaskEvent }[] = []
    const scan = this.#options.storage.scan({ ...range, limit: eventPastLimits.scanEntriesMax })
    const next = 'follow tasks by their ids, or from "now" on'
    for await (const [key, value] of scan) {
      entries.push({ key, event: readTransition(value, 'what happened to tasks', next) })
    }
    return entries
  }

  async #fitting(
    events: readonly TaskEvent[],
    match: Match,
    views: Map<string, TaskView | undefined>,
  ): Promise<TaskEvent[]> {
    const fitting: TaskEvent[] = []
    for (const event of events) {
      if (!match.fitsEvent(event)) continue
      if (match.asksForTask) {
        const { taskId } = event
        if (!views.has(taskId)) views.set(taskId, await this.#view(taskId))
        const task = views.get(taskId)
        if (task === undefined || !match.fitsAlways(task)) continue
      }
      fitting.push(event)
    }
    return fitting
  }

  async #view(id: string): Promise<TaskView | undefined> {
    try {
      return await this.#options.tasks.view(id)
    } catch (error) {
      if (error instanceof TroupeError) return undefined
      throw error
    }
  }
}
