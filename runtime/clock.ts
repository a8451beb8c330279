/** Time, as everything in Troupe sees it: a port, so that a simulation can own it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. For people and for timers that outlive the process. */
  nowMs(): number
  /** Milliseconds that only grow, and go on during suspend. For leases, deadlines and durations. */
  uptimeMs(): number
  /** Calls back once after `delayMs` (0 to 2^31 - 1). Returns what cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void
}
