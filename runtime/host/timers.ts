/**
 * The timers of one actor: recorded at the step, stored with its record, armed after the flush, called off at once. One that
 * went off stays recorded until its event is taken from the mailbox, so that a record written in between still has it, and
 * a step in between can still call it off.
 */
import type { Clock } from '../clock.ts'
import type { StoredTimer } from './record.ts'

export const timerDelayMsMax = 2 ** 31 - 1

/** What all actors of a host have in common. */
export interface TimersOwner {
  readonly clock: Clock
  /** A timer of the actor at this address went off. */
  fire(address: string, timer: StoredTimer): void
}

export class Timers {
  readonly #owner: TimersOwner
  readonly #address: string
  // Most actors have none most of the time, and there are many actors.
  #recorded: Map<string, StoredTimer> | undefined
  #armed: Map<string, () => void> | undefined

  constructor(owner: TimersOwner, address: string) {
    this.#owner = owner
    this.#address = address
  }

  /** What goes into the record. */
  stored(): StoredTimer[] {
    return this.#recorded === undefined ? [] : [...this.#recorded.values()]
  }

  /** Another one of the same id is replaced. Returns what arms it, for after the flush. */
  record(id: string, event: { readonly type: string }, delayMs: number): () => void {
    const bounded = Math.min(Math.max(0, Math.ceil(delayMs)), timerDelayMsMax)
    this.cancel(id)
    const timer: StoredTimer = { id, event, delayMs: bounded, dueAtMs: this.#owner.clock.nowMs() + bounded }
    this.#recorded ??= new Map()
    this.#recorded.set(id, timer)
    return () => this.#arm(timer, bounded)
  }

  cancel(id: string): void {
    this.#unrecord(id)
    this.#armed?.get(id)?.()
    this.#disarm(id)
  }

  /** Whether the event of a timer that went off is still wanted; it is then no longer recorded. */
  take(timer: StoredTimer): boolean {
    return this.#recorded?.get(timer.id) === timer && this.#unrecord(timer.id)
  }

  #unrecord(id: string): boolean {
    const wasRecorded = this.#recorded?.delete(id) === true
    if (this.#recorded?.size === 0) this.#recorded = undefined
    return wasRecorded
  }

  #disarm(id: string): void {
    this.#armed?.delete(id)
    if (this.#armed?.size === 0) this.#armed = undefined
  }

  cancelAll(): void {
    for (const id of [...(this.#recorded?.keys() ?? [])]) this.cancel(id)
  }

  /** What a record held. Nothing runs yet: what the actor makes of its recovery comes first. */
  load(stored: readonly StoredTimer[]): void {
    if (stored.length > 0) this.#recorded ??= new Map()
    for (const timer of stored) this.#recorded?.set(timer.id, timer)
  }

  /** Arms what is loaded: for what was left of it by the wall clock, but never longer than it was to begin with. */
  rearm(): void {
    if (this.#recorded === undefined) return
    const now = this.#owner.clock.nowMs()
    for (const timer of this.#recorded.values()) {
      if (this.#armed?.has(timer.id)) continue
      this.#arm(timer, Math.max(0, Math.min(timer.delayMs, timer.dueAtMs - now)))
    }
  }

  #arm(timer: StoredTimer, delayMs: number): void {
    // It may have been called off or replaced while its unit was on the way to the disk.
    if (this.#recorded?.get(timer.id) !== timer) return
    const cancel = this.#owner.clock.setTimer(() => {
      this.#disarm(timer.id)
      if (this.#recorded?.get(timer.id) === timer) this.#owner.fire(this.#address, timer)
    }, delayMs)
    this.#armed ??= new Map()
    this.#armed.set(timer.id, cancel)
  }
}
