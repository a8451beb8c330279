/** Opens a `Troupe` over a transport of the caller's; the roots for Node and for browsers choose one. */
import type { Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { Random } from '../random.ts'
import { connectClient } from './client.ts'
import { createCounters } from './counters.ts'
import { openLink } from './link.ts'
import { RemoteTroupe } from './remote-troupe.ts'

export interface TroupeConnection {
  readonly transport: Pick<Transport, 'connect'>
  /** The manager's address, `ws://host:port` or `wss://host:port`. */
  readonly url: string
  readonly token: string
  readonly clock: Clock
  readonly random: Random
  readonly logger?: Logger
  /** How long connecting, and each single request, may take before it is asked again, in milliseconds. Default 10,000. */
  readonly requestMs?: number
  /** Gives the first connection up. Once connected it means nothing any more. */
  readonly signal?: AbortSignal
  /** The connection was lost and is dialled again; `why` is one sentence. */
  readonly onLost?: (why: string) => void
  /** It stands again. */
  readonly onBack?: () => void
  /** What is to be closed after the connection. */
  readonly onClose?: () => Promise<void>
}

/**
 * Rejects as `connectClient` does if the manager cannot be reached now. Once it was, a lost connection is dialled again
 * until the Troupe is closed.
 */
export async function connectTroupe(options: TroupeConnection): Promise<RemoteTroupe> {
  const { logger = silentLogger, onClose, onLost, onBack, signal: first, ...dial } = options
  const counters = createCounters()
  const link = await openLink({
    connect: (closing) => {
      const signal = closing ?? first
      return connectClient({ ...dial, logger, ...(signal === undefined ? {} : { signal }) })
    },
    clock: options.clock,
    random: options.random,
    giveUpMs: Number.POSITIVE_INFINITY,
    onLost: (why) => {
      logger.warn(`the connection to the manager at ${options.url} was lost: ${why}`)
      onLost?.(why)
    },
    onBack: () => {
      counters.reconnects += 1
      logger.info(`connected again to the manager at ${options.url}`)
      onBack?.()
    },
  })
  return new RemoteTroupe({ link, counters, logger, ...(onClose === undefined ? {} : { onClose }) })
}
