/**
 * Heartbeats and the lease, as the worker counts it: from the SENDING of the last heartbeat that was acknowledged, so
 * that the worker never believes in its lease for longer than its manager does; on a clock that goes on during suspend.
 */
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Alarms } from './alarms.ts'

export const heartbeatLimits = {
  /** How far a period may be off at random, so that a thousand workers do not beat as one. */
  jitter: 0.1,
} as const

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly random: Random
  readonly alarms: Alarms
  readonly send: (seq: number) => void
  /** A whole lease has passed without an acknowledgement. */
  readonly onExpired: () => void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  #heartbeatMs = 0
  #leaseMs = 0
  #open = false
  #seq = 0
  #contactMs: number
  /** When those that were not acknowledged yet were sent. */
  readonly #sentMs = new Map<number, number>()

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#contactMs = options.clock.uptimeMs()
  }

  /** When the last word that the manager acknowledged was sent, or else when this worker started; on the uptime clock. */
  get contactMs(): number {
    return this.#contactMs
  }

  /** The lease of the session that is open now; 0 without one. */
  get leaseMs(): number {
    return this.#open ? this.#leaseMs : 0
  }

  /** A session was welcomed; its Hello, sent at `greetedMs`, counts as the first heartbeat. */
  open(period: { readonly heartbeatMs: number; readonly leaseMs: number }, greetedMs: number): void {
    this.#open = true
    this.#heartbeatMs = period.heartbeatMs
    this.#leaseMs = period.leaseMs
    this.#seq = 0
    this.#sentMs.clear()
    this.#contactMs = greetedMs
    this.#next()
    this.#watchLease()
  }

  close(): void {
    this.#open = false
    this.#options.alarms.cancel('heartbeat')
    this.#options.alarms.cancel('lease')
  }

  acknowledge(seq: number): void {
    const sentMs = this.#sentMs.get(seq)
    if (!this.#open || sentMs === undefined) return
    this.#contactMs = sentMs
    for (const older of [...this.#sentMs.keys()]) if (older <= seq) this.#sentMs.delete(older)
  }

  #next(): void {
    const { alarms, random } = this.#options
    const { jitter } = heartbeatLimits
    const delayMs = this.#heartbeatMs * (1 - jitter + 2 * jitter * random.roll())
    alarms.set('heartbeat', delayMs, () => this.#beat())
  }

  #beat(): void {
    this.#seq += 1
    this.#sentMs.set(this.#seq, this.#options.clock.uptimeMs())
    this.#options.send(this.#seq)
    this.#next()
  }

  #watchLease(): void {
    const { alarms, clock, onExpired } = this.#options
    const leftMs = this.#contactMs + this.#leaseMs - clock.uptimeMs()
    if (leftMs > 0) alarms.set('lease', leftMs, () => this.#watchLease())
    else onExpired()
  }
}
