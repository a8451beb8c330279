/**
 * A client of a manager: one connection, requests with a deadline, subscriptions and output. It does not reconnect;
 * `link.ts` does. Works in Node and in browsers: the transport comes from outside.
 */

import type { NodeView, TaskSpec } from '../../actors/model.ts'
import {
  type ClientMessage,
  type ClientMessages,
  type ClientReplies,
  type ClientReply,
  clientLimits,
  type TaskFilter,
} from '../../actors/protocol/client.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import { frameLimits } from '../../actors/protocol/frame.ts'
import type { Connection, Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Random } from '../random.ts'
import { openConnection } from './handshake.ts'
import { type OutputPiece, OutputStream } from './output.ts'
import { endOfOutput, errorOf, PendingRequests, type RequestTraits, requestLimits } from './pending.ts'
import { readFrame } from './replies.ts'
import { faultOfRequest } from './requests.ts'
import { type LogPosition, Subscription, type SubscriptionHandlers } from './subscription.ts'

export interface ClientOptions {
  readonly transport: Pick<Transport, 'connect'>
  /** The manager's address, `ws://host:port` or `wss://host:port`. */
  readonly url: string
  /** What `<data-dir>/token` of the manager holds. */
  readonly token: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** How long connecting, and each reply, may take, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Gives connecting up: rejects with its reason. Once connected it means nothing any more. */
  readonly signal?: AbortSignal
}

export interface Query {
  /** Ids or clear beginnings of ids, at most 500. */
  readonly ids?: readonly string[]
  /** Only tasks that fit all of this. */
  readonly filter?: TaskFilter
  /** `recent` (default): what is live and the last 50 that ended. `all`: in order of id. */
  readonly scope?: 'recent' | 'all'
  /** Only ids after this one: the `next` of the page before. */
  readonly after?: string
  /** Items in a page, 1 to 500. */
  readonly limit?: number
}

export interface SubscribeOptions {
  /** `tasks`: the newest state of each. `events`: every transition. `nodes`: the newest state of each node. `actors`: all machines. `stats`: what one task uses. */
  readonly topic: 'tasks' | 'events' | 'nodes' | 'actors' | 'stats'
  /** Only this task. */
  readonly taskId?: string
  /** Only tasks that fit all of this; of topic `nodes` only `nodes` may be in it. Default: everything. */
  readonly filter?: TaskFilter
  readonly from: 'now' | 'snapshot' | LogPosition
}

export interface LogsOptions {
  /** From 1; absent = the newest. */
  readonly attempt?: number
  /** Go on until the attempt has ended. */
  readonly follow?: boolean
  /** Ends the reading quietly. */
  readonly signal?: AbortSignal
}

/** How a connection ended. */
export interface ClientClosed {
  /** As in `closeCodes`; 1006 = cut without a word. */
  readonly code: number
  readonly reason: string
}

type Body<K extends keyof ClientMessages> = Omit<ClientMessages[K], 'req'>
type Requests = Exclude<keyof ClientMessages, 'ClientHello' | 'CreditOutput'>

const queryTraits = { reply: 'Tasks', what: 'the list of tasks', changes: false } as const

/**
 * Connects and says hello. Rejects with TroupeError: `Unavailable` (nobody there, or no answer), `Unauthorized` (wrong
 * token), `Protocol` (no version in common).
 */
export async function connectClient(options: ClientOptions): Promise<Client> {
  return openConnection(options, (connection, welcome) => new Client(options, connection, welcome))
}

export class Client {
  /** Who answered: its version, cluster and log. */
  readonly welcome: ClientReplies['ClientWelcome']
  /** Resolves when the connection has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<ClientClosed>
  readonly #connection: Connection
  readonly #random: Random
  readonly #logger: Logger
  readonly #pending: PendingRequests
  readonly #subscriptions = new Map<number, Subscription>()
  readonly #outputs = new Map<number, OutputStream>()
  /** Waits for the end of this turn. */
  readonly #outbox: ClientMessage[] = []
  #lastReq = 0
  #ended: ClientClosed | undefined
  #resolveClosed: (closed: ClientClosed) => void = () => {}

