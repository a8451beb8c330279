/** What all parts of one simulated run share: time, chance, the trace, what was counted, and what was found broken. */
import { Timeline } from './clock.ts'
import { Dice } from './dice.ts'

export const worldLimits = {
  /** Lines of the trace that are kept for the report. */
  tailLinesMax: 160,
  /** Findings that are kept of one run; the first tells most. */
  violationsMax: 20,
} as const

/** The wall clock at the beginning of every run, in milliseconds since 1970. */
export const firstMs = Date.UTC(2026, 0, 1)

export class World {
  readonly seed: number
  readonly timeline = new Timeline()
  readonly dice: Dice
  readonly violations: string[] = []
  /** How often each thing happened: `crash at flushed of manager`, `fault pause`, `sometimes a task was replaced`. */
  readonly counts = new Map<string, number>()
  readonly #tail: string[] = []
  #hash1 = 0xdeadbeef
  #hash2 = 0x41c6ce57

  constructor(seed: number) {
    this.seed = seed
    this.dice = new Dice(seed, 'world')
  }

  /** Adds a line to the trace. Whatever happens in a run is here, so that equal hashes mean equal runs. */
  trace(who: string, what: string): void {
    const line = `${this.timeline.nowMs.toFixed(1).padStart(9)} ${who.padEnd(10)} ${what}`
    for (let at = 0; at < line.length; at += 1) {
      const unit = line.charCodeAt(at)
      this.#hash1 = Math.imul(this.#hash1 ^ unit, 2654435761)
      this.#hash2 = Math.imul(this.#hash2 ^ unit, 1597334677)
    }
    this.#tail.push(line)
    if (this.#tail.length > 2 * worldLimits.tailLinesMax) this.#tail.splice(0, worldLimits.tailLinesMax)
  }

  /** Of all lines of the trace so far. */
  get hash(): string {
    const word = (value: number) => (value >>> 0).toString(16).padStart(8, '0')
    return word(this.#hash1) + word(this.#hash2)
  }

  get tail(): readonly string[] {
    return this.#tail.slice(-worldLimits.tailLinesMax)
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** Something that a good set of seeds must have seen now and then. */
  sometimes(name: string): void {
    this.count(`sometimes ${name}`)
  }

  /** A promise was broken. */
  violated(promise: string, how: string): void {
    this.trace('CHECK', `${promise}: ${how}`)
    if (this.violations.length >= worldLimits.violationsMax) return
    this.violations.push(`${promise}: ${how}`)
  }
}
