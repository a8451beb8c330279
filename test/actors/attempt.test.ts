/** What an attempt asks of its worker and reports of itself. Where it goes is in exhaustive.test.ts. */
import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { type AttemptContext, attemptMachine, statusOf } from '../../actors/attempt.ts'
import type { Effect } from '../../actors/effects.ts'
import { AttemptStatus } from '../../actors/model.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { attemptInput, attemptSubject, type Stamped, stamp, stamped } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

const key = { taskId: 'web-1', attempt: 1 }
const at = (occurredAtMs: number) => ({ occurredAtMs })
const started = stamped({ type: 'Started', ...at(20) })
const exited = stamped({ type: 'Exited', exitCode: 0, ...at(30) })
const stop = (graceMs: number) => stamped({ type: 'Stop', graceMs })
const absent = stamped({ type: 'Absent' })
const acknowledged = stamped({ type: 'Acknowledged' })
const recovered = stamped({ type: 'Recovered' })

function walk(action: 'run' | 'stop', ...events: Stamped[]) {
  let { snapshot, effects } = initialStep(attemptMachine, attemptInput(action))
  for (const event of events) ({ snapshot, effects } = step(attemptMachine, snapshot, event))
  const context = snapshot.context as AttemptContext
  return { effects, context, path: pathOf(snapshot.value), status: statusOf(context) }
}

describe('what it asks for', () => {
  const start: Effect = { type: 'startAttempt', key }
  const stopWithin = (graceMs: number): Effect => ({ type: 'stopAttempt', key, graceMs })
  const remove: Effect = { type: 'removeAttempt', key }
  const pulling = stamped({ type: 'Pulling', ...at(10) })

  test.each<[string, Stamped[], Effect[]]>([
    ['it is new', [], [start]],
    ['it pulls', [pulling], []],
    ['it runs', [started], []],
    ['it is stopped', [started, stop(100)], [stopWithin(100)]],
    ['it is stopped before it runs', [stop(100)], [stopWithin(100)]],
    ['a second stop shortens the grace', [started, stop(100), stop(50)], [stopWithin(50)]],
    ['a second stop does not', [started, stop(100), stop(100)], []],
    ['nobody wants it', [started, absent], [stopWithin(10_000)]],
    ['it ended', [started, exited], []],
    ['it ended and that is known', [started, exited, acknowledged], []],
    ['and nobody wants it', [started, exited, acknowledged, absent], [remove]],
    ['or the other way round', [started, exited, absent, acknowledged], [remove]],
    ['a crash at the start', [recovered], [start]],
    ['a crash at the pull', [pulling, recovered], [start]],
    ['a crash while it runs', [started, recovered], []],
    ['a crash at the stop', [started, stop(100), recovered], [stopWithin(100)]],
    ['a crash after the end', [started, exited, recovered], []],
    ['a crash at the removal', [started, exited, acknowledged, absent, recovered], [remove]],
  ])('when %s', (_, events, effects) => {
    expect(walk('run', ...events).effects).toEqual(effects)
  })

  test('is nothing when it was to be stopped before it was known here', () => {
    const { effects, path, status } = walk('stop')
    expect([effects, path]).toEqual([[], 'Ended'])
    expect(status.end).toMatchObject({ kind: 'startFailed', retryable: true })
    expect(status.startedAtMs).toBeUndefined()
    expect(walk('stop', recovered).effects).toEqual([])
  })
})

describe('what it reports', () => {
  test('is cumulative, and its number grows with every change', () => {
    const { status } = walk('run', stamped({ type: 'Pulling', ...at(10) }), started, stop(5), exited)
    expect(status).toEqual({
      ...key,
      seq: 5,
      reserved: { cpus: 0.1, memoryBytes: 64 * 1_024 * 1_024 },
      pullingAtMs: 10,
      startedAtMs: 20,
      stoppingAtMs: stamp.atMs,
      endedAtMs: 30,
      end: { kind: 'exited', exitCode: 0 },
    })
  })

  test('is as its schema says, at every place', () => {
    for (const input of Object.values(attemptSubject.inputs)) {
      for (const { snapshot } of places(attemptSubject, input)) {
        expect(Check(AttemptStatus, statusOf(snapshot.context as AttemptContext))).toBe(true)
      }
    }
  })

  test('never goes back: a number is of one status only, and what was said stays said', () => {
    for (const { snapshot } of places(attemptSubject, attemptInput())) {
      const before = statusOf(snapshot.context as AttemptContext)
      for (const event of attemptSubject.events) {
        const after = statusOf(step(attemptMachine, snapshot, event).snapshot.context as AttemptContext)
        expect(after.seq).toBeGreaterThanOrEqual(before.seq)
        if (after.seq === before.seq) expect(after).toEqual(before)
        expect(after).toMatchObject({ ...before, seq: after.seq })
      }
    }
  })

  test('has a start for whatever exited, even if the word of it was lost with a crash', () => {
    expect(walk('run', exited).status.startedAtMs).toBe(30)
    expect(walk('run', { ...exited, startedAtMs: 25 } as Stamped).status.startedAtMs).toBe(25)
    expect(walk('run', started, { ...exited, startedAtMs: 25 } as Stamped).status.startedAtMs).toBe(20)
  })

  test('has no start for what failed to start', () => {
    const failed = stamped({ type: 'StartFailed', code: 'no-such-image', message: 'm', retryable: false, ...at(30) })
    expect(walk('run', failed).status).toMatchObject({ endedAtMs: 30, end: { kind: 'startFailed' } })
    expect(walk('run', failed).status.startedAtMs).toBeUndefined()
  })

  test('has the start that came while it was being stopped, as it first was', () => {
    const again = stamped({ type: 'Started', ...at(99) })
    expect(walk('run', stop(5), started, again).status).toMatchObject({ startedAtMs: 20, seq: 3 })
  })
})