  /** Use `connectClient`. */
  constructor(options: ClientOptions, connection: Connection, welcome: ClientReplies['ClientWelcome']) {
    this.welcome = welcome
    this.#connection = connection
    this.#random = options.random
    this.#logger = options.logger
    this.#pending = new PendingRequests(options.clock, options.requestMs ?? requestLimits.requestMs)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    connection.onFrame = (frame) => this.#take(frame)
    connection.onClose = (code, reason) => this.#onClose(code, reason)
  }

  /** A fresh id for a task: 12 characters, 60 bits, so that two clients never choose the same. */
  newTaskId(): string {
    return this.#random.id(12)
  }

  /**
   * Asks for a task. Sending the same again is harmless, so after `OutcomeUnknown` send it again. Rejects with
   * `Conflict` if the id has another spec, `Invalid`, `Overloaded`, `StorageFailed`, `OutcomeUnknown`.
   */
  async submit(taskId: string, spec: TaskSpec): Promise<ClientReplies['Submitted']> {
    const traits = { reply: 'Submitted', what: `submitting task ${taskId}`, changes: true } as const
    return this.#request({ type: 'SubmitTask', taskId, spec }, traits)
  }

  /** What would come of `submit` now; rejects as that would. `taskId` undefined: an id that is new. */
  async plan(taskId: string | undefined, spec: TaskSpec): Promise<ClientReplies['Planned']> {
    const which = taskId === undefined ? {} : { taskId }
    return this.#request({ type: 'PlanTask', ...which, spec }, { reply: 'Planned', what: 'the plan', changes: false })
  }

  /** Runs a final task again under a new id. Rejects as `submit` does, and with `NotFound`, `Ambiguous`. */
  async rerun(taskId: string, newTaskId = this.newTaskId()): Promise<ClientReplies['Submitted']> {
    const traits = { reply: 'Submitted', what: `running task ${taskId} again`, changes: true } as const
    return this.#request({ type: 'RerunTask', taskId, newTaskId }, traits)
  }

  /** Asks a task to end; `graceMs` overrides its own, 0 kills at once. Resolves when the wish is stored. */
  async stop(taskId: string, options: { graceMs?: number } = {}): Promise<ClientReplies['StopAccepted']> {
    const grace = options.graceMs === undefined ? {} : { graceMs: options.graceMs }
    const traits = { reply: 'StopAccepted', what: `stopping task ${taskId}`, changes: true } as const
    return this.#request({ type: 'StopTask', taskId, ...grace }, traits)
  }

  /** One page of tasks; `next` in it is the `after` of the page that follows. */
  query(query: Query = {}): Promise<ClientReplies['Tasks']> {
    const { ids, filter, ...rest } = query
    const merged: TaskFilter = ids ? { ...filter, ids: [...ids] } : { ...filter }
    const body: Body<'QueryTasks'> = { type: 'QueryTasks', ...rest, filter: merged }
    return this.#request(body, queryTraits)
  }

  async nodes(): Promise<ClientReplies['Nodes']> {
    return this.#request({ type: 'QueryNodes' }, { reply: 'Nodes', what: 'the list of nodes', changes: false })
  }

  /**
   * Has a node get no new tasks and lose those it has: at once what may be replaced, the rest as it ends, or `deadlineMs`
   * from now. By its name or id. Rejects with `NotFound`.
   */
  async drainNode(node: string, options: { deadlineMs?: number } = {}): Promise<NodeView> {
    const limit = options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }
    const traits = { reply: 'NodeChanged', what: `draining node ${node}`, changes: true } as const
    return (await this.#request({ type: 'DrainNode', node, ...limit }, traits)).node
  }

