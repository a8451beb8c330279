/** Where a manager takes subscriptions: it finds out what is meant, and lets the subscription begin. */
import type { TaskView } from '../../../actors/model.ts'
import { type ClientMessages, clientLimits, type TaskFilter } from '../../../actors/protocol/client.ts'
import { TroupeError } from '../../../actors/protocol/errors.ts'
import type { Journal } from '../../host/journal.ts'
import type { Nodes } from '../nodes.ts'
import { type Page, type Tasks, taskQueryLimits } from '../tasks.ts'
import { WrittenTasks } from '../written-tasks.ts'
import { ActorSubscriber } from './actor-subscriber.ts'
import type { Actors } from './actors.ts'
import type { EventPast } from './event-past.ts'
import { EventSubscriber } from './event-subscriber.ts'
import { Match } from './match.ts'
import { bytesOfTask } from './news.ts'
import { NodeSubscriber } from './node-subscriber.ts'
import type { Reader, Streams } from './streams.ts'
import type { TaskPast } from './task-past.ts'
import { TaskSubscriber } from './task-subscriber.ts'

export interface DeskOptions {
  readonly journal: Journal
  readonly tasks: Tasks
  readonly nodes: Nodes
  readonly streams: Streams
  readonly taskPast: TaskPast
  readonly eventPast: EventPast
  readonly actors: Actors
}

/** Of the session whose subscription it is. */
export interface Opening {
  readonly reader: Reader
  readonly isClosed: () => boolean
  /** Is to be called when the subscription ends, whoever ends it. */
  readonly onEnd: (end: () => void) => void
  readonly onError: (error: unknown) => void
}

const deskLimits = {
  /** Pages that are looked through for one of what fits a filter. */
  pagesScannedMax: 8,
} as const

type Query = { [K in 'filter' | 'scope' | 'after' | 'limit']: ClientMessages['QueryTasks'][K] }
type Subscribe = ClientMessages['Subscribe']

export class Desk {
  /** For whoever asks for one task. */
  readonly written = new WrittenTasks()
  readonly #options: DeskOptions

  constructor(options: DeskOptions) {
    this.#options = options
  }

  /** The tasks that are asked for, or a page of them. Throws `NotFound`, `Ambiguous`. */
  async query({ filter = {}, scope, after, limit = clientLimits.pageItemsMax }: Query): Promise<Page> {
    const { tasks } = this.#options
    const match = await this.#match(filter)
    if (match.ids !== undefined) {
      const items: TaskView[] = []
      for (const id of match.ids) items.push(await tasks.view(id))
      return { items: items.filter((task) => match.fits(task)) }
    }
    if (Object.keys(filter).length === 0) {
      return scope === 'all' ? tasks.page(after, limit) : tasks.recent(after, limit)
    }
    const fitting: TaskView[] = []
    let next = after
    let bytes = 0
    for (let pages = 0; pages < deskLimits.pagesScannedMax && bytes < taskQueryLimits.pageBytesMax; pages += 1) {
      const page: Page =
        scope === 'all'
          ? await tasks.page(next, clientLimits.pageItemsMax)
          : await tasks.recent(next, clientLimits.pageItemsMax)
      for (const task of page.items) {
        if (!match.fits(task)) continue
        fitting.push(task)
        bytes += bytesOfTask(task)
        if (fitting.length === limit || bytes >= taskQueryLimits.pageBytesMax) return { items: fitting, next: task.id }
      }
      if (page.next === undefined) return { items: fitting }
      next = page.next
    }
    return { items: fitting, ...(next === undefined ? {} : { next }) }
  }

