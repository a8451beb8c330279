/** The part of a browser's WebSocket that is used, so that no types of the DOM are needed to compile or to test it. */
import type { TransportLimits } from '../transport.ts'
import type { TransportClock, TransportLogger } from '../websocket/context.ts'

export interface BrowserSocket {
  binaryType: string
  readonly protocol: string
  /** 1 = open. */
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: string | Uint8Array): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

export type BrowserSocketConstructor = new (url: string, protocols: string[]) => BrowserSocket

/** One for each transport. */
export interface BrowserContext {
  readonly limits: TransportLimits
  readonly clock: TransportClock
  readonly logger: TransportLogger
}
