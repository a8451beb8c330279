/**
 * One client's connection: requests in, replies and streams out. Every request gets its reply or one `Error`; what it
 * opened is closed with it.
 */
import type { TaskView } from '../../actors/model.ts'
import {
  type ClientMessage,
  type ClientMessages,
  type ClientReply,
  clientLimits,
} from '../../actors/protocol/client.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import type { Connection } from '../../transport/transport.ts'
import type { Journal } from '../host/journal.ts'
import type { Logger } from '../logger.ts'
import { Channel, type Door } from './channel.ts'
import type { History } from './history.ts'
import type { Nodes } from './nodes.ts'
import type { OutputReader, Outputs } from './outputs.ts'
import { Subscriber, type Subscriptions } from './subscriptions.ts'
import type { Tasks } from './tasks.ts'

export interface ClientParts {
  readonly logId: string
  readonly journal: Journal
  readonly tasks: Tasks
  readonly nodes: Nodes
  readonly history: History
  readonly outputs: Outputs
  readonly subscriptions: Subscriptions
  readonly logger: Logger
}

type Requests = Omit<ClientMessages, 'ClientHello' | 'CreditOutput'>
type Request = Requests[keyof Requests]

export class ClientSession {
  readonly #parts: ClientParts
  readonly #door: Door
  readonly #channel: Channel<ClientReply>
  /** What ends each stream, by the request that began it. */
  readonly #streams = new Map<number, () => void>()
  readonly #readers = new Map<number, OutputReader>()
  /** Requests that have no reply yet. */
  readonly #unanswered = new Set<number>()

