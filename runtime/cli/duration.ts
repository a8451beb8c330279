/** Durations as people write them: `500ms`, `10s`, `1m30s`, `2h`, `1d`. */
import { modelLimits } from '../../actors/model.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds, 0 to about 24.8 days, or to `maxMs`. Throws RangeError with a sentence; a bare number but 0 has no unit and
 * is refused.
 */
export function parseDuration(text: string, maxMs: number = modelLimits.durationMsMax): number {
  const trimmed = text.trim()
  if (trimmed === '0') return 0
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    throw new RangeError(`"${text}" has no unit; write ${trimmed}s, ${trimmed}ms or ${trimmed}m`)
  }
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) {
    throw new RangeError(`"${text}" is no duration; write for example 500ms, 10s, 1m30s or 2h`)
  }
  let totalMs = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (unitMs[unit as string] as number)
  }
  const rounded = Math.round(totalMs)
  if (rounded > maxMs) {
    throw new RangeError(`"${text}" is too long; at most ${Math.floor(maxMs / 86_400_000)} days are possible`)
  }
  return rounded
}

/** How long for people, in the two largest units: `350ms`, `12s`, `3m10s`, `2h`, `4d3h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${seconds}s`
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([amount]) => amount > 0)
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('')
}

/** An age in its largest unit: `12s`, `3m`, `2h`, `4d`. Clocks of two machines differ: what lies ahead counts as 0. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
