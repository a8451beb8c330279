/** `up`, `manager` and `worker`: what they ask of the roots, what they say, and how they end. */
import { describe, expect, test, vi } from 'vitest'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { serveLimits } from '../../runtime/cli/serve.ts'
import type { OpenedUp, Roots } from '../../runtime/options.ts'
import { cli, startCli } from './cli-rig.ts'
import { eventually } from './client-manager.ts'

interface FakeRoots extends Roots {
  readonly asked: Record<string, unknown>[]
  readonly close: ReturnType<typeof vi.fn>
  fail(error: Error): void
}

function fakeRoots(close: () => Promise<void> = async () => {}): FakeRoots {
  const asked: Record<string, unknown>[] = []
  let fail = (_: Error) => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => undefined)
  const closed = vi.fn(close)
  const opened = {
    address: 'ws://127.0.0.1:4747',
    tokenFile: '/d/token',
    inspector: 'http://127.0.0.1:4747/#token=t',
    close: closed,
    failed,
  } satisfies Partial<OpenedUp>
  const open = async (options: object) => {
    asked.push({ ...options })
    return { ...opened, name: 'node-1', nodeId: 'n1', connected: Promise.resolve() }
  }
  return { asked, close: closed, fail: (error) => fail(error), openManager: open, openWorker: open, openUp: open }
}

