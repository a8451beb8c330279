/**
 * A worker: runs attempts for one manager, which it dials. Its attempts are durable actors; what they ask for is carried
 * out by drivers; what became of them is reported until it is acknowledged. Tasks outlive the worker.
 *
 *   manager ──desired state──▶ Desired ─▶ attempts (ActorHost, Journal) ─▶ effects ─▶ drivers
 *           ◀────statuses───── Statuses ◀── after the flush ◀─── events ◀──────────────┘
 */
import type { DriverState, NodeMachine, PortRange, Resources } from '../../actors/model.ts'
import { type ErrorCode, errorCodes, TroupeError } from '../../actors/protocol/errors.ts'
import type { ManagerMessages } from '../../actors/protocol/session.ts'
import { pathOf } from '../../actors/step.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Gauge } from '../gauge/gauge.ts'
import type { Prober } from '../health/prober.ts'
import type { OnBoundary } from '../host/boundary.ts'
import type { WorkerMetrics } from '../host/metrics.ts'
import type { Logger } from '../logger.ts'
import type { Random } from '../random.ts'
import type { Storage } from '../storage/storage.ts'
import { contextOf } from './attempts.ts'
import { createDeferred } from './deferred.ts'
import { createParts, type Parts, workerAddress } from './parts.ts'
import { type SessionMessage, sessionAddress, type Welcome } from './session.ts'
import { openStore } from './store.ts'

export interface WorkerHostOptions {
  /** Its own: a manager's data must not be in it. Not closed by the worker. */
  readonly storage: Storage
  readonly transport: Transport
  /** `ws://host:port` or `wss://host:port`. */
  readonly managerUrl: string
  readonly token: string
  /** By the name that task specs bear. Bound to the cluster by the worker; not closed by it. */
  readonly drivers: ReadonlyMap<string, Driver>
  /** For health checks over the network; absent: this worker makes none, and such a check fails. */
  readonly prober?: Prober
  /** What its machine uses; absent: it does not say. */
  readonly gauge?: Gauge
  readonly registration: {
    /** For people, unique in the cluster. */
    readonly name: string
    /** What it offers to tasks. */
    readonly resources: Resources
    readonly labels: Readonly<Record<string, string>>
    /** Where its free ports are taken from; absent: it gives none, and gets no task that wants some. */
    readonly ports?: PortRange
    /** By which its manager tells two workers on one machine; absent: it cannot. */
    readonly machine?: NodeMachine
  }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Troupe's version, for people. */
  readonly version: string
  /** For simulations: each moment at which a crash matters. */
  readonly onBoundary?: OnBoundary
  /**
   * Called at most once, and everything has stopped then: the store could not save (`StorageFailed`; start again to
   * recover), or the manager refuses this worker for good and an operator must act; the message says how.
   */
  readonly onFailure: (error: Error) => void
  readonly onConnected?: () => void
  readonly onDisconnected?: (reason: string) => void
}

type Acknowledgement = ManagerMessages['StatusAck']['attempts'][number]

const incarnationChars = 16

export class WorkerHost {
  readonly #options: WorkerHostOptions
  readonly #serving = createDeferred()
  readonly #stopped = createDeferred()
  readonly #connected = createDeferred()
  #parts: Parts | undefined
  #incarnation = ''
  /** What the manager was last told of the drivers. */
  #saidDrivers: Readonly<Record<string, DriverState>> = {}
  #stopAsked = false
  #phase: 'new' | 'starting' | 'serving' | 'ended' = 'new'

  constructor(options: WorkerHostOptions) {
    this.#options = options
  }

  /** Resolves when a manager has welcomed it for the first time. Never rejects; see `onFailure`. */
  get connected(): Promise<void> {
    return this.#connected.promise
  }

  /** Made once and kept in the store. Throws before `start` has resolved. */
  get nodeId(): string {
    return this.#started().identity.nodeId
  }