  async #match(filter: TaskFilter): Promise<Match> {
    const { tasks, nodes } = this.#options
    const ids = filter.ids === undefined ? undefined : new Set<string>()
    for (const id of filter.ids ?? []) ids?.add(await tasks.resolve(id))
    const named = filter.nodes === undefined ? [] : nodes.views().filter(({ id }) => filter.nodes?.includes(id))
    return new Match(
      filter,
      ids === undefined ? undefined : [...ids],
      named.map(({ name }) => name),
    )
  }

  /** Throws `NotFound`, `Ambiguous`, `Invalid`. Topic `logs` is not for here. */
  async open(request: Subscribe, opening: Opening): Promise<void> {
    if (request.topic === 'actors') await this.#openActors(request, opening)
    else if (request.topic === 'nodes') await this.#openNodes(request, opening)
    else await this.#openTasks(request, opening)
  }

  async #openTasks({ req, topic, filter = {}, from }: Subscribe, opening: Opening): Promise<void> {
    const { streams, taskPast, eventPast, journal } = this.#options
    const match = await this.#match(filter)
    if (opening.isClosed()) return
    const { reader, onError } = opening
    const options = { req, match, source: streams, outlet: reader.outlet, onError }
    const subscriber =
      topic === 'tasks'
        ? new TaskSubscriber({ ...options, past: taskPast })
        : new EventSubscriber({ ...options, past: eventPast })
    streams.add(subscriber, reader)
    opening.onEnd(() => streams.remove(subscriber, reader))
    if (from === 'snapshot') {
      subscriber.beginWithSnapshot()
      return
    }
    const { revision } = journal
    if (typeof from === 'object') {
      const reason = foreignReason(from, streams.logId, revision)
      if (reason === undefined) subscriber.beginAfter(from.revision)
      else subscriber.reset(reason)
      return
    }
    // What has happened must be durable before it counts as past.
    await this.#durable()
    if (!opening.isClosed()) subscriber.beginNow(revision)
  }

  async #openNodes({ req, filter = {}, from }: Subscribe, opening: Opening): Promise<void> {
    const { streams, nodes, journal } = this.#options
    if (Object.keys(filter).some((field) => field !== 'nodes')) {
      throw new TroupeError('Invalid', 'nodes can be told apart by "nodes" only; leave out the rest of the filter')
    }
    const { reader } = opening
    const { outlet } = reader
    const { logId, limits, published } = streams
    const pageBytes = limits.streamPageBytes
    const subscriber = new NodeSubscriber({ req, filter, logId, outlet, pageBytes, published })
    streams.addNodes(subscriber, reader)
    opening.onEnd(() => streams.removeNodes(subscriber, reader))
    const { revision } = journal
    const views = from === 'now' ? [] : nodes.views()
    await this.#durable()
    if (opening.isClosed()) return
    if (typeof from === 'object') {
      const reason = 'nodes have no history; this is how they stand now'
      outlet.send({ type: 'Reset', req, reason }, reason.length)
    }
    subscriber.begin(views, revision)
  }

  async #openActors({ req, filter = {}, from }: Subscribe, opening: Opening): Promise<void> {
    const { streams, actors } = this.#options
    const fields = Object.keys(filter)
    if (from !== 'snapshot' || fields.some((field) => field !== 'ids' && field !== 'nodes') || fields.length > 1) {
      const message = 'actors are followed from a "snapshot" on, all of them, or those that "ids" or "nodes" names'
      throw new TroupeError('Invalid', message)
    }
    const { ids } = await this.#match(filter)
    if (opening.isClosed()) return
    const { reader, onError } = opening
    const onLost = (lost: ActorSubscriber) => void actors.begin(lost).catch(onError)
    const { logId, limits } = streams
    const bounds = { logId, outlet: reader.outlet, pageBytes: limits.streamPageBytes }
    const subscriber = new ActorSubscriber({ req, ids, nodes: filter.nodes, ...bounds, onLost })
    opening.onEnd(() => actors.close(subscriber))
    await actors.open(subscriber, reader)
  }

  #durable(): Promise<void> {
    return new Promise((resolve) => this.#options.journal.afterAll(resolve))
  }
}

function foreignReason(
  from: { readonly logId: string; readonly revision: number },
  logId: string,
  revision: number,
): string | undefined {
  if (from.logId !== logId) return 'that position is of another log'
  return from.revision > revision ? 'that position is ahead of this log' : undefined
}
