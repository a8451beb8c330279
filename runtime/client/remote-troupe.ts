/** The `Troupe` that speaks to a manager over a link: another machine's, or one in this process. */
import type { NodeView, TaskSpec, TaskView } from '../../actors/model.ts'
import type { Access } from '../../actors/protocol/access.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Logger } from '../logger.ts'
import { ActorReader, type ActorStream, type ActorsOptions } from './actor-stream.ts'
import { type Asked, Asking, type CallOptions } from './asking.ts'
import type { Client } from './client.ts'
import type { Counters } from './counters.ts'
import { EventReader, type EventSource, type EventStream, type EventsOptions } from './event-stream.ts'
import { TaskFeed } from './feed.ts'
import type { Link } from './link.ts'
import type { LogLine, LogsOptions } from './log-lines.ts'
import { readLogs } from './log-reader.ts'
import type { NewsReader } from './news-reader.ts'
import { type NodeChanges, NodeReader, type WatchNodesOptions } from './node-changes.ts'
import { requestLimits } from './pending.ts'
import { type Known, RemoteTask, type TaskHome } from './remote-task.ts'
import type { TaskOutput } from './snapshot.ts'
import { ChangeReader, type TaskChanges, type WatchOptions } from './task-changes.ts'
import type { RerunOptions, StopOptions, Stopped, TaskRef } from './task-ref.ts'
import { type TaskStats, watchStats } from './task-stats.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'
import type {
  BackupMade,
  DrainOptions,
  Explanation,
  ListOptions,
  Metrics,
  Plan,
  RunOptions,
  TaskPage,
  Troupe,
} from './troupe.ts'

type Reader = EventReader | NewsReader<unknown>

export interface RemoteTroupeOptions {
  readonly link: Link
  readonly counters: Counters
  readonly logger: Logger
  /** What is to be closed after the link. */
  readonly onClose?: () => Promise<void>
}

export class RemoteTroupe implements Troupe, TaskHome {
  readonly feed: TaskFeed
  readonly logger: Logger
  readonly #link: Link
  readonly #counters: Counters
  readonly #asking: Asking
  readonly #onClose: () => Promise<void>
  readonly #streams = new Set<Reader>()
  #ended: TroupeError | undefined
  #closing: Promise<void> | undefined

  constructor({ link, counters, logger, onClose = async () => undefined }: RemoteTroupeOptions) {
    this.#link = link
    this.#counters = counters
    this.logger = logger
    this.#onClose = onClose
    this.#asking = new Asking(link, counters)
    this.feed = new TaskFeed(link, counters)
  }

  get access(): Access {
    // A manager from before there was a choice has only tokens for everything.
    return this.#link.welcome.access ?? 'everything'
  }

  get clusterId(): string {
    return this.#link.welcome.clusterId
  }

