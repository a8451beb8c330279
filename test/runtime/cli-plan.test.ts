/** `troupe plan`, and what `explain` shows of every scheduler, against a manager kept by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PlacementDecision } from '../../actors/model.ts'
import { explanationLines } from '../../runtime/cli/explain.ts'
import { planLines } from '../../runtime/cli/plan.ts'
import { scoreLines } from '../../runtime/cli/score-table.ts'
import { type RunOptions, cli as runCommand } from './cli-rig.ts'
import { FakeManager, freshTask, token } from './client-manager.ts'

const decision = (scheduler: string, picked: string, costs: Record<string, number>): PlacementDecision => ({
  ...{ scheduler, atMs: 0, picked: `id-${picked}`, considered: 3 },
  scores: Object.entries(costs).map(([name, cost]) => ({ nodeId: `id-${name}`, name, cost })),
  refusals: [{ nodeId: 'id-c', name: 'c', why: 'not ready (Down)' }],
})
const decisions = [
  decision('round-robin', 'b', { b: 0, a: 1 }),
  decision('epvm', 'b', { b: 0.9, a: 9.00234 }),
  decision('binpack', 'a', { a: 0.5, b: 0.75 }),
]
const placed = { node: 'b', nodeId: 'id-b', why: null, ahead: 0, decisions }
const refused = decisions.map(({ scheduler, refusals }) => {
  return { scheduler, atMs: 0, scores: [], refusals, considered: 1, why: '1 node not ready' }
})
const waits = { node: null, nodeId: null, why: '1 node not ready', ahead: 2, decisions: refused }

const table = [
  'NODE  round-robin  epvm   binpack  WHY NOT',
  'b     0 *          0.9 *  0.75',
  'a     1            9.002  0.5 *',
  'c     -            -      -        not ready (Down)',
  "* = its pick: the lowest cost wins. This cluster's own is round-robin.",
]

let manager: FakeManager
let env: Record<string, string>
let dir: string

beforeEach(async () => {
  manager = await FakeManager.start()
  env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
  dir = mkdtempSync(join(tmpdir(), 'troupe-plan-'))
})
afterEach(async () => {
  await manager.close()
  rmSync(dir, { recursive: true })
})

const plan = (args: readonly string[], options: RunOptions = {}) => runCommand(['plan', ...args], { env, ...options })

describe('troupe plan', () => {
  test('asks for what run would submit, prints the table, and exits with 0', async () => {
    manager.plan = placed
    const run = await plan(['--cpus', '2', '--id', 'abc', 'nginx', '-c', 'x'])
    expect([run.code, run.stderr]).toEqual([0, ''])
    expect(run.stdout.trimEnd().split('\n')).toEqual(['It would be placed on b now.', '', ...table])
    const spec = { driver: 'docker', image: 'nginx', command: ['-c', 'x'], cpus: 2 }
    expect(manager.received).toContainEqual(expect.objectContaining({ type: 'PlanTask', taskId: 'abc', spec }))
    expect(manager.count('SubmitTask')).toBe(0)
  })

  test('takes a file, with its id or without one', async () => {
    manager.plan = placed
    writeFileSync(join(dir, 'task.yaml'), 'driver: process\ncommand: [sleep, "1"]\nmemory: 64MiB\n')
    expect((await plan(['-f', 'task.yaml'], { cwd: dir })).code).toBe(0)
    const spec = { driver: 'process', command: ['sleep', '1'], memoryBytes: 2 ** 26 }
    const sent = manager.received.find(({ type }) => type === 'PlanTask')
    expect(sent).toMatchObject({ spec })
    expect(sent).not.toHaveProperty('taskId')
    expect((await plan(['-f', '-'], { stdin: 'id: mine\nimage: a\n' })).code).toBe(0)
    expect(manager.received.findLast(({ type }) => type === 'PlanTask')).toMatchObject({ taskId: 'mine' })
  })

  test('says why it would wait, behind whom, and exits with 5', async () => {
    manager.plan = waits
    const run = await plan(['nginx'])
    expect(run.code).toBe(5)
    expect(run.stdout.trimEnd().split('\n')).toEqual([
      'It would wait: 1 node not ready.',
      '2 tasks that ask for the same wait already, and would come first.',
      '',
      'NODE  round-robin  epvm  binpack  WHY NOT',
      'c     -            -     -        not ready (Down)',
    ])
  })

  test('prints one JSON object for programs, with the same exit codes', async () => {
    manager.plan = waits
    const run = await plan(['--json', 'nginx'])
    expect([run.code, JSON.parse(run.stdout)]).toEqual([5, waits])
    manager.plan = placed
    expect((await plan(['--json', 'nginx'])).code).toBe(0)
  })

  test('names the task of its id that exists already', async () => {
    manager.plan = { node: null, nodeId: null, why: null, ahead: 0, decisions: [], task: freshTask('abc') }
    const run = await plan(['--id', 'abc', 'nginx'])
    expect(run.code).toBe(0)
    expect(run.stdout).toBe(
      'abc was accepted before with this specification; nothing new would be made.\nabc Pending: Queued\n',
    )
  })

  test.each([
    [['--cpus', 'x', 'nginx'], 2, /"x" is no number of cores/],
    [[], 2, /the image is missing/],
    [['-d', 'nginx'], 2, /unknown option '-d'/],
  ])('%j exits with %i', async (args, code, sentence) => {
    const run = await plan(args)
    expect(run.code).toBe(code)
    expect(run.stderr).toMatch(sentence)
    expect(manager.count('PlanTask')).toBe(0)
  })

  test.each([
    ['Invalid', 2],
    ['Conflict', 1],
  ])('a task that would be refused as %s exits as run does, with %i', async (code, exitCode) => {
    manager.answer = ({ type, req }) =>
      type === 'PlanTask' ? { type: 'Error', req, code, message: 'it cannot be', retryable: false } : undefined
    expect(await plan(['nginx'])).toMatchObject({ code: exitCode, stderr: 'troupe: it cannot be\n' })
  })
})

describe('the table of scores', () => {
  test('leaves out the last of the others first where a terminal is narrow, and never its own', () => {
    expect(scoreLines(decisions, 42)[0]).toBe('NODE  round-robin  epvm   WHY NOT')
    expect(scoreLines(decisions, 20)[0]).toBe('NODE  round-robin  WHY NOT')
  })

  test('says how many nodes it does not show, and what became of a preference, once', () => {
    const note = 'restart 1 of the 2 that stay on b: that node is preferred, and it is fit'
    const many = decisions.map((one) => ({ ...one, note, considered: 40, of: 9_000 }))
    expect(scoreLines(many).slice(4)).toEqual(['… and 8997 more', table[4], note])
  })

  test('forges nothing: names come from outside', () => {
    const forged = scoreLines([decision('a\nb', 'x\u001b[2J', { 'x\u001b[2J': 1 })])
    expect(forged.join('')).not.toMatch(/\p{Cc}/u)
    expect(planLines({ ...placed, node: 'x\ny' })[0]).toBe('It would be placed on x y now.')
  })

  test('is nothing where there is nothing to show', () => {
    const none = { scheduler: 'epvm', atMs: 0, scores: [], refusals: [], considered: 0, why: 'no node has registered' }
    expect(scoreLines([none])).toEqual([])
    expect(planLines({ ...waits, ahead: 1, why: 'no node has registered', decisions: [none] })).toEqual([
      'It would wait: no node has registered.',
      '1 task that asks for the same waits already, and would come first.',
    ])
  })
})

describe('troupe explain', () => {
  const explanation = (state: 'Pending' | 'Running', schedulers?: PlacementDecision[]) => ({
    ...{ type: 'Explanation' as const, req: 1, spec: { driver: 'process', command: ['x'] }, decision: null },
    ...{ task: { ...freshTask('abc'), state }, attempts: [], events: [], timers: [] },
    ...(schedulers === undefined ? {} : { schedulers }),
  })

  test('shows it below the decision that was made', () => {
    const lines = explanationLines(explanation('Pending', decisions), 0)
    const at = lines.indexOf('If it were placed now')
    expect(at).toBeGreaterThan(lines.indexOf('Placement'))
    expect(lines.slice(at + 1, at + 6)).toEqual(table.map((line) => `  ${line}`))
    expect(explanationLines(explanation('Running', decisions), 0)).toContain('If one like it were placed now')
  })

  test('has nothing of it from a manager of before', () => {
    expect(explanationLines(explanation('Pending'), 0).join()).not.toContain('placed now')
  })
})
