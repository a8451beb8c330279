/** A client for web pages: chooses the browser's own WebSocket, clock and chance. Nothing of Node is in it. */
import { TroupeError } from '../actors/protocol/errors.ts'
import { frameLimits } from '../actors/protocol/frame.ts'
import type { BrowserSocketConstructor } from '../transport/browser/socket.ts'
import { createBrowserTransport } from '../transport/browser.ts'
import type { Transport } from '../transport/transport.ts'
import { type Client, connectClient } from './client/client.ts'
import type { Clock } from './clock.ts'
import { type Logger, silentLogger } from './logger.ts'
import type { Random } from './random.ts'

export interface BrowserConnectOptions {
  /** What `<data-dir>/token` of the manager holds. Whoever can read the page can read it too. */
  readonly token: string
  /** How long connecting, and each reply, may take, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Default: says nothing. */
  readonly logger?: Logger
}

/**
 * Connects a page to a manager at `ws://host:port` or `wss://host:port`. A page of another origin than the manager's own
 * must be allowed there: `--allow-origin https://app.example`. Rejects with TroupeError `Unavailable` (also when the
 * origin is refused: no browser says which), `Unauthorized`, `Invalid` (a wrong URL) or `Protocol`.
 */
export async function connect(url: string, options: BrowserConnectOptions): Promise<Client> {
  const { logger = silentLogger, ...rest } = options
  const transport = createPageTransport(logger)
  return connectClient({ ...rest, url, transport, clock: pageClock, random: pageRandom, logger })
}

function createPageTransport(logger: Logger): Pick<Transport, 'connect'> {
  const { WebSocket } = globalThis as { WebSocket?: BrowserSocketConstructor }
  if (WebSocket === undefined) {
    throw new TroupeError(
      'Invalid',
      'there is no WebSocket here; troupe/browser is for browsers, import troupe instead',
    )
  }
  const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
  const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 }
  return createBrowserTransport({ limits, logger, clock: pageClock, WebSocket })
}

const pageClock: Clock = {
  nowMs: () => Date.now(),
  uptimeMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

const pageRandom: Random = {
  roll: () => Math.random(),
  id: (chars) => Array.from(crypto.getRandomValues(new Uint8Array(chars)), (byte) => alphabet[byte & 31]).join(''),
}
