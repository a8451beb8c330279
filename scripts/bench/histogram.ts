/** Spans of time, counted by 20 µs, so that processes can pass on what they saw and it can be added up. */

/** How many spans there were of each number of steps. */
export type Counts = readonly (readonly [step: number, count: number])[]

const stepMs = 0.02

export class Histogram {
  readonly #counts = new Map<number, number>()
  count = 0

  add(ms: number): void {
    this.#put(Math.max(0, Math.round(ms / stepMs)), 1)
  }

  addAll(counts: Counts): void {
    for (const [step, count] of counts) this.#put(step, count)
  }

  #put(step: number, count: number): void {
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + count)
    this.count += count
  }

  counts(): Counts {
    return [...this.#counts]
  }

  /** The span that this part of all are no longer than, in milliseconds; `part` from 0 to 1. 0 without any. */
  quantileMs(part: number): number {
    let left = Math.ceil(this.count * part)
    for (const [step, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return step * stepMs
    }
    return 0
  }
}
