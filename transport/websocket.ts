/**
 * The transport over WebSockets (RFC 6455), by `ws`: `ws://`, or with a certificate `wss://`.
 * Compression is off (it costs memory and time per connection, and our frames are small), and so are pings: sessions
 * have heartbeats of their own, which say more.
 */
import { LineBudget } from './line-budget.ts'
import type { Transport, TransportLimits } from './transport.ts'
import type { CertificateFiles, TransportLogger, WebsocketClock, WebsocketContext } from './websocket/context.ts'
import { dialWebsocket } from './websocket/dial.ts'
import { listenWebsocket } from './websocket/listener.ts'

export type { CertificateFiles } from './websocket/context.ts'

export interface WebsocketTransportOptions {
  readonly limits: TransportLimits
  /** Told of connections that were closed for what the other end did. Default: nobody is. */
  readonly logger?: TransportLogger
  /** Times the dialling, and how much is logged. Default: the process's own timers. */
  readonly clock?: WebsocketClock
  /** Listen with TLS by this certificate; the files are looked at once a minute for a renewed one. Default: without TLS. */
  readonly tls?: CertificateFiles | undefined
  /** Authorities that are trusted when dialling `wss://`, in PEM, beside those that come with Node. */
  readonly ca?: string | undefined
}

const processClock: WebsocketClock = {
  uptimeMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

export { readCertificate } from './websocket/certificate.ts'

/** WebSockets (RFC 6455) without compression; with TLS on the listening side if there is a certificate. */
export function createWebsocketTransport(options: WebsocketTransportOptions): Transport {
  const { limits, logger = { warn() {} }, clock = processClock, tls, ca } = options
  const budget = new LineBudget(() => clock.uptimeMs())
  const context: WebsocketContext = { limits, logger: spared(logger, budget), clock, tls, ca }
  return {
    listen: (address, listenOptions) => listenWebsocket(address, listenOptions, context),
    connect: (url, connectOptions) => dialWebsocket(url, connectOptions, context),
  }
}

const spared = (logger: TransportLogger, budget: LineBudget): TransportLogger => ({
  warn(message, fields) {
    const linesLeftOut = budget.take(message)
    if (linesLeftOut === undefined) return
    logger.warn(message, linesLeftOut === 0 ? fields : { ...fields, linesLeftOut })
  },
})
