/** Where tasks stand and stood, for subscriptions that begin or have fallen behind: from memory, and from the store. */
import type { TaskView } from '../../../actors/model.ts'
import { TroupeError } from '../../../actors/protocol/errors.ts'
import type { ActorHost, HostedActor } from '../../host/actor.ts'
import type { Journal } from '../../host/journal.ts'
import { endOf, keys, prefixes } from '../../host/keys.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Tasks } from '../tasks.ts'
import type { StreamLimits } from './limits.ts'
import type { Match } from './match.ts'
import { bytesOfTask } from './news.ts'
import type { TaskPage } from './task-subscriber.ts'

export interface TaskPastOptions {
  readonly storage: Storage
  readonly journal: Journal
  readonly host: ActorHost
  readonly tasks: Tasks
  readonly limits: StreamLimits
}

const taskPastLimits = {
  /** Keys that are read at one go; between two goes nothing of the store is held. */
  scanKeysMax: 512,
  /** Ends that are looked through for a snapshot whose filter names no ids. */
  finalsScannedMax: 8_192,
} as const

/** A task, and the revision at which it stood so. */
interface Entry {
  readonly id: string
  readonly revision: number
}

const idOf = (actor: HostedActor): string => actor.address.slice(prefixes.task.length)
const byRevision = (a: Entry, b: Entry): number => a.revision - b.revision

export class TaskPast {
  readonly #options: TaskPastOptions

  constructor(options: TaskPastOptions) {
    this.#options = options
  }

  /**
   * Pages of what fits now, all as of the revision of the first: what changes while they are made is left out of the
   * others, for it comes as news.
   */
  async *pages(match: Match): AsyncGenerator<TaskPage, void, void> {
    const { limits, journal } = this.#options
    const ids = match.ids === undefined ? await this.#idsOfAll(match) : [...match.ids]
    let revision: number | undefined
    let at = 0
    do {
      const begun = at
      const read = new Map<string, TaskView>()
      let bytes = 0
      while (at < ids.length && bytes < limits.streamPageBytes) {
        const id = ids[at] as string
        const task = await this.#view(id)
        if (task !== undefined && match.fits(task)) bytes += bytesOfTask(task)
        if (task !== undefined) read.set(id, task)
        at += 1
      }
      const tasks = await this.#asOfNow(ids.slice(begun, at), read, match)
      const isFirst = revision === undefined
      revision ??= journal.revision
      const upTo = revision
      // What is told must be durable. On the pages after the first everything is that is no newer than the first.
      if (isFirst) await this.#durable()
      yield { revision, tasks: tasks.filter((task) => task.revision <= upTo), bytes, more: at < ids.length }
    } while (at < ids.length)
  }

  /** As they stand at one and the same moment, which is now: those in memory may have moved on while others were read. */
  async #asOfNow(ids: readonly string[], read: Map<string, TaskView>, match: Match): Promise<TaskView[]> {
    for (;;) {
      const ended = ids.filter(
        (id) => this.#options.tasks.known(id) === undefined && read.get(id)?.finishedAtMs === null,
      )
      if (ended.length === 0) break
      for (const id of ended) {
        const task = await this.#view(id)
        // It can have ended and been trimmed meanwhile.
        if (task === undefined) read.delete(id)
        else read.set(id, task)
      }
    }
    const tasks: TaskView[] = []
    for (const id of ids) {
      const task = this.#options.tasks.known(id) ?? read.get(id)
      if (task !== undefined && match.fits(task)) tasks.push(task)
    }
    return tasks
  }

  #durable(): Promise<void> {
    return new Promise((resolve) => this.#options.journal.afterAll(resolve))
  }

  /** What is live, and the newest that have ended. */
  async #idsOfAll(match: Match): Promise<string[]> {
    const ids = new Set<string>()
    for (const actor of this.#options.host.actors.values()) if (actor.kind === 'task') ids.add(idOf(actor))
    for (const id of this.#options.tasks.ending()) ids.add(id)
    let finals = 0
    let scanned = 0
    let lt = endOf(prefixes.final)
    const { snapshotFinalMax } = this.#options.limits
    for (;;) {
      const page = await this.#keys({ gte: prefixes.final, lt, reverse: true })
      for (const key of page) {
        scanned += 1
        const id = key.slice(key.lastIndexOf('/') + 1)
        const task = await this.#view(id)
        if (task === undefined || !match.fits(task)) continue
        ids.add(id)
        finals += 1
        if (finals >= snapshotFinalMax) return [...ids]
      }
      const last = page.at(-1)
      if (last === undefined || scanned >= taskPastLimits.finalsScannedMax) return [...ids]
      lt = last
    }
  }

  async #keys(range: { gte?: string; gt?: string; lt: string; reverse?: boolean }): Promise<string[]> {
    const found: string[] = []
    const scan = this.#options.storage.scan({ ...range, limit: taskPastLimits.scanKeysMax })
    for await (const [key] of scan) found.push(key)
    return found
  }

  /** One whose record cannot be read is left out; it was named when the manager started. */
  async #view(id: string): Promise<TaskView | undefined> {
    try {
      return await this.#options.tasks.view(id)
    } catch (error) {
      if (error instanceof TroupeError) return undefined
      throw error
    }
  }

  /**
   * Tasks whose newest change is after one revision and not after another, in that order; of those that fit a filter but
   * for where they stand. What changes again while they are told is left out: it comes as news.
   */
  async *changed(match: Match, after: number, upTo: number): AsyncGenerator<TaskView, void, void> {
    const entries = match.ids === undefined ? this.#changedOfAll(after, upTo) : this.#changedOf(match.ids, after, upTo)
    for await (const { id, revision } of entries) {
      const task = await this.#view(id)
      if (task?.revision === revision && match.fitsAlways(task)) yield task
    }
  }

  async *#changedOf(ids: ReadonlySet<string>, after: number, upTo: number): AsyncGenerator<Entry, void, void> {
    const entries: Entry[] = []
    for (const id of ids) {
      const revision = (await this.#view(id))?.revision
      if (revision !== undefined && revision > after && revision <= upTo) entries.push({ id, revision })
    }
    yield* entries.sort(byRevision)
  }

  /** Those that live are few enough to be put in order; those that have ended stand in the store in that order. */
  async *#changedOfAll(after: number, upTo: number): AsyncGenerator<Entry, void, void> {
    const live: Entry[] = []
    for (const actor of this.#options.host.actors.values()) {
      const { kind, revision } = actor
      if (kind === 'task' && revision > after && revision <= upTo) live.push({ id: idOf(actor), revision })
    }
    live.sort(byRevision)
    let at = 0
    for await (const ended of this.#ended(after, upTo)) {
      for (let next = live[at]; next !== undefined && next.revision <= ended.revision; next = live[at]) {
        at += 1
        yield next
      }
      yield ended
    }
    yield* live.slice(at)
  }

  async *#ended(after: number, upTo: number): AsyncGenerator<Entry, void, void> {
    const lt = keys.final(upTo + 1, '')
    let range: { gte: string } | { gt: string } = { gte: keys.final(after + 1, '') }
    for (;;) {
      const page = await this.#keys({ ...range, lt })
      for (const key of page) {
        const [, revision, id] = key.split('/')
        yield { id: id as string, revision: Number(revision) }
      }
      const last = page.at(-1)
      if (last === undefined || page.length < taskPastLimits.scanKeysMax) return
      range = { gt: last }
    }
  }
}
