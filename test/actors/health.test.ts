/** What a check means for the health of an attempt, and which checks cannot be. */
import { Compile } from 'typebox/compile'
import { describe, expect, test } from 'vitest'
import { faultOfHealth, type Health, type HealthCheck, healthLimits, judge, type Probed } from '../../actors/health.ts'
import { TaskSpec } from '../../actors/model.ts'
import { checkSpec } from '../../actors/policies.ts'
import { viewOf } from '../../actors/standing.ts'
import { initialStep, step } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import { describeHealth, verdict } from '../../actors/verdict.ts'
import { placed, stamped, started, taskInput, unhealthy } from './machine-subjects.ts'

const check: HealthCheck = { kind: 'tcp', port: 80, retries: 3 }
const passed: Probed = { passed: true }
const failed: Probed = { passed: false, detail: 'no answer' }

/** Where a row of checks leads, `+` and `-`, each a second apart; those of the start period come before the `|`. */
function healthAfter(row: string, more: Partial<HealthCheck> = {}): Health | undefined {
  let health: Health | undefined
  let isStarting = row.includes('|')
  for (const [at, mark] of [...row].entries()) {
    if (mark === '|') isStarting = false
    else health = judge(health, mark === '+' ? passed : failed, { check: { ...check, ...more }, atMs: at, isStarting })
  }
  return health
}

describe('checks', () => {
  test.each<[string, string, number | undefined]>([
    ['|', 'starting', undefined],
    ['-----|', 'starting', undefined],
    ['--+|', 'healthy', 0],
    ['|-', 'unhealthy', 1],
    ['|--', 'unhealthy', 2],
    ['|---', 'failed', 3],
    ['|--+', 'healthy', 0],
    ['|--+--', 'unhealthy', 2],
    ['|--+---', 'failed', 3],
    // What was well has no start period any more.
    ['+-|', 'unhealthy', 1],
    ['+---|', 'failed', 3],
  ])('%s is %s', (row, state, failures) => {
    const health = healthAfter(row)
    expect([health?.state ?? 'starting', health?.failures]).toEqual([state, failures])
  })

  test('one that fails once is given up if no more are granted', () => {
    expect(healthAfter('|-', { retries: 1 })).toMatchObject({ state: 'failed', failures: 1 })
  })

  test('whose maker has counted already are the last word, even in the start period', () => {
    const probed: Probed = { passed: false, detail: 'exit 1', isLast: true }
    expect(judge(undefined, probed, { check, atMs: 1, isStarting: true })?.state).toBe('failed')
  })

  test('count changes, and tell since when, not each check', () => {
    expect([healthAfter('+++|')?.seq, healthAfter('+++|')?.atMs]).toEqual([1, 0])
    expect([healthAfter('|+--')?.seq, healthAfter('|+--')?.atMs]).toEqual([2, 2])
    expect(healthAfter('|+--+')?.seq).toBe(3)
  })

  test('say no more than fits', () => {
    const probed: Probed = { passed: false, detail: 'x'.repeat(10_000) }
    const health = judge(undefined, probed, { check, atMs: 1, isStarting: false })
    expect(health?.detail).toHaveLength(healthLimits.detailCharsMax)
  })
})

