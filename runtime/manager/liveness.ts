/**
 * Leases of nodes: volatile, on the clock that goes on during suspend. A node is Suspect when its heartbeats are late and
 * Down when its lease has run out; a closed socket alone is not a death. Whoever could not listen (a manager that has
 * just started, or whose own loop stalled) gives every node a full lease again.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'

export const livenessDefaults = {
  heartbeatMs: 1_000,
  /** Without a heartbeat for this long a node gets no new tasks. */
  suspectMs: 3_500,
  /** Without a heartbeat for this long its tasks are Unreachable. */
  leaseMs: 10_000,
} as const

export interface LivenessOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly heartbeatMs: number
  readonly suspectMs: number
  readonly leaseMs: number
  readonly onLate: (nodeId: string) => void
  readonly onExpired: (nodeId: string) => void
}

interface Lease {
  heardMs: number
  isLate: boolean
}

export class Liveness {
  readonly #options: LivenessOptions
  readonly #leases = new Map<string, Lease>()
  #cancel = () => {}
  #checkedMs = 0

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  /** Begins to watch. Until now nobody could be heard, however long that took, so every lease begins here. */
  start(): void {
    this.#checkedMs = this.#options.clock.uptimeMs()
    for (const lease of this.#leases.values()) lease.heardMs = this.#checkedMs
    this.#schedule()
  }

  stop(): void {
    this.#cancel()
  }

  /** The node was heard from, or is given a full lease. */
  renew(nodeId: string): void {
    this.#leases.set(nodeId, { heardMs: this.#options.clock.uptimeMs(), isLate: false })
  }

  /** Its connection is gone: it counts as late at once, and its lease runs on. */
  disconnected(nodeId: string): void {
    const lease = this.#leases.get(nodeId)
    if (lease === undefined || lease.isLate) return
    lease.isLate = true
    this.#options.onLate(nodeId)
  }

  forget(nodeId: string): void {
    this.#leases.delete(nodeId)
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.setTimer(() => this.#check(), this.#options.heartbeatMs)
  }

  #check(): void {
    const { clock, heartbeatMs, suspectMs, leaseMs, logger, onLate, onExpired } = this.#options
    const now = clock.uptimeMs()
    const stalledMs = now - this.#checkedMs - heartbeatMs
    this.#checkedMs = now
    if (stalledMs > heartbeatMs) {
      logger.warn(`this process stood still for ${Math.round(stalledMs)} ms; every node gets a full lease again`)
      for (const lease of this.#leases.values()) lease.heardMs = now
    }
    for (const [nodeId, lease] of this.#leases) {
      const silentMs = now - lease.heardMs
      if (silentMs >= leaseMs) {
        this.#leases.delete(nodeId)
        onExpired(nodeId)
      } else if (silentMs >= suspectMs && !lease.isLate) {
        lease.isLate = true
        onLate(nodeId)
      }
    }
    this.#schedule()
  }
}
