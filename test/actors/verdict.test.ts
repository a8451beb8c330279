/**
 * What becomes of a task at its attempt's end: policy × end × the cause of a stop, by hand from the design's table. The one
 * stated departure: `always` restarts after exit code 0 as well.
 */
import { describe, expect, test } from 'vitest'
import type { AttemptEnd, RestartPolicy } from '../../actors/model.ts'
import { type Policies, resolvePolicies } from '../../actors/policies.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import { describeEnd, type StopCause, verdict } from '../../actors/verdict.ts'
import { placed, stamped, started, taskInput } from './machine-subjects.ts'

const exited = (exitCode: number, oomKilled = false): AttemptEnd => ({
  kind: 'exited',
  exitCode,
  ...(oomKilled ? { oomKilled } : {}),
})
const failed = (retryable: boolean): AttemptEnd => ({ kind: 'startFailed', code: 'c', message: 'm', retryable })
const lost: AttemptEnd = { kind: 'lost', message: 'gone' }

const ends: Record<string, { end: AttemptEnd; replace?: boolean }> = {
  'code 0': { end: exited(0) },
  'code 3': { end: exited(3) },
  'oom 137': { end: exited(137, true) },
  'oom 0': { end: exited(0, true) },
  'start, again': { end: failed(true) },
  'start, final': { end: failed(false) },
  'lost, replaced': { end: lost, replace: true },
  'lost, kept': { end: lost, replace: false },
}

const policies: RestartPolicy['policy'][] = ['never', 'on-failure', 'always']
const causes: (StopCause | undefined)[] = [undefined, 'Stop', 'TimedOut', 'Unhealthy', 'Drain']

/** `again` = Pending.BackingOff, a restart used up; `queued` = Pending.Queued, none used up; else the final outcome. */
const table = `
                 |            nobody              |         Stop            |        TimedOut         |       Unhealthy             |        Drain
                 | never     on-failure always    | never   on-fail always  | never   on-fail always  | never     on-fail   always  | never   on-fail always
  code 0         | succeeded succeeded  again     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  code 3         | exit      again      again     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  oom 137        | oom       again      again     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  oom 0          | succeeded succeeded  again     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  start, again   | start     again      again     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  start, final   | start     start      start     | stopped stopped stopped | timeout again   again   | unhealthy again     again   | stopped queued  queued
  lost, replaced | queued    queued     queued    | stopped stopped stopped | timeout again   again   | unhealthy again     again   | queued  queued  queued
  lost, kept     | lost      lost       lost      | stopped stopped stopped | timeout timeout timeout | unhealthy unhealthy unhealthy | lost    lost    lost`

const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map((line) => {
    const [name = '', ...groups] = line.split('|').map((part) => part.trim())
    return { name, cells: groups.flatMap((group) => group.split(/\s+/)) }
  })

const columns = causes.flatMap((cause) => policies.map((policy) => ({ cause, policy })))

const policiesOf = (policy: RestartPolicy['policy'], replace: boolean | undefined): Policies =>
  resolvePolicies({
    driver: 'process',
    restart: { policy },
    timeoutMs: 1_000,
    ...(replace === undefined ? {} : { disconnect: { replace } }),
  })

function eventOf(end: AttemptEnd) {
  const types = { exited: 'Exited', startFailed: 'StartFailed', lost: 'Lost' } as const
  const { kind, ...fields } = end
  return stamped({ type: types[kind], ...fields })
}

/** The machine's own way to the same end. */
function live(policy: RestartPolicy['policy'], cause: StopCause | undefined, end: AttemptEnd, replace?: boolean) {
  const spec = { restart: { policy }, timeoutMs: 1_000, ...(replace === undefined ? {} : { disconnect: { replace } }) }
  const events = [
    placed,
    started,
    ...(cause === undefined ? [] : [stamped({ type: cause, isOver: true })]),
    eventOf(end),
  ]
  return events.reduce(
    (snapshot, event) => step(taskMachine, snapshot, event).snapshot,
    initialStep(taskMachine, taskInput(spec)).snapshot,
  )
}

