/**
 * What `troupe/browser` exports: `connect` for web pages, over the browser's own WebSocket, clock and chance. Nothing of
 * Node is in it. `docs/API.md` tells how a Troupe is used.
 */
import { TroupeError } from '../actors/protocol/errors.ts'
import { frameLimits } from '../actors/protocol/frame.ts'
import type { BrowserSocketConstructor } from '../transport/browser/socket.ts'
import { createBrowserTransport } from '../transport/browser.ts'
import type { Transport } from '../transport/transport.ts'
import { connectTroupe } from './client/connect-troupe.ts'
import type { Troupe } from './client/troupe.ts'
import type { Clock } from './clock.ts'
import { type Logger, silentLogger } from './logger.ts'
import type { Random } from './random.ts'

export * from './client/api.ts'

/** How a page speaks to a manager. */
export interface BrowserConnectOptions {
  /** What `<data-dir>/token` of the manager holds. Whoever can read the page can read it too. */
  readonly token: string
  /** How long connecting, and each single request, may take before it is asked again, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Gives connecting up: `connect` rejects with its reason. Once connected it means nothing any more; `close` ends it. */
  readonly signal?: AbortSignal
  /** The connection was lost and is dialled again; what is known may be old now. `why` is one sentence. */
  readonly onLost?: (why: string) => void
  /** It stands again; subscriptions go on by themselves. */
  readonly onBack?: () => void
  /** Default: says nothing. */
  readonly logger?: Logger
}

/**
 * A Troupe elsewhere, for a page, by its manager's address, `ws://host:port` or `wss://host:port`; the same interface as
 * `connect` of `troupe`. A page of another origin than the manager's own must be allowed there: `--allow-origin
 * https://app.example`. Rejects with TroupeError `Unavailable` (nobody there, or the origin is refused: no browser says
 * which), `Unauthorized` (wrong token), `Invalid` (a wrong address) or `Protocol` (no version in common). Once connected
 * it comes back by itself whenever the connection is lost, until it is closed.
 */
export async function connect(address: string, options: BrowserConnectOptions): Promise<Troupe> {
  const { logger = silentLogger, ...rest } = options
  const transport = createPageTransport(logger)
  return connectTroupe({ ...rest, url: address, transport, clock: pageClock, random: pageRandom, logger })
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
