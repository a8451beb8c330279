/**
 * One client's connection: requests in, replies and streams out. Every request gets its reply or one `Error`; what it
 * opened is closed with it.
 */
import { type Access, mayAsk } from '../../actors/protocol/access.ts'
import {
  type ClientMessage,
  type ClientMessages,
  type ClientReply,
  clientLimits,
} from '../../actors/protocol/client.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import type { Connection } from '../../transport/transport.ts'
import { Channel, type Door } from '../host/channel.ts'
import type { Journal } from '../host/journal.ts'
import type { Logger } from '../logger.ts'
import type { Backups } from './backups.ts'
import { damageOf } from './damage.ts'
import type { Drains } from './drains.ts'
import type { Nodes } from './nodes.ts'
import type { OutputReader, Outputs } from './outputs.ts'
import type { Plans } from './plans.ts'
import type { Samplings, StatsReader } from './samplings.ts'
import type { Desk } from './stream/desk.ts'
import { Outlet } from './stream/outlet.ts'
import type { Reader, Streams } from './stream/streams.ts'
import type { Tasks } from './tasks.ts'

export interface ClientParts {
  readonly logId: string
  readonly journal: Journal
  readonly tasks: Tasks
  readonly plans: Plans
  readonly nodes: Nodes
  readonly drains: Drains
  readonly backups: Backups
  readonly outputs: Outputs
  readonly samplings: Samplings
  readonly streams: Streams
  readonly desk: Desk
  readonly logger: Logger
}

type Requests = Omit<ClientMessages, 'ClientHello' | 'CreditOutput'>
type Request = Requests[keyof Requests]

/** A subscription or a reading of output, from its request on. */
interface Stream {
  /** Nothing of it is told any more. */
  closed: boolean
  /** Ends it at its source. */
  end: () => void
  reader: OutputReader | undefined
  /** Credit that the client gave while it did not keep up: it has not read what it says it has taken. */
  owedBytes: number
}

export const clientSessionLimits = {
  /** Requests of one connection that may wait for their replies; past it the connection is read no further. */
  unansweredMax: 1_024,
} as const

export class ClientSession {
  readonly #parts: ClientParts
  readonly #door: Door
  readonly #access: Access
  readonly #channel: Channel<ClientReply>
  /** Through which its subscriptions tell. */
  readonly #outlet: Outlet
  /** By the request that began it. */
  readonly #streams = new Map<number, Stream>()
  /** Requests that have no reply yet, by their numbers, and how many there are: a client may use a number twice. */
  readonly #unanswered = new Set<number>()
  #underWay = 0
  /** Set while it takes no more requests; called when the last one was answered. */
  #onDrained: (() => void) | undefined
  #isPaused = false

  readonly #reader: Reader

