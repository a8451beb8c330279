/**
 * The transport over WebSockets (RFC 6455), by `ws`: plain on the listening side, `ws://` or `wss://` when dialling.
 * Compression is off (it costs memory and time per connection, and our frames are small), and so are pings: sessions
 * have heartbeats of their own, which say more.
 */
import type { Transport, TransportLimits } from './transport.ts'
import type { TransportClock, TransportLogger, WebsocketContext } from './websocket/context.ts'
import { dialWebsocket } from './websocket/dial.ts'
import { listenWebsocket } from './websocket/listener.ts'

export interface WebsocketTransportOptions {
  readonly limits: TransportLimits
  /** Told of connections that were closed for what the other end did. Default: nobody is. */
  readonly logger?: TransportLogger
  /** Times the dialling. Default: the process's own timers. */
  readonly clock?: TransportClock
}

const processClock: TransportClock = {
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** WebSockets (RFC 6455) without TLS and without compression; `wss://` can be dialled, not listened on. */
export function createWebsocketTransport(options: WebsocketTransportOptions): Transport {
  const { limits, logger = { warn() {} }, clock = processClock } = options
  const context: WebsocketContext = { limits, logger, clock }
  return {
    listen: (address, listenOptions) => listenWebsocket(address, listenOptions, context),
    connect: (url, connectOptions) => dialWebsocket(url, connectOptions, context),
  }
}
