/** Clients for Node: they choose the WebSocket transport, and this machine's clock and chance. */
import { frameLimits } from '../actors/protocol/frame.ts'
import type { Transport } from '../transport/transport.ts'
import { createWebsocketTransport } from '../transport/websocket.ts'
import { type Client, connectClient } from './client/client.ts'
import { connectTroupe } from './client/connect-troupe.ts'
import type { Troupe } from './client/troupe.ts'
import type { Clock } from './clock.ts'
import { type Logger, silentLogger } from './logger.ts'
import type { Random } from './random.ts'
import { systemClock, systemRandom } from './system.ts'

/** How a manager elsewhere is spoken to. */
export interface ConnectOptions {
  /** What `<data-dir>/token` of the manager holds. */
  readonly token: string
  /** How long connecting, and each single request, may take before it is asked again, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Gives connecting up: `connect` rejects with its reason. Once connected it means nothing any more; `close` ends it. */
  readonly signal?: AbortSignal
  /** Authorities to trust with `wss://`, in PEM, beside those that come with Node. */
  readonly ca?: string
  /** Default: WebSocket. */
  readonly transport?: Pick<Transport, 'connect'>
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Default: the machine's. */
  readonly random?: Random
  /** The connection was lost and is dialled again; what is known may be old now. `why` is one sentence. */
  readonly onLost?: (why: string) => void
  /** It stands again; subscriptions go on by themselves. */
  readonly onBack?: () => void
  /** Default: says nothing. */
  readonly logger?: Logger
}

/**
 * A Troupe elsewhere, by its manager's address, `ws://host:port` or `wss://host:port`. Rejects with TroupeError
 * `Unavailable` (nobody there), `Unauthorized` (wrong token), `Invalid` (a wrong address) or `Protocol` (no version in
 * common). Once connected it comes back by itself whenever the connection is lost, until it is closed.
 */
export async function connect(address: string, options: ConnectOptions): Promise<Troupe> {
  const { logger = silentLogger, clock = systemClock, random = systemRandom, ca, ...rest } = options
  const transport = options.transport ?? createClientTransport({ logger, ca })
  return connectTroupe({ ...rest, url: address, transport, clock, random, logger })
}

export interface OpenClientOptions extends Pick<ConnectOptions, 'token' | 'requestMs' | 'logger' | 'ca'> {
  /** The manager's address. */
  readonly url: string
}

/** One connection that does not come back, for tools that speak the protocol itself. Rejects as `connect` does. */
export function openClient(options: OpenClientOptions): Promise<Client> {
  const { logger = silentLogger, ca, ...rest } = options
  const transport = createClientTransport({ logger, ca })
  return connectClient({ ...rest, transport, clock: systemClock, random: systemRandom, logger })
}

/** The transport that clients on Node use. */
export function createClientTransport({
  logger = silentLogger,
  ca,
}: {
  readonly logger?: Logger | undefined
  readonly ca?: string | undefined
} = {}): Pick<Transport, 'connect'> {
  const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
  const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 }
  return createWebsocketTransport({ limits, logger, clock: systemClock, ca })
}
