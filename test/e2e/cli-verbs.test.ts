/** The verbs beside `run`, against a real `up`: what each prints, and what it exits with. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openClient as connect } from '../../runtime/connect.ts'
import { Cluster, freePort, until } from './cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.open()
  cluster.startUp('--name', 'here', '--driver', 'process', '--cpus', '2', '--memory', '1g')
  await cluster.ready(1)
})
afterAll(() => cluster.close())

interface Row {
  readonly id: string
  readonly state: string
  readonly attempt: number
}

const troupe = (...args: string[]) => cluster.troupe(...args)
const flagsOf = (id: string, ...flags: string[]) => ['run', '-d', '--id', id, '--driver', 'process', ...flags, '--']
const submit = (id: string, script: string, ...flags: string[]) => troupe(...flagsOf(id, ...flags), 'sh', '-c', script)
const stateOf = async (id: string) => (await cluster.json<Row[]>('status', id, '--json'))[0]?.state
const running = (id: string) =>
  until(`${id} to run`, async () => ((await stateOf(id)) === 'Running' ? true : undefined))

describe('run -d, wait and stop', () => {
  test('run -d prints the id, and once more when it was accepted before; another spec is refused', async () => {
    expect(await submit('again', 'exit 0')).toMatchObject({ code: 0, stdout: 'again\n', stderr: '' })
    const second = await submit('again', 'exit 0')
    expect(second).toMatchObject({ code: 0, stdout: 'again\n' })
    expect(second.stderr).toContain('accepted before; nothing new was made')
    const other = await submit('again', 'exit 1')
    expect(other).toMatchObject({ code: 1, stdout: '' })
    expect(other.stderr).toContain('another specification; choose another id')
    const { stdout } = await troupe('run', '-d', '--driver', 'process', '--', 'true')
    expect(stdout).toMatch(/^[a-z0-9]{12}\n$/)
  })

  test('wait exits with the code of the task, or of the first of several that failed', async () => {
    await Promise.all([submit('w-ok', 'exit 0'), submit('w-seven', 'sleep 0.3; exit 7'), submit('w-eight', 'exit 8')])
    const [ok, seven, several] = await Promise.all([
      troupe('wait', 'w-ok'),
      troupe('wait', 'w-seven'),
      troupe('wait', 'w-ok', 'w-seven', 'w-eight'),
    ])
    expect(ok).toMatchObject({ code: 0, stdout: 'w-ok Completed: exit 0\n' })
    expect(seven).toMatchObject({ code: 7, stdout: 'w-seven Failed: exit 7\n' })
    expect(several.code).toBe(7)
    expect(several.stdout.trim().split('\n').sort()).toEqual([
      'w-eight Failed: exit 8',
      'w-ok Completed: exit 0',
      'w-seven Failed: exit 7',
    ])
  })

  test('wait --timeout exits with 124, and the task goes on until it is stopped', async () => {
    await submit('w-long', 'exec sleep 60')
    const late = await troupe('wait', 'w-long', '--timeout', '300ms')
    expect(late).toMatchObject({ code: 124, stdout: '' })
    expect(late.stderr).toMatch(/the time is over.*See "troupe status"/)
    await running('w-long')
    const [uses, table] = await Promise.all([
      cluster.json<object>('stats', 'w-long', '--once', '--json'),
      until('what the machine uses to be told', async () => {
        const { stdout } = await troupe('node')
        return stdout.includes(' MEM USED ') ? stdout : undefined
      }),
    ])
    expect(uses).toMatchObject({ attempt: 1, cores: expect.any(Number), pids: 1 })
    expect((uses as { memoryBytes: number }).memoryBytes).toBeGreaterThan(0)
    expect(table).toMatch(/^NAME +ID +STATE +CPUS +CPU USED +MEMORY +MEM USED +LOAD +DISK FREE /)
    expect(table).toMatch(/\nhere +\S+ +Ready +\S+\/2 +[\d.]+ +\S+\/1GiB +[\d.]+[MGT]iB +[\d.]+ +[\d.]+[KMGTP]iB /)
    expect(await troupe('stop', 'w-long', 'no-such')).toMatchObject({ code: 3, stdout: 'w-long\n' })
    expect(await troupe('wait', 'w-long')).toMatchObject({ code: 143, stdout: 'w-long Completed: stopped, exit 143\n' })
    const twice = await troupe('stop', 'w-long')
    expect(twice).toMatchObject({ code: 0, stdout: 'w-long\n' })
    expect(twice.stderr).toContain('w-long has ended already (Completed)')
  })

  test('stop --stop-timeout 0 kills at once', async () => {
    await submit('s-kill', 'trap "" TERM; while :; do sleep 0.1; done')
    await running('s-kill')
    await troupe('stop', 's-kill', '--stop-timeout', '0')
    expect((await troupe('wait', 's-kill')).code).toBe(137)
  })

  test('rerun makes a new task of the same', async () => {
    await submit('r-one', 'echo again; exit 4')
    await troupe('wait', 'r-one')
    expect(await troupe('rerun', 'r-one', '--id', 'r-two')).toMatchObject({ code: 0, stdout: 'r-two\n' })
    expect((await troupe('wait', 'r-two')).code).toBe(4)
    const [row] = await cluster.json<object[]>('status', 'r-two', '--json')
    expect(row).toMatchObject({ rerunOf: 'r-one', command: ['sh', '-c', 'echo again; exit 4'] })
    expect((await troupe('logs', 'r-two')).stdout).toBe('again\n')
  })
})

describe('logs', () => {
  test('reads what is there, follows to the end, and keeps stderr apart', async () => {
    const go = join(cluster.dir, 'go')
    await submit('l-live', `echo one; echo two >&2; until [ -e ${go} ]; do sleep 0.1; done; echo three; exit 2`)
    await until('its first lines', async () => ((await troupe('logs', 'l-live')).stderr !== '' ? true : undefined))
    const following = cluster.start('logs', '-f', 'l-live')
    expect(await troupe('logs', 'l-live')).toMatchObject({ code: 0, stdout: 'one\n', stderr: 'two\n' })
    await writeFile(go, '')
    // The end of what is read is 0: `wait` tells the task's.
    expect(await following.ended).toMatchObject({ code: 0, stdout: 'one\nthree\n', stderr: 'two\n' })
    expect(await troupe('logs', 'l-live')).toMatchObject({ code: 0, stdout: 'one\nthree\n', stderr: 'two\n' })
  })

  test('shows the newest attempt, or the one that was asked for', async () => {
    await submit('l-tries', 'echo try $TROUPE_ATTEMPT; exit 1', '--restart', 'on-failure', '--max-restarts', '2')
    await troupe('wait', 'l-tries')
    const attempts = ['1', '2', '3', '4']
    const [newest, ...each] = await Promise.all([
      troupe('logs', 'l-tries'),
      ...attempts.map((attempt) => troupe('logs', '--attempt', attempt, 'l-tries')),
    ])
    expect(newest?.stdout).toBe('try 3\n')
    expect(each.map(({ stdout }) => stdout)).toEqual(['try 1\n', 'try 2\n', 'try 3\n', ''])
    expect(each.at(-1)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no attempt 4 (it had 3 so far)'),
    })
  })
})

describe('status and explain', () => {
  test('status --json has the fields that programs rely on', async () => {
    await submit('j-done', 'exit 3', '--name', 'nightly', '--label', 'team=a')
    await troupe('wait', 'j-done')
    const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const [rows, elsewhere] = await Promise.all([
      cluster.json<object[]>('status', 'j-done', '--node', 'here', '--json'),
      cluster.json<object[]>('status', 'j-done', '--node', 'there', '--json'),
    ])
    expect([rows.length, elsewhere]).toEqual([1, []])
    expect(rows[0]).toMatchObject({
      ...{ id: 'j-done', name: 'nightly', state: 'Failed', detail: '', driver: 'process', node: 'here', attempt: 1 },
      ...{ exitCode: 3, signal: null, outcome: 'exit', reason: 'exited with code 3', restarts: 0, rerunOf: null },
      ...{ image: null, command: ['sh', '-c', 'exit 3'], labels: { team: 'a' } },
      ...{ createdAt: iso, scheduledAt: iso, startedAt: iso, finishedAt: iso },
    })
    const [table, none] = await Promise.all([troupe('status', 'j-done'), troupe('status', 'zzz', '--json')])
    const [head = '', row = ''] = table.stdout.split('\n')
    expect(head.split(/ +/)).toEqual(['ID', 'NAME', 'STATE', 'DRIVER', 'NODE', 'ATTEMPT', 'AGE', 'DETAIL'])
    expect(row).toMatch(/^j-done {2}nightly {2}Failed {2}process {2}here {2}1 {8}\d+s +exit 3$/)
    expect(none).toMatchObject({ code: 3, stdout: '' })
  })

  test('status shows what is live and the last 50; --all shows all', async () => {
    const ids = Array.from({ length: 55 }, (_, at) => `many-${at}`)
    const client = await connect({ url: cluster.address, token: await cluster.token() })
    await Promise.all(ids.map((id) => client.submit(id, { driver: 'process', command: ['true'] })))
    await client.close()
    await submit('live', 'exec sleep 60')
    await troupe('wait', ...ids)
    const [recent, all] = await Promise.all([
      cluster.json<Row[]>('status', '--json'),
      cluster.json<Row[]>('status', '--all', '--json'),
    ])
    const final = recent.filter(({ state }) => state === 'Completed' || state === 'Failed')
    expect(final).toHaveLength(50)
    expect(recent.map(({ id }) => id)).toContain('live')
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    // Nobody reads on: no error, and no warning either.
    const cut = await troupe('status', '--all')
    expect(cut).toMatchObject({ code: 0, stderr: '' })
    await troupe('stop', 'live', '--stop-timeout', '0')
  })

  test('an id may be cut to a clear beginning; an unclear one is told with the next step', async () => {
    await Promise.all([submit('px-aa', 'exit 0'), submit('px-ab', 'exit 0'), submit('px', 'exit 0')])
    expect((await cluster.json<Row[]>('status', 'px-aa', '--json'))[0]?.id).toBe('px-aa')
    const [clear, exact, unclear] = await Promise.all([
      troupe('wait', 'px-aa'),
      troupe('wait', 'px'),
      troupe('explain', 'px-a'),
    ])
    expect(clear.code).toBe(0)
    // A whole id is meant, although others begin with it.
    expect(exact).toMatchObject({ code: 0, stdout: 'px Completed: exit 0\n' })
    expect(unclear.code).toBeGreaterThan(0)
    expect(unclear.stderr).toMatch(/px-a.*(px-aa|more than one|2 tasks)/)
  })

  test('explain says why a task waits, and what became of one that ended', async () => {
    await submit('e-wait', 'true', '--cpus', '64')
    await submit('e-where', 'true', '--constraint', 'zone=mars')
    await submit('e-done', 'exit 9')
    await troupe('wait', 'e-done')
    const [wait, where, done] = await Promise.all(
      ['e-wait', 'e-where', 'e-done'].map((id) => troupe('explain', id).then(({ stdout }) => stdout)),
    )
    expect(wait).toMatch(/^State: +Pending: Queued: .*64 cpus/m)
    expect(wait).toMatch(/^Placement\n {2}no node was fit: .*1 node considered.*\n {2}- here: offers 2 cpus/m)
    expect(wait).toMatch(/^Attempts\n {2}none yet$/m)
    expect(wait).toMatch(/^Asks for: +64 cpus \(reserved, not enforced\), 64MiB \(default, not enforced\)$/m)
    expect(where).toMatch(/- here: .*zone=mars/)
    expect(done).toMatch(/^State: +Failed: exit 9$/m)
    expect(done).toMatch(/picked here \(round-robin, 1 node considered/)
    expect(done).toMatch(/\n {2}1 +here +\S+Z +\S+ +\S+ +9 +exited with code 9\n/)
    expect(done).toMatch(/Running → Failed {2}Exited \(exit 9\) {2}attempt 1/)
    expect(done).toContain('"troupe rerun e-done" runs it again')
    await troupe('stop', 'e-wait', 'e-where')
    expect(await troupe('wait', 'e-wait')).toMatchObject({ code: 143, stdout: 'e-wait Completed: stopped\n' })
  })
})

describe('exit codes', () => {
  test.each([
    { why: 'wrong usage', code: 2, args: ['status', '--jsn'], says: /Did you mean --json/ },
    {
      why: 'an unknown id',
      code: 3,
      args: ['explain', 'no-such'],
      says: /there is no task no-such; "troupe status --all"/,
    },
    { why: 'a wrong token', code: 4, args: ['status', '--token', 'wrong'], says: /Check --token or TROUPE_TOKEN/ },
    {
      why: 'a data folder in use',
      code: 1,
      args: ['up', '--listen', '127.0.0.1:0'],
      says: /in use by another process/,
    },
    { why: 'no such command', code: 127, args: ['run', '--driver', 'process', 'no-such'], says: /no-such-command/ },
    { why: 'no executable', code: 126, args: ['run', '--driver', 'process', '/etc/passwd'], says: /not-executable/ },
    {
      why: 'no such user',
      code: 125,
      args: ['run', '--driver', 'process', '-u', 'nobody-here', 'id'],
      says: /no user/,
    },
  ])('$why: $code', async ({ code, args, says }) => {
    const run = await troupe(...args)
    expect(run.code, run.stderr).toBe(code)
    expect(run.stdout).toBe('')
    expect(run.stderr).toMatch(says)
  })

  test('nobody there: 4, and a broken task file: 2 with its line', async () => {
    const file = join(cluster.dir, 'broken.yaml')
    await writeFile(file, 'driver: process\ncomand: [true]\n')
    const [away, broken] = await Promise.all([
      troupe('status', '--addr', `127.0.0.1:${await freePort()}`),
      troupe('run', '-f', file),
    ])
    expect(away).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/Start a manager with "troupe up"/),
    })
    expect(broken.code).toBe(2)
    expect(broken.stderr).toContain(`${file}:2: there is no field "comand"; did you mean "command"?`)
  })

  test('a task file runs as its flags would', async () => {
    const file = join(cluster.dir, 'task.yaml')
    const spec = 'id: from-file\ndriver: process\ncommand: [sh, -c, "echo $WHO; exit 6"]\nenv: { WHO: file }\n'
    await writeFile(file, spec)
    const planned = await troupe('plan', '-f', file)
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    expect(planned.stdout).toMatch(/^It would be placed on here now\.\n\nNODE +round-robin +epvm .*\nhere +[\d.]+ \* /)
    expect((await troupe('status', 'from-file')).code).toBe(3)
    expect(await troupe('run', '-f', file)).toMatchObject({ code: 6, stdout: 'file\n' })
  })
})
