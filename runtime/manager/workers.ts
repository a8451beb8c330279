/**
 * The sessions with all workers: who is let in, what their statuses mean, and what happens when two claim to be one node.
 */
import { type AttemptStatus, attemptName } from '../../actors/model.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import { type WorkerMessage, type WorkerMessages, workerMessages } from '../../actors/protocol/session.ts'
import { impliedEvents } from '../../actors/reconcile.ts'
import { pathOf } from '../../actors/step.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { Connection } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import type { ActorHost } from '../host/actor.ts'
import { createDoor } from '../host/channel.ts'
import type { Journal } from '../host/journal.ts'
import { keys } from '../host/keys.ts'
import type { Turn } from '../host/turn.ts'
import type { Logger } from '../logger.ts'
import type { Random } from '../random.ts'
import type { Book } from './book.ts'
import type { Desired } from './desired.ts'
import type { Liveness } from './liveness.ts'
import type { Nodes } from './nodes.ts'
import type { Outputs } from './outputs.ts'
import type { Placement } from './placement.ts'
import type { Samplings } from './samplings.ts'
import type { Actors } from './stream/actors.ts'
import type { NodeChanges, Streams } from './stream/streams.ts'
import { WorkerSession } from './worker-session.ts'

type Hello = WorkerMessages['WorkerHello']

export const workerLimits = {
  /** How long an old session of a node may take to prove that it is alive before a new one takes its place. */
  contestMs: 1_000,
  /** What a worker may say of its node, in characters as JSON: it becomes one record, and a stored value is never over 1 MB. */
  registrationCharsMax: 128 * 1_024,
} as const

// Once for all managers of a process: to compile the schemas takes milliseconds.
const door = createDoor(workerMessages)

