import { describe, expect, test } from 'vitest'
import { describeFailure } from './report.ts'
import { runSeed } from './run.ts'
import { plain, type Scene, small, tended } from './scene.ts'

/** Seeds that broke a promise once. Each has been seen to break the code as it was then. */
const cases: readonly { seed: number; scene?: Scene; was: string }[] = [
  {
    seed: 7,
    was: 'what recovery asked for was dropped, for it moved no state: nothing was started, stopped or removed',
  },
  { seed: 10, was: 'a subscription that began while an end was being stored never heard of that end' },
  { seed: 17, was: 'a task that had ended, and was not stored so yet, was shown as Pending' },
  { seed: 717, was: 'a restarted worker began an attempt that had been given up, and whose task had ended elsewhere' },
  { seed: 927, was: 'the same, on its third attempt' },
  { seed: 942, was: 'the same, after the manager had crashed as well' },
  {
    seed: 644,
    scene: plain,
    was: 'a stop that came just before its task was taken for one too late, and the task ran on',
  },
  {
    seed: 1303,
    scene: plain,
    was: 'what was left of an attempt was removed while its start was on the way, which then started it again',
  },
  {
    seed: 94,
    scene: tended,
    was: 'a clock that was set back made the start period of a health check last as long, and a sick task ran on',
  },
  {
    seed: 9,
    scene: tended,
    was: 'a worker whose record was damaged counted its findings anew, and its last word on a sick task was taken for old',
  },
  {
    seed: 8987,
    scene: plain,
    was: 'a stop that came while a restarted worker asked its engine what it has was never answered',
  },
  {
    seed: 12_125,
    scene: plain,
    was: 'an attempt that was stopped before its start was stored, and started while its engine answered, was called lost',
  },
]

describe('what was broken once stays whole', () => {
  test.each(cases)('seed $seed: $was', async ({ seed, scene = small }) => {
    const report = await runSeed(seed, { scene })
    expect(report.violations.length === 0 ? '' : describeFailure(report)).toBe('')
  })
})