  /** Has a node take tasks again. Rejects with `NotFound`. */
  async undrainNode(node: string): Promise<NodeView> {
    const traits = { reply: 'NodeChanged', what: `undraining node ${node}`, changes: true } as const
    return (await this.#request({ type: 'UndrainNode', node }, traits)).node
  }

  /** Forgets a node that is Down, or drained and stopped. Rejects with `NotFound`, or `Conflict` while it is of use. */
  async removeNode(node: string): Promise<void> {
    await this.#request({ type: 'RemoveNode', node }, { reply: 'Ok', what: `removing node ${node}`, changes: true })
  }

  /** Has the manager copy its store into a folder of its machine that is new or empty. Rejects with `Conflict`, `Invalid`. */
  async backup(dir: string): Promise<ClientReplies['BackupMade']> {
    const limitMs = requestLimits.backupMs
    const traits = { reply: 'BackupMade', what: `the backup into ${dir}`, changes: true, limitMs } as const
    return this.#request({ type: 'BackupStore', dir }, traits)
  }

  /** Why a task is where it is. */
  async explain(taskId: string): Promise<ClientReplies['Explanation']> {
    const traits = { reply: 'Explanation', what: `the explanation of task ${taskId}`, changes: false } as const
    return this.#request({ type: 'ExplainTask', taskId }, traits)
  }

  /** Hears of a task until closed. A refusal or a lost connection comes through `onEnd`. */
  subscribe(options: SubscribeOptions, handlers: SubscriptionHandlers): Subscription {
    const { topic, taskId, filter, from } = options
    const req = this.#nextReq()
    const cancel = () => this.#cancelStream(req)
    const subscription = new Subscription(handlers, typeof from === 'object' ? from : undefined, cancel)
    this.#openStream(this.#subscriptions, req, subscription, {
      type: 'Subscribe',
      req,
      topic,
      filter: { ...filter, ...(taskId === undefined ? {} : { ids: [taskId] }) },
      from: typeof from === 'object' ? { ...from } : from,
    })
    return subscription
  }

  /**
   * The output of an attempt, oldest first. Slow readers slow down the sender. Throws from the iteration: `NotFound`,
   * `Ambiguous`, `Unavailable` (its worker is out of reach, or the connection was lost).
   */
  logs(taskId: string, options: LogsOptions = {}): AsyncIterable<OutputPiece> {
    const { attempt, follow = false, signal } = options
    const req = this.#nextReq()
    const output = new OutputStream({
      credit: (bytes) => this.#send({ type: 'CreditOutput', stream: req, bytes }),
      cancel: () => void this.#cancelStream(req).catch(() => undefined),
    })
    const which = attempt === undefined ? {} : { attempt }
    this.#openStream(this.#outputs, req, output, { type: 'ReadLogs', req, taskId, follow, ...which })
    if (signal?.aborted) output.abandon()
    else signal?.addEventListener('abort', () => output.abandon(), { once: true })
    return output
  }

  /** Ends the connection; requests that wait are given up. Resolves when it is closed. */
  async close(): Promise<void> {
    this.#flush()
    this.#connection.close(closeCodes.normal, 'the client is done')
    await this.closed
  }

  #nextReq(): number {
    this.#lastReq += 1
    return this.#lastReq
  }

  /** `body` is the request's own from here on. Not async, as each promise in between costs a request more than its check. */
  #request<K extends Requests, R extends keyof ClientReplies>(
    body: Body<K> & { type: K },
    traits: RequestTraits & { reply: R },
  ): Promise<ClientReplies[R]> {
    if (this.#ended) return Promise.reject(this.#lostError())
    const req = this.#nextReq()
    const message = Object.assign(body, { req }) as unknown as ClientMessage
    const fault = faultOfRequest(message)
    if (fault) return Promise.reject(fault)
    const reply = this.#pending.add(req, traits)
    this.#send(message)
    return reply as Promise<ClientReplies[R]>
  }

  /** What is asked in one turn goes in one frame: many small ones cost both ends far more. */
  #send(message: ClientMessage): void {
    if (this.#ended) return
    this.#outbox.push(message)
    if (this.#outbox.length === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    while (!this.#ended && this.#outbox.length > 0) this.#sendAll(this.#outbox.splice(0, frameLimits.frameMessagesMax))
  }

  /** Only the encoder knows what a frame can carry: one that it refuses goes in halves, down to what is to blame. */
  #sendAll(messages: readonly ClientMessage[]): void {
    try {
      this.#connection.send({ m: messages })
    } catch (error) {
      const half = Math.ceil(messages.length / 2)
      if (half === messages.length) this.#cannotSend(messages[0] as ClientMessage, error)
      else for (const part of [messages.slice(0, half), messages.slice(half)]) this.#sendAll(part)
    }
  }

  #cannotSend(message: ClientMessage, error: unknown): void {
    if (!('req' in message)) return
    const why = error instanceof Error ? error.message : String(error)
    const refusal = new TroupeError('Invalid', `The request cannot be sent: ${why}`, { cause: error })
    if (!this.#pending.fail(message.req, refusal)) this.#endStream(message.req, refusal)
  }

  #openStream<S extends { end(error?: TroupeError): void }>(
    streams: Map<number, S>,
    req: number,
    stream: S,
    message: ClientMessage,
  ): void {
    const refusal = this.#ended ? this.#lostError() : (faultOfRequest(message) ?? this.#tooManyStreams())
    if (refusal) {
      // Later, so that the caller holds the stream when it hears of its end.
      queueMicrotask(() => stream.end(refusal))
      return
    }
    streams.set(req, stream)
    this.#send(message)
  }

  #tooManyStreams(): TroupeError | undefined {
    if (this.#subscriptions.size + this.#outputs.size < clientLimits.streamsMax) return undefined
    const text = `${clientLimits.streamsMax} streams are open on this connection already (streamsMax); close some.`
    return new TroupeError('Overloaded', text)
  }

  async #cancelStream(stream: number): Promise<void> {
    const known = this.#subscriptions.delete(stream) || this.#outputs.delete(stream)
    if (!known || this.#ended) return
    await this.#request({ type: 'Unsubscribe', stream }, { reply: 'Ok', what: 'ending a stream', changes: false })
  }

  #take(frame: unknown): void {
    if (this.#ended) return
    try {
      for (const reply of readFrame(frame)) this.#route(reply)
    } catch (error) {
      if (!(error instanceof TroupeError)) throw error
      this.#logger.warn(error.message)
      this.#connection.close(closeCodes.protocol, 'a message broke the protocol')
      this.#end({ code: closeCodes.protocol, reason: error.message })
    }
  }

  #route(reply: ClientReply): void {
    switch (reply.type) {
      case 'ClientWelcome':
        return
      case 'Snapshot':
      case 'Delta':
      case 'Removed':
      case 'Mark':
      case 'Reset':
      case 'Progress':
      case 'Steps':
      case 'Stats':
      case 'NodesUsed':
        this.#subscriptions.get(reply.req)?.take(reply, this.welcome.logId)
        return
      case 'Output':
        this.#outputs.get(reply.req)?.push(reply)
        return
      case 'OutputEnded':
        this.#endStream(reply.req, endOfOutput(reply))
        return
      case 'StatsEnded':
        if (reply.error === undefined) this.#subscriptions.get(reply.req)?.done()
        this.#endStream(reply.req, endOfOutput(reply))
        return
      case 'Error':
        if (reply.req === undefined) this.#logger.warn(`The manager says: ${reply.message}`)
        else if (!this.#pending.settle(reply.req, reply)) this.#endStream(reply.req, errorOf(reply))
        return
      default:
        this.#pending.settle(reply.req, reply)
    }
  }

  #endStream(req: number, error: TroupeError | undefined): void {
    const output = this.#outputs.get(req)
    const subscription = this.#subscriptions.get(req)
    this.#outputs.delete(req)
    this.#subscriptions.delete(req)
    output?.end(error)
    subscription?.end(error ?? new TroupeError('Protocol', 'The manager ended a subscription without a reason.'))
  }

  #onClose(code: number, reason: string): void {
    this.#end({ code, reason })
  }

  #end(closed: ClientClosed): void {
    if (this.#ended) return
    this.#ended = closed
    this.#pending.failAll(lostBecause(closed))
    for (const req of [...this.#outputs.keys(), ...this.#subscriptions.keys()]) this.#endStream(req, this.#lostError())
    this.#resolveClosed(closed)
  }

  #lostError(): TroupeError {
    const closed = this.#ended as ClientClosed
    if (closed.code === closeCodes.protocol) return new TroupeError('Protocol', closed.reason)
    return new TroupeError('Unavailable', `Nothing was done: ${lostBecause(closed)}.`)
  }
}

function lostBecause({ code, reason }: ClientClosed): string {
  if (code === closeCodes.goingAway) return 'the manager is stopping'
  return `the connection to the manager was lost (${reason || `code ${code}`})`
}
