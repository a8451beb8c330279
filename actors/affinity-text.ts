/** Affinities as people write them: `label=value[:weight]`. */
import type { Affinity } from './model.ts'

/**
 * `zone=eu`, `zone=eu:80`, `disk!=hdd:20`, `node=old:-50`. A number after the last colon is the weight, so that a value
 * which ends in one needs its weight said: `address=::1:50`. Throws RangeError with a sentence.
 */
export function parseAffinity(text: string): Affinity {
  const [, expression = '', weight] = /^(.*?)(?::(-?\d{1,9}))?$/s.exec(text) ?? []
  if (!/^[^=!\s]+!?=(?!=).*$/s.test(expression)) {
    throw new RangeError(
      `"${text}" is no affinity; write LABEL=VALUE or LABEL!=VALUE, and :WEIGHT after it if you like`,
    )
  }
  if (weight === undefined) return { expression }
  const value = Number(weight)
  if (value < -100 || value > 100 || value === 0) {
    throw new RangeError(
      `${weight} is no weight of an affinity; write 1 to 100, or -1 to -100 for what is better avoided`,
    )
  }
  return { expression, weight: value }
}
