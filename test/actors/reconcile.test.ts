/** From cumulative statuses to steps: whatever was lost, repeated or overtaken on the way, the task ends up in one place. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AttemptContext, attemptMachine, statusOf } from '../../actors/attempt.ts'
import type { AttemptStatus } from '../../actors/model.ts'
import { impliedEvents } from '../../actors/reconcile.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import {
  attemptInput,
  attemptSubject,
  healthy,
  placed,
  type Stamped,
  stamped,
  started,
  taskInput,
  unhealthy,
} from './machine-subjects.ts'

type Snapshot = ReturnType<typeof initialStep>['snapshot']

const taskAfter = (...events: Stamped[]): Snapshot =>
  events.reduce(
    (snapshot, event) => step(taskMachine, snapshot, event).snapshot,
    initialStep(taskMachine, taskInput({ restart: { policy: 'on-failure' } })).snapshot,
  )

/** Steps what a status implies, as the manager does, and tells the states on the way. */
function take(snapshot: Snapshot, status: AttemptStatus): { snapshot: Snapshot; paths: string[] } {
  const paths: string[] = []
  let next = snapshot
  for (const event of impliedEvents(snapshot.context as TaskContext, pathOf(snapshot.value), status)) {
    next = step(taskMachine, next, stamped(event)).snapshot
    paths.push(pathOf(next.value))
  }
  return { snapshot: next, paths }
}

const status = (fields: Partial<AttemptStatus> = {}): AttemptStatus => ({
  taskId: 'web-1',
  attempt: 1,
  seq: 1,
  reserved: { cpus: 0.1, memoryBytes: 1 },
  ...fields,
})
const givenUp = { ...unhealthy, seq: 3, state: 'failed' } as const
const knownUnhealthy = stamped({ type: 'HealthChanged', health: unhealthy })
const stop = stamped({ type: 'Stop' })
const exited = (exitCode: number) => ({ end: { kind: 'exited', exitCode } as const, endedAtMs: 3 })

describe('a status', () => {
  test.each<[string, Stamped[], Partial<AttemptStatus>, string[]]>([
    ['that says nothing', [placed], {}, []],
    ['of a pull', [placed], { pullingAtMs: 1 }, ['Scheduled.Pulling']],
    ['of a start', [placed], { startedAtMs: 2 }, ['Running.Up']],
    ['of both', [placed], { pullingAtMs: 1, startedAtMs: 2 }, ['Scheduled.Pulling', 'Running.Up']],
    ['of a whole life', [placed], { startedAtMs: 2, ...exited(0) }, ['Running.Up', 'Completed']],
    ['of a failure', [placed], { startedAtMs: 2, ...exited(1) }, ['Running.Up', 'Pending.BackingOff']],
    ['of an end alone', [placed, started], { startedAtMs: 2, ...exited(0) }, ['Completed']],
    ['of a start that was known', [placed, started], { startedAtMs: 2 }, []],
    [
      'of an end while its node was out of reach',
      [placed, stamped({ type: 'NodeUnreachable' })],
      { startedAtMs: 2, ...exited(0) },
      ['Running.Up', 'Completed'],
    ],
    [
      'of an end while it was being stopped',
      [placed, stamped({ type: 'Stop' })],
      { startedAtMs: 2, ...exited(143) },
      ['Running.Stopping', 'Completed'],
    ],
    [
      'of a start that failed',
      [placed],
      { end: { kind: 'startFailed', code: 'c', message: 'm', retryable: false } },
      ['Failed'],
    ],
    ['of a loss', [placed, started], { end: { kind: 'lost', message: 'gone' } }, ['Pending.Queued']],
  ])('%s', (_, before, fields, paths) => {
    expect(take(taskAfter(...before), status(fields)).paths).toEqual(paths)
  })

  const whole = { startedAtMs: 2, ...exited(0) }
  const again = [placed, stamped({ type: 'Exited', exitCode: 1 }), stamped({ type: 'BackOffElapsed' }), placed]

  test.each<[string, Stamped[], Partial<AttemptStatus>]>([
    ['of an older attempt', again, whole],
    ['of an attempt that is not opened yet', [placed], { ...whole, attempt: 2 }],
    ['of one that waits for its next attempt', again.slice(0, 2), whole],
    ['of one that is queued', [], whole],
    ['of one that is final', [placed, stamped({ type: 'Exited', exitCode: 0 })], { ...whole, ...exited(1) }],
  ])('%s implies nothing', (_, before, fields) => {
    expect(take(taskAfter(...before), status(fields)).paths).toEqual([])
  })

  test.each<[string, Stamped[], Partial<AttemptStatus>, string[], string]>([
    ['well', [placed], { startedAtMs: 2, health: healthy }, ['Running.Checking', 'Running.Up'], 'healthy'],
    ['that fails', [placed, started], { startedAtMs: 2, health: unhealthy }, ['Running.Unhealthy'], 'unhealthy'],
    ['given up', [placed, started], { startedAtMs: 2, health: givenUp }, ['Running.Stopping'], 'failed'],
    [
      'given up under a number that is known',
      [placed, started, knownUnhealthy],
      { startedAtMs: 2, health: { ...givenUp, seq: 1 } },
      ['Running.Stopping'],
      'failed',
    ],
    ['known already', [placed, started, knownUnhealthy], { startedAtMs: 2, health: healthy }, [], 'unhealthy'],
    ['being stopped', [placed, started, stop], { startedAtMs: 2, health: givenUp }, [], 'none'],
  ])('tells of one that is %s', (_, before, fields, paths, state) => {
    const checked = initialStep(taskMachine, taskInput({ health: { kind: 'tcp', port: 80 } })).snapshot
    const task = before.reduce((snapshot, event) => step(taskMachine, snapshot, event).snapshot, checked)
    const taken = take(task, status(fields))
    expect(taken.paths).toEqual(paths)
    expect((taken.snapshot.context as TaskContext).health?.state ?? 'none').toBe(state)
  })

  test('keeps what is known of the end', () => {
    const end = { kind: 'exited', exitCode: 137, signal: 'SIGKILL', oomKilled: true } as const
    const { snapshot } = take(taskAfter(placed), status({ startedAtMs: 2, end, endedAtMs: 3 }))
    expect((snapshot.context as TaskContext).end).toEqual(end)
    expect((snapshot.context as TaskContext).startedAtMs).toBe(2)
  })
})

