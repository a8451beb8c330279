/** What the parts of the WebSocket adapter share. */
import type { TransportLimits } from '../transport.ts'

/** The part of a logger that a transport needs. */
export interface TransportLogger {
  warn(message: string, fields?: Record<string, unknown>): void
}

/** The part of a clock that a transport needs: calls back once, and answers what cancels it. */
export interface TransportClock {
  setTimer(callback: () => void, delayMs: number): () => void
}

export interface WebsocketClock extends TransportClock {
  /** Goes on evenly, whatever is done to the wall clock; in milliseconds. */
  uptimeMs(): number
}

/** Where a listener finds what it proves itself by; both in PEM. */
export interface CertificateFiles {
  /** The certificate, and behind it those between it and its authority. */
  readonly certFile: string
  /** Its private key, without a passphrase. */
  readonly keyFile: string
}

/** One for each transport. */
export interface WebsocketContext {
  readonly limits: TransportLimits
  readonly logger: TransportLogger
  readonly clock: TransportClock
  /** What is listened with; absent: without TLS. */
  readonly tls?: CertificateFiles | undefined
  /** In PEM: authorities that are trusted when dialling, beside those that come with Node. */
  readonly ca?: string | undefined
}

/** First wait of TCP's own probing of a silent connection, in milliseconds: it frees what a lost machine holds. */
export const keepAliveMs = 30_000
