/** What a soak measures: settings from outside, and lines that scripts/soak.ts gathers into a table. */

export const soak = {
  /** Every roll of the dice follows from it. */
  seed: Number(process.env.TROUPE_SOAK_SEED ?? 1),
  /** Multiplies how often each fault is done. */
  times: Number(process.env.TROUPE_SOAK_TIMES ?? 1),
} as const

/** Says one row of the table. `result` must not hold a bar. */
export function report(what: string, result: string): void {
  console.log(`soak: ${what} | ${result}`)
}

/** The middle, the 95th of a hundred, and the worst, of times in milliseconds. */
export function spread(timesMs: readonly number[]): string {
  const sorted = [...timesMs].sort((a, b) => a - b)
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms (${sorted.length} times)`
}
