/** How many there are of each value, kept as they come and go. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(value: string, by: 1 | -1): void {
    const count = (this.#counts.get(value) ?? 0) + by
    if (count === 0) this.#counts.delete(value)
    else this.#counts.set(value, count)
  }

  of(value: string): number {
    return this.#counts.get(value) ?? 0
  }

  get values(): number {
    return this.#counts.size
  }

  clear(): void {
    this.#counts.clear()
  }

  /** Those with the most, at most so many; by name where they have as many. */
  top(max: number): [value: string, count: number][] {
    return [...this.#counts].sort(([one, more], [other, less]) => less - more || (one < other ? -1 : 1)).slice(0, max)
  }
}
