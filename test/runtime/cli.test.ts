/** The verbs that speak to a manager, against one kept by hand. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TaskView } from '../../actors/model.ts'
import { type RunOptions, cli as runCommand, startCli } from './cli-rig.ts'
import { eventually, FakeManager, freshTask, token } from './client-manager.ts'

let manager: FakeManager
let env: Record<string, string>

beforeEach(async () => {
  manager = await FakeManager.start()
  env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
})
afterEach(() => manager.close())

const cli = (args: readonly string[], options: RunOptions = {}) => runCommand(args, { env, ...options })
const put = (id: string, change: Partial<TaskView> = {}) => manager.commit(id, change, 'x', { type: 'Submitted' })

describe('the command line', () => {
  test('help lists every verb, and exits 0', async () => {
    const { code, stdout, stderr } = await cli(['--help'])
    expect([code, stderr]).toEqual([0, ''])
    for (const verb of [
      'up',
      'manager',
      'worker',
      'run',
      'plan',
      'status',
      'stop',
      'wait',
      'rerun',
      'explain',
      'logs',
      'node',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${verb}\\b.* [a-z]`, 'm'))
    }
  })

  test('help of a verb, both ways', async () => {
    const direct = await cli(['run', '--help'])
    expect(direct).toMatchObject({ code: 0, stderr: '' })
    expect(direct.stdout).toContain('--max-restarts')
    expect(direct.stdout).toContain('127 there is no such command')
    const asked = await cli(['help', 'run'])
    expect(asked).toMatchObject({ code: 0, stdout: direct.stdout })
  })

  test.each([
    [['status', '--jsn'], 2, /unknown option '--jsn'[\s\S]*--json[\s\S]*See "troupe status --help"/],
    [['frobnicate'], 2, /unknown command 'frobnicate'[\s\S]*See "troupe --help"/],
    [['stop'], 2, /missing required argument 'id'/],
    [['node', 'extra'], 2, /too many arguments/],
    [['wait', 'a', '--timeout', '10'], 2, /"10" has no unit/],
    [['status', 'Foo Bar'], 2, /'Foo Bar' is invalid[\s\S]*only a-z, 0-9 and -; "troupe status --all" lists them/],
    [['stop', 'a', ''], 2, /only a-z, 0-9 and -/],
    [['wait', 'a_b'], 2, /only a-z, 0-9 and -/],
    [['logs', 'a.1'], 2, /only a-z, 0-9 and -/],
    [['explain', '../a'], 2, /only a-z, 0-9 and -/],
    [['rerun', 'A'], 2, /only a-z, 0-9 and -/],
    [
      ['run', '--read-only=hunter2', 'x'],
      2,
      /^troupe: --read-only takes no value; leave [^2]*\nSee "troupe run --help"/,
    ],
    [['up', '--help=x'], 2, /^troupe: --help takes no value; leave out the "=" and what follows it\.\nSee "troupe up/],
    [['run', '-d=hunter2', 'x'], 2, /^troupe: a flag before "=" takes no value; leave [^2]*\nSee "troupe run/],
    [['plan', '--driver', 'process'], 2, /the command is missing; .* See "troupe plan --help"/],
    [['run'], 2, /the image is missing; the docker driver needs one\. See "troupe run --help"/],
    [['run', '--driver', 'process'], 2, /the command is missing/],
    [['run', '--driver', 'process', '--network', 'none', 'true'], 2, /--network is only for the docker driver/],
    [['run', '--driver', 'Podman', 'x'], 2, /--driver must be a name such as docker: small letters/],
    [['run', '--driver', 'thread', '--network', 'none', 'x'], 2, /--network is only for the docker driver/],
    [['run', '--driver', 'thread', '--mount', '/a:/b', 'x'], 2, /--mount is only for the docker driver/],
    [['run', '--driver', 'thread', '--pids-limit', '9', 'x'], 2, /--pids-limit is only for the docker driver/],
    [['run', '--restart', 'sometimes', 'x'], 2, /Allowed choices/],
    [['run', '--max-restarts', '3', 'x'], 2, /--max-restarts needs --restart/],
    [['run', '--same-node', '3', 'x'], 2, /--same-node needs --restart/],
    [['run', '--restart', 'never', '--restart-window', '3m', 'x'], 2, /--restart-window needs --restart/],
    [['run', '--restart', 'always', '--restart-window', '0', 'x'], 2, /--restart-window must be >= 1/],
    [['run', '--memory', 'lots', 'x'], 2, /"lots" is no size/],
    [['run', '--cpus', '-1', 'x'], 2, /no number of cores/],
    [['run', '--id', 'Bad_Id', 'x'], 2, /"Bad_Id" is no task id/],
    [['run', '--constraint', 'zone', 'x'], 2, /--constraint must look like label=value/],
    [['run', '--label', 'zone', 'x'], 2, /--label "zone" has no value; write key=value/],
    [['run', '--timeout', '0', 'x'], 2, /--timeout must be >= 1/],
    [['run', '-f', 'missing.yaml'], 2, /missing\.yaml cannot be read: there is no such file/],
    [['run', '-f', 'a.yaml', 'x'], 2, /"x" is one too many/],
    [['run', '-f', 'a.yaml', '--cpus', '1'], 2, /--cpus belongs in a\.yaml/],
    [['status', 'zz'], 3, /There is no task zz; see "troupe status --all"/],
    [['stop', 'zz'], 3, /no task zz/],
    [['wait', 'zz'], 3, /no task zz/],
    [['rerun', 'zz'], 3, /no task zz/],
    [['explain', 'zz'], 3, /no task zz/],
    [['logs', 'zz'], 3, /no task zz/],
    [['status', '--addr', 'http://x'], 2, /no address of a manager/],
  ] as const)('%j exits %i with one clear sentence', async (args, code, message) => {
    const result = await cli(args)
    expect(result.stderr).toMatch(message)
    expect(result.stderr).toMatch(/^troupe: /)
    expect([result.code, result.stdout]).toEqual([code, ''])
  })

  test('no verb at all is wrong usage, and shows the help', async () => {
    const { code, stdout, stderr } = await cli([])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: troupe')
  })

  test('nobody there exits 4 and says what to do', async () => {
    await manager.close()
    const { code, stderr } = await cli(['status'])
    expect(code).toBe(4)
    expect(stderr).toContain(manager.address.replace('ws://', ''))
    expect(stderr).toContain('Start a manager with "troupe up", or say where one is with --addr or TROUPE_ADDR.')
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('a wrong or missing token exits 4 and says where one is looked for', async () => {
    const wrong = await cli(['status', '--token', 'wrong'])
    expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining('Check --token or TROUPE_TOKEN.') })
    const missing = await cli(['status'], { env: { TROUPE_ADDR: manager.address }, cwd: '/nowhere' })
    expect(missing).toMatchObject({ code: 4, stderr: expect.stringContaining('no token in /nowhere/.troupe/token') })
  })
})

describe('status', () => {
  test('a table, newest first', async () => {
    const now = Date.now()
    put('old', {
      state: 'Failed',
      detail: '',
      outcome: 'exit',
      exitCode: 3,
      node: 'n',
      attempt: 2,
      createdAtMs: now - 7_200_000,
    })
    put('new', { name: 'web', state: 'Running', detail: '', node: 'n', attempt: 1, createdAtMs: now - 5_000 })
    const { code, stdout, stderr } = await cli(['status'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.replace(/ [56]s /, ' 5s ')).toBe(
      'ID   NAME  STATE    DRIVER   NODE  ATTEMPT  AGE  DETAIL\n' +
        'new  web   Running  process  n     1        5s   \n'.replace(/ +\n/, '\n') +
        'old  old   Failed   process  n     2        2h   exit 3\n',
    )
  })

  test('nothing yet: the header, and a note on stderr', async () => {
    const { code, stdout, stderr } = await cli(['status'])
    expect([code, stdout]).toEqual([0, 'ID  NAME  STATE  DRIVER  NODE  ATTEMPT  AGE  DETAIL\n'])
    expect(stderr).toContain('no tasks')
  })

  test('--json is one array with the promised fields', async () => {
    expect(JSON.parse((await cli(['status', '--json'])).stdout)).toEqual([])
    put('a', {
      state: 'Failed',
      detail: '',
      outcome: 'exit',
      exitCode: 3,
      createdAtMs: 0,
      finishedAtMs: 1_000,
      attempt: 1,
      node: 'n',
    })
    put('b', { createdAtMs: 5 })
    const { stdout } = await cli(['status', '--json'])
    const [b, a] = JSON.parse(stdout)
    expect(a).toMatchObject({
      id: 'a',
      name: 'a',
      state: 'Failed',
      detail: '',
      driver: 'process',
      node: 'n',
      attempt: 1,
      exitCode: 3,
      outcome: 'exit',
      reason: null,
      createdAt: '1970-01-01T00:00:00.000Z',
      startedAt: null,
      finishedAt: '1970-01-01T00:00:01.000Z',
    })
    expect(b).toMatchObject({ id: 'b', state: 'Pending', exitCode: null })
  })

  test('--all reads every page', async () => {
    const pages = [['a', 'b'], ['c', 'd'], ['e']]
    const asked: unknown[] = []
    manager.answer = (message) => {
      if (message.type !== 'QueryTasks') return undefined
      asked.push([message.scope, message.after])
      const items = (pages[asked.length - 1] ?? []).map(freshTask)
      const next = asked.length < pages.length ? { next: items.at(-1)?.id ?? '' } : {}
      return { type: 'Tasks', req: message.req, revision: 0, items, ...next }
    }
    const { stdout } = await cli(['status', '--all', '--json'])
    expect(JSON.parse(stdout)).toHaveLength(5)
    expect(asked).toEqual([
      ['all', undefined],
      ['all', 'b'],
      ['all', 'd'],
    ])
  })

  test('colours only on a terminal, and not with NO_COLOR', async () => {
    put('a', { state: 'Running', detail: '' })
    expect((await cli(['status'], { columns: 80 })).stdout).toContain('\u001b[32mRunning\u001b[0m')
    expect((await cli(['status'], { columns: 80, env: { ...env, NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
    expect((await cli(['status'])).stdout).not.toContain('\u001b')
  })
})

describe('stop', () => {
  test('prints each id; one that is unknown does not spare the others', async () => {
    put('abc')
    put('xyz', { state: 'Completed', outcome: 'succeeded', exitCode: 0 })
    const { code, stdout, stderr } = await cli(['stop', 'zz', 'ab', 'xyz', '-t', '0'])
    expect([code, stdout]).toEqual([3, 'abc\nxyz\n'])
    expect(stderr).toContain('no task zz')
    expect(stderr).toContain('xyz has ended already (Completed)')
    expect(manager.received.filter(({ type }) => type === 'StopTask').at(-1)).toMatchObject({
      taskId: 'xyz',
      graceMs: 0,
    })
  })
})

describe('wait', () => {
  test('exits with the code of the task, and says how it ended', async () => {
    manager.start('abc')
    const run = startCli(['wait', 'ab'], { env })
    await eventually('it watches', () => manager.count('Subscribe') === 1)
    manager.finish('abc', 3)
    expect([await run.exit, run.stdout]).toEqual([3, 'abc Failed: exit 3\n'])
  })

  test('of several, with the first that failed, in the order given', async () => {
    manager.start('a')
    manager.start('b')
    manager.start('c')
    manager.finish('a', 0)
    manager.finish('c', 7)
    manager.finish('b', 5)
    expect((await cli(['wait', 'a', 'b', 'c'])).code).toBe(5)
    expect((await cli(['wait', 'a'])).code).toBe(0)
  })

  test('--timeout exits 124 and leaves the task alone', async () => {
    manager.start('a')
    const { code, stderr } = await cli(['wait', '--timeout', '100ms', 'a'])
    expect([code, manager.count('StopTask')]).toEqual([124, 0])
    expect(stderr).toContain('the time is over')
  })

  test('survives a restart of the manager, with one note', async () => {
    manager.start('a')
    const run = startCli(['wait', 'a'], { env })
    await eventually('it watches', () => manager.count('Subscribe') === 1)
    await manager.close()
    manager.finish('a', 4)
    await manager.listen()
    expect(await run.exit).toBe(4)
    expect(run.stderr.trim().split('\n')).toEqual([
      'troupe: the connection to the manager was lost; trying again for 30 s',
      'troupe: connected again',
    ])
  })
})

describe('rerun, explain, node', () => {
  test('rerun prints the new id, and asks with it only', async () => {
    put('abc', { state: 'Completed', outcome: 'succeeded', exitCode: 0 })
    expect(await cli(['rerun', 'ab', '--id', 'again'])).toMatchObject({ code: 0, stdout: 'again\n' })
    expect((await cli(['rerun', 'ab'])).stdout).toMatch(/^[a-z2-7]{12}\n$/)
  })

  test('explain shows nodes, refusals, attempts, timers and events', async () => {
    const now = Date.now()
    const task = freshTask('abc')
    manager.answer = ({ type, req }) =>
      type !== 'ExplainTask'
        ? undefined
        : {
            type: 'Explanation',
            req,
            task: { ...task, reason: '1 node lacks memory' },
            spec: { driver: 'process', command: ['sh', '-c', 'echo hi'], memoryBytes: 2 ** 30 },
            decision: {
              scheduler: 'round-robin',
              atMs: now,
              scores: [],
              refusals: [{ nodeId: 'n1', name: 'node-1', why: 'lacks 512 MiB of memory' }],
              considered: 3,
              why: '1 node lacks 512 MiB of memory',
              note: 'node-1 was drained: that node is avoided',
            },
            attempts: [{ attempt: 1, nodeId: 'n1', scheduledAtMs: 0, startedAtMs: 500, endedAtMs: 2_500, exitCode: 1 }],
            events: [
              {
                revision: 1,
                taskId: 'abc',
                atMs: 0,
                event: { type: 'Submitted' },
                from: '',
                to: 'Pending.Queued',
                attempt: 0,
              },
            ],
            timers: [{ event: 'PlacementExpired', dueAtMs: now + 61_000 }],
          }
    const { code, stdout } = await cli(['explain', 'abc'])
    expect(code).toBe(0)
    for (const line of [
      /^State: +Pending: Queued: 1 node lacks memory$/m,
      /no node was fit: 1 node lacks 512 MiB of memory \(round-robin, 3 nodes considered, \ds ago\)/,
      /^ {2}node-1 was drained: that node is avoided$/m,
      /- node-1: lacks 512 MiB of memory/,
      /… and 2 more/,
      /1 +n1 +1970-01-01T00:00:00.000Z +500ms +2s +1/,
      /PlacementExpired in 1m/,
      /1970-01-01T00:00:00.000Z {2}Pending.Queued {2}Submitted/,
      /"troupe node" says/,
    ]) {
      expect(stdout).toMatch(line)
    }
    expect(JSON.parse((await cli(['explain', 'abc', '--json'])).stdout)).toMatchObject({ decision: { considered: 3 } })
  })

  test('node, as a table and as JSON', async () => {
    const offered = { cpus: 4, memoryBytes: 2 ** 33 }
    const reserved = { cpus: 0.30000000000000004, memoryBytes: 2 ** 26 }
    const drivers = { process: 'complete', docker: 'unavailable' } as const
    const labels = { zone: 'a' }
    manager.nodes.push({
      id: 'n1',
      name: 'node-1',
      state: 'Ready',
      draining: false,
      offered,
      reserved,
      tasks: 3,
      labels,
      drivers,
    })
    const { code, stdout } = await cli(['node'])
    expect([code, stdout]).toEqual([
      0,
      'NAME    ID  STATE  CPUS   MEMORY      TASKS  DRIVERS                      LABELS\n' +
        'node-1  n1  Ready  0.3/4  64MiB/8GiB  3      docker(unavailable),process  zone=a\n',
    ])
    expect(JSON.parse((await cli(['node', '--json'])).stdout)).toMatchObject([{ id: 'n1', tasks: 3 }])
  })
})

describe('logs', () => {
  test('stdout to stdout, stderr to stderr, of the newest or another attempt', async () => {
    manager.start('abc', 2)
    manager.write('abc', 1, 'stdout', 'first\n')
    manager.write('abc', 2, 'stdout', 'out\n')
    manager.write('abc', 2, 'stderr', 'err\n')
    expect(await cli(['logs', 'ab'])).toMatchObject({ code: 0, stdout: 'out\n', stderr: 'err\n' })
    expect(await cli(['logs', 'ab', '--attempt', '1'])).toMatchObject({ code: 0, stdout: 'first\n' })
    expect(await cli(['logs', 'ab', '--attempt', '3'])).toMatchObject({ code: 3, stdout: '' })
    expect((await cli(['logs', 'ab', '--attempt', '0'])).code).toBe(2)
  })

  test('-f goes on until the task has ended', async () => {
    manager.start('abc')
    manager.write('abc', 1, 'stdout', 'one ')
    const run = startCli(['logs', '-f', 'ab'], { env })
    await eventually('the beginning', () => run.stdout === 'one ')
    manager.write('abc', 1, 'stdout', 'two')
    manager.finish('abc', 9)
    expect([await run.exit, run.stdout]).toEqual([0, 'one two'])
  })

  test('a task without an attempt says why there is nothing', async () => {
    put('abc')
    expect(await cli(['logs', 'abc'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('not been placed yet'),
    })
  })

  test('a reader that goes away ends it quietly', async () => {
    manager.start('abc')
    manager.write('abc', 1, 'stdout', 'one')
    const run = startCli(['logs', '-f', 'abc'], { env })
    await eventually('the beginning', () => run.stdout === 'one')
    run.io.stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    expect([await run.exit, run.stderr]).toEqual([0, ''])
  })
})
