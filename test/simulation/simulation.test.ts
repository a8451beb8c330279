import { describe, expect, test } from 'vitest'
import { addCounts, missing } from './coverage.ts'
import { describeFailure } from './report.ts'
import { type Report, runSeed } from './run.ts'

const seeds = 200
/** What a run takes on a busy machine, with room. */
const timeoutMs = 170_000

const messageOf = (report: Report): string => (report.violations.length === 0 ? '' : describeFailure(report))

describe('the simulated cluster', () => {
  test(
    `keeps its promises under the faults of ${seeds} seeds, and everything that is owed came about`,
    async () => {
      const counts = new Map<string, number>()
      for (let seed = 0; seed < seeds; seed += 1) {
        const report = await runSeed(seed)
        addCounts(counts, report.counts)
        expect(messageOf(report)).toBe('')
      }
      expect(missing(counts, 1)).toEqual([])
    },
    timeoutMs,
  )

  test('does the very same again for the same seed, and something else for another', async () => {
    const [one, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)]
    expect(again.hash).toBe(one.hash)
    expect(again.events).toBe(one.events)
    expect(other.hash).not.toBe(one.hash)
  })
})
