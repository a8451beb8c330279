import { describe, expect, test } from 'vitest'
import { runSeed } from './run.ts'
import { variants } from './variants.ts'

/** A defect that more seeds than this do not show would come through. */
const seedsMax = 200
const timeoutMs = 120_000

describe('a defect that is built in is caught', () => {
  test.each(variants)(
    '$name',
    async (variant) => {
      for (let seed = 0; seed < seedsMax; seed += 1) {
        const { violations } = await runSeed(seed, { variant })
        if (violations.length > 0) return
      }
      expect.fail(`nobody noticed within ${seedsMax} seeds`)
    },
    timeoutMs,
  )
})
