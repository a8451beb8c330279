/** A client for applications and the command line on Node: chooses the WebSocket transport, and this machine's clock. */
import { frameLimits } from '../actors/protocol/frame.ts'
import type { Transport } from '../transport/transport.ts'
import { createWebsocketTransport } from '../transport/websocket.ts'
import { type Client, connectClient } from './client/client.ts'
import { type Logger, silentLogger } from './logger.ts'
import { systemClock, systemRandom } from './system.ts'

export interface ConnectOptions {
  /** The manager's address, `ws://host:port` or `wss://host:port`. */
  readonly url: string
  /** What `<data-dir>/token` of the manager holds. */
  readonly token: string
  /** How long connecting, and each reply, may take, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Default: says nothing. */
  readonly logger?: Logger
}

/** Rejects with TroupeError `Unavailable`, `Unauthorized`, `Invalid` (a wrong URL) or `Protocol`. */
export function connect(options: ConnectOptions): Promise<Client> {
  const { logger = silentLogger, ...rest } = options
  const transport = createClientTransport(logger)
  return connectClient({ ...rest, transport, clock: systemClock, random: systemRandom, logger })
}

/** The transport that clients on Node use. */
export function createClientTransport(logger: Logger = silentLogger): Pick<Transport, 'connect'> {
  const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
  const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 }
  return createWebsocketTransport({ limits, logger, clock: systemClock })
}
