/** Seeded chance: the same seed and purpose roll the same for ever. */
import type { Random } from '../../runtime/random.ts'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** Four words from a text, as in bryc's public-domain cyrb128. */
function seedWords(text: string): [number, number, number, number] {
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762]
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    a = b ^ Math.imul(a ^ unit, 597399067)
    b = c ^ Math.imul(b ^ unit, 2869860233)
    c = d ^ Math.imul(c ^ unit, 951274213)
    d = a ^ Math.imul(d ^ unit, 2716044179)
  }
  return [a | 0, b | 0, c | 0, d | 0]
}

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast and good enough to hunt with. */
export class Dice implements Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #d: number

  /** Each purpose has rolls of its own, so that one part's use of chance does not change another's. */
  constructor(seed: number | string, purpose = '') {
    this.#seed = `${seed}/${purpose}`
    ;[this.#a, this.#b, this.#c, this.#d] = seedWords(this.#seed)
    for (let round = 0; round < 12; round += 1) this.roll()
  }

  roll(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return (t >>> 0) / 4_294_967_296
  }

  id(chars: number): string {
    return Array.from({ length: chars }, () => alphabet[this.below(32)]).join('')
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.roll() * bound)
  }

  /** A whole number in [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  chance(probability: number): boolean {
    return this.roll() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** Dice of their own for a part of this purpose. */
  fork(purpose: string): Dice {
    return new Dice(this.#seed, purpose)
  }
}
