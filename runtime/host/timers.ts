/**
 * The timers of one actor: recorded at the step, stored with its record, armed after the flush, called off at once. One that
 * went off stays recorded until its event is taken from the mailbox, so that a record written in between still has it, and
 * a step in between can still call it off.
 */
import type { Clock } from '../clock.ts'
import type { StoredTimer } from './record.ts'

export const timerDelayMsMax = 2 ** 31 - 1

export class Timers {
  readonly #clock: Clock
  readonly #fire: (timer: StoredTimer) => void
  readonly #recorded = new Map<string, StoredTimer>()
  readonly #armed = new Map<string, () => void>()

  constructor(clock: Clock, fire: (timer: StoredTimer) => void) {
    this.#clock = clock
    this.#fire = fire
  }

  /** What goes into the record. */
  stored(): StoredTimer[] {
    return [...this.#recorded.values()]
  }

  /** Another one of the same id is replaced. Returns what arms it, for after the flush. */
  record(id: string, event: { readonly type: string }, delayMs: number): () => void {
    const bounded = Math.min(Math.max(0, Math.ceil(delayMs)), timerDelayMsMax)
    this.cancel(id)
    const timer: StoredTimer = { id, event, delayMs: bounded, dueAtMs: this.#clock.nowMs() + bounded }
    this.#recorded.set(id, timer)
    return () => this.#arm(timer, bounded)
  }

  cancel(id: string): void {
    this.#recorded.delete(id)
    this.#armed.get(id)?.()
    this.#armed.delete(id)
  }

  /** Whether the event of a timer that went off is still wanted; it is then no longer recorded. */
  take(timer: StoredTimer): boolean {
    return this.#recorded.get(timer.id) === timer && this.#recorded.delete(timer.id)
  }

  cancelAll(): void {
    for (const id of [...this.#recorded.keys()]) this.cancel(id)
  }

  /** What a record held. Nothing runs yet: what the actor makes of its recovery comes first. */
  load(stored: readonly StoredTimer[]): void {
    for (const timer of stored) this.#recorded.set(timer.id, timer)
  }

  /** Arms what is loaded: for what was left of it by the wall clock, but never longer than it was to begin with. */
  rearm(): void {
    const now = this.#clock.nowMs()
    for (const timer of this.#recorded.values()) {
      if (this.#armed.has(timer.id)) continue
      this.#arm(timer, Math.max(0, Math.min(timer.delayMs, timer.dueAtMs - now)))
    }
  }

  #arm(timer: StoredTimer, delayMs: number): void {
    // It may have been called off or replaced while its unit was on the way to the disk.
    if (this.#recorded.get(timer.id) !== timer) return
    const cancel = this.#clock.setTimer(() => {
      this.#armed.delete(timer.id)
      if (this.#recorded.get(timer.id) === timer) this.#fire(timer)
    }, delayMs)
    this.#armed.set(timer.id, cancel)
  }
}
