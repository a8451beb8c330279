/**
 * The mailboxes of a host's actors, drained in the order of arrival over all of them, so that no actor starves another.
 * Each is bounded: whoever tells too much gets `Overloaded`, never silence.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { StoredTimer } from './record.ts'

export const mailboxLimits = {
  /** Events that may wait for one actor. */
  mailboxEventsMax: 1_024,
} as const

export interface Letter {
  readonly address: string
  readonly event: { readonly type: string }
  /** The timer whose event it is: taken only if the timer was not called off meanwhile. */
  readonly timer?: StoredTimer
}

export class Mailboxes {
  readonly #letters: Letter[] = []
  readonly #counts = new Map<string, number>()
  #head = 0

  get size(): number {
    return this.#letters.length - this.#head
  }

  /** Throws `Overloaded`; nothing was kept then. There is always room for a timer: they are few, and nobody tells it again. */
  put(letter: Letter): void {
    const count = this.#counts.get(letter.address) ?? 0
    if (letter.timer === undefined && count >= mailboxLimits.mailboxEventsMax) {
      throw new TroupeError('Overloaded', `${count} events wait for ${letter.address}; try again in a moment.`)
    }
    this.#counts.set(letter.address, count + 1)
    this.#letters.push(letter)
  }

  take(): Letter | undefined {
    const letter = this.#letters[this.#head]
    if (letter === undefined) return undefined
    this.#head += 1
    // Moving the rest only now and then keeps taking cheap.
    if (this.#head > 1_024 && this.#head * 2 > this.#letters.length) {
      this.#letters.splice(0, this.#head)
      this.#head = 0
    }
    const count = (this.#counts.get(letter.address) ?? 1) - 1
    if (count === 0) this.#counts.delete(letter.address)
    else this.#counts.set(letter.address, count)
    return letter
  }
}
