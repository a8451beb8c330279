import { describe, expect, test } from 'vitest'
import { type AttemptBar, attemptName, barsOf, extentOf, totalsOf } from '../../inspector/page/task/panels/phases.ts'
import { offsetText, ticksOf } from '../../inspector/page/task/panels/ticks.ts'
import { exited, stepsOf } from './steps.ts'

/** `1 on node-1: waiting 0-5, running 5-…; exit 0` */
const told = (bars: readonly AttemptBar[]) =>
  bars.map(({ attempt, isPlaced, node, phases, end }) => {
    const parts = phases.map(({ kind, fromMs, toMs, isOpen }) => `${kind} ${fromMs}-${toMs}${isOpen ? '…' : ''}`)
    return `${attempt} ${isPlaced ? `on ${node}` : 'nowhere'}: ${parts.join(', ')}; ${end ?? '-'}`
  })

const created = [0, 'Created', '', 'Pending.Queued', 0] as const
const placed = [10, 'Placed', 'Pending.Queued', 'Scheduled.Starting', 1] as const
const started = [30, 'Started', 'Scheduled.Starting', 'Running.Up'] as const

describe('bars of a history', () => {
  test('one attempt: waits, starts, pulls, runs, ends', () => {
    const steps = stepsOf([
      created,
      placed,
      [15, 'Pulling', 'Scheduled.Starting', 'Scheduled.Pulling'],
      [30, 'Started', 'Scheduled.Pulling', 'Running.Up'],
      [90, exited(0), 'Running.Up', 'Completed'],
    ])
    const bars = barsOf(steps, 1_000)
    expect(told(bars)).toEqual(['1 on node-1: waiting 0-10, starting 10-15, pulling 15-30, running 30-90; exit 0'])
    expect(bars[0]?.phases.map(({ step }) => step)).toEqual([0, 1, 2, 3])
    expect(bars[0]?.tone).toBe('good')
  })

  test('one that has no node yet is no attempt yet', () => {
    expect(barsOf(stepsOf([created]), 5).map(attemptName)).toEqual(['No attempt yet'])
    expect(barsOf(stepsOf([created, placed]), 15).map(attemptName)).toEqual(['Attempt 1'])
    expect(attemptName({ attempt: 1, isPlaced: false, end: 'stopped' })).toBe('No attempt')
    expect(attemptName({ attempt: 3, isPlaced: false, end: undefined })).toBe('No attempt 3 yet')
  })

  test('what goes on is open, up to now', () => {
    expect(told(barsOf(stepsOf([created, placed, started]), 500))).toEqual([
      '1 on node-1: waiting 0-10, starting 10-30, running 30-500…; -',
    ])
  })

  test('a restart: the back-off and the wait are of the attempt that comes', () => {
    const steps = stepsOf([
      created,
      placed,
      started,
      [50, exited(3), 'Running.Up', 'Pending.BackingOff'],
      [150, 'BackOffElapsed', 'Pending.BackingOff', 'Pending.Queued'],
      [160, 'Placed', 'Pending.Queued', 'Scheduled.Starting', 2],
      [170, 'Started', 'Scheduled.Starting', 'Running.Up'],
      [180, exited(3), 'Running.Up', 'Failed'],
    ])
    const bars = barsOf(steps, 1_000)
    expect(told(bars)).toEqual([
      '1 on node-1: waiting 0-10, starting 10-30, running 30-50; exit 3',
      '2 on node-2: backing-off 50-150, waiting 150-160, starting 160-170, running 170-180; exit 3',
    ])
    expect(bars.map(({ tone }) => tone)).toEqual(['bad', 'bad'])
    expect(told(barsOf(steps.slice(0, 4), 120))).toEqual([
      '1 on node-1: waiting 0-10, starting 10-30, running 30-50; exit 3',
      '2 nowhere: backing-off 50-120…; -',
    ])
  })

  test('numbers that were left out are not made up', () => {
    const steps = stepsOf([
      created,
      placed,
      [20, { type: 'Lost' }, 'Scheduled.Starting', 'Pending.Queued'],
      [30, 'Placed', 'Pending.Queued', 'Scheduled.Starting', 1_000_001],
    ])
    expect(barsOf(steps, 40).map(({ attempt }) => attempt)).toEqual([1, 1_000_001])
  })

  test('out of reach and back, then stopped', () => {
    const steps = stepsOf([
      created,
      placed,
      started,
      [40, 'NodeUnreachable', 'Running.Up', 'Running.Unreachable'],
      [60, 'NodeReturned', 'Running.Unreachable', 'Running.Up'],
      [80, 'Stop', 'Running.Up', 'Running.Stopping'],
      [85, 'Stop', 'Running.Stopping', 'Running.Stopping'],
      [95, { type: 'Exited', exitCode: 143, signal: 'SIGTERM' }, 'Running.Stopping', 'Completed'],
    ])
    expect(told(barsOf(steps, 1_000))).toEqual([
      '1 on node-1: waiting 0-10, starting 10-30, running 30-40, unreachable 40-60, running 60-80, stopping 80-95; stopped, exit 143, SIGTERM',
    ])
    expect(barsOf(steps, 1_000)[0]?.tone).toBe('plain')
    expect(totalsOf(barsOf(steps, 1_000)[0] as AttemptBar).get('running')).toBe(30)
  })

  test('stopped before it was placed', () => {
    const bars = barsOf(stepsOf([created, [7, 'Stop', 'Pending.Queued', 'Completed']]), 99)
    expect(told(bars)).toEqual(['1 nowhere: waiting 0-7; stopped'])
  })

  test('health makes no phase of its own', () => {
    const steps = stepsOf([
      created,
      placed,
      [30, 'Started', 'Scheduled.Starting', 'Running.Checking'],
      [40, 'HealthChanged', 'Running.Checking', 'Running.Up'],
      [50, 'HealthChanged', 'Running.Up', 'Running.Unhealthy'],
    ])
    expect(told(barsOf(steps, 60))).toEqual(['1 on node-1: waiting 0-10, starting 10-30, running 30-60…; -'])
  })

  test('a log that was trimmed begins where it begins', () => {
    const steps = stepsOf([
      [100, 'NodeReturned', 'Running.Unreachable', 'Running.Up', 4],
      [120, exited(1), 'Running.Up', 'Pending.BackingOff'],
    ])
    expect(told(barsOf(steps, 130))).toEqual([
      '4 on node-4: running 100-120; exit 1',
      '5 nowhere: backing-off 120-130…; -',
    ])
  })

  test('a clock that was set back makes no negative time', () => {
    const bars = barsOf(stepsOf([created, placed, [4, 'Started', 'Scheduled.Starting', 'Running.Up']]), 2)
    expect(bars[0]?.phases.every(({ fromMs, toMs }) => toMs >= fromMs)).toBe(true)
  })

  test('no step, no bar', () => expect(barsOf([], 5)).toEqual([]))

  test('begin with the first phase and last to the end of the last', () => {
    const steps = stepsOf([created, placed, started, [90, exited(0), 'Running.Up', 'Completed']])
    expect(extentOf(barsOf(steps, 1_000))).toEqual({ fromMs: 0, spanMs: 90 })
  })

  test('have an extent that can be drawn also where all of them took no time, as what a trimmed log has left may', () => {
    const bars = barsOf(stepsOf([started, [30, exited(0), 'Running.Up', 'Completed']]), 1_000)
    expect(bars.map(({ phases }) => phases)).toEqual([[]])
    expect(extentOf(bars)).toEqual({ fromMs: 0, spanMs: 1 })
  })
})

describe('marks of the axis of time', () => {
  test.each([
    [0, '0'],
    [250, '250 ms'],
    [1_500, '1 s 500 ms'],
    [90_000, '1 m 30 s'],
    [86_400_000, '1 d'],
  ])('%d ms is %s', (ms, text) => expect(offsetText(ms)).toBe(text))

  test.each([1, 37, 900, 4_321, 61_000, 5_000_000, 90_000_000, 4_000_000_000])('%d ms in at most 6 steps', (spanMs) => {
    const ticks = ticksOf(spanMs, 6)
    expect(ticks[0]?.offsetMs).toBe(0)
    expect(ticks.length).toBeLessThanOrEqual(7)
    expect(ticks.length).toBeGreaterThan(1)
    expect(ticks.at(-1)?.offsetMs).toBeLessThanOrEqual(spanMs)
  })
})
