/** How many lines a log is given on account of what peers do: nobody who may dial can fill the disk that it is kept on. */

export const lineLimits = {
  /** Lines of the same text in one window. */
  linesPerTextMax: 10,
  /** Lines of all texts together in one window. */
  linesMax: 200,
  /** How long a window lasts, in milliseconds. */
  windowMs: 60_000,
} as const

export class LineBudget {
  readonly #uptimeMs: () => number
  readonly #counts = new Map<string, number>()
  #sinceMs = Number.NEGATIVE_INFINITY
  #total = 0
  #leftOut = 0

  constructor(uptimeMs: () => number) {
    this.#uptimeMs = uptimeMs
  }

  /** Whether a line may be written: how many were left out since the last that was, or undefined if this one is, too. */
  take(text: string): number | undefined {
    const nowMs = this.#uptimeMs()
    if (nowMs - this.#sinceMs >= lineLimits.windowMs) {
      this.#sinceMs = nowMs
      this.#total = 0
      this.#counts.clear()
    }
    const count = this.#counts.get(text) ?? 0
    if (count >= lineLimits.linesPerTextMax || this.#total >= lineLimits.linesMax) {
      this.#leftOut += 1
      return undefined
    }
    this.#counts.set(text, count + 1)
    this.#total += 1
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut
  }
}
