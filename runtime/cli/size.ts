/** Amounts of memory as people write them: `64m`, `1g`, `512MiB`. Every unit is a power of 1,024, as with docker. */
import { modelLimits } from '../../actors/model.ts'

const powers = ['', 'k', 'm', 'g', 't'] as const

/** Bytes, from 1. Throws RangeError with a sentence. A bare number is bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim())
  if (!match) throw new RangeError(`"${text}" is no size; write for example 64m, 1g or 512MiB`)
  const power = powers.indexOf((match[2] ?? '').toLowerCase() as (typeof powers)[number])
  const bytes = Math.round(Number(match[1]) * 1_024 ** power)
  if (bytes < 1) throw new RangeError(`"${text}" is no memory at all; write for example 64m`)
  if (bytes > modelLimits.memoryBytesMax) throw new RangeError(`"${text}" is more memory than any machine has`)
  return bytes
}

/** For people: `64MiB`, `1.5GiB`, `512B`. */
export function formatSize(bytes: number): string {
  let power = 0
  let amount = bytes
  while (amount >= 1_024 && power < powers.length - 1) {
    amount /= 1_024
    power += 1
  }
  const digits = Number.isInteger(amount) || amount >= 100 ? 0 : 1
  const unit = power === 0 ? 'B' : `${powers[power]?.toUpperCase()}iB`
  return `${amount.toFixed(digits)}${unit}`
}
