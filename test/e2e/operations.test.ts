/** What an operator does, with real processes: empty a node, and end a manager and a worker in order. */
import { afterEach, expect, test } from 'vitest'
import type { NodeView } from '../../actors/model.ts'
import { openClient as connect } from '../../runtime/connect.ts'
import { Cluster, until } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

const processes = ['--driver', 'process']

/** A task as `status --json` shows it. */
interface Row {
  readonly state: string
  readonly detail: string
  readonly node: string | null
  readonly attempt: number
  readonly startedAt: string | null
}

async function viewOf(id: string): Promise<Row> {
  const [view] = await cluster.json<Row[]>('status', id, '--json')
  return view as Row
}

const settled = (id: string, what: string, holds: (view: Row) => boolean) =>
  until(`${id} to be ${what}`, async () => {
    const view = await viewOf(id)
    return holds(view) ? view : undefined
  })

/** Submits on the command line, and waits until it runs. */
async function runs(id: string, ...flags: string[]): Promise<Row> {
  const { code, stderr } = await cluster.troupe('run', '-d', '--id', id, ...processes, ...flags, '--', 'sleep', '600')
  expect(code, stderr).toBe(0)
  return settled(id, 'Running', ({ state }) => state === 'Running')
}

/** Ends it as an init system would, and says how long that took. */
async function terminated(program: ReturnType<Cluster['startManager']>) {
  const sinceMs = performance.now()
  const { code, stderr } = await program.kill('SIGTERM')
  return { code, stderr, tookMs: performance.now() - sinceMs }
}

test('a node is drained, its worker stopped, and the node forgotten', async () => {
  cluster = await Cluster.open()
  cluster.startManager()
  const left = await cluster.startWorker('left', ...processes)
  await cluster.ready(1)
  await runs('service', '--restart', 'always')
  await runs('batch')
  await cluster.startWorker('right', ...processes)
  await cluster.ready(2)

  const drain = await cluster.troupe('node', 'drain', 'left', '--deadline', '2s')
  expect([drain.code, drain.stdout], drain.stderr).toEqual([0, 'left\n'])
  expect(drain.stderr).toContain('task')
  const service = await settled(
    'service',
    'Running elsewhere',
    ({ state, node }) => state === 'Running' && node === 'right',
  )
  expect(service).toMatchObject({ attempt: 2, restarts: 0 })
  expect(await viewOf('batch')).toMatchObject({ state: 'Completed', outcome: 'stopped', node: 'left' })
  const why = await cluster.troupe('explain', 'service')
  expect(why.stdout).toContain('its node was drained')

  const refused = await cluster.troupe('node', 'rm', 'left')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('stop that worker first')])
  expect((await terminated(left)).code).toBe(0)
  expect((await cluster.troupe('node', 'rm', 'left')).code).toBe(0)
  const nodes = await cluster.json<NodeView[]>('node', '--json')
  expect(nodes.map(({ name }) => name)).toEqual(['right'])
}, 120_000)

test('SIGTERM ends a worker and a manager with code 0, and their tasks run on', async () => {
  cluster = await Cluster.open()
  const manager = cluster.startManager()
  const worker = await cluster.startWorker('only', ...processes)
  await cluster.ready(1)
  const before = await runs('on')

  // Submissions under way when the signal comes: each that was accepted is there afterwards.
  const client = await connect({ url: cluster.address, token: await cluster.token() })
  const spec = { driver: 'process' as const, command: ['true'], constraints: ['node=none'] }
  const ids = Array.from({ length: 200 }, (_, at) => `late-${at}`)
  const answers = ids.map((id) =>
    client
      .submit(id, spec)
      .then(() => id)
      .catch(() => undefined),
  )
  const end = await terminated(manager)
  expect([end.code, end.tookMs < 10_000], end.stderr).toEqual([0, true])
  const accepted = (await Promise.all(answers)).filter((id) => id !== undefined)
  const ended = await terminated(worker)
  expect([ended.code, ended.tookMs < 10_000], ended.stderr).toEqual([0, true])

  cluster.startManager()
  await cluster.startWorker('only', ...processes)
  await cluster.ready(1)
  const after = await settled('on', 'Running', ({ state, detail }) => state === 'Running' && detail === '')
  expect(after).toMatchObject({ attempt: 1, startedAt: before.startedAt })
  const again = await connect({ url: cluster.address, token: await cluster.token() })
  const { items } = await again.query({ ids: accepted })
  expect(items.map(({ id }) => id).sort()).toEqual(accepted.sort())
  await again.close()
}, 120_000)

