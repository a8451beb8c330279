/** The main job on real input: a container and a process, submitted on the command line, run through all states. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskEvent } from '../../actors/model.ts'
import { openClient as connect } from '../../runtime/connect.ts'
import { Cluster, containersWith, testImage, until } from './cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.open()
  cluster.startUp('--name', 'here')
  await cluster.ready(1)
})
afterAll(async () => {
  await cluster.close()
})

interface Row {
  id: string
  state: string
  exitCode: number | null
  outcome: string | null
  reason: string | null
  attempt: number
}

async function statusOf(id: string): Promise<Row> {
  const [row] = await cluster.json<Row[]>('status', id, '--json')
  return row as Row
}

async function statesOf(id: string): Promise<string[]> {
  const client = await connect({ url: cluster.address, token: await cluster.token() })
  try {
    const { events } = await client.explain(id)
    const states = (events as TaskEvent[]).map(({ to }) => to.split('.')[0] as string)
    return states.filter((state, at) => state !== states[at - 1])
  } finally {
    client.close()
  }
}

const runs = [
  { driver: 'docker', flags: [testImage] },
  { driver: 'process', flags: ['--driver', 'process', '--'] },
] as const

test('without --allow-mount, what is below the folder of "up" may be mounted, but never what Troupe keeps there', async () => {
  const seen = await cluster.troupe(
    'run',
    '--network',
    'none',
    '-v',
    '.:/here',
    testImage,
    'sh',
    '-c',
    'ls /here; ls -A /here/data',
  )
  expect(seen).toMatchObject({ code: 0, stdout: 'data\n' })
  const refused = await cluster.troupe('run', '-v', './data/manager:/m', testImage, 'true')
  expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('it holds what Troupe itself keeps') })
})

describe.each(runs)('$driver', ({ driver, flags }) => {
  const args = (id: string, ...command: string[]) => ['run', '--id', id, ...flags, ...command]

  test('goes through all states, with its output on stdout and its code', async () => {
    const id = `${driver}-ok`
    const { code, stdout, stderr } = await cluster.troupe(...args(id, 'sh', '-c', 'echo out; echo err >&2'))
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'out\n' })
    expect(stderr).toContain('err')
    expect(await statesOf(id)).toEqual(['Pending', 'Scheduled', 'Running', 'Completed'])
    expect(await statusOf(id)).toMatchObject({ state: 'Completed', outcome: 'succeeded', exitCode: 0, attempt: 1 })
  })

  test('ends Failed with its exit code', async () => {
    const id = `${driver}-three`
    const { code } = await cluster.troupe(...args(id, 'sh', '-c', 'exit 3'))
    expect(code).toBe(3)
    expect(await statusOf(id)).toMatchObject({ state: 'Failed', outcome: 'exit', exitCode: 3 })
  })

  test('says that there is no such command', async () => {
    const id = `${driver}-nocmd`
    const { code } = await cluster.troupe(...args(id, 'no-such-command'))
    expect(code).toBe(127)
    const status = await statusOf(id)
    expect(status).toMatchObject({ state: 'Failed', outcome: 'start', exitCode: null })
    expect(status.reason).toContain('no-such-command')
  })

  test('is stopped, and keeps its output to be read after the end', async () => {
    const id = `${driver}-stop`
    await cluster.troupe('run', '-d', ...args(id, 'sh', '-c', 'echo waiting; exec sleep 60').slice(1))
    await until('it to run', async () => ((await statusOf(id)).state === 'Running' ? true : undefined))
    expect((await cluster.troupe('stop', id)).code).toBe(0)
    expect((await cluster.troupe('wait', id)).code).toBe(143)
    expect(await statusOf(id)).toMatchObject({ state: 'Completed', outcome: 'stopped', exitCode: 143 })
    expect((await cluster.troupe('logs', id)).stdout).toBe('waiting\n')
    await until('its container to be removed', async () =>
      (await containersWith(`troupe.task=${id}`)).length === 0 ? true : undefined,
    )
    expect((await cluster.troupe('logs', id)).stdout).toBe('waiting\n')
  })

  test('is tried again by its restart policy', async () => {
    const id = `${driver}-again`
    const { code, stdout } = await cluster.troupe(
      ...['run', '--id', id, '--restart', 'on-failure', '--max-restarts', '3', ...flags],
      ...['sh', '-c', 'echo try $TROUPE_ATTEMPT; [ $TROUPE_ATTEMPT -ge 3 ]'],
    )
    expect(code).toBe(0)
    expect(stdout).toBe('try 1\ntry 2\ntry 3\n')
    expect(await statusOf(id)).toMatchObject({ state: 'Completed', attempt: 3 })
  })
})

test('says that a container ran out of memory', async () => {
  // A busy engine forgets now and then to say so (docs/RELIABILITY.md): then the task has failed as `exit`, and never as anything else.
  const outcomes: unknown[] = []
  while (outcomes.at(-1) !== 'oom' && outcomes.length < 4) {
    const id = `oom-${outcomes.length}-${Date.now().toString(36)}`
    const { code } = await cluster.troupe(
      ...['run', '--id', id, '--memory', '16m', testImage],
      ...['sh', '-c', 'x=a; while true; do x=$x$x; done'],
    )
    expect(code).toBe(137)
    const status = await statusOf(id)
    expect(status).toMatchObject({ state: 'Failed', exitCode: 137 })
    expect(status.reason).toContain(status.outcome === 'oom' ? 'out of memory' : '137')
    outcomes.push(status.outcome)
  }
  expect(outcomes.at(-1), outcomes.join()).toBe('oom')
  expect(outcomes.slice(0, -1).filter((outcome) => outcome !== 'exit')).toEqual([])
})

test('says that there is no such image', async () => {
  const { code } = await cluster.troupe('run', '--id', 'noimage', '--pull', 'never', 'troupe-test/none:1')
  expect(code).toBe(125)
  const status = await statusOf('noimage')
  expect(status).toMatchObject({ state: 'Failed', outcome: 'start' })
  expect(status.reason).toContain('troupe-test/none:1')
})
