/** Every scheduler that comes with Troupe, and one as an application would write it, against the suite of the port. */
import { describe, expect, test } from 'vitest'
import type { Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers } from '../../actors/schedulers/schedulers.ts'
import { schedulerConformance } from '../../runtime/conformance.ts'

describe.each(allSchedulers.map((scheduler) => [scheduler.name, scheduler] as const))('%s', (_name, scheduler) => {
  schedulerConformance({ test, expect }, scheduler)
})

/** The one of `examples/cheap-nodes.ts`. */
const cheapFirst: Scheduler<null> = {
  name: 'cheap-first',
  initial: null,
  score: (_ask, node) => Number(node.labels.price ?? 1_000_000),
  picked: () => null,
}

describe('an own one', () => {
  schedulerConformance({ test, expect }, cheapFirst, { labels: [{ price: '0.90' }, {}, { price: '0.10' }] })
})

const faults: readonly [what: string, broken: Scheduler, failing: readonly RegExp[]][] = [
  ['has no name', { ...cheapFirst, name: ' ' }, [/name/]],
  [
    'gives a cost that is no number',
    { ...cheapFirst, score: (_ask, { labels }) => Number(labels.price) },
    [/finite/, /every task that fits/],
  ],
  [
    'changes what it is given',
    { ...cheapFirst, score: (ask) => Object.assign(ask, { driver: '' }) && 1 },
    [/finite/, /pure/],
  ],
  ['says another cost each time', { ...cheapFirst, score: counter() }, [/pure/, /plain data/]],
  ['remembers what is no data', { ...cheapFirst, picked: () => ({ at: new Map([[1, 1]]) }) }, [/plain data/]],
  [
    'begins after another node than its costs do',
    { ...cheapFirst, score: () => 1, after: () => 'node-0004' },
    [/after/],
  ],
]

function counter(): () => number {
  let cost = 0
  return () => {
    cost += 1
    return cost
  }
}

test.each(faults)('one that %s is caught', (_what, broken, failing) => {
  const failed: string[] = []
  const trial = (name: string, body: () => void) => {
    try {
      body()
    } catch {
      failed.push(name)
    }
  }
  schedulerConformance({ test: trial, expect }, broken)
  for (const pattern of failing) expect(failed).toContainEqual(expect.stringMatching(pattern))
})