  constructor(connection: Connection, door: Door, parts: ClientParts) {
    this.#parts = parts
    this.#door = door
    this.#channel = new Channel({
      connection,
      epoch: () => undefined,
      onRefused: (message, error) => this.#tooLarge(message, error),
    })
    connection.onFrame = (frame) => this.take(frame)
    connection.onClose = () => this.#ended()
  }

  welcome(reply: ClientReply): void {
    this.#channel.send(reply)
  }

  close(code: number, reason: string): void {
    this.#channel.close(code, reason)
  }

  /** The store has failed: whoever waits is told before the connection ends. */
  fail(): void {
    const message = 'the store could not save and the manager restarts; ask again shortly, by the same id'
    for (const req of this.#unanswered) this.#fail(req, new TroupeError('StorageFailed', message))
    this.close(closeCodes.goingAway, 'the store of this manager has failed')
  }

  take(frame: unknown): void {
    const messages = this.#channel.read(frame, this.#door, false)
    for (const message of messages ?? []) this.#onMessage(message as ClientMessage)
  }

  #onMessage(message: ClientMessage): void {
    if (message.type === 'ClientHello') {
      this.close(closeCodes.protocol, 'a ClientHello comes once, and first')
    } else if (message.type === 'CreditOutput') {
      const reader = this.#readers.get(message.stream)
      if (reader !== undefined) this.#parts.outputs.credit(reader, message.bytes)
    } else {
      const { req } = message
      this.#unanswered.add(req)
      this.#answer(message)
        .catch((error: unknown) => this.#fail(req, error))
        .finally(() => this.#unanswered.delete(req))
    }
  }

  #fail(req: number, error: unknown): void {
    if (error instanceof TroupeError) {
      this.#channel.send({ type: 'Error', req, code: error.code, message: error.message, retryable: error.retryable })
      return
    }
    this.#parts.logger.error('a request failed; this is a defect of Troupe', { error: (error as Error).stack })
    const message = 'Troupe failed at this; its log says more'
    this.#channel.send({ type: 'Error', req, code: 'Internal', message, retryable: false })
  }

  /** A reply that no frame can carry: the request is told so. */
  #tooLarge(message: { readonly type: string }, error: Error): void {
    const { req } = message as { req?: number }
    this.#parts.logger.warn(`a ${message.type} was too large for a frame`, { error: error.message })
    if (req !== undefined && message.type !== 'Error') {
      this.#fail(req, new TroupeError('Overloaded', 'the answer is too large for one frame; ask for less at a time'))
    }
  }

  /** Says it once everything that it was read from is durable; resolves then. */
  #reply(reply: ClientReply): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.journal.afterAll(() => {
        this.#channel.send(reply)
        resolve()
      })
    })
  }

  /** Resolves once everything that memory holds now is durable. */
  #durable(): Promise<void> {
    return new Promise((resolve) => this.#parts.journal.afterAll(resolve))
  }

  async #answer(request: Request): Promise<void> {
    const { tasks, nodes, journal } = this.#parts
    const { req } = request
    switch (request.type) {
      case 'SubmitTask':
        await this.#reply({ type: 'Submitted', req, ...(await tasks.submit(request.taskId, request.spec)) })
        break
      case 'RerunTask':
        await this.#reply({ type: 'Submitted', req, ...(await tasks.rerun(request.taskId, request.newTaskId)) })
        break
      case 'StopTask':
        await this.#reply({ type: 'StopAccepted', req, ...(await tasks.stop(request.taskId, request.graceMs)) })
        break
      case 'QueryTasks':
        await this.#query(request)
        break
      case 'QueryNodes':
        await this.#reply({ type: 'Nodes', req, revision: journal.revision, items: nodes.views() })
        break
      case 'ExplainTask':
        await this.#reply({ type: 'Explanation', req, ...(await tasks.explain(request.taskId)) })
        break
      case 'Subscribe':
        await this.#subscribe(request)
        break
      case 'ReadLogs':
        await this.#readLogs(request)
        break
      case 'Unsubscribe':
        this.#endStream(request.stream)
        await this.#reply({ type: 'Ok', req })
        break
    }
  }

  async #query({ req, ids, scope, after, limit }: ClientMessages['QueryTasks']): Promise<void> {
    const { tasks, journal } = this.#parts
    const revision = journal.revision
    if (ids !== undefined) {
      const items: TaskView[] = []
      for (const id of ids) items.push(await tasks.view(await tasks.resolve(id)))
      await this.#reply({ type: 'Tasks', req, revision, items })
    } else if (scope === 'all') {
      const page = await tasks.page(after, limit ?? clientLimits.pageItemsMax)
      await this.#reply({ type: 'Tasks', req, revision, ...page })
    } else {
      await this.#sendRecent(req, revision)
    }
  }

  /** More live tasks than a page has are left to the scope `all`. */
  async #sendRecent(req: number, revision: number): Promise<void> {
    const items = await this.#parts.tasks.recent()
    await this.#reply({ type: 'Tasks', req, revision, items })
  }

  #admitStream(req: number): void {
    if (this.#streams.has(req)) throw new TroupeError('Invalid', `request ${req} has a stream already; number it anew`)
    if (this.#streams.size < clientLimits.streamsMax) return
    const message = `this connection has ${clientLimits.streamsMax} streams; end one, or open another connection`
    throw new TroupeError('Overloaded', message)
  }

  #endStream(req: number): void {
    this.#streams.get(req)?.()
    this.#streams.delete(req)
    this.#readers.delete(req)
  }

  async #subscribe({ req, topic, filter, from }: ClientMessages['Subscribe']): Promise<void> {
    const { tasks, history, subscriptions, journal, logId } = this.#parts
    this.#admitStream(req)
    const taskId = await tasks.resolve(filter.taskId)
    if (this.#channel.closed) return
    this.#admitStream(req)
    const revision = journal.revision
    const send = (reply: ClientReply) => this.#channel.send(reply)
    const subscriber = new Subscriber({ req, taskId, topic, logId, revision, send })
    subscriptions.add(subscriber)
    this.#streams.set(req, () => subscriptions.remove(subscriber))
    const view = await tasks.view(taskId)
    // What is read now must be durable before it is told.
    await this.#durable()
    if (!this.#streams.has(req)) return
    const position = typeof from === 'object' ? from : undefined
    const resumes = position !== undefined && position.logId === logId && position.revision <= revision
    if (position !== undefined && !resumes) {
      const reason = position.logId === logId ? 'that position is ahead of this log' : 'that position is of another log'
      send({ type: 'Reset', req, reason })
    }
    if (topic === 'tasks') {
      if (resumes) subscriber.resume(view.revision > position.revision ? { task: view } : {})
      else subscriber.begin({ tasks: from === 'now' ? [] : [view] })
      return
    }
    const after = resumes ? position.revision : from === 'now' ? revision : -1
    const events = await history.of(taskId, { after, upTo: revision })
    if (!this.#streams.has(req)) return
    if (resumes) subscriber.resume({ events })
    else subscriber.begin({ events })
  }

  async #readLogs({ req, taskId: prefix, attempt, follow }: ClientMessages['ReadLogs']): Promise<void> {
    const { tasks, outputs } = this.#parts
    this.#admitStream(req)
    const taskId = await tasks.resolve(prefix)
    const view = await tasks.view(taskId)
    const { attempts } = await tasks.explain(taskId)
    if (attempt !== undefined && !attempts.some((one) => one.attempt === attempt)) {
      throw new TroupeError('NotFound', `${taskId} has no attempt ${attempt} that is remembered; explain lists them`)
    }
    // An end that is not durable yet must not end a reader.
    await this.#durable()
    if (this.#channel.closed) return
    this.#admitStream(req)
    const reader: OutputReader = {
      taskId,
      attempt,
      follow,
      onChunks: (chunks) => this.#channel.send({ type: 'Output', req, chunks }, 'bulk'),
      onEnd: (error) => {
        this.#streams.delete(req)
        this.#readers.delete(req)
        // Behind the output, in its lane: the end is the last that is said.
        const reason = error === undefined ? {} : { error: error.message }
        this.#channel.send({ type: 'OutputEnded', req, ...reason }, 'bulk')
      },
    }
    this.#readers.set(req, reader)
    // Registered first, for a stream may end at once.
    this.#streams.set(req, () => {})
    const close = outputs.open(reader, view, (number) => attempts.find((one) => one.attempt === number)?.nodeId)
    if (this.#streams.has(req)) this.#streams.set(req, close)
  }

  #ended(): void {
    this.#channel.ended()
    for (const end of this.#streams.values()) end()
    this.#streams.clear()
    this.#readers.clear()
  }
}
