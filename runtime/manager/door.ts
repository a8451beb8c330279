/**
 * The manager's door: one address for workers and clients. The first message says who comes; without a right token, or
 * with anything that breaks the protocol, the connection ends with a code that says so.
 */
import type { Access } from '../../actors/protocol/access.ts'
import { clientMessages } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { type Subprotocol, subprotocols } from '../../actors/protocol/frame.ts'
import { type WorkerMessages, workerMessages } from '../../actors/protocol/session.ts'
import type { Connection, Listener, ListenOptions, Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import { Channel, createDoor } from '../host/channel.ts'
import type { Logger } from '../logger.ts'
import { admit, isSecret } from './admission.ts'
import { type ClientParts, ClientSession } from './client-session.ts'
import type { Workers } from './workers.ts'

export const doorLimits = {
  /** How long a new connection may take to say who it is. */
  helloMsMax: 10_000,
  connectionsMax: 20_000,
} as const

export interface DoorOptions {
  readonly transports: readonly { readonly transport: Transport; readonly listen: string }[]
  readonly token: string
  /** Lets clients in that may only look. Default: there is no such token. */
  readonly viewToken: string | undefined
  /** Origins of pages that may dial in, beside the address itself; as browsers write them. */
  readonly allowOrigins?: readonly string[]
  /** Answers plain HTTP at these addresses. Default: such requests are told to dial. */
  readonly serve: ListenOptions['serve']
  readonly version: string
  readonly identity: { readonly clusterId: string; readonly logId: string; readonly epoch: number }
  readonly clientParts: ClientParts
  readonly workers: Workers
  readonly clock: Clock
  readonly logger: Logger
}

/** A client may send its first requests in the very frame of its Hello. */
const firstMessages = createDoor({ WorkerHello: workerMessages.WorkerHello, ...clientMessages })
const requests = createDoor(clientMessages)

/** Who comes with a frame that begins with a Hello, and the token, '' if it has none; undefined for any other frame. */
function helloOf(frame: unknown): { readonly isWorker: boolean; readonly token: string } | undefined {
  const first: unknown = (frame as { m?: readonly unknown[] } | null)?.m?.[0]
  const { type, token } = (first ?? {}) as { type?: unknown; token?: unknown }
  if (type !== 'WorkerHello' && type !== 'ClientHello') return undefined
  return { isWorker: type === 'WorkerHello', token: typeof token === 'string' ? token : '' }
}

export class ManagerDoor {
  readonly #options: DoorOptions
  readonly #clients = new Set<ClientSession>()
  #listeners: Listener[] = []
  #connections = 0
  /** It is on its way out: who says hello now is sent away, and comes back to the next one. */
  #closing = false

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Connections there are, strangers included. */
  get connections(): number {
    return this.#connections
  }

  get clients(): number {
    return this.#clients.size
  }

  /** Resolves with the addresses that can be dialled. Rejects with TransportError. */
  async open(): Promise<string[]> {
    const { transports, allowOrigins, serve } = this.#options
    for (const { transport, listen } of transports) {
      const listener = await transport.listen(listen, {
        protocols: subprotocols satisfies readonly Subprotocol[],
        admit: (handshake) => admit(handshake, listen, allowOrigins),
        ...(serve === undefined ? {} : { serve }),
        onConnection: (connection) => this.#onConnection(connection),
      })
      this.#listeners.push(listener)
    }
    return this.#listeners.map(({ address }) => address)
  }

  /** Lets nobody in any more. */
  shutOut(): void {
    this.#closing = true
  }

  /** Answers what was asked, then says goodbye to everyone. */
  async close(): Promise<void> {
    this.shutOut()
    this.#options.workers.close()
    await Promise.all([...this.#clients].map((client) => client.drain()))
    await this.#shut()
  }

  async #shut(): Promise<void> {
    for (const client of this.#clients) client.close(closeCodes.goingAway, 'the manager is stopping')
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    this.#listeners = []
  }

  /** The store has failed: everyone is told, and nobody is let in any more. */
  async fail(): Promise<void> {
    this.shutOut()
    for (const client of this.#clients) client.fail()
    this.#options.workers.close()
    await this.#shut()
  }

  #onConnection(connection: Connection): void {
    if (this.#connections >= doorLimits.connectionsMax) {
      connection.close(
        closeCodes.tryLater,
        `this manager has ${doorLimits.connectionsMax} connections; try again later`,
      )
      return
    }
    this.#connections += 1
    const channel = new Channel<never>({ connection, epoch: () => undefined, onRefused: () => {} })
    const cancel = this.#options.clock.setTimer(
      () => channel.close(closeCodes.timeout, 'nobody said hello'),
      doorLimits.helloMsMax,
    )
    connection.onClose = () => {
      cancel()
      this.#connections -= 1
    }
    connection.onFrame = (frame) => {
      cancel()
      // Before anything else is looked at: strangers learn nothing of the schemas, and cost little.
      const hello = helloOf(frame)
      const access = hello === undefined ? undefined : this.#accessOf(hello.token)
      if (hello !== undefined && (access === undefined || (hello.isWorker && access !== 'everything'))) {
        const what = access === undefined ? 'the token is missing or wrong; it is' : 'a worker needs the token that is'
        channel.close(closeCodes.unauthorized, `${what} in the manager's <data-dir>/token`)
        return
      }
      if (this.#closing) {
        channel.close(closeCodes.goingAway, 'the manager is stopping')
        return
      }
      const [first, ...rest] = channel.read(frame, firstMessages, false) ?? []
      if (first === undefined) return
      if (access === undefined || (first.type !== 'WorkerHello' && first.type !== 'ClientHello')) {
        channel.close(closeCodes.protocol, 'the first message is a ClientHello or a WorkerHello')
      } else if (first.type === 'WorkerHello') {
        this.#count(connection, () =>
          this.#options.workers.accept(connection, first as unknown as WorkerMessages['WorkerHello']),
        )
      } else {
        this.#acceptClient(connection, access, rest)
      }
    }
  }

  /** What a token allows; undefined if it is none of ours. Both are compared, whichever it is. */
  #accessOf(given: string): Access | undefined {
    const { token, viewToken } = this.#options
    const mayView = viewToken !== undefined && isSecret(viewToken, given)
    return isSecret(token, given) ? 'everything' : mayView ? 'view' : undefined
  }

  /** Whoever takes the connection over sets its handlers; the count still goes down when it ends. */
  #count(connection: Connection, takeOver: () => void): void {
    takeOver()
    const { onClose } = connection
    connection.onClose = (code, reason) => {
      this.#connections -= 1
      onClose(code, reason)
    }
  }

  #acceptClient(connection: Connection, access: Access, rest: readonly { type: string }[]): void {
    const { clientParts, identity, version } = this.#options
    this.#count(connection, () => {
      const session = new ClientSession(connection, requests, access, clientParts)
      this.#clients.add(session)
      const { onClose } = connection
      connection.onClose = (code, reason) => {
        this.#clients.delete(session)
        onClose(code, reason)
      }
      session.welcome({ type: 'ClientWelcome', version, ...identity, access })
      if (rest.length > 0) session.take({ m: rest })
    })
  }
}
