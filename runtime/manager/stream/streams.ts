/**
 * All subscriptions of a manager. News reaches them after the commit that made it, in the order of revisions; those who
 * named tasks are found by them, the others are asked each.
 */
import type { NodeView, TaskView } from '../../../actors/model.ts'
import type { ClientReplies } from '../../../actors/protocol/client.ts'
import { closeCodes } from '../../../actors/protocol/errors.ts'
import type { Clock } from '../../clock.ts'
import type { Journal } from '../../host/journal.ts'
import { keys } from '../../host/keys.ts'
import { encodeRecord } from '../../host/record.ts'
import type { Turn } from '../../host/turn.ts'
import type { Trims } from '../trims.ts'
import type { NodeUsed } from '../usages.ts'
import type { StreamLimits } from './limits.ts'
import { type Commit, Recent } from './news.ts'
import type { NodeNews, NodeSubscriber } from './node-subscriber.ts'
import type { Outlet } from './outlet.ts'
import type { Source, Subscriber } from './subscriber.ts'

export interface StreamsOptions {
  readonly logId: string
  readonly clock: Clock
  readonly journal: Journal
  readonly limits: StreamLimits
  readonly trims: Trims
  /** A task that is live, for what is told of it without a commit. */
  readonly viewOf: (taskId: string) => TaskView | undefined
}

/** A connection that has subscriptions. */
export interface Reader {
  readonly outlet: Outlet
  readonly close: (code: number, reason: string) => void
}

export class Streams implements Source {
  readonly logId: string
  readonly recent: Recent
  readonly limits: StreamLimits
  readonly trims: Trims
  readonly #options: StreamsOptions
  readonly #byTask = new Map<string, Set<Subscriber>>()
  /** Those that named no tasks. */
  readonly #general = new Set<Subscriber>()
  readonly #nodes = new Set<NodeSubscriber>()
  readonly #readers = new Map<Reader, number>()
  #published: number
  #cancelTimer: (() => void) | undefined

  constructor(options: StreamsOptions) {
    const { logId, journal, limits } = options
    this.logId = logId
    this.limits = limits
    this.trims = options.trims
    this.#options = options
    this.#published = journal.revision
    this.recent = new Recent(journal.revision, limits)
  }

  readonly published = (): number => this.#published

  /** Whether someone wants to hear of nodes. */
  get followsNodes(): boolean {
    return this.#nodes.size > 0
  }

  /** Subscriptions there are. */
  get count(): number {
    let count = 0
    for (const streams of this.#readers.values()) count += streams
    return count
  }

  add(subscriber: Subscriber, reader: Reader): void {
    if (subscriber.match.ids === undefined) this.#general.add(subscriber)
    else for (const id of subscriber.match.ids) this.#of(id).add(subscriber)
    this.enter(reader)
  }

  #of(taskId: string): Set<Subscriber> {
    const known = this.#byTask.get(taskId)
    if (known !== undefined) return known
    const all = new Set<Subscriber>()
    this.#byTask.set(taskId, all)
    return all
  }

  remove(subscriber: Subscriber, reader: Reader): void {
    subscriber.close()
    this.#general.delete(subscriber)
    for (const id of subscriber.match.ids ?? []) {
      const all = this.#byTask.get(id)
      all?.delete(subscriber)
      if (all?.size === 0) this.#byTask.delete(id)
    }
    this.leave(reader)
  }

  addNodes(subscriber: NodeSubscriber, reader: Reader): void {
    this.#nodes.add(subscriber)
    this.enter(reader)
  }

  removeNodes(subscriber: NodeSubscriber, reader: Reader): void {
    subscriber.close()
    this.#nodes.delete(subscriber)
    this.leave(reader)
  }

  /** This connection has one subscription more: from now on it is looked at whether it reads. */
  enter(reader: Reader): void {
    this.#readers.set(reader, (this.#readers.get(reader) ?? 0) + 1)
    this.#cancelTimer ??= this.#nextTick()
  }

