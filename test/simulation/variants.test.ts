import { describe, expect, test } from 'vitest'
import { coverageRules } from './coverage.ts'
import { runSeed } from './run.ts'
import { variants } from './variants.ts'

/** A defect that more seeds than this do not show would come through. */
const seedsMax = coverageRules.seeds
const timeoutMs = 300_000

describe('a defect that is built in is caught', () => {
  test.each(variants)(
    '$name',
    async (variant) => {
      for (let seed = 0; seed < seedsMax; seed += 1) {
        const { violations } = await runSeed(seed, { variant })
        if (violations.length === 0) continue
        console.log(`seed ${seed} broke: ${violations[0]}`)
        return
      }
      expect.fail(`nobody noticed within ${seedsMax} seeds`)
    },
    timeoutMs,
  )
})