describe('a specification', () => {
  const spec = (health: unknown, more: Partial<TaskSpec> = {}) =>
    ({ driver: 'docker', image: 'web', health, ...more }) as TaskSpec

  test.each<[unknown, Partial<TaskSpec>, string]>([
    [{ kind: 'http' }, {}, 'needs a port'],
    [{ kind: 'command', command: ['true'], port: 1 }, {}, 'takes no port'],
    [{ kind: 'tcp', port: 1, path: '/' }, {}, 'takes neither path nor expect'],
    [{ kind: 'command' }, {}, 'needs one'],
    [{ kind: 'tcp', port: 1, command: ['true'] }, {}, 'takes no command'],
    [{ kind: 'command', command: ['a\0b'] }, {}, 'NUL'],
    [{ kind: 'http', port: 1 }, { network: 'none' }, 'without a network'],
  ])('%j is refused', (health, more, words) => {
    expect(faultOfHealth(spec(health, more))).toContain(words)
    expect(checkSpec(spec(health, more))).toContain(words)
  })

  test('of a process has no container that could check itself', () => {
    const process: TaskSpec = { driver: 'process', command: ['web'], health: { kind: 'container' } }
    expect(checkSpec(process)).toContain('container')
  })

  test.each([
    { kind: 'http', port: 80, path: '/ready?deep=1', expect: 204 },
    { kind: 'tcp', port: 5432, startPeriodMs: 0, intervalMs: 100, timeoutMs: 1, retries: 1 },
    { kind: 'command', command: ['sh', '-c', 'true'] },
    { kind: 'container' },
  ])('%j is taken', (health) => {
    expect(Compile(TaskSpec).Check(spec(health))).toBe(true)
    expect(checkSpec(spec(health))).toBeUndefined()
  })

  test.each([
    { kind: 'ftp' },
    { kind: 'http', port: 0 },
    { kind: 'http', port: 80, path: 'x' },
    { kind: 'http', port: 80, path: '/a b' },
    { kind: 'tcp', port: 80, intervalMs: 1 },
    { kind: 'tcp', port: 80, retries: 0 },
    { kind: 'command', command: [] },
  ])('%j breaks the schema', (health) => expect(Compile(TaskSpec).Check(spec(health))).toBe(false))
})

describe('a task that is checked', () => {
  const health = { kind: 'tcp', port: 80 } as const
  const givenUp = stamped({ type: 'Unhealthy', health: { ...unhealthy, state: 'failed' } })
  const walk = (restart: 'never' | 'on-failure', ...events: { type: string }[]) =>
    events.reduce(
      (snapshot, event) => step(taskMachine, snapshot, event as never).snapshot,
      initialStep(taskMachine, taskInput({ health, restart: { policy: restart } })).snapshot,
    )

  test('shows where it stands, and why', () => {
    expect(viewOf(walk('never', placed), 1).health).toBeUndefined()
    expect(viewOf(walk('never', placed, started), 1)).toMatchObject({
      detail: 'Checking',
      health: { state: 'starting' },
    })
    const ill = walk('never', placed, started, stamped({ type: 'HealthChanged', health: unhealthy }))
    expect(viewOf(ill, 1)).toMatchObject({ detail: 'Unhealthy', health: unhealthy, reason: 'GET / answered 500' })
  })

  test('fails as unhealthy, with what was found', () => {
    const ended = walk('never', placed, started, givenUp, stamped({ type: 'Exited', exitCode: 143 }))
    const reason = 'stopped as unhealthy: GET / answered 500'
    expect(viewOf(ended, 1)).toMatchObject({
      state: 'Failed',
      outcome: 'unhealthy',
      reason,
      health: { state: 'failed' },
    })
    expect((ended.context as TaskContext).attempts.at(-1)?.reason).toBe('unhealthy: GET / answered 500')
  })

  test('begins its next attempt without the health of the one before', () => {
    const ended = walk('on-failure', placed, started, givenUp, stamped({ type: 'Exited', exitCode: 0 }))
    expect(viewOf(ended, 1)).toMatchObject({ state: 'Pending', detail: 'BackingOff' })
    const again = step(taskMachine, step(taskMachine, ended, stamped({ type: 'BackOffElapsed' })).snapshot, placed)
    expect(viewOf(again.snapshot, 1).health).toBeUndefined()
  })

  test('is told of in words also where nothing was found', () => {
    expect(describeHealth(undefined)).toBe('unhealthy')
    const { policies } = initialStep(taskMachine, taskInput()).snapshot.context as TaskContext
    const end = { kind: 'exited', exitCode: 0 } as const
    expect(verdict({ policies, restarts: 0, stopCause: 'Unhealthy' }, end)).toMatchObject({ outcome: 'unhealthy' })
  })
})
