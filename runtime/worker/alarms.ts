/** One-shot timers by name, so that whoever ends calls off all of its own at once. They are volatile: nothing of them is stored. */
import type { Clock } from '../clock.ts'

const delayMsMax = 2 ** 31 - 1

export class Alarms {
  readonly #clock: Clock
  readonly #armed = new Map<string, () => void>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rings once after `delayMs`; another one of this name is called off. */
  set(name: string, delayMs: number, ring: () => void): void {
    this.cancel(name)
    if (this.#closed) return
    const bounded = Math.min(Math.max(0, Math.ceil(delayMs)), delayMsMax)
    const cancel = this.#clock.setTimer(() => {
      this.#armed.delete(name)
      ring()
    }, bounded)
    this.#armed.set(name, cancel)
  }

  cancel(name: string): void {
    this.#armed.get(name)?.()
    this.#armed.delete(name)
  }

  /** Calls all of them off, and takes no more. */
  close(): void {
    this.#closed = true
    for (const name of [...this.#armed.keys()]) this.cancel(name)
  }
}
