/**
 * The dialling half of the transport for web pages: over the browser's own WebSocket, with nothing of Node. What a
 * browser keeps from a page it cannot pass on: why a dial failed (every refusal looks the same), and a way to stop reading.
 */
import { parseDialUrl } from './address.ts'
import { BrowserConnection } from './browser/connection.ts'
import type { BrowserContext, BrowserSocketConstructor } from './browser/socket.ts'
import {
  type Connection,
  type ConnectOptions,
  type Transport,
  TransportError,
  type TransportLimits,
} from './transport.ts'
import type { TransportClock, TransportLogger } from './websocket/context.ts'

export interface BrowserTransportOptions {
  readonly limits: TransportLimits
  /** The page's `WebSocket`. */
  readonly WebSocket: BrowserSocketConstructor
  readonly clock: TransportClock
  /** Told of connections that were closed for what the other end did. Default: nobody is. */
  readonly logger?: TransportLogger
}

const connectTimeoutMs = 5_000

export function createBrowserTransport(options: BrowserTransportOptions): Pick<Transport, 'connect'> {
  const { limits, clock, logger = { warn() {} }, WebSocket } = options
  const context: BrowserContext = { limits, clock, logger }
  return { connect: (url, connectOptions) => dial(url, connectOptions, WebSocket, context) }
}

function dial(
  url: string,
  { protocols, timeoutMs = connectTimeoutMs, signal }: ConnectOptions,
  WebSocket: BrowserSocketConstructor,
  context: BrowserContext,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = new WebSocket(parseDialUrl(url, ['ws:', 'wss:']).href, [...protocols])
    // What comes after the promise has settled changes nothing.
    const giveUp = (error: unknown): void => {
      settled()
      reject(error)
      socket.close()
    }
    const onAbort = (): void => giveUp(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    const settled = (): void => {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    const cancelTimer = context.clock.setTimer(() => {
      giveUp(new TransportError('timeout', `${url} did not answer within ${timeoutMs} ms. ${checkAddress}`))
    }, timeoutMs)
    const failed = (): void => {
      settled()
      reject(new TransportError('unreachable', `${url} cannot be reached, or refuses this page. ${checkPage}`))
    }
    socket.addEventListener('error', failed)
    socket.addEventListener('close', failed)
    socket.addEventListener('open', () => {
      settled()
      try {
        resolve(new BrowserConnection(socket, new URL(url).host, context))
      } catch (error) {
        socket.close()
        reject(error)
      }
    })
  })
}

const checkAddress = 'Check the address, and that the other end is running.'
const checkPage = `${checkAddress} A page's origin must be allowed there; no browser tells a page which of them it was.`