export interface WorkersOptions {
  readonly identity: { readonly clusterId: string; readonly epoch: number; readonly term: number }
  readonly heartbeatMs: number
  readonly leaseMs: number
  readonly host: ActorHost
  readonly journal: Journal
  readonly book: Book
  readonly desired: Desired
  readonly nodes: Nodes
  readonly placement: Placement
  readonly liveness: Liveness
  readonly outputs: Outputs
  readonly samplings: Samplings
  readonly streams: Streams
  readonly actors: Actors
  readonly nodeChanges: NodeChanges
  /** Ids of the tasks whose records could not be read: what runs of them is not the manager's to judge. */
  readonly setAside: ReadonlySet<string>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export class Workers {
  readonly #options: WorkersOptions
  readonly #sessions = new Map<string, WorkerSession>()
  /** Settles the contest for an old session's place: whether it lives. */
  readonly #contested = new Map<WorkerSession, (lives: boolean) => void>()

  constructor(options: WorkersOptions) {
    this.#options = options
    options.desired.onChange = (nodeId, change) => this.#sessions.get(nodeId)?.change(change)
  }

  session(nodeId: string): WorkerSession | undefined {
    const session = this.#sessions.get(nodeId)
    return session?.welcomed ? session : undefined
  }

  /** Sessions that were welcomed and stand. */
  get count(): number {
    return [...this.#sessions.values()].filter(({ welcomed, channel }) => welcomed && !channel.closed).length
  }

  /** Those that were welcomed and stand. */
  *sessions(): Generator<WorkerSession> {
    for (const session of this.#sessions.values()) if (session.welcomed && !session.channel.closed) yield session
  }

  /** Whether somebody speaks for it just now. */
  isConnected(nodeId: string): boolean {
    return this.#sessions.get(nodeId)?.channel.closed === false
  }

  /** A connection whose first message was a Hello of a worker, with the messages that came behind it. */
  accept(connection: Connection, hello: Hello): void {
    const { identity, random, logger } = this.#options
    const { nodeId, name } = hello.node
    const session = new WorkerSession({
      connection,
      nodeId,
      name,
      incarnation: hello.incarnation,
      sessionId: random.id(16),
      epoch: identity.epoch,
      onRefused: (message, error) =>
        logger.error(`a ${message.type} for ${name} could not be sent`, { error: error.message }),
    })
    connection.onFrame = (frame) => this.#onFrame(session, frame)
    connection.onClose = (code, reason) => this.#onClose(session, code, reason)
    const refusal = this.#refusalOf(hello)
    if (refusal !== undefined) {
      this.#refuse(session, refusal.code, refusal.message, refusal.retryable)
      return
    }
    const rival = this.#sessions.get(nodeId)
    if (rival === undefined || rival.incarnation === hello.incarnation || rival.channel.closed) {
      this.#admit(session, hello)
    } else {
      this.#contest(rival, session, hello)
    }
  }

  /** Its lease has run out: whoever still speaks on this session has to register again. */
  hangUp(nodeId: string): void {
    this.#sessions.get(nodeId)?.channel.close(closeCodes.timeout, 'nothing was heard for the length of a lease')
  }

  close(): void {
    for (const session of this.#sessions.values())
      session.channel.close(closeCodes.goingAway, 'the manager is stopping')
  }

  #refusalOf(hello: Hello): TroupeError | undefined {
    const { identity, host, nodes } = this.#options
    const { registrationCharsMax } = workerLimits
    if (JSON.stringify(hello.node).length > registrationCharsMax) {
      const message = `what this worker says of its node is over ${registrationCharsMax} characters; give it fewer labels and drivers`
      return new TroupeError('Invalid', message)
    }
    if (hello.clusterId !== undefined && hello.clusterId !== identity.clusterId) {
      const message = `this worker belongs to cluster ${hello.clusterId} and this manager is of ${identity.clusterId}; dial its own manager, or give the worker a new --data-dir`
      return new TroupeError('Conflict', message)
    }
    const ahead = hello.attempts.find(({ taskId, attempt }) => {
      const actor = host.actors.get(keys.task(taskId))
      return actor !== undefined && (actor.snapshot.context as TaskContext).attempt < attempt
    })
    const isOfThisTerm = hello.highestEpoch >= identity.term
    if (hello.highestEpoch > identity.epoch || (ahead !== undefined && isOfThisTerm)) {
      const message = `this worker has seen later history (epoch ${hello.highestEpoch}, this manager's is ${identity.epoch}); the manager's folder was wiped or restored; if the manager that it knew is gone for good, start this one once with --new-term`
      return new TroupeError('LostHistory', message)
    }
    const taken = nodes.nameConflict(hello.node)
    return taken === undefined ? undefined : new TroupeError('Conflict', taken)
  }

  #refuse(session: WorkerSession, code: string, message: string, retryable: boolean): void {
    this.#options.logger.warn(`refused worker ${session.name}: ${message}`)
    session.channel.send({ type: 'Refused', code, message, retryable })
    session.channel.close(closeCodes.refused, message.slice(0, 120))
  }

  /** Asks the old session for a sign of life; who has none has lost its place. */
  #contest(rival: WorkerSession, session: WorkerSession, hello: Hello): void {
    const settle = (rivalLives: boolean) => {
      cancel()
      this.#contested.delete(rival)
      if (session.channel.closed) return
      if (rivalLives) {
        const message =
          'another worker with the same data folder is connected; stop it, or give this one its own --data-dir'
        this.#refuse(session, 'Conflict', message, true)
      } else {
        this.#admit(session, hello)
      }
    }
    const cancel = this.#options.clock.setTimer(() => settle(false), workerLimits.contestMs)
    // One contender at a time: another one before it is refused, and may try again.
    this.#contested.get(rival)?.(true)
    this.#contested.set(rival, settle)
    rival.channel.send({ type: 'Ping' })
  }

  #admit(session: WorkerSession, hello: Hello): void {
    const { host, nodes, identity, heartbeatMs, leaseMs, logger } = this.#options
    const before = this.#sessions.get(session.nodeId)
    this.#sessions.set(session.nodeId, session)
    before?.channel.close(closeCodes.replaced, 'another session of this node has taken its place')
    host.run((turn) => {
      nodes.register(turn, hello.node)
      this.#account(hello)
      this.#forgetPast(turn, hello)
      turn.finally(() => {
        if (this.#sessions.get(session.nodeId) !== session || session.channel.closed) return
        session.channel.send({
          type: 'Welcome',
          clusterId: identity.clusterId,
          sessionId: session.sessionId,
          epoch: identity.epoch,
          heartbeatMs,
          leaseMs,
        })
        session.welcomed = true
        this.#sendComplete(session)
        this.#options.samplings.onWelcome(session)
        this.#options.actors.onWelcome(session)
        logger.info(`node ${session.name} is ready`)
      })
    })
    this.#take(session, hello.attempts)
  }

  #sendComplete(session: WorkerSession): void {
    const { desired, setAside } = this.#options
    session.sendComplete(desired.complete(session.nodeId), [...setAside])
  }