  leave(reader: Reader): void {
    const streams = (this.#readers.get(reader) ?? 1) - 1
    if (streams > 0) this.#readers.set(reader, streams)
    else this.#readers.delete(reader)
    if (this.#readers.size === 0) this.close()
  }

  /** A commit that is durable now. */
  publish(commit: Commit): void {
    this.#published = commit.revision
    this.recent.add(commit)
    for (const subscriber of this.#general) subscriber.tell(commit)
    const [first, ...others] = commit.news
    if (first === undefined) return
    const following = this.#byTask.get(first.task.id)
    if (others.length === 0) {
      for (const subscriber of following ?? []) subscriber.tell(commit)
      return
    }
    // Once each, for what is of one commit goes out together.
    const all = new Set(following)
    for (const { task } of others) for (const subscriber of this.#byTask.get(task.id) ?? []) all.add(subscriber)
    for (const subscriber of all) subscriber.tell(commit)
  }

  publishNodes(news: Iterable<NodeNews>): void {
    for (const one of news) for (const subscriber of this.#nodes) subscriber.tell(one)
  }

  /** Outside the order of revisions: what nodes use is no commit's doing. */
  publishUsage(nodes: readonly NodeUsed[]): void {
    for (const subscriber of this.#nodes) subscriber.use(nodes)
  }

  progress(message: Omit<ClientReplies['Progress'], 'type' | 'req'>): void {
    for (const subscriber of this.#byTask.get(message.taskId) ?? []) subscriber.progress(message)
    if (this.#general.size === 0) return
    const task = this.#options.viewOf(message.taskId)
    if (task === undefined) return
    for (const subscriber of this.#general) if (subscriber.match.fits(task)) subscriber.progress(message)
  }

  #nextTick(): () => void {
    return this.#options.clock.setTimer(() => this.#tick(), this.limits.markMs)
  }

  #tick(): void {
    this.#cancelTimer = this.#nextTick()
    const { journal, clock } = this.#options
    const nowMs = clock.uptimeMs()
    for (const { outlet, close } of [...this.#readers.keys()]) {
      if (!outlet.isStalled(nowMs, this.limits.stalledMs)) continue
      const seconds = this.limits.stalledMs / 1_000
      close(closeCodes.tooSlow, `nothing was read for ${seconds} s; dial again, and resume where you are`)
    }
    // Commits that changed no task count as well: a position must not grow old by what nodes do.
    const revision = journal.revision
    journal.afterAll(() => {
      this.#published = Math.max(this.#published, revision)
      for (const subscriber of this.#general) subscriber.mark()
      for (const all of this.#byTask.values()) for (const subscriber of all) subscriber.mark()
      for (const subscriber of this.#nodes) subscriber.mark()
    })
  }

  /** Nothing goes on by itself any more. */
  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}

/** What the manager's turns do to nodes, told once it is durable. */
export class NodeChanges {
  readonly #streams: Streams
  readonly #viewOf: (nodeId: string) => NodeView | undefined
  readonly #byTurn = new WeakMap<Turn, Map<string, NodeNews>>()

  constructor(streams: Streams, viewOf: (nodeId: string) => NodeView | undefined) {
    this.#streams = streams
    this.#viewOf = viewOf
  }

  /** The node, or what is reserved on it, has changed in this turn. `name`: of one that is gone. */
  changed(turn: Turn, nodeId: string, name?: string): void {
    if (!this.#streams.followsNodes) return
    let changes = this.#byTurn.get(turn)
    if (changes === undefined) {
      const all = new Map<string, NodeNews>()
      changes = all
      this.#byTurn.set(turn, all)
      turn.afterwards(() => this.#streams.publishNodes(all.values()))
    }
    const node = this.#viewOf(nodeId)
    if (node === undefined && name === undefined) return
    // Not every step of a node is stored; but a revision that was told must never be given again.
    turn.put(keys.revision, encodeRecord(turn.revision()))
    changes.set(nodeId, { revision: turn.revision(), id: nodeId, node, name: node?.name ?? name ?? '' })
  }
}
