/** Marks of an axis of time, at steps that people count in. */

export interface Tick {
  /** Milliseconds after the beginning of the axis. */
  readonly offsetMs: number
  /** `0`, `250 ms`, `10 s`, `1 m 30 s`. */
  readonly label: string
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000].map((count) => count * day),
]

/** The marks of an axis of this length: at most `most` besides the first, which is at 0. */
export function ticksOf(spanMs: number, most: number): Tick[] {
  const step = steps.find((candidate) => spanMs / candidate <= Math.max(1, most)) ?? (steps.at(-1) as number)
  const ticks: Tick[] = []
  for (let offsetMs = 0; offsetMs <= spanMs; offsetMs += step) ticks.push({ offsetMs, label: offsetText(offsetMs) })
  return ticks
}

/** A whole number of a unit and of the next smaller one: `1 m 30 s`. */
export function offsetText(ms: number): string {
  if (ms === 0) return '0'
  const units: readonly (readonly [number, string])[] = [
    [day, 'd'],
    [hour, 'h'],
    [minute, 'm'],
    [second, 's'],
    [1, 'ms'],
  ]
  const parts: string[] = []
  let rest = ms
  for (const [size, unit] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  return parts.slice(0, 2).join(' ')
}
