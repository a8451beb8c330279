/**
 * The session's effects: dial, greet, hang up; and the door that every frame from the manager comes through.
 *
 *   Hello ─▶ Welcome ─▶ clusterId and epoch stored, synced ─▶ everything else of that epoch
 *
 * Whatever breaks the protocol, or comes from a manager of an older term, ends the connection.
 */
import { closeCodes } from '../../actors/protocol/errors.ts'
import { type Frame, subprotocols } from '../../actors/protocol/frame.ts'
import {
  type ManagerMessage,
  type ManagerMessages,
  managerMessages,
  type WorkerMessage,
} from '../../actors/protocol/session.ts'
import type { SessionEvents } from '../../actors/session.ts'
import { pathOf } from '../../actors/step.ts'
import type { Lane } from '../../transport/batcher.ts'
import type { Connection, Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import type { ActorHost } from '../host/actor.ts'
import { Channel, createDoor } from '../host/channel.ts'
import type { Journal } from '../host/journal.ts'
import { keys } from '../host/keys.ts'
import { encodeRecord } from '../host/record.ts'
import type { Logger } from '../logger.ts'
import type { Identity } from './store.ts'

export type Welcome = ManagerMessages['Welcome']
export type Hello = Extract<WorkerMessage, { type: 'WorkerHello' }>
/** What is left for others to take, once welcomed. */
export type SessionMessage = Exclude<ManagerMessage, { type: 'Welcome' | 'Refused' | 'Ping' }>

export const sessionAddress = 'session'

const door = createDoor(managerMessages)
/** What may be heard whatever its epoch: it asks nothing of the attempts. */
const harmless = new Set(['Refused', 'Ping'])

/** One connection, from its Hello to its end. */
interface Link {
  readonly channel: Channel<WorkerMessage>
  greetedMs: number
  /** Set by the Welcome; from then on every frame bears this epoch, both ways. */
  epoch: number | undefined
  /** The Welcome is durable. */
  open: boolean
  /** What came behind the Welcome, until it is durable; the connection is paused meanwhile, so one frame's at most. */
  readonly waiting: SessionMessage[]
}

export interface SessionOptions {
  readonly transport: Transport
  readonly managerUrl: string
  readonly host: ActorHost
  readonly journal: Journal
  readonly identity: Identity
  readonly clock: Clock
  readonly logger: Logger
  /** What a Hello waits for: the drivers are asked. */
  readonly prepare: () => Promise<void>
  /** Made in the moment in which it is sent. */
  readonly hello: () => Hello
  /** The session is established; the Hello that began it was sent at `greetedMs`. */
  readonly onOpen: (welcome: Welcome, greetedMs: number) => void
  readonly onMessage: (message: SessionMessage) => void
  /** An established session has ended. */
  readonly onClosed: (reason: string) => void
  readonly onDrain: () => void
  /** The manager will not have this worker, and trying again does not help. */
  readonly onRejected: (code: string, message: string) => void
}

export class Session {
  readonly #options: SessionOptions
  #link: Link | undefined
  /** Counts dials, so that one that is answered too late is known. */
  #dials = 0
  #outageTold = false
  #closed = false
  /** Gives up a dial that is under way when this is closed: nothing is left to keep the process alive. */
  readonly #closing = new AbortController()

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Whether it is established. */
  get isOpen(): boolean {
    return this.#link?.open ?? false
  }

  /** Puts a message into this turn's frame. False = it is held back, or there is nobody to send it to. */
  send(message: WorkerMessage, lane: Lane = 'control'): boolean {
    return this.#link?.open ? this.#link.channel.send(message, lane) : false
  }

  dial(): void {
    this.#dials += 1
    const dial = this.#dials
    const { transport, managerUrl } = this.#options
    const { signal } = this.#closing
    transport.connect(managerUrl, { protocols: subprotocols, signal }).then(
      (connection) => {
        if (this.#closed || dial !== this.#dials) connection.close(closeCodes.normal, 'not needed any more')
        else this.#connected(connection)
      },
      (error: Error) => {
        if (this.#closed || dial !== this.#dials) return
        this.#noteOutage(error.message)
        this.#tell({ type: 'DialFailed', reason: error.message })
      },
    )
  }

  async greet(): Promise<void> {
    const link = this.#link
    if (link === undefined) return
    await this.#options.prepare()
    if (this.#link !== link) return
    link.greetedMs = this.#options.clock.uptimeMs()
    link.channel.send(this.#options.hello())
  }

  hangUp(): void {
    const { host } = this.#options
    const isRetrying = pathOf(host.actors.get(sessionAddress)?.snapshot.value ?? '') === 'BackingOff'
    if (this.#link !== undefined && isRetrying) this.#noteOutage('it did not answer the Hello')
    this.#dials += 1
    this.#drop(closeCodes.normal, 'the worker hangs up')
  }

  /** Ends the connection, because of what the worker finds; the machine dials again. */
  break(code: number, reason: string): void {
    if (this.#link === undefined) return
    this.#drop(code, reason)
    this.#noteOutage(reason)
    this.#tell({ type: 'Closed', reason })
  }

  /** For good, and at once: nothing is sent any more. */
  close(): void {
    this.#closed = true
    this.#closing.abort()
    this.hangUp()
  }

  #connected(connection: Connection): void {
    const { logger } = this.#options
    const channel = new Channel<WorkerMessage>({
      connection,
      epoch: () => link.epoch,
      onRefused: (message, error) => logger.error(`a ${message.type} could not be sent`, { error: error.message }),
    })
    const link: Link = { channel, greetedMs: 0, epoch: undefined, open: false, waiting: [] }
    this.#link = link
    connection.onFrame = (frame) => this.#onFrame(link, frame)
    connection.onClose = (code, reason) => this.#onClose(link, code, reason)
    const { onDrain } = connection
    connection.onDrain = () => {
      onDrain()
      if (this.#link === link) this.#options.onDrain()
    }
    this.#tell({ type: 'Connected' })
  }

  #onFrame(link: Link, frame: unknown): void {
    if (this.#link !== link) return
    const messages = link.channel.read(frame, door, true) as readonly ManagerMessage[] | undefined
    if (messages === undefined) {
      this.break(closeCodes.protocol, 'the manager sent what this worker cannot understand')
      return
    }
    const { e, m } = frame as Frame
    if (messages.length < m.length) this.#noteUnknown(m)
    const fault = messages.every(({ type }) => harmless.has(type)) ? undefined : this.#epochFault(link, e)
    if (fault !== undefined) {
      this.break(closeCodes.refused, fault)
      return
    }
    for (const message of messages) {
      if (this.#link !== link) return
      this.#take(link, message)
    }
    if (link.open) this.#waitForDisk(link)
  }

  /** While the disk is behind the manager is read no further. Only until all that waits now is stored, as its acks are in there. */
  #waitForDisk(link: Link): void {
    const { journal } = this.#options
    if (!journal.isBehind || this.#link !== link) return
    link.channel.connection.pause()
    journal.afterAll(() => {
      if (this.#link === link) link.channel.connection.resume()
    })
  }

  #noteUnknown(messages: Frame['m']): void {
    const types = messages.map(({ type }) => type).filter((type) => !door.has(type))
    this.#options.logger.debug('messages of types that this worker does not know are ignored', { types })
  }

  #epochFault(link: Link, epoch: number | undefined): string | undefined {
    const { highestEpoch } = this.#options.identity
    if (epoch !== undefined && epoch < highestEpoch) {
      return `a manager of epoch ${epoch} is out of office; this worker has seen ${highestEpoch}`
    }
    if (link.epoch !== undefined && epoch !== link.epoch) {
      return `a frame of epoch ${epoch ?? 'none'} in a session of epoch ${link.epoch}`
    }
    return undefined
  }

  #take(link: Link, message: ManagerMessage): void {
    if (message.type === 'Ping') {
      link.channel.send({ type: 'Pong' })
    } else if (message.type === 'Refused') {
      this.#refused(link, message)
    } else if (message.type === 'Welcome') {
      if (link.epoch === undefined) this.#welcome(link, message)
      else this.break(closeCodes.protocol, 'a second Welcome')
    } else if (link.epoch === undefined) {
      this.break(closeCodes.protocol, `${message.type} before a Welcome`)
    } else if (link.open) {
      this.#options.onMessage(message)
    } else {
      link.waiting.push(message)
    }
  }

  #welcome(link: Link, welcome: Welcome): void {
    const { identity, host, managerUrl } = this.#options
    const { clusterId, epoch, sessionId, heartbeatMs, leaseMs } = welcome
    if (identity.clusterId !== undefined && identity.clusterId !== clusterId) {
      const reason = `this worker belongs to cluster ${identity.clusterId}, and the manager at ${managerUrl} is of ${clusterId}; dial its own manager, or give the worker a new --data-dir`
      this.#reject('Conflict', reason)
      return
    }
    if (epoch < identity.highestEpoch) {
      const reason = `the manager's epoch ${epoch} is over; this worker has seen ${identity.highestEpoch}`
      this.break(closeCodes.refused, reason)
      return
    }
    link.epoch = epoch
    link.channel.connection.pause()
    const isFirst = identity.clusterId === undefined
    const isNewTerm = epoch > identity.highestEpoch
    identity.clusterId = clusterId
    identity.highestEpoch = epoch
    host.run((turn) => {
      if (isFirst) turn.put(keys.cluster, encodeRecord(clusterId))
      if (isNewTerm) turn.put(keys.epoch, encodeRecord(epoch))
      turn.tell(sessionAddress, { type: 'Welcomed', sessionId, epoch, heartbeatMs, leaseMs } as SessionEvents)
      turn.finally(() => this.#open(link, welcome))
    })
  }

  #open(link: Link, welcome: Welcome): void {
    if (this.#link !== link) return
    link.open = true
    this.#outageTold = false
    this.#options.onOpen(welcome, link.greetedMs)
    for (const message of link.waiting.splice(0)) {
      if (this.#link !== link) return
      this.#options.onMessage(message)
    }
    link.channel.connection.resume()
    this.#waitForDisk(link)
  }

  #refused(link: Link, { code, message, retryable }: ManagerMessages['Refused']): void {
    if (link.epoch !== undefined) {
      this.break(closeCodes.normal, message)
    } else if (retryable) {
      this.#drop(closeCodes.normal, 'refused')
      this.#noteOutage(message)
      this.#tell({ type: 'Refused', reason: message, retryable })
    } else {
      this.#reject(code, message)
    }
  }

  #reject(code: string, message: string): void {
    this.#drop(closeCodes.refused, message)
    this.#tell({ type: 'Refused', reason: message, retryable: false })
    this.#options.onRejected(code, message)
  }

  #onClose(link: Link, code: number, reason: string): void {
    link.channel.ended()
    if (this.#link !== link) return
    const why = reason === '' ? `the connection was cut (${code})` : reason
    if (code === closeCodes.unauthorized) {
      this.#reject('Unauthorized', `the manager at ${this.#options.managerUrl} refused this worker: ${why}`)
      return
    }
    this.break(code, why)
  }

  /** Lets go of the connection. What it still says is not heard. */
  #drop(code: number, reason: string): void {
    const link = this.#link
    if (link === undefined) return
    this.#link = undefined
    link.channel.connection.resume()
    link.channel.close(code, reason)
    if (link.open) this.#options.onClosed(reason)
  }

  #noteOutage(reason: string): void {
    if (this.#outageTold) return
    this.#outageTold = true
    this.#options.logger.warn(`no manager at ${this.#options.managerUrl}; trying again until there is one`, { reason })
  }

  #tell(event: SessionEvents): void {
    if (!this.#closed) this.#options.host.tell(sessionAddress, event)
  }
}
