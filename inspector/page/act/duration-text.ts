/** Durations and amounts of memory as people type them. Undefined: it is none. */
import { modelLimits } from '../../../actors/model.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `1m30s`, `2h`: in milliseconds. A bare number has no unit, and is none. */
export function readDuration(text: string): number | undefined {
  const plain = text.trim().replace(/\s+/g, '')
  if (plain === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(plain)) return undefined
  let totalMs = 0
  for (const [, amount, unit = ''] of plain.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (unitMs[unit] ?? 0)
  }
  const rounded = Math.round(totalMs)
  return rounded > modelLimits.durationMsMax ? undefined : rounded
}

const powers = ['', 'k', 'm', 'g', 't']

/** `64m`, `1.5 GiB`: in bytes, by powers of 1,024. */
export function readSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim())
  if (!match) return undefined
  const bytes = Math.round(Number(match[1]) * 1_024 ** powers.indexOf((match[2] ?? '').toLowerCase()))
  return bytes < 1 || bytes > modelLimits.memoryBytesMax ? undefined : bytes
}