describe('what is asked of the roots', () => {
  test('up, by default', async () => {
    const roots = fakeRoots()
    const run = startCli(['up'], { roots, cwd: '/home/u' })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGINT')
    expect(await run.exit).toBe(0)
    expect(run.stdout.split('\n')).toEqual([
      'manager:   ws://127.0.0.1:4747',
      'token:     /d/token',
      'worker:    node-1',
      'inspector: http://127.0.0.1:4747/#token=t',
      '',
    ])
    expect(roots.asked[0]).toEqual({
      listen: '127.0.0.1:4747',
      dataDir: '/home/u/.troupe',
      storage: 'rocksdb',
      scheduler: 'round-robin',
      insecure: false,
      labels: {},
      drivers: undefined,
      allowMounts: ['/home/u'],
      logger: expect.anything(),
    })
  })

  test.each([
    ['/', [], []],
    ['/home/u', ['--allow-mount', '/srv/data'], ['/srv/data']],
    ['/home/u', ['--allow-mount', './x', '--allow-mount', 'y/../z'], ['/home/u/x', '/home/u/z']],
    ['/home/u', ['--allow-mount', '.'], ['/home/u']],
  ])('up in %s with %j lets tasks mount %j', async (cwd, flags, allowMounts) => {
    const roots = fakeRoots()
    const run = startCli(['up', ...flags], { roots, cwd })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGINT')
    expect(await run.exit).toBe(0)
    expect(roots.asked[0]).toMatchObject({ allowMounts })
  })

  test('manager, with everything', async () => {
    const roots = fakeRoots()
    const origins = ['--allow-origin', 'https://app.example/', '--allow-origin', 'http://localhost:8080']
    const rest = ['--data-dir', '/d', '--storage', 'memory', '--token', 't', ...origins]
    const args = ['--listen', '0.0.0.0:1', '--insecure', ...rest]
    const run = startCli(['manager', ...args], { roots })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGTERM')
    expect(await run.exit).toBe(0)
    expect(roots.asked[0]).toMatchObject({
      listen: '0.0.0.0:1',
      insecure: true,
      dataDir: '/d',
      storage: 'memory',
      token: 't',
      allowOrigins: ['https://app.example', 'http://localhost:8080'],
    })
  })

  test('worker, with everything', async () => {
    const roots = fakeRoots()
    const args = [
      ...[
        '--manager',
        'ws://h:1',
        '--token',
        't',
        '--data-dir',
        '/d',
        '--name',
        'w1',
        '--label',
        'zone=a',
        '--label',
        'b=c=d',
      ],
      ...['--driver', 'docker', '--driver', 'process', '--cpus', '1.5', '--memory', '2g', '--allow-mount', '/data'],
      ...['--port-range', '30000-30999'],
    ]
    const run = startCli(['worker', ...args], { roots })
    await eventually('it is connected', () => run.stdout.includes('manager'))
    run.signal('SIGHUP')
    expect(await run.exit).toBe(0)
    expect(run.stdout).toBe('worker:  node-1 (n1)\nmanager: ws://h:1\n')
    expect(roots.asked[0]).toMatchObject({
      manager: 'ws://h:1',
      token: 't',
      dataDir: '/d',
      name: 'w1',
      labels: { zone: 'a', b: 'c=d' },
      drivers: ['docker', 'process'],
      cpus: 1.5,
      memoryBytes: 2 ** 31,
      portRange: { from: 30_000, to: 30_999 },
      allowMounts: ['/data'],
    })
  })

  test.each([
    [['manager', '--listen', '0.0.0.0:4747'], /--tls-cert and --tls-key.*--insecure/],
    [['manager', '--listen', '4747'], /write host:port/],
    [['manager', '--tls-cert', 'a.pem'], /--tls-cert needs --tls-key, the file with its private key/],
    [['up', '--tls-key', 'a.pem'], /--tls-key needs --tls-cert, the file with its certificate/],
    [
      ['worker', '--ca', import.meta.filename, '--token', 't'],
      /--ca names .* which holds no certificate; give a PEM file/,
    ],
    [['worker', '--ca=', '--token', 't'], /--ca is empty; give the path of a PEM file, or leave it out/],
    [['up', '--data-dir='], /--data-dir is empty; give the path of a folder, or leave it out/],
    [['run', '--env-file=', 'x'], /The name of a file is empty; give the path of a list of variables/],
    [['worker', '--ca', 'no.pem', '--token', 't'], /--ca names no\.pem, which cannot be read \(ENOENT\)/],
    [['manager', '--allow-origin', '*'], /is no origin; write scheme/],
    [['manager', '--storage', 'sqlite'], /Allowed choices are rocksdb, memory/],
    [['manager', '--scheduler', 'magic'], /Allowed choices are round-robin, epvm, binpack, spread/],
    [['worker', '--driver', 'podman', '--token', 't'], /there are docker and process/],
    [['worker', '--label', 'zone', '--token', 't'], /--label "zone" has no value/],
    [['worker', '--label', '-x=1', '--token', 't'], /no name of a label/],
    [['worker', '--name', 'a b', '--token', 't'], /no name of a node/],
    [['worker', '--allow-mount', '', '--token', 't'], /--allow-mount "" is no folder; write its path, or \. for this/],
    [['worker', '--allow-mount', '~/data', '--token', 't'], /--allow-mount "~\/data" is for a shell to read/],
    [['worker', '--port-range', '2-1', '--token', 't'], /write the lower one first, as 1-2/],
    [['worker', '--manager', 'http://h', '--token', 't'], /no address of a manager/],
    [['worker', '--data-dir', '/nowhere'], /must show its manager's token.*\/nowhere\/token/],
  ])('%j is wrong usage', async (args, message) => {
    const roots = fakeRoots()
    const { code, stderr } = await cli(args, { roots })
    expect(stderr).toMatch(message)
    expect([code, roots.asked]).toEqual([2, []])
  })
})

describe('the end', () => {
  test('a signal closes in order, and says so', async () => {
    let close = () => {}
    const roots = fakeRoots(() => new Promise((resolve) => (close = resolve)))
    const run = startCli(['up'], { roots })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGTERM')
    await eventually('it closes', () => roots.close.mock.calls.length === 1)
    expect(run.stderr).toContain('stopping')
    close()
    expect(await run.exit).toBe(0)
  })

  test('a second signal cuts it off', async () => {
    const roots = fakeRoots(() => new Promise(() => {}))
    const run = startCli(['up'], { roots })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGINT')
    run.signal('SIGINT')
    expect(await run.exit).toBe(130)
  })

  test('so does the time limit', async () => {
    const roots = fakeRoots(() => new Promise(() => {}))
    const clock = {
      nowMs: () => 0,
      uptimeMs: () => 0,
      setTimer: (callback: () => void, delayMs: number) => {
        expect(delayMs).toBe(serveLimits.closeMs)
        const timer = setTimeout(callback, 10)
        return () => clearTimeout(timer)
      },
    }
    const run = startCli(['up'], { roots, clock })
    await eventually('it is up', () => run.stdout !== '')
    run.signal('SIGINT')
    expect([await run.exit, run.stderr]).toEqual([1, expect.stringContaining('did not stop within 10 s')])
  })

  test('a failure exits 1 with its sentence', async () => {
    const roots = fakeRoots()
    const run = startCli(['manager'], { roots })
    await eventually('it is up', () => run.stdout !== '')
    roots.fail(new TroupeError('StorageFailed', 'The disk is full; make room and start again.'))
    expect([await run.exit, run.stderr]).toEqual([1, 'troupe: The disk is full; make room and start again.\n'])
  })

  test.each(['Unauthorized', 'Conflict', 'LostHistory', 'Protocol'] as const)(
    'a worker that its manager refuses for good (%s) exits 4 with the reason',
    async (code) => {
      const roots = fakeRoots()
      const run = startCli(['worker', '--token', 't'], { roots })
      await eventually('it is up', () => run.stdout !== '')
      roots.fail(new TroupeError(code, 'It is not wanted here.'))
      expect([await run.exit, run.stderr]).toEqual([4, 'troupe: It is not wanted here.\n'])
    },
  )

  test('a failure to open as well', async () => {
    const openUp = () => Promise.reject(new Error('Port 4747 is taken.'))
    const { code, stdout, stderr } = await cli(['up'], { roots: { openUp } })
    expect([code, stdout, stderr]).toEqual([1, '', 'troupe: Port 4747 is taken.\n'])
  })

  test('what is logged goes to stderr, and debug only with --verbose', async () => {
    for (const [args, lines] of [
      [['up'], 1],
      [['up', '--verbose'], 2],
    ] as const) {
      const roots = fakeRoots()
      const openUp: Roots['openUp'] = (options) => {
        options.logger.debug('small')
        options.logger.info('large')
        return roots.openUp(options)
      }
      const run = startCli(args, { roots: { openUp } })
      await eventually('it is up', () => run.stdout !== '')
      expect(run.stderr.match(/ (debug|info ) (small|large)\n/g)).toHaveLength(lines)
      run.signal('SIGINT')
      await run.exit
    }
  })
})
