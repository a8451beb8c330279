/** The system's clock, on which chosen deadlines come soon, and only once a test wants them: a busy machine meets no other. */
import type { Clock } from '../../runtime/clock.ts'
import { systemClock } from '../../runtime/system.ts'

const soonMs = 20

export class HastyClock implements Clock {
  isHasty = false
  readonly #delaysMs: readonly number[]

  /** Hastens timers of exactly these delays, in milliseconds. */
  constructor(...delaysMs: readonly number[]) {
    this.#delaysMs = delaysMs
  }

  nowMs(): number {
    return systemClock.nowMs()
  }

  uptimeMs(): number {
    return systemClock.uptimeMs()
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const isHastened = this.isHasty && this.#delaysMs.includes(delayMs)
    return systemClock.setTimer(callback, isHastened ? soonMs : delayMs)
  }
}
