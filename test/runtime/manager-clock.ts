/** A clock that stands still until a test moves it. */
import type { Clock } from '../../runtime/clock.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  #uptimeMs = 50_000
  #order = 0
  readonly #timers = new Set<Timer>()
  /** Waits until all that a timer set off has come to rest. */
  readonly #settle: () => Promise<void>

  constructor(settle: () => Promise<void>) {
    this.#settle = settle
  }

  nowMs(): number {
    return 1_700_000_000_000 + this.#uptimeMs
  }

  uptimeMs(): number {
    return this.#uptimeMs
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    this.#order += 1
    const timer: Timer = { dueMs: this.#uptimeMs + delayMs, order: this.#order, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass; each timer runs at its own moment, and what it sets off is done before the next. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#uptimeMs + ms
    await this.#settle()
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#uptimeMs = Math.max(this.#uptimeMs, timer.dueMs)
      this.#run(timer)
      await this.#settle()
    }
    this.#uptimeMs = endMs
  }

  /** The process stands still for this long: timers run late, all at the end. */
  async stall(ms: number): Promise<void> {
    this.#uptimeMs += ms
    await this.advance(0)
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer)
    timer.callback()
  }

  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      if (first === undefined || timer.dueMs < first.dueMs) first = timer
      else if (timer.dueMs === first.dueMs && timer.order < first.order) first = timer
    }
    return first
  }
}