test('the end of a manager does not wait for a worker that says nothing', async () => {
  cluster = await Cluster.open()
  const manager = cluster.startManager()
  const worker = await cluster.startWorker('mute', ...processes)
  await cluster.ready(1)
  worker.child.kill('SIGSTOP')
  const end = await terminated(manager)
  expect([end.code, end.tookMs < 10_000], end.stderr).toEqual([0, true])
}, 120_000)

test('a second signal ends a worker at once, and costs its tasks nothing', async () => {
  cluster = await Cluster.open()
  cluster.startManager()
  const worker = await cluster.startWorker('rushed', ...processes)
  await cluster.ready(1)
  const before = await runs('on')
  const sinceMs = performance.now()
  // Two names, for the same one twice within a moment is taken for one.
  worker.child.kill('SIGTERM')
  const { code, stderr } = await worker.kill('SIGINT')
  expect([0, 130], stderr).toContain(code)
  expect(performance.now() - sinceMs).toBeLessThan(9_000)
  await cluster.startWorker('rushed', ...processes)
  const after = await settled('on', 'Running', ({ state, detail }) => state === 'Running' && detail === '')
  expect(after).toMatchObject({ attempt: 1, startedAt: before.startedAt })
}, 120_000)

test('up keeps as much as its flags say of tasks, history and output, and says what was trimmed', async () => {
  cluster = await Cluster.open()
  const kept = [
    '--keep-finished-max',
    '2',
    '--keep-log-size',
    '1k',
    '--keep-output-max',
    '1',
    '--keep-output-size',
    '2k',
  ]
  cluster.startUp('--driver', 'process', ...kept, '--keep-finished', '1h', '--keep-log', '1h', '--keep-output', '1h')
  await cluster.ready(1)
  for (const id of ['first', 'second', 'third']) {
    expect(await cluster.troupe('run', '--id', id, ...processes, '--', 'echo', id)).toMatchObject({ code: 0 })
  }
  const listed = () => cluster.json<{ readonly id: string }[]>('status', '--all', '--json')
  await until('the first to be trimmed', async () => (await listed()).length === 2 || undefined)
  const asked = await cluster.troupe('wait', 'first')
  expect(asked.code).toBe(3)
  expect(asked.stderr).toMatch(/task first ended .* ago and was trimmed: .*2 of them at most/)
  const again = await cluster.troupe('run', '-d', '--id', 'first', ...processes, '--', 'echo', 'first')
  expect(again.code, again.stderr).toBe(0)
  expect((await listed()).map(({ id }) => id).sort()).toEqual(['second', 'third'])
  await until('the history to be trimmed', async () => {
    const { stdout } = await cluster.troupe('explain', 'second')
    return /what came until .* was trimmed/.test(stdout) || undefined
  })
  const output = await until('the output to be trimmed', async () => {
    const logs = await cluster.troupe('logs', 'second')
    return logs.code === 0 ? undefined : logs
  })
  expect([output.code, output.stderr]).toEqual([3, expect.stringContaining('is not kept any more')])
  expect(await cluster.troupe('logs', 'third')).toMatchObject({ code: 0, stdout: 'third\n' })
  const large = ['sh', '-c', 'head -c 4000 /dev/zero | tr "\\0" x']
  expect(await cluster.troupe('run', '--id', 'large', ...processes, '--', ...large)).toMatchObject({ code: 0 })
  await until('what is too large to be trimmed', async () => {
    const { code } = await cluster.troupe('logs', 'large')
    return code === 3 || undefined
  })
})
