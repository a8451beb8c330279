/** `troupe run`: what is asked for, attached and detached. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Run, type RunOptions, cli as runCommand, startCli } from './cli-rig.ts'
import { eventually, FakeManager, token } from './client-manager.ts'

let manager: FakeManager
let env: Record<string, string>

beforeEach(async () => {
  manager = await FakeManager.start()
  env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
})
afterEach(() => manager.close())

const cli = (args: readonly string[], options: RunOptions = {}) => runCommand(args, { env, ...options })

async function attached(args: readonly string[] = []): Promise<Run> {
  const run = startCli(['run', '--id', 'abc', '--driver', 'process', ...args, '--', 'sleep', '1'], { env })
  await eventually('it is attached', () => manager.count('Subscribe') === 2)
  return run
}

describe('what is asked for', () => {
  test.each([
    [
      ['alpine', 'echo', '-n', '--', '--flag'],
      { driver: 'docker', image: 'alpine', command: ['echo', '-n', '--', '--flag'] },
    ],
    [['alpine'], { driver: 'docker', image: 'alpine' }],
    [['--driver', 'process', '--', 'sh', '-c', 'exit 3'], { driver: 'process', command: ['sh', '-c', 'exit 3'] }],
    [['--driver', 'process', 'sleep', '1'], { driver: 'process', command: ['sleep', '1'] }],
    [['--driver', 'thread-2', '--cpus', '1', 'a.js', 'b'], { driver: 'thread-2', cpus: 1, command: ['a.js', 'b'] }],
    [['--driver', 'thread-2'], { driver: 'thread-2' }],
    [['--entrypoint', '/bin/sh', 'alpine'], { driver: 'docker', image: 'alpine', entrypoint: ['/bin/sh'] }],
    [['--entrypoint', '', 'alpine'], { driver: 'docker', image: 'alpine', entrypoint: [] }],
    [
      ['-e', 'A=1=2', '--env', 'HERE', '--env', 'UNSET', '--env', 'EMPTY=', 'alpine'],
      { driver: 'docker', image: 'alpine', env: { A: '1=2', HERE: 'yes', EMPTY: '' } },
    ],
    [
      [
        ...['--name', 'n', '--workdir', '/w', '--user', 'u', '--cpus', '0.5', '--memory', '64m', '--label', 'a=b=c'],
        ...['--constraint', 'zone=x', '--constraint', 'node!=y', '--restart', 'on-failure', '--max-restarts', '2'],
        ...['--same-node', '1', '--restart-window', '5m'],
        ...[
          '--timeout',
          '1m',
          '--stop-timeout',
          '500ms',
          '--wait-timeout',
          '1h',
          '--network',
          'none',
          '--pull',
          'never',
        ],
        ...['--pids-limit', '9', '--mount', '/a:/b:ro', 'alpine'],
      ],
      {
        driver: 'docker',
        image: 'alpine',
        name: 'n',
        workdir: '/w',
        user: 'u',
        cpus: 0.5,
        memoryBytes: 64 * 2 ** 20,
        labels: { a: 'b=c' },
        constraints: ['zone=x', 'node!=y'],
        restart: { policy: 'on-failure', max: 2, sameNode: 1, windowMs: 300_000 },
        timeoutMs: 60_000,
        stopGraceMs: 500,
        waitTimeoutMs: 3_600_000,
        network: 'none',
        pull: 'never',
        pidsLimit: 9,
        mounts: [{ source: '/a', target: '/b', readOnly: true }],
      },
    ],
  ])('run %j', async (args, spec) => {
    const { code, stdout } = await cli(['run', '-d', ...args], { env: { ...env, HERE: 'yes' } })
    expect(code).toBe(0)
    expect(manager.specs.get(stdout.trim())).toEqual(spec)
  })

  test('-d prints the id alone; again with the same id is harmless', async () => {
    expect(await cli(['run', '-d', '--id', 'x1', 'alpine'])).toMatchObject({ code: 0, stdout: 'x1\n', stderr: '' })
    const again = await cli(['run', '-d', '--id', 'x1', 'alpine'])
    expect(again).toMatchObject({ code: 0, stdout: 'x1\n', stderr: expect.stringContaining('was accepted before') })
    expect((await cli(['run', '-d', 'alpine'])).stdout).toMatch(/^[a-z2-7]{12}\n$/)
  })

  test('-i says that stdin is /dev/null', async () => {
    expect((await cli(['run', '-d', '-i', 'alpine'])).stderr).toContain('stdin of a task is /dev/null')
  })

  test('from a file and from stdin; what is broken is said with its line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-run-'))
    try {
      writeFileSync(join(folder, 'task.yaml'), 'id: from-file\nimage: alpine\nmemory: 64m\n')
      writeFileSync(join(folder, 'broken.yaml'), 'image: alpine\nmemry: 64m\n')
      const made = await cli(['run', '-d', '-f', 'task.yaml'], { cwd: folder })
      expect(made).toMatchObject({ code: 0, stdout: 'from-file\n' })
      expect(manager.specs.get('from-file')).toEqual({ driver: 'docker', image: 'alpine', memoryBytes: 64 * 2 ** 20 })
      const broken = await cli(['run', '-f', 'broken.yaml'], { cwd: folder })
      expect(broken).toMatchObject({
        code: 2,
        stderr: 'troupe: broken.yaml:2: there is no field "memry"; did you mean "memory"?\n',
      })
      const piped = await cli(['run', '-d', '--id', 'p', '-f', '-'], {
        stdin: '{"driver":"process","command":["true"]}',
      })
      expect(piped).toMatchObject({ code: 0, stdout: 'p\n' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a refusal before acceptance exits with its own code', async () => {
    manager.answer = ({ type, req }) =>
      type === 'SubmitTask'
        ? { type: 'Error', req, code: 'Conflict', message: 'abc is taken.', retryable: false }
        : undefined
    expect(await cli(['run', '--id', 'abc', 'x'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'troupe: abc is taken.\n',
    })
  })
})

describe('attached', () => {
  test('transitions and stderr on stderr, stdout on stdout, and the code of the task', async () => {
    const run = await attached()
    manager.start('abc')
    manager.write('abc', 1, 'stdout', 'out')
    manager.write('abc', 1, 'stderr', 'err\n')
    manager.finish('abc', 3)
    expect([await run.exit, run.stdout]).toEqual([3, 'out'])
    expect(run.stderr).toContain('abc Pending.Queued  Submitted\n')
    expect(run.stderr).toContain('abc Pending.Queued → Scheduled.Starting  Placed (on node-1)  attempt 1\n')
    expect(run.stderr).toContain('abc Running → Failed  Exited (exit 3)  attempt 1\n')
    expect(run.stderr).toContain('err\n')
    expect(run.stderr).toContain('troupe: abc Failed: exit 3\n')
  })

  test('the output of every attempt', async () => {
    const run = await attached()
    manager.start('abc')
    manager.write('abc', 1, 'stdout', 'one ')
    manager.endOutput('abc', 1)
    manager.commit('abc', { state: 'Pending', detail: 'BackingOff' }, 'Pending.BackingOff', {
      type: 'Exited',
      exitCode: 1,
    })
    manager.start('abc', 2)
    manager.write('abc', 2, 'stdout', 'two')
    manager.finish('abc', 0)
    expect([await run.exit, run.stdout]).toEqual([0, 'one two'])
  })

  test('the first Ctrl-C stops the task, the second kills it, and its code is kept', async () => {
    const run = await attached()
    manager.start('abc')
    run.signal('SIGINT')
    await eventually('the wish to stop', () => manager.count('StopTask') === 1)
    run.signal('SIGINT')
    await eventually('the wish to kill', () => manager.count('StopTask') === 2)
    const stops = manager.received.filter(({ type }) => type === 'StopTask')
    expect(stops[0]).not.toHaveProperty('graceMs')
    expect(stops[1]).toMatchObject({ graceMs: 0 })
    manager.endOutput('abc', 1)
    manager.commit('abc', { state: 'Completed', detail: '', outcome: 'stopped', exitCode: 137 }, 'Completed', {
      type: 'Exited',
    })
    expect(await run.exit).toBe(137)
    expect(run.stderr).toContain('Ctrl-C again kills it')
  })

  test('a Ctrl-C before acceptance stops the task once it is accepted', async () => {
    let release = () => {}
    manager.answer = (message, session) => {
      if (message.type !== 'SubmitTask') return undefined
      manager.answer = () => undefined
      const task = manager.commit('abc', {}, 'Pending.Queued', { type: 'Submitted' })
      release = () => session.send({ type: 'Submitted', req: message.req, existing: false, task })
      return 'silence'
    }
    const run = startCli(['run', '--id', 'abc', 'alpine'], { env })
    await eventually('it was asked for', () => manager.count('SubmitTask') === 1)
    run.signal('SIGINT')
    expect(manager.count('StopTask')).toBe(0)
    release()
    await eventually('the wish to stop', () => manager.count('StopTask') === 1)
    manager.commit('abc', { state: 'Completed', detail: '', outcome: 'stopped' }, 'Completed', { type: 'Stop' })
    expect(await run.exit).toBe(143)
  })

  test('a task that was trimmed since is told as it ended, with its code', async () => {
    const end = { state: 'Failed', detail: '', outcome: 'exit', exitCode: 7, finishedAtMs: 1 } as const
    const task = manager.commit('abc', end, 'Failed', { type: 'Exited' })
    manager.tasks.delete('abc')
    manager.answer = ({ type, req }) =>
      type === 'SubmitTask' ? { type: 'Submitted', req, existing: true, task } : undefined
    const { code, stderr } = await cli(['run', '--id', 'abc', 'alpine'])
    expect(code, stderr).toBe(7)
    expect(stderr).toContain('abc Failed: exit 7')
    expect(stderr).not.toContain('attach again')
  })

  test('a third Ctrl-C, and SIGHUP, leave the task and say how to come back', async () => {
    const run = await attached()
    for (let i = 0; i < 3; i += 1) run.signal('SIGINT')
    expect(await run.exit).toBe(130)
    expect(run.stderr).toContain('"troupe logs -f abc" shows its output, "troupe wait abc" its end')
    const other = startCli(['run', '--id', 'other', 'alpine'], { env })
    await eventually('it is attached', () => manager.count('Subscribe') === 4)
    other.signal('SIGHUP')
    expect(await other.exit).toBe(129)
    expect(other.stderr).toContain('troupe logs -f other')
    expect(manager.received.filter(({ type }) => type === 'StopTask')).toHaveLength(2)
  })

  test('a restart of the manager is survived, without a step or a byte twice', async () => {
    const run = await attached()
    manager.start('abc')
    manager.write('abc', 1, 'stdout', 'one ')
    await eventually('the beginning', () => run.stdout === 'one ')
    await manager.close()
    manager.write('abc', 1, 'stdout', 'two')
    manager.finish('abc', 5)
    await manager.listen()
    expect([await run.exit, run.stdout]).toEqual([5, 'one two'])
    expect(run.stderr.match(/Scheduled.Starting {2}Placed/g)).toHaveLength(1)
    expect(run.stderr.match(/connected again/g)).toHaveLength(1)
  })

  test('a wish to stop outlives a restart of the manager', async () => {
    const run = await attached()
    manager.start('abc')
    manager.answer = ({ type }) => (type === 'StopTask' ? 'silence' : undefined)
    run.signal('SIGINT')
    await eventually('the first wish', () => manager.count('StopTask') === 1)
    manager.answer = () => undefined
    await manager.close()
    await manager.listen()
    await eventually('the wish again', () => manager.count('StopTask') === 2)
    manager.finish('abc', 0)
    expect(await run.exit).toBe(0)
  })

  test('a manager that does not come back: detached, exit code 4', async () => {
    // The 30 s pass in a moment: only the clock of durations is hastened.
    let aheadMs = 0
    const clock = {
      nowMs: () => Date.now(),
      uptimeMs: () => performance.now() + aheadMs,
      setTimer: (callback: () => void, delayMs: number) => {
        const timer = setTimeout(callback, Math.min(delayMs, 5_000))
        return () => clearTimeout(timer)
      },
    }
    const run = startCli(['run', '--id', 'abc', 'alpine'], { env, clock })
    await eventually('it is attached', () => manager.count('Subscribe') === 2)
    await manager.close()
    await eventually('the loss is noticed', () => run.stderr.includes('was lost'))
    aheadMs = 31_000
    expect(await run.exit).toBe(4)
    expect(run.stderr).toContain('To attach again: "troupe logs -f abc"')
  })

  test('output that nobody reads does not keep the task from its end', async () => {
    const run = await attached()
    manager.start('abc')
    run.io.stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    manager.write('abc', 1, 'stdout', new Uint8Array(100_000))
    manager.write('abc', 1, 'stdout', 'more')
    manager.finish('abc', 6)
    expect(await run.exit).toBe(6)
  })
})