/** All that an attempt reports of itself in a life of random events, as its own machine tells it. */
function reportsOf(picks: readonly number[]): AttemptStatus[] {
  let { snapshot } = initialStep(attemptMachine, attemptInput())
  const reports = [statusOf(snapshot.context as AttemptContext)]
  const events = attemptSubject.events.filter(({ type }) => type !== 'Absent')
  for (const pick of [...picks, ...events.keys()]) {
    const next = step(attemptMachine, snapshot, events[pick % events.length] as Stamped)
    snapshot = next.snapshot
    const report = statusOf(snapshot.context as AttemptContext)
    if (report.seq !== reports.at(-1)?.seq) reports.push(report)
  }
  return reports
}

describe('statuses that are lost, repeated or overtaken', () => {
  const policy = fc.constantFrom('never', 'on-failure', 'always')
  const life = fc.array(fc.nat(100), { maxLength: 12 })
  const delivery = fc.array(fc.nat(100), { maxLength: 20 })
  const before = fc.constantFrom([], [stamped({ type: 'Stop' })], [stamped({ type: 'TimedOut' })])

  test('lead to the same place once the last one has come, through Running if it ran', () => {
    fc.assert(
      fc.property(policy, life, delivery, before, fc.nat(100), (restart, picks, order, first, cut) => {
        const reports = reportsOf(picks)
        const last = reports.at(-1) as AttemptStatus
        const task = [placed, ...first].reduce(
          (snapshot, event) => step(taskMachine, snapshot, event).snapshot,
          initialStep(taskMachine, taskInput({ restart: { policy: restart }, health: { kind: 'tcp', port: 80 } }))
            .snapshot,
        )
        const straight = reports.reduce((snapshot, report) => take(snapshot, report).snapshot, task)
        const places: string[] = []
        const muddled = order.map((pick) => reports[pick % reports.length] as AttemptStatus)
        muddled.splice(cut % (muddled.length + 1), 0, last)
        const arrived = muddled.reduce((snapshot, report) => {
          const taken = take(snapshot, report)
          places.push(...taken.paths)
          return taken.snapshot
        }, task)
        expect(last.end).toBeDefined()
        expect([pathOf(arrived.value), arrived.context]).toEqual([pathOf(straight.value), straight.context])
        expect(places.some((path) => path.startsWith('Running'))).toBe(last.startedAtMs !== undefined)
        expect(new Set(places).size).toBe(places.length)
      }),
      { numRuns: 300, seed: 11 },
    )
  })
})