  async run(spec: TaskSpec, { id, ...options }: RunOptions = {}): Promise<TaskRef> {
    const taskId = id ?? this.#newId()
    const asked = { what: `submitting task ${taskId}`, changes: true, taskId }
    const known = await this.#ask(asked, options, async (client) => {
      const { task } = await client.submit(taskId, spec)
      return knownBy(client, task)
    })
    return new RemoteTask(this, known)
  }

  async plan(spec: TaskSpec, { id, ...options }: RunOptions = {}): Promise<Plan> {
    const asked = { what: 'the plan', changes: false }
    const { type: _type, req: _req, ...plan } = await this.#ask(asked, options, (client) => client.plan(id, spec))
    return plan
  }

  async get(id: string, options: CallOptions = {}): Promise<TaskRef> {
    return new RemoteTask(this, await this.#known(id, options))
  }

  async list({ filter, scope, after, limit, ...options }: ListOptions = {}): Promise<TaskPage> {
    const query = {
      ...(filter === undefined ? {} : { filter }),
      ...(scope === undefined ? {} : { scope }),
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
    }
    const asked = { what: 'the list of tasks', changes: false }
    const { items, next } = await this.#ask(asked, options, (client) => client.query(query))
    return { tasks: items, next }
  }

  async *listAll(options: Omit<ListOptions, 'after'> = {}): AsyncGenerator<TaskView, void> {
    let after: string | undefined
    do {
      const page: TaskPage = await this.list({ ...options, ...(after === undefined ? {} : { after }) })
      yield* page.tasks
      after = page.next
    } while (after !== undefined)
  }

  watch(options: WatchOptions = {}): TaskChanges {
    const onClosed = (closed: Reader) => void this.#streams.delete(closed)
    return this.#keep(new ChangeReader({ ...options, counters: this.#counters, link: this.#link, onClosed }))
  }

  watchNodes(options: WatchNodesOptions = {}): NodeChanges {
    const onClosed = (closed: Reader) => void this.#streams.delete(closed)
    return this.#keep(new NodeReader({ ...options, link: this.#link, onClosed }))
  }

  actors(options: ActorsOptions = {}): ActorStream {
    const onClosed = (closed: Reader) => void this.#streams.delete(closed)
    return this.#keep(new ActorReader({ ...options, link: this.#link, onClosed }))
  }

  async stop(id: string, options: StopOptions = {}): Promise<Stopped> {
    const { alreadyFinal } = await this.stopTask(id, options)
    return { alreadyFinal }
  }

  stopTask(id: string, { graceMs, ...options }: StopOptions): Promise<Stopped & Known> {
    const asked = { what: `stopping task ${id}`, changes: true, taskId: id }
    return this.#ask(asked, options, async (client) => {
      const { alreadyFinal, task } = await client.stop(id, graceMs === undefined ? {} : { graceMs })
      return { alreadyFinal, ...knownBy(client, task) }
    })
  }

  async rerun(id: string, { id: newId = this.#newId(), ...options }: RerunOptions = {}): Promise<TaskRef> {
    const asked = { what: `running task ${id} again`, changes: true, taskId: newId }
    const known = await this.#ask(asked, options, async (client) => {
      const { task } = await client.rerun(id, newId)
      return knownBy(client, task)
    })
    return new RemoteTask(this, known)
  }

  async wait(id: string, options: CallOptions = {}): Promise<TaskOutput> {
    return this.within(`the end of task ${id}`, options, async (signal) => {
      const ref = await this.get(id, { ...options, signal })
      return ref.result({ signal })
    })
  }

  async nodes(options: CallOptions = {}): Promise<NodeView[]> {
    const asked = { what: 'the list of nodes', changes: false }
    return (await this.#ask(asked, options, (client) => client.nodes())).items
  }

  async drain(node: string, { deadlineMs, ...options }: DrainOptions = {}): Promise<NodeView> {
    const asked = { what: `draining node ${node}`, changes: true }
    return this.#ask(asked, options, (client) => client.drainNode(node, deadlineMs === undefined ? {} : { deadlineMs }))
  }

  async undrain(node: string, options: CallOptions = {}): Promise<NodeView> {
    const asked = { what: `undraining node ${node}`, changes: true }
    return this.#ask(asked, options, (client) => client.undrainNode(node))
  }

  async removeNode(node: string, options: CallOptions = {}): Promise<void> {
    const asked = { what: `removing node ${node}`, changes: true }
    return this.#ask(asked, options, async (client, mayBeDone) => {
      try {
        await client.removeNode(node)
      } catch (error) {
        // It was removed by the request whose answer did not come.
        if (!(mayBeDone && error instanceof TroupeError && error.code === 'NotFound')) throw error
      }
    })
  }

  events(options: EventsOptions = {}): EventStream {
    return this.#stream(options)
  }

  eventsOf(id: string, { from = 'snapshot', ...options }: Omit<EventsOptions, 'filter'>): EventStream {
    const isLast: EventSource['isLast'] = ({ to }) => to === 'Completed' || to === 'Failed'
    return this.#stream({ ...options, from, filter: { ids: [id] } }, isLast)
  }

  logs(id: string, options: LogsOptions = {}): AsyncGenerator<LogLine, void> {
    return this.#logs(id, options, async (signal) => new RemoteTask(this, await this.#known(id, { signal })))
  }

  logsOf(ref: RemoteTask, options: LogsOptions): AsyncGenerator<LogLine, void> {
    return this.#logs(ref.id, options, async (signal) => {
      ref.learn(await this.#known(ref.id, { signal }))
      return ref
    })
  }

  #logs(name: string, options: LogsOptions, task: (signal: AbortSignal) => Promise<RemoteTask>) {
    const find = async (signal: AbortSignal) => {
      const ref = await task(signal)
      return { view: ref.getSnapshot().context, watch: (until: AbortSignal) => ref.watch(until) }
    }
    return readLogs({ link: this.#link, name, options, find })
  }

  stats(id: string, options: StreamOptions = {}): AsyncGenerator<TaskStats, void> {
    return watchStats({ link: this.#link, id, options })
  }

  async explain(id: string, options: CallOptions = {}): Promise<Explanation> {
    const asked = { what: `the explanation of task ${id}`, changes: false }
    const { type: _type, req: _req, ...explanation } = await this.#ask(asked, options, (client) => client.explain(id))
    return explanation
  }

  async backup(dir: string, options: CallOptions = {}): Promise<BackupMade> {
    const asked = { what: `the backup into ${dir}`, changes: true, once: true, usualMs: requestLimits.backupMs }
    const { revision, entries } = await this.#ask(asked, options, (client) => client.backup(dir))
    return { revision, entries }
  }

  metrics(): Metrics {
    return { ...this.#counters }
  }

  close(): Promise<void> {
    return this.end(new TroupeError('Unavailable', 'This Troupe was closed; its tasks go on running.'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Closes it with this reason for whoever listens. */
  end(reason: TroupeError): Promise<void> {
    this.#ended ??= reason
    this.#closing ??= this.#close(this.#ended)
    return this.#closing
  }

  async within<T>(what: string, options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController()
    const cancel = limitTime(this.#link.clock, what, options, {
      onAbort: () => limit.abort(options.signal?.reason),
      onLate: (error) => limit.abort(error),
    })
    try {
      return await work(limit.signal)
    } finally {
      cancel()
    }
  }

  #ask<T>(asked: Asked, options: CallOptions, action: (client: Client, mayBeDone: boolean) => Promise<T>): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended)
    return this.#asking.ask(asked, options, action)
  }

  #known(id: string, options: CallOptions): Promise<Known> {
    return this.#ask({ what: `task ${id}`, changes: false }, options, async (client) => {
      const { items } = await client.query({ ids: [id] })
      const [view] = items
      if (view === undefined) throw new TroupeError('NotFound', `There is no task ${id}.`)
      return knownBy(client, view)
    })
  }

  #stream(options: EventsOptions, isLast?: EventSource['isLast']): EventStream {
    const onClosed = (closed: EventReader) => void this.#streams.delete(closed)
    const { counters, link } = { counters: this.#counters, link: this.#link }
    const more = isLast === undefined ? {} : { isLast }
    return this.#keep(new EventReader({ ...options, ...more, counters, link, onClosed }))
  }

  /** It ends with this Troupe, unless it has ended before. */
  #keep<R extends Reader>(reader: R): R {
    if (!reader.isClosed) this.#streams.add(reader)
    if (this.#ended) reader.fail(this.#ended)
    return reader
  }

  #newId(): string {
    return this.#link.random.id(12)
  }

  async #close(reason: TroupeError): Promise<void> {
    this.feed.close(reason)
    for (const stream of [...this.#streams]) stream.fail(reason)
    await this.#link.close()
    await this.#onClose()
  }
}

const knownBy = (client: Client, view: TaskView): Known => ({ view, logId: client.welcome.logId })