  constructor(connection: Connection, door: Door, access: Access, parts: ClientParts) {
    this.#parts = parts
    this.#door = door
    this.#access = access
    this.#channel = new Channel({
      connection,
      epoch: () => undefined,
      onRefused: (message, error) => this.#tooLarge(message, error),
    })
    this.#outlet = new Outlet(this.#channel, parts.streams.limits.streamPageBytes)
    this.#channel.onDrain = () => {
      this.#payCredit()
      this.#outlet.run()
    }
    this.#reader = { outlet: this.#outlet, close: (code, reason) => this.close(code, reason) }
    connection.onFrame = (frame) => this.take(frame)
    connection.onClose = () => this.#ended()
  }

  welcome(reply: ClientReply): void {
    this.#channel.send(reply)
  }

  close(code: number, reason: string): void {
    this.#channel.close(code, reason)
  }

  /** Takes no more requests; resolves when those that it took are answered. */
  async drain(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve
      if (this.#underWay === 0) resolve()
    })
  }

  /** The store has failed: whoever waits is told before the connection ends. */
  fail(): void {
    const message = 'the store could not save and the manager restarts; ask again shortly, by the same id'
    for (const req of this.#unanswered) this.#fail(req, new TroupeError('StorageFailed', message))
    this.close(closeCodes.goingAway, 'the store of this manager has failed')
    this.#onDrained?.()
  }

  take(frame: unknown): void {
    const messages = this.#channel.read(frame, this.#door, false)
    for (const message of messages ?? []) this.#onMessage(message as ClientMessage)
    if (this.#isPaused || this.#underWay <= clientSessionLimits.unansweredMax) return
    this.#isPaused = true
    this.#channel.connection.pause()
  }

  #onMessage(message: ClientMessage): void {
    if (message.type === 'ClientHello') {
      this.close(closeCodes.protocol, 'a ClientHello comes once, and first')
    } else if (message.type === 'CreditOutput') {
      const stream = this.#streams.get(message.stream)
      if (stream === undefined) return
      stream.owedBytes += message.bytes
      if (!this.#channel.held) this.#payCredit()
    } else if (!mayAsk(this.#access, message.type)) {
      const next = `take the token in the manager's <data-dir>/token`
      this.#fail(
        message.req,
        new TroupeError('Forbidden', `this token may only look, and not ${message.type}; ${next}`),
      )
    } else if (this.#onDrained !== undefined) {
      this.#fail(message.req, new TroupeError('Unavailable', 'the manager is stopping; ask the next one'))
    } else {
      const { req } = message
      this.#unanswered.add(req)
      this.#underWay += 1
      this.#answer(message)
        .catch((error: unknown) => this.#fail(req, error))
        .finally(() => this.#answered(req))
    }
  }

  /** Passes on the credit that the client gave. */
  #payCredit(): void {
    for (const stream of this.#streams.values()) {
      const { reader, owedBytes } = stream
      if (reader === undefined || owedBytes === 0) continue
      stream.owedBytes = 0
      this.#parts.outputs.credit(reader, owedBytes)
    }
  }

  #answered(req: number): void {
    this.#unanswered.delete(req)
    this.#underWay -= 1
    if (this.#underWay === 0) this.#onDrained?.()
    if (!this.#isPaused || this.#underWay > clientSessionLimits.unansweredMax / 2) return
    this.#isPaused = false
    this.#channel.connection.resume()
  }

  #fail(req: number, error: unknown): void {
    const told = error instanceof TroupeError ? error : damageOf(error)
    if (told !== undefined) {
      if (told !== error)
        this.#parts.logger.error('a request met a store that cannot be read', { error: (error as Error).message })
      this.#channel.send({ type: 'Error', req, code: told.code, message: told.message, retryable: told.retryable })
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
      this.#endStream(req)
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
    const { tasks, plans, nodes, drains, backups, journal } = this.#parts
    const { req } = request
    switch (request.type) {
      case 'SubmitTask':
        await this.#reply({ type: 'Submitted', req, ...(await tasks.submit(request.taskId, request.spec)) })
        break
      case 'PlanTask': {
        const plan = await plans.make(request.taskId, request.spec, this.#access)
        await this.#reply({ type: 'Planned', req, ...plan })
        break
      }
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
      case 'DrainNode':
        await this.#reply({ type: 'NodeChanged', req, node: await drains.drain(request.node, request.deadlineMs) })
        break
      case 'UndrainNode':
        await this.#reply({ type: 'NodeChanged', req, node: await drains.undrain(request.node) })
        break
      case 'RemoveNode':
        await drains.remove(request.node)
        await this.#reply({ type: 'Ok', req })
        break
      case 'BackupStore':
        await this.#reply({ type: 'BackupMade', req, ...(await backups.make(request.dir)) })
        break
      case 'ExplainTask':
        await this.#reply({ type: 'Explanation', req, ...(await tasks.explain(request.taskId, this.#access)) })
        break
      case 'Subscribe':
        await this.#stream(req, (stream) => this.#subscribe(stream, request))
        break
      case 'ReadLogs':
        await this.#stream(req, (stream) => this.#readLogs(stream, request))
        break
      case 'Unsubscribe':
        this.#endStream(request.stream)
        await this.#durable()
        // Behind the output, in its lane: nothing of the stream may come after it.
        this.#channel.send({ type: 'Ok', req }, 'bulk')
        break
    }
  }

  async #query({ req, filter, scope, after, limit }: ClientMessages['QueryTasks']): Promise<void> {
    const { desk, journal } = this.#parts
    const { revision } = journal
    const page = await desk.query({ filter, scope, after, limit })
    const [task, ...others] = page.items
    const items = task === undefined || others.length > 0 ? page.items : desk.written.listOf(task)
    await this.#reply({ type: 'Tasks', req, revision, ...page, items })
  }

  /** The stream has its place from the beginning, so that what ends it finds it even before its source is found. */
  async #stream(req: number, begin: (stream: Stream) => Promise<void>): Promise<void> {
    if (this.#streams.has(req)) throw new TroupeError('Invalid', `request ${req} has a stream already; number it anew`)
    if (this.#streams.size >= clientLimits.streamsMax) {
      const message = `this connection has ${clientLimits.streamsMax} streams; end one, or open another connection`
      throw new TroupeError('Overloaded', message)
    }
    const stream: Stream = { closed: false, end: () => {}, reader: undefined, owedBytes: 0 }
    this.#streams.set(req, stream)
    try {
      await begin(stream)
    } catch (error) {
      if (stream.closed) return
      this.#endStream(req)
      throw error
    }
  }

  #endStream(req: number): void {
    const stream = this.#streams.get(req)
    if (stream === undefined) return
    this.#streams.delete(req)
    stream.closed = true
    stream.end()
  }

  async #subscribe(stream: Stream, request: ClientMessages['Subscribe']): Promise<void> {
    const { req, topic, filter, from } = request
    if (topic === 'logs' || topic === 'stats') {
      const [taskId] = filter?.ids ?? []
      if (taskId === undefined || filter?.ids?.length !== 1 || Object.keys(filter).length > 1 || from !== 'snapshot') {
        const what = topic === 'logs' ? 'output is' : 'stats are'
        throw new TroupeError(
          'Invalid',
          `${what} followed from a "snapshot" on, of one task: the filter names its id only`,
        )
      }
      if (topic === 'stats') await this.#watchStats(stream, req, taskId)
      else await this.#readLogs(stream, { type: 'ReadLogs', req, taskId, follow: true })
      return
    }
    await this.#parts.desk.open(request, {
      reader: this.#reader,
      isClosed: () => stream.closed,
      onEnd: (end) => {
        stream.end = end
      },
      onError: (error) => {
        this.#endStream(req)
        this.#fail(req, error)
      },
    })
  }

  async #readLogs(stream: Stream, { req, taskId: prefix, attempt, follow }: ClientMessages['ReadLogs']): Promise<void> {
    const { tasks, outputs } = this.#parts
    const taskId = await tasks.resolve(prefix)
    const view = await tasks.view(taskId)
    const attempts = await tasks.attempts(taskId)
    if (attempt !== undefined && !attempts.some((one) => one.attempt === attempt)) {
      throw new TroupeError('NotFound', `${taskId} has no attempt ${attempt} that is remembered; explain lists them`)
    }
    // An end that is not durable yet must not end a reader.
    await this.#durable()
    if (stream.closed) return
    const reader: OutputReader = {
      taskId,
      attempt,
      follow,
      hasRun: (number) => attempts.find((one) => one.attempt === number)?.startedAtMs !== undefined,
      onChunks: (chunks) => this.#channel.send({ type: 'Output', req, chunks }, 'bulk'),
      onEnd: (error) => {
        stream.closed = true
        this.#streams.delete(req)
        // Behind the output, in its lane: the end is the last that is said.
        const reason = error === undefined ? {} : { error: error.message, code: error.code }
        this.#channel.send({ type: 'OutputEnded', req, ...reason }, 'bulk')
      },
    }
    stream.reader = reader
    const end = outputs.open(reader, view, (number) => attempts.find((one) => one.attempt === number)?.nodeId)
    // It may have ended at once.
    if (!stream.closed) stream.end = end
  }

  async #watchStats(stream: Stream, req: number, prefix: string): Promise<void> {
    const { tasks, samplings, journal } = this.#parts
    const taskId = await tasks.resolve(prefix)
    const view = await tasks.view(taskId)
    await this.#durable()
    if (stream.closed) return
    const reader: StatsReader = {
      taskId,
      // One that is behind gets the next.
      onSample: (attempt, sample) => {
        if (!this.#channel.held) this.#channel.send({ type: 'Stats', req, attempt, sample })
      },
      onEnd: (error) => {
        stream.closed = true
        this.#streams.delete(req)
        const reason = error === undefined ? {} : { error: error.message, code: error.code }
        this.#channel.send({ type: 'StatsEnded', req, ...reason })
      },
    }
    const end = samplings.open(reader, view)
    if (stream.closed) return
    stream.end = end
    // What has happened since it was looked up was told to nobody.
    const newest = await tasks.view(taskId)
    journal.afterAll(() => samplings.onNews(newest))
  }

  #ended(): void {
    this.#channel.ended()
    this.#outlet.close()
    for (const req of [...this.#streams.keys()]) this.#endStream(req)
  }
}
