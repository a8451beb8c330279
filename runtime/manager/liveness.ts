/**
 * Leases of nodes: volatile, on the clock that goes on during suspend. A node is Suspect when its heartbeats are late and
 * Down when its lease has run out; a closed socket alone is not a death. Whoever could not listen (a manager that has
 * just started, or whose own loop stalled) gives every node a full lease again.
 *
 * When many fall silent together it is more likely that this end is cut off than that they all died: the manager then
 * suspects itself, and gives nobody up before a further lease.
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

/** When the manager suspects itself: both must hold of the nodes whose leases run out within one lease. */
export const brakeLimits = {
  /** More than this part of all nodes. */
  expiredPart: 0.3,
  /** And at least so many. */
  expiredMin: 3,
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
  /** When those were given up that a lease ago were not. */
  #expiredMs: number[] = []
  /** Since when it suspects itself. */
  #brakedMs: number | undefined

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
    const due: string[] = []
    for (const [nodeId, lease] of this.#leases) {
      const silentMs = now - lease.heardMs
      if (silentMs >= leaseMs) due.push(nodeId)
      if (silentMs < suspectMs || lease.isLate) continue
      lease.isLate = true
      onLate(nodeId)
    }
    if (!this.#brakes(due, now)) {
      for (const nodeId of due) {
        this.#leases.delete(nodeId)
        this.#expiredMs.push(now)
        onExpired(nodeId)
      }
    }
    this.#schedule()
  }

  /** Whether those whose leases have run out are so many that it may be this end that is cut off. */
  #brakes(due: readonly string[], now: number): boolean {
    const { leaseMs, logger } = this.#options
    this.#expiredMs = this.#expiredMs.filter((atMs) => now - atMs < leaseMs)
    const gone = due.length + this.#expiredMs.length
    const all = this.#leases.size + this.#expiredMs.length
    const isMass = gone >= brakeLimits.expiredMin && gone > brakeLimits.expiredPart * all
    if (!isMass) {
      this.#brakedMs = undefined
      return false
    }
    if (this.#brakedMs === undefined && due.length > 0) {
      this.#brakedMs = now
      const plan =
        'this manager may be the one that is cut off, so it waits for a further lease before it gives them up'
      logger.warn(`${gone} of ${all} nodes have fallen silent together; ${plan}`)
    }
    return this.#brakedMs !== undefined && now - this.#brakedMs < leaseMs
  }
}