  /**
   * Resolves when it has recovered its attempts and begun to dial, or was stopped before that; from then on it dials until it is stopped. Rejects
   * with StorageError or RecordError if its store cannot be read. To be called once.
   */
  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new Error('a worker is started once')
    this.#phase = 'starting'
    const { storage, random } = this.#options
    const stored = await openStore(storage, random).catch((error: unknown) => {
      this.#end()
      throw error
    })
    this.#incarnation = random.id(incarnationChars)
    this.#parts = createParts(this.#options, stored, {
      hello: () => this.#hello(),
      onOpen: (welcome, greetedMs) => this.#onOpen(welcome, greetedMs),
      onMessage: (message) => this.#onMessage(message),
      onClosed: (reason) => this.#onClosed(reason),
      onRejected: (code, message) => this.#fail(rejection(code, message)),
      onDriversChange: () => this.#sayDrivers(),
      onJournalFailure: (error) => this.#fail(storageFailure(error)),
      onServing: () => this.#onServing(),
      onClose: () => void this.#shutDown(),
      onStopped: () => this.#end(),
      onDefect: (error) => this.#fail(error),
    })
    this.#parts.host.tell(workerAddress, { type: 'Start' })
    if (this.#stopAsked) this.#parts.host.tell(workerAddress, { type: 'Stop' })
    await this.#serving.promise
  }

  /**
   * Lets go in order: what is stored is safe and was reported if there was a manager. Its tasks run on. Resolves at
   * once if it has failed.
   */
  async stop(): Promise<void> {
    if (this.#phase === 'new' || this.#phase === 'ended') return
    this.#stopAsked = true
    this.#parts?.host.tell(workerAddress, { type: 'Stop' })
    await this.#stopped.promise
  }

  #started(): Parts {
    if (this.#parts === undefined) throw new Error('this worker was not started yet')
    return this.#parts
  }

  #onServing(): void {
    const { host } = this.#started()
    this.#phase = 'serving'
    host.tell(sessionAddress, { type: 'Open' })
    this.#serving.resolve()
  }

  #hello() {
    const { identity, statuses, drivers } = this.#started()
    const { token, version, registration } = this.#options
    const { name, resources, labels, ports, machine } = registration
    this.#saidDrivers = drivers.states()
    return {
      type: 'WorkerHello' as const,
      version,
      token,
      ...(identity.clusterId === undefined ? {} : { clusterId: identity.clusterId }),
      incarnation: this.#incarnation,
      highestEpoch: identity.highestEpoch,
      node: {
        ...{ nodeId: identity.nodeId, name, resources, labels: { ...labels }, drivers: this.#saidDrivers },
        ...(ports === undefined ? {} : { ports }),
        ...(machine === undefined ? {} : { machine }),
      },
      attempts: statuses.greet(),
    }
  }

  #onOpen(welcome: Welcome, greetedMs: number): void {
    const { heartbeat, desired, statuses, drivers, usage, identity } = this.#started()
    const { logger, managerUrl, onConnected, registration } = this.#options
    const { clusterId, epoch } = welcome
    usage.begin()
    heartbeat.open(welcome, greetedMs)
    desired.begin()
    statuses.open()
    this.#sayDrivers()
    // The first Welcome of this node's life tells whose attempts its drivers are to run.
    void drivers.watch({ clusterId, nodeId: identity.nodeId, nodeName: registration.name })
    logger.info(`connected to the manager at ${managerUrl}`, { clusterId, epoch })
    this.#connected.resolve()
    onConnected?.()
  }

  #onClosed(reason: string): void {
    const { heartbeat, statuses, logs, samplings, stopAfter } = this.#started()
    this.#started().inspection.close()
    heartbeat.close()
    statuses.close()
    logs.closeAll()
    samplings.closeAll()
    if (this.#phase === 'serving') stopAfter.check()
    this.#options.onDisconnected?.(reason)
  }

  #onMessage(message: SessionMessage): void {
    const { heartbeat, desired, logs, samplings } = this.#started()
    switch (message.type) {
      case 'HeartbeatAck':
        heartbeat.acknowledge(message.seq)
        break
      case 'StatusAck':
        for (const attempt of message.attempts) this.#acknowledged(attempt)
        break
      case 'Desired':
        desired.take(message)
        break
      case 'OpenLog':
        logs.open(message)
        break
      case 'Inspect':
        this.#started().inspection.take(message)
        break
      case 'CreditLog':
        logs.credit(message)
        break
      case 'CloseLog':
        logs.close(message.stream)
        break
      case 'OpenStats':
        samplings.open(message)
        break
      case 'CloseStats':
        samplings.close(message.stream)
        break
      default:
        message satisfies never
    }
  }

  /** The manager has stored the end of an attempt, if this is about the end that was reported. */
  #acknowledged({ taskId, attempt, seq, ended }: Acknowledgement): void {
    const { attempts, statuses } = this.#started()
    const key = { taskId, attempt }
    const actor = attempts.get(key)
    const status = statuses.get(key)
    if (!ended || actor === undefined || status?.end === undefined || seq < status.seq) return
    if (!contextOf(actor).acknowledged) attempts.tell(key, { type: 'Acknowledged' })
  }

  #sayDrivers(): void {
    const { session, drivers } = this.#started()
    const states = drivers.states()
    const isNews = Object.entries(states).some(([name, state]) => this.#saidDrivers[name] !== state)
    if (!isNews || !session.isOpen) return
    this.#saidDrivers = states
    session.send({ type: 'DriversChanged', drivers: states })
  }

  async #shutDown(): Promise<void> {
    const { host, journal, session } = this.#started()
    this.#letGo()
    await journal.settled()
    host.tell(sessionAddress, { type: 'Close' })
    await journal.settled()
    session.close()
    host.tell(workerAddress, { type: 'Drained' })
  }

  /** Nothing more is begun, and nothing more is heard of the drivers. */
  #letGo(): void {
    const { drivers, attempts, removals, recovery, checkups, alarms, logs, samplings } = this.#started()
    drivers.close()
    attempts.close()
    removals.close()
    recovery.close()
    checkups.close()
    alarms.close()
    logs.closeAll()
    samplings.closeAll()
  }

  #end(): void {
    this.#phase = 'ended'
    this.#serving.resolve()
    this.#stopped.resolve()
  }

  #fail(error: Error): void {
    if (this.#phase === 'ended') return
    const wasStarting = this.#phase === 'starting'
    this.#phase = 'ended'
    const { host, session } = this.#started()
    this.#letGo()
    session.close()
    for (const actor of host.actors.values()) actor.timers.cancelAll()
    host.tell(workerAddress, { type: 'Fail', reason: error.message } as { type: string })
    this.#stopped.resolve()
    if (wasStarting) this.#serving.reject(error)
    else this.#options.onFailure(error)
  }

  /** What it counts, now. Throws before `start` has resolved. */
  metrics(): WorkerMetrics {
    const { identity, host, journal, session } = this.#started()
    const attempts: Record<string, number> = {}
    for (const { kind, snapshot } of host.actors.values()) {
      if (kind !== 'attempt') continue
      const state = pathOf(snapshot.value)
      attempts[state] = (attempts[state] ?? 0) + 1
    }
    return { nodeId: identity.nodeId, isConnected: session.isOpen, attempts, journal: journal.metrics() }
  }

  /** Its lifecycle's state, for people and tests. */
  get state(): string {
    const actor = this.#parts?.host.actors.get(workerAddress)
    return actor === undefined ? this.#phase : pathOf(actor.snapshot.value)
  }
}

function rejection(code: string, message: string): TroupeError {
  return new TroupeError(code in errorCodes ? (code as ErrorCode) : 'Protocol', message)
}

function storageFailure(cause: Error): TroupeError {
  const message = `the worker's store could not save (${cause.message}); free the disk or repair it, and start the worker again`
  return new TroupeError('StorageFailed', message, { cause })
}