describe('the verdict', () => {
  test('its table is whole', () => {
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(ends))
    for (const { cells } of rows) expect(cells).toHaveLength(columns.length)
  })

  test.each(rows)('$name', ({ name, cells }) => {
    const { end, replace } = ends[name] as { end: AttemptEnd; replace?: boolean }
    const words = columns.map(({ cause, policy }) => {
      const found = verdict({ policies: policiesOf(policy, replace), restarts: 0, stopCause: cause }, end)
      return found.to === 'BackingOff' ? 'again' : found.to === 'Queued' ? 'queued' : found.outcome
    })
    expect(words).toEqual(cells)
  })

  test.each(rows)('$name, by the machine', ({ name, cells }) => {
    const { end, replace } = ends[name] as { end: AttemptEnd; replace?: boolean }
    for (const [index, { cause, policy }] of columns.entries()) {
      const snapshot = live(policy, cause, end, replace)
      const { outcome, restarts, reason, stopCause } = snapshot.context as TaskContext
      const path = pathOf(snapshot.value)
      const cell = cells[index] as string
      if (cell === 'again') expect([path, restarts, stopCause]).toEqual(['Pending.BackingOff', 1, undefined])
      else if (cell === 'queued') expect([path, restarts, stopCause]).toEqual(['Pending.Queued', 0, undefined])
      else {
        const isGood = cell === 'succeeded' || cell === 'stopped'
        expect([path, outcome, restarts]).toEqual([isGood ? 'Completed' : 'Failed', cell, 0])
        if (cell !== 'succeeded') expect(reason).toEqual(expect.any(String))
      }
    }
  })

  test('a stop keeps the exit code', () => {
    const { end } = live('always', 'Stop', exited(143)).context as TaskContext
    expect(end).toEqual({ kind: 'exited', exitCode: 143 })
  })

  test('no more restarts than max', () => {
    const limited = resolvePolicies({ driver: 'process', restart: { policy: 'on-failure', max: 2 } })
    const at = (restarts: number, cause?: StopCause) =>
      verdict({ policies: limited, restarts, stopCause: cause }, exited(3)).to
    expect([at(0), at(1), at(2)]).toEqual(['BackingOff', 'BackingOff', 'Failed'])
    expect([at(1, 'TimedOut'), at(2, 'TimedOut')]).toEqual(['BackingOff', 'Failed'])
  })

  test('`always` that has used up its restarts is Completed after code 0 and Failed after another', () => {
    const spent = resolvePolicies({ driver: 'process', restart: { policy: 'always', max: 0 } })
    const outcome = (end: AttemptEnd) => verdict({ policies: spent, restarts: 0, stopCause: undefined }, end)
    expect(outcome(exited(0))).toMatchObject({ to: 'Completed', outcome: 'succeeded' })
    expect(outcome(exited(3))).toMatchObject({ to: 'Failed', outcome: 'exit' })
  })

  test('a lost task that may be replaced is, however often it was restarted', () => {
    const spent = resolvePolicies({ driver: 'process', restart: { policy: 'always', max: 0 } })
    expect(verdict({ policies: spent, restarts: 9, stopCause: undefined }, lost)).toEqual({ to: 'Queued' })
  })
})

test.each([
  [exited(0), undefined],
  [exited(0, true), undefined],
  [exited(3), 'exited with code 3'],
  [exited(137, true), 'killed by the kernel: out of memory (exit code 137)'],
  [{ kind: 'exited', exitCode: 143, signal: 'SIGTERM' } as AttemptEnd, 'exited with code 143 (SIGTERM)'],
  [failed(true), 'c: m'],
  [lost, 'gone'],
])('%j is told as %j', (end, sentence) => {
  expect(describeEnd(end)).toBe(sentence)
})

describe('a drain', () => {
  const taskAfter = (spec: Parameters<typeof taskInput>[0], ...events: Parameters<typeof stamped>[0][]) =>
    [placed, started, ...events.map(stamped)].reduce(
      (snapshot, event) => step(taskMachine, snapshot, event).snapshot,
      initialStep(taskMachine, taskInput(spec)).snapshot,
    )
  const replaced = { restart: { policy: 'on-failure' } } as const

  test('stops what may be replaced at once, and what may not at its deadline only', () => {
    expect(pathOf(taskAfter(replaced, { type: 'Drain' }).value)).toBe('Running.Stopping')
    expect(pathOf(taskAfter({}, { type: 'Drain' }).value)).toBe('Running.Up')
    expect(pathOf(taskAfter({}, { type: 'Drain', isOver: true } as { type: string }).value)).toBe('Running.Stopping')
  })

  test('is what the attempt is said to have ended by', () => {
    const { attempts } = taskAfter(replaced, { type: 'Drain' }, { type: 'Exited', exitCode: 3 } as { type: string })
      .context as TaskContext
    expect(attempts[0]?.reason).toBe('its node was drained: exited with code 3')
  })

  test('does not run again what had ended before its worker began to stop it', () => {
    const done = { type: 'Exited', exitCode: 0, byItself: true } as { type: string }
    const { context, value } = taskAfter(replaced, { type: 'Drain' }, done)
    expect([pathOf(value), (context as TaskContext).outcome]).toEqual(['Completed', 'succeeded'])
  })

  test('yields to a person who stops the task', () => {
    const { context, value } = taskAfter(replaced, { type: 'Drain' }, { type: 'Stop' }, exitedEvent)
    expect([pathOf(value), (context as TaskContext).outcome]).toEqual(['Completed', 'stopped'])
  })
})

const exitedEvent = { type: 'Exited', exitCode: 143 } as { type: string }
