/**
 * The mailboxes of a host's actors, drained in the order of arrival over all of them, so that no actor starves another.
 * Each is bounded: whoever would fill one over its bound has it emptied first, and so tells no faster than is stepped.
 */
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

  isFull(address: string): boolean {
    return (this.#counts.get(address) ?? 0) >= mailboxLimits.mailboxEventsMax
  }

  put(letter: Letter): void {
    this.#counts.set(letter.address, (this.#counts.get(letter.address) ?? 0) + 1)
    this.#letters.push(letter)
  }

  /** What `take` would give. */
  get next(): Letter | undefined {
    return this.#letters[this.#head]
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