  /**
   * What the worker holds and the tasks have given up still uses its machine, and what it no longer holds does not:
   * reservations follow its word.
   */
  #account(hello: Hello): void {
    const { placement, book } = this.#options
    const { nodeId } = hello.node
    const open = book.openOn(nodeId)
    const holds = new Set<string>()
    for (const { taskId, attempt, reserved, ports, end } of hello.attempts) {
      if (end !== undefined) continue
      holds.add(`${taskId}.${attempt}`)
      if (open.get(taskId) !== attempt) placement.reserve(nodeId, taskId, attempt, reserved, ports)
    }
    for (const key of placement.attemptsOn(nodeId)) {
      const isOpen = open.get(key.taskId) === key.attempt
      if (!isOpen && !holds.has(`${key.taskId}.${key.attempt}`)) placement.release(nodeId, key.taskId, key.attempt)
    }
  }

  /**
   * The first meeting after the manager's store was restored: an attempt of the copy that its worker no longer has was run,
   * or never will be, and must not be started again under the same number.
   */
  #forgetPast(turn: Turn, { node, highestEpoch, attempts }: Hello): void {
    const { term } = this.#options.identity
    if (highestEpoch >= term) return
    const held = new Set(attempts.map(attemptName))
    for (const [taskId, attempt] of this.#options.book.openOn(node.nodeId)) {
      if (attempt > term || held.has(attemptName({ taskId, attempt }))) continue
      const message = 'the manager was restored, and the worker no longer has this attempt'
      turn.tell(keys.task(taskId), { type: 'Lost', message } as { type: string })
    }
  }

  #onFrame(session: WorkerSession, frame: unknown): void {
    if (this.#sessions.get(session.nodeId) !== session) return
    const messages = session.channel.read(frame, door, true)
    if (messages === undefined) return
    this.#options.nodes.heardFrom(session.nodeId)
    for (const message of messages) this.#onMessage(session, message as WorkerMessage)
  }

  #onMessage(session: WorkerSession, message: WorkerMessage): void {
    switch (message.type) {
      case 'Heartbeat':
        session.channel.send({ type: 'HeartbeatAck', seq: message.seq })
        this.#options.nodes.measured(session.nodeId, message.used)
        break
      case 'Status':
        this.#take(session, message.attempts)
        break
      case 'Progress':
        this.#progress(session, message)
        break
      case 'DriversChanged': {
        const event = { type: 'DriversChanged', drivers: message.drivers }
        this.#options.host.tell(keys.nodeRecord(session.nodeId), event)
        break
      }
      case 'DesiredGap':
        this.#sendComplete(session)
        break
      case 'Inspected':
        this.#options.actors.workers.take(session, message)
        break
      case 'Pong':
        this.#contested.get(session)?.(true)
        break
      case 'LogData':
      case 'LogEnded':
        this.#options.outputs.onWorker(session, message)
        break
      case 'StatsData':
      case 'StatsEnded':
        this.#options.samplings.onWorker(session, message)
        break
      case 'WorkerHello':
        session.channel.close(closeCodes.protocol, 'a Hello comes once, and first')
        break
    }
  }

  /** Passed on as it comes, if it is about what the task is doing now. */
  #progress({ nodeId }: WorkerSession, { taskId, attempt, text }: WorkerMessages['Progress']): void {
    const { book, streams } = this.#options
    if (book.openOn(nodeId).get(taskId) === attempt) streams.progress({ taskId, attempt, text })
  }

  /** Statuses: each implies the steps that its task has not taken; acknowledged once they are durable. */
  #take(session: WorkerSession, statuses: readonly AttemptStatus[]): void {
    if (statuses.length === 0) return
    try {
      this.#options.journal.admit()
    } catch {
      // The disk is behind: this worker is read again once all is stored that was there before it. Not later: while there
      // is always something to store its heartbeats would never be heard.
      const { connection } = session.channel
      connection.pause()
      this.#options.journal.afterAll(() => {
        connection.resume()
        this.#take(session, statuses)
      })
      return
    }
    const { host, setAside } = this.#options
    for (const status of statuses) {
      host.run((turn) => {
        this.#imply(turn, session.nodeId, status)
        // The end of one that cannot be read is kept by its worker: here it would be lost.
        if (!setAside.has(status.taskId)) turn.finally(() => session.acknowledge(status))
      })
    }
  }

  #imply(turn: Turn, nodeId: string, status: AttemptStatus): void {
    const { host, placement, book, nodeChanges } = this.#options
    const address = keys.task(status.taskId)
    const actor = host.actors.get(address)
    const isOpen = book.openOn(nodeId).get(status.taskId) === status.attempt
    // The word of a node counts for its own attempts only.
    if (actor !== undefined && isOpen) {
      const context = actor.snapshot.context as TaskContext
      for (const event of impliedEvents(context, pathOf(actor.snapshot.value), status)) turn.tell(address, event)
    } else if (status.end !== undefined) {
      placement.release(nodeId, status.taskId, status.attempt)
      nodeChanges.changed(turn, nodeId)
    }
  }

  #onClose(session: WorkerSession, code: number, reason: string): void {
    session.channel.ended()
    // Also of a session that another one has replaced: its worker forgot the streams with it.
    this.#options.outputs.onWorkerGone(session)
    this.#options.actors.workers.onGone(session)
    this.#options.samplings.onWorkerGone(session)
    if (this.#sessions.get(session.nodeId) !== session) return
    this.#sessions.delete(session.nodeId)
    this.#options.liveness.disconnected(session.nodeId)
    this.#options.logger.info(`node ${session.name} is disconnected`, { code, reason })
    // Later, for the node has yet to take that it is late: whoever is next registers after that.
    queueMicrotask(() => this.#contested.get(session)?.(false))
  }
}
