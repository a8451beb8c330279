import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addCounts, coverageRules, missing } from './coverage.ts'
import { describeCounts, describeFailure } from './report.ts'
import { type Report, runSeed, runTimes } from './run.ts'

const { seeds, timesMin, firedMin } = coverageRules
/** What is allowed for all of it; it takes about a tenth of that on a machine that does nothing else. */
const timeoutMs = 600_000

const messageOf = (report: Report): string => (report.violations.length === 0 ? '' : describeFailure(report))

describe('the simulated cluster', () => {
  test(
    `keeps its promises under the faults of ${seeds} seeds, and all that is owed came about ${timesMin} times`,
    async () => {
      const counts = new Map<string, number>()
      for (let seed = 0; seed < seeds; seed += 1) {
        const report = await runSeed(seed)
        addCounts(counts, report.counts)
        expect(messageOf(report)).toBe('')
        expect(report.fired, `faults that came about with seed ${seed}`).toBeGreaterThanOrEqual(firedMin)
        expect(report.simulatedMs).toBeGreaterThanOrEqual(runTimes.faultsMs)
      }
      console.log(describeCounts(counts))
      expect(missing(counts, timesMin)).toEqual([])
    },
    timeoutMs,
  )

  test('does the very same again for the same seed, and something else for another', async () => {
    const [one, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)]
    expect(again.hash).toBe(one.hash)
    expect(again.events).toBe(one.events)
    expect(other.hash).not.toBe(one.hash)
  })

  const startsOfProcessesMs = 120_000
  test('does the very same in another process', { timeout: startsOfProcessesMs }, async () => {
    const root = join(import.meta.dirname, '..', '..')
    const hashOf = (seed: number) => {
      const args = ['--import', 'tsx', 'scripts/simulate.ts', '--seed', String(seed)]
      const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
      return /^the hash of its trace: ([0-9a-f]{16})$/m.exec(stdout)?.[1]
    }
    const { hash } = await runSeed(11)
    expect([hashOf(11), hashOf(11)]).toEqual([hash, hash])
  })
})
