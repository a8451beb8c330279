/**
 * How long an attempt may run without its manager (`disconnect.stopAfter`): enforced here alone, for only the worker is
 * there when nobody else can be reached. It counts from the last word that the manager acknowledged, and after a restart
 * of the worker from that start: what was before cannot be known on a clock that does not jump.
 *
 * A manager counts as present until its lease has run out, so a `stopAfter` below the lease does not stop tasks between
 * two heartbeats. A manager that replaces a task waits for its own lease first, so this leaves no room for two at once.
 */
import type { Clock } from '../clock.ts'
import type { Alarms } from './alarms.ts'
import { type Attempts, contextOf, stateOf } from './attempts.ts'
import type { Heartbeat } from './heartbeat.ts'

const stoppable = new Set(['Starting', 'Pulling', 'Running'])

export interface StopAfterOptions {
  readonly clock: Clock
  readonly alarms: Alarms
  readonly attempts: Attempts
  readonly heartbeat: Heartbeat
}

export class StopAfter {
  readonly #options: StopAfterOptions
  #checkAtMs = Number.POSITIVE_INFINITY

  constructor(options: StopAfterOptions) {
    this.#options = options
  }

  /** There is an attempt with this limit now. */
  expect(stopAfterMs: number): void {
    this.#arm(this.#dueAtMs(stopAfterMs))
  }

  /** Stops those that are due, and waits for the next. To be called as well whenever the session has ended. */
  check(): void {
    const { clock, attempts } = this.#options
    const now = clock.uptimeMs()
    this.#checkAtMs = Number.POSITIVE_INFINITY
    let nextMs = Number.POSITIVE_INFINITY
    for (const actor of attempts.all()) {
      const { key, graceMs, stopAfterMs } = contextOf(actor)
      if (stopAfterMs === undefined || !stoppable.has(stateOf(actor))) continue
      const dueAtMs = this.#dueAtMs(stopAfterMs)
      if (dueAtMs <= now) attempts.tell(key, { type: 'Stop', graceMs })
      else nextMs = Math.min(nextMs, dueAtMs)
    }
    this.#arm(nextMs)
  }

  #dueAtMs(stopAfterMs: number): number {
    const { heartbeat } = this.#options
    return heartbeat.contactMs + Math.max(stopAfterMs, heartbeat.leaseMs)
  }

  #arm(dueAtMs: number): void {
    if (dueAtMs >= this.#checkAtMs) return
    this.#checkAtMs = dueAtMs
    this.#options.alarms.set('stop-after', dueAtMs - this.#options.clock.uptimeMs(), () => this.check())
  }
}
