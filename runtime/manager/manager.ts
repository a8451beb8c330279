/**
 * The manager: owns tasks, nodes, placement and the log. This file puts its parts together and lives its life; each part
 * has a file of its own beside it.
 *
 *   door ─▶ clients ─▶ tasks ─┐                         ┌─▶ desired ─▶ worker sessions
 *     └───▶ workers ──────────┴─▶ actors ─▶ book ─▶ placement
 *                                              └─▶ history, stream, outputs
 */

import { roundRobin } from '../../actors/schedulers/round-robin.ts'
import type { Scheduler } from '../../actors/schedulers/scheduler.ts'
import type { TaskContext } from '../../actors/task-context.ts'
import type { ListenOptions, Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import { ActorHost, type HostedActor, type Stepped } from '../host/actor.ts'
import { noBoundary, type OnBoundary } from '../host/boundary.ts'
import { Journal } from '../host/journal.ts'
import { keys } from '../host/keys.ts'
import type { ManagerMetrics } from '../host/metrics.ts'
import type { Turn } from '../host/turn.ts'
import type { Logger } from '../logger.ts'
import type { Retention } from '../options.ts'
import type { Random } from '../random.ts'
import type { Storage } from '../storage/storage.ts'
import { Backups, type WriteCopy } from './backups.ts'
import { Book } from './book.ts'
import { Desired } from './desired.ts'
import { ManagerDoor } from './door.ts'
import { Drains } from './drains.ts'
import type { KnownIds } from './known-ids.ts'
import { Liveness, livenessDefaults } from './liveness.ts'
import { managerMetrics } from './metrics.ts'
import { Nodes, nodeIdOf, registrationOf } from './nodes.ts'
import { type Office, takeOffice } from './office.ts'
import { Outputs } from './outputs.ts'
import { Placement } from './placement.ts'
import { Plans } from './plans.ts'
import { recover } from './recover.ts'
import { createPast, Retainer } from './retention.ts'
import { Samplings } from './samplings.ts'
import { createSparingLogger } from './sparing-logger.ts'
import { Actors } from './stream/actors.ts'
import { Desk } from './stream/desk.ts'
import { EventPast } from './stream/event-past.ts'
import { type StreamLimits, streamLimits } from './stream/limits.ts'
import type { Commit } from './stream/news.ts'
import { NodeChanges, Streams } from './stream/streams.ts'
import { TaskPast } from './stream/task-past.ts'
import { Tasks } from './tasks.ts'
import type { Trims } from './trims.ts'
import { Usages } from './usages.ts'
import { Workers } from './workers.ts'

export interface ManagerHostOptions {
  readonly storage: Storage
  /** Every way in, each with the address to listen on. */
  readonly transports: readonly { readonly transport: Transport; readonly listen: string }[]
  readonly token: string
  /** Lets clients in that may only look. Default: there is no such token. */
  readonly viewToken?: string
  /** Origins of pages that may dial in, as browsers write them. Default: only pages of its own address. */
  readonly allowOrigins?: readonly string[]
  /** Answers plain HTTP at these addresses. Default: such requests are told to dial. */
  readonly serve?: ListenOptions['serve']
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly scheduler?: Scheduler<never>
  /** The store is a copy of the past (restored, or a backup): take over from whoever has gone on from it. */
  readonly newTerm?: boolean
  /** Writes entries as a store of their own into a new folder of this machine. Absent: there are no backups. */
  readonly writeCopy?: WriteCopy
  readonly liveness?: { readonly heartbeatMs: number; readonly suspectMs: number; readonly leaseMs: number }
  /** What is kept of what has ended; what is left out is kept as `retentionDefaults` says. */
  readonly retention?: Partial<Retention> | undefined
  /** For tests, which may make them small; clients are promised the defaults. */
  readonly streamLimits?: Partial<StreamLimits>
  readonly onBoundary?: OnBoundary
  /** It cannot go on: its store failed. The process must end; starting again recovers. */
  readonly onFailure: (error: Error) => void
}

/** What exists only once it is in office. */
interface Parts {
  readonly office: Office
  readonly journal: Journal
  readonly host: ActorHost
  readonly placement: Placement
  readonly liveness: Liveness
  readonly nodes: Nodes
  readonly book: Book
  readonly streams: Streams
  readonly nodeChanges: NodeChanges
  readonly outputs: Outputs
  readonly samplings: Samplings
  readonly usages: Usages
  readonly workers: Workers
  readonly backups: Backups
  readonly door: ManagerDoor
  /** Ids of the tasks whose records could not be read. */
  readonly setAside: Set<string>
  readonly trims: Trims
  readonly knownIds: KnownIds
  readonly retainer: Retainer
}

const managerAddress = 'manager'
/** Refusals told in one turn; the rest follow in the next. */
const refusalsPerTurnMax = 16

export class ManagerHost {
  readonly #options: ManagerHostOptions
  #parts: Parts | undefined
  #addresses: string[] = []
  #opened: { resolve: () => void; reject: (error: Error) => void } | undefined
  #closed: { resolve: () => void; reject: (error: Error) => void } | undefined
  #stopping: Promise<void> | undefined

  constructor(options: ManagerHostOptions) {
    this.#options = options
  }

  /** Where it can be dialled, one for each transport. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  get clusterId(): string | undefined {
    return this.#parts?.office.clusterId
  }

  /** What it counts, now. Throws before `start` has resolved. */
  metrics(): ManagerMetrics {
    if (this.#parts === undefined) throw new Error('this manager was not started yet')
    return managerMetrics(this.#parts)
  }

  /** Resolves when the door is open. Rejects with StorageError or TransportError. */
  async start(): Promise<void> {
    const { storage, random, clock, logger, newTerm = false } = this.#options
    const office = await takeOffice({ storage, random, nowMs: clock.nowMs(), newTerm })
    if (newTerm) {
      const message = `a new term, epoch ${office.epoch}, on this store as it is: tasks submitted since it was copied are unknown and what runs of them is stopped; what has ended since counts as lost; subscribers begin anew`
      logger.warn(message)
    }
    const parts = this.#assemble(office)
    this.#parts = parts
    await new Promise<void>((resolve, reject) => {
      this.#opened = { resolve, reject }
      parts.host.run((turn) => {
        parts.host.create(turn, managerAddress, 'manager', undefined)
        turn.tell(managerAddress, { type: 'Start' })
      })
    })
  }

  /**
   * Closes the door, saves what is under way, lets go of the store. Tasks run on. Rejects with StorageError if the store
   * cannot be closed.
   */
  async stop(): Promise<void> {
    const parts = this.#parts
    if (parts === undefined || parts.journal.failed) return
    // At once: the lifecycle's own step waits for what is on its way to the disk.
    parts.door.shutOut()
    parts.backups.stop()
    this.#stopping ??= new Promise<void>((resolve, reject) => {
      this.#closed = { resolve, reject }
      parts.host.tell(managerAddress, { type: 'Stop' })
    })
    await this.#stopping
  }

  #assemble(office: Office): Parts {
    const { storage, clock, random, logger, onBoundary = noBoundary } = this.#options
    const { clusterId, logId, revision, epoch } = office
    const onFailure = (error: Error) => this.#fail(error)
    const journal = new Journal({
      ...{ storage, epoch, revision, revisionKey: keys.revision, logger, onBoundary, onFailure },
    })
    const placement = new Placement(this.#options.scheduler ?? (roundRobin as Scheduler<never>)) as Placement
    const desired = new Desired()
    const past = createPast(storage, clock, this.#options.retention)
    const { trims, knownIds, history } = past
    const limits = { ...streamLimits, ...this.#options.streamLimits }
    const viewOf = (taskId: string) => tasks.known(taskId)
    const streams = new Streams({ logId, clock, journal, limits, trims, viewOf })
    const nodeChanges: NodeChanges = new NodeChanges(streams, (nodeId) => nodes.view(nodeId))
    const passages = createPassages(streams, clock, (nodeId) => workers.session(nodeId))
    const onReserved = (turn: Turn, nodeId: string) => nodeChanges.changed(turn, nodeId)
    const book = new Book({ placement, desired, history, onCommit: passages.onCommit, onReserved })
    const host: ActorHost = new ActorHost({
      ...{ journal, clock, random, logger, onBoundary },
      handlers: { lifecycle: this.#lifecycle() },
      onStep: (stepped, turn) => this.#onStep(stepped, turn),
      onQuiet: (turn) => this.#place(turn),
      onFinal: () => {},
    })
    const times = this.#options.liveness ?? livenessDefaults
    const liveness = new Liveness({
      ...{ clock, logger, ...times },
      onLate: (nodeId) => host.tell(keys.nodeRecord(nodeId), { type: 'HeartbeatLate' }),
      onExpired: (nodeId) => {
        nodes.expired(nodeId)
        workers.hangUp(nodeId)
      },
    })
    const actors = new Actors({ host, journal, tasks: () => tasks, streams, clock, sessions: () => workers.sessions() })
    const onRemoved = (turn: Turn, node: HostedActor) => {
      nodeChanges.changed(turn, nodeIdOf(node.address), registrationOf(node).name)
      actors.nodeRemoved(turn, node)
    }
    // What is said because of what peers do.
    const peerLogger = createSparingLogger(logger, clock)
    const theirs = { onChanged: onReserved, onRemoved, logger: peerLogger }
    const nodes: Nodes = new Nodes({ ...passages, ...theirs, host, book, placement, liveness })
    const setAside = new Set<string>()
    const shared = {
      ...{ setAside, host, journal, book, desired, nodes, placement, liveness, streams, nodeChanges },
      ...{ ...passages, clock, random, logger: peerLogger },
    }
    const workers: Workers = new Workers({ ...shared, ...times, actors, identity: office })
    const tasks: Tasks = new Tasks({ storage, journal, host, book, history, placement, knownIds, clock })
    const retainer = new Retainer({ ...past, storage, journal, host, book, setAside, clock, logger })
    const plans = new Plans({ tasks, placement, clock })
    const backups = new Backups({ storage, journal, clock, write: this.#options.writeCopy })
    const drains = new Drains({ host, journal, nodes, isConnected: (nodeId) => workers.isConnected(nodeId) })
    const taskPast = new TaskPast({ storage, journal, host, tasks, limits })
    const eventPast = new EventPast({ storage, journal, history, tasks, limits })
    const desk = new Desk({ journal, tasks, nodes, streams, taskPast, eventPast, actors })
    passages.outputs.onIdle = (taskId) => void this.#informReaders(taskId, tasks)
    const clientParts = { logId, journal, tasks, plans, nodes, drains, backups, ...passages, streams, desk }
    const door = new ManagerDoor({
      ...this.#waysIn(),
      identity: { clusterId, logId, epoch },
      clientParts: { ...clientParts, logger: peerLogger },
      ...{ workers, clock, logger },
    })
    const others = { ...passages, workers, backups, door, setAside, trims, knownIds, retainer }
    return { office, journal, host, placement, liveness, nodes, book, streams, nodeChanges, ...others }
  }

  /** Where the door is, and who may pass. */
  #waysIn() {
    const { transports, token, viewToken, allowOrigins = [], serve, version } = this.#options
    return { transports, token, viewToken, allowOrigins, serve, version }
  }

  /** A reader of output that begins to wait after the last news of its task would wait for ever. */
  async #informReaders(taskId: string, tasks: Tasks): Promise<void> {
    const { journal, outputs } = this.#parts as Parts
    try {
      const view = await tasks.view(taskId)
      journal.afterAll(() => outputs.onNews(view))
    } catch (error) {
      const reason = (error as Error).message
      this.#options.logger.warn(`readers of the output of ${taskId} wait in vain`, { error: reason })
    }
  }

  #lifecycle() {
    return {
      recover: () => void this.#recover().catch((error: Error) => this.#refuseStart(error)),
      open: () => void this.#open().catch((error: Error) => this.#refuseStart(error)),
      close: () => void this.#close().then(this.#closed?.resolve, this.#closed?.reject),
    }
  }

  #onStep(stepped: Stepped, turn: Turn): void {
    const parts = this.#parts
    if (stepped.actor.kind === 'task') parts?.book.onStep(stepped, turn)
    else if (stepped.actor.kind === 'node') {
      parts?.nodes.onStep(stepped, turn)
      parts?.nodeChanges.changed(turn, nodeIdOf(stepped.actor.address))
    }
  }

  /** Places what waits and now fits, one after the other, in the turn that made room for it. */
  #place(turn: Turn): void {
    const { placement, nodes } = this.#parts as Parts
    const placed = placement.next(turn.atMs)
    if (placed !== undefined) {
      const { taskId, nodeId, decision } = placed
      const nodeName = placement.node(nodeId)?.name ?? nodeIdOf(nodes.get(nodeId)?.address ?? nodeId)
      const { host, office } = this.#parts as Parts
      const address = keys.task(taskId)
      const asked = (host.actors.get(address)?.snapshot.context as TaskContext | undefined)?.ports ?? []
      const ports = placement.givePorts(nodeId, asked, turn.atMs)
      const more = { ...(ports.length === 0 ? {} : { ports }), ...(office.term === 0 ? {} : { after: office.term }) }
      turn.tell(address, { type: 'Placed', nodeId, nodeName, decision, ...more } as { type: string })
      return
    }
    for (const { taskId, decision } of placement.newlyRefused(turn.atMs, refusalsPerTurnMax)) {
      turn.tell(keys.task(taskId), { type: 'Unplaceable', why: decision.why ?? 'no node is fit' } as { type: string })
    }
  }

  async #recover(): Promise<void> {
    const { host, journal, book, nodes, liveness, office, setAside } = this.#parts as Parts
    const { storage, logger } = this.#options
    const { trims, knownIds } = this.#parts as Parts
    await trims.load(storage)
    await knownIds.load()
    const { isIndexed } = office
    const live = await recover({ storage, journal, isIndexed, host, book, nodes, liveness, logger, setAside })
    logger.info(`in office with epoch ${office.epoch}; ${live} tasks are live`, { cluster: office.clusterId })
    host.tell(managerAddress, { type: 'Loaded' })
  }

  async #open(): Promise<void> {
    const { door, liveness, retainer } = this.#parts as Parts
    this.#addresses = await door.open()
    liveness.start()
    retainer.start()
    this.#opened?.resolve()
  }

  async #close(): Promise<void> {
    const { door, liveness, journal, host, streams, samplings, usages, retainer } = this.#parts as Parts
    liveness.stop()
    for (const part of [streams, samplings, usages, retainer]) part.close()
    await door.close()
    // Requests that still wait for a read would write to a store that is closed, and that is no failure of the store.
    await journal.close()
    for (const actor of host.actors.values()) actor.timers.cancelAll()
    await this.#options.storage.close()
  }

  /** Leaves nothing behind that would go on by itself. */
  #refuseStart(error: Error): void {
    const { liveness, host, door } = this.#parts as Parts
    liveness.stop()
    for (const actor of host.actors.values()) actor.timers.cancelAll()
    void door.close().finally(() => this.#opened?.reject(error))
  }

  #fail(error: Error): void {
    this.#parts?.liveness.stop()
    this.#parts?.streams.close()
    this.#parts?.samplings.close()
    this.#parts?.usages.close()
    this.#parts?.retainer.close()
    this.#opened?.reject(error)
    void this.#parts?.door.fail()
    this.#options.onFailure(error)
  }
}

type SessionOf = ConstructorParameters<typeof Outputs>[0]

/** What is passed on from workers to those who watch, and kept by nobody here. */
function createPassages(streams: Streams, clock: Clock, sessionOf: SessionOf) {
  const outputs: Outputs = new Outputs(sessionOf)
  const samplings: Samplings = new Samplings({ clock, sessionOf })
  const isFollowed = () => streams.followsNodes
  const usages = new Usages({ clock, isFollowed, tell: (nodes) => streams.publishUsage(nodes) })
  const onCommit = (commit: Commit) => {
    streams.publish(commit)
    for (const { task } of commit.news) {
      outputs.onNews(task)
      samplings.onNews(task)
    }
  }
  return { outputs, samplings, usages, onCommit }
}
