/** The flags of `up`, `manager` and `worker`: what a node offers, and where state is kept. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Authority } from '../transport/certificates.ts'
import { Cluster, until } from './cluster.ts'

let cluster: Cluster
beforeEach(async () => {
  cluster = await Cluster.open()
})
afterEach(() => cluster.close())

interface Row {
  readonly id: string
  readonly state: string
  readonly node: string | null
}

const mebibyte = 1024 * 1024
const onHost = (flags: readonly string[], ...command: string[]) =>
  cluster.troupe('run', '--driver', 'process', ...flags, '--', ...command)

test('a worker offers what its flags say, and tasks go where they fit', async () => {
  cluster.startManager('--scheduler', 'spread')
  await Promise.all([
    cluster.startWorker('left', '--driver', 'process', '--label', 'zone=eu', '--cpus', '1', '--memory', '512m'),
    cluster.startWorker('right', '--driver', 'process', '--label', 'zone=us', '--cpus', '0.5', '--memory', '128m'),
  ])
  await cluster.ready(2)
  const nodes = await cluster.json<object[]>('node', '--json')
  expect(nodes).toMatchObject([
    { name: 'left', labels: { zone: 'eu' }, offered: { cpus: 1, memoryBytes: 512 * mebibyte } },
    { name: 'right', labels: { zone: 'us' }, offered: { cpus: 0.5, memoryBytes: 128 * mebibyte } },
  ])
  expect(nodes.map((node) => (node as { drivers: object }).drivers)).toEqual([
    { process: 'complete' },
    { process: 'complete' },
  ])
  const table = await cluster.troupe('node')
  expect(table.stdout).toMatch(
    /^NAME +ID +STATE +CPUS +MEMORY +TASKS +DRIVERS +LABELS\nleft +\S+ +Ready +0\/1 +0B\/512MiB/,
  )

  // What is planned is checked, placed on paper, and not there afterwards.
  const planned = await cluster.troupe('plan', '--driver', 'process', '--constraint', 'zone=us', '--', 'true')
  expect(planned).toMatchObject({ code: 0, stderr: '' })
  expect(planned.stdout).toMatch(
    /^It would be placed on right now\.\n\nNODE +spread +round-robin +epvm +binpack +WHY NOT\nright +[\d.]+ \* .*\nleft +- +- +- +- +does not match zone=us/,
  )
  const wish = async (id: string, ...flags: string[]) => {
    expect((await onHost(['--id', id, ...flags], 'true')).code).toBe(0)
    return (await cluster.json<{ task: Row }>('explain', id, '--json')).task.node
  }
  // With nothing on either, left is the lower share and the cheaper.
  expect(await wish('there', '--affinity', 'zone=us:100')).toBe('right')
  expect(await wish('elsewhere', '--affinity', 'node=left:-100')).toBe('right')
  const [us, large] = await Promise.all([
    onHost(['--id', 'us', '--constraint', 'zone=us'], 'true'),
    onHost(['--id', 'large', '--memory', '256m', '--affinity', 'zone=us:100', '--affinity', 'node=left:-1'], 'true'),
    cluster.troupe('run', '-d', '--id', 'never', '--driver', 'process', '--cpus', '1.5', 'true'),
    cluster.troupe('run', '-d', '--id', 'contained', '--pull', 'never', 'x'),
  ])
  expect([us.code, large.code]).toEqual([0, 0])
  const rows = await cluster.json<Row[]>('status', '--json')
  const nodeOf = (id: string) => rows.find((row) => row.id === id)?.node
  expect([nodeOf('us'), nodeOf('large'), nodeOf('never')]).toEqual(['right', 'left', null])
  const [never, contained] = await Promise.all([
    cluster.troupe('explain', 'never'),
    cluster.troupe('explain', 'contained'),
  ])
  expect(never.stdout).toMatch(/no node was fit: .* \(spread, 2 nodes considered/)
  expect(never.stdout).toMatch(/no node is large enough for 1\.5 cpus/)
  expect(contained.stdout).toMatch(/- left: .*docker/)
  expect(contained.stdout).toMatch(
    /\nIf it were placed now\n +NODE +spread +round-robin .*\n(?: +right .*\n)? +left .*docker/,
  )
})

test('a full node makes others wait, in order, and says so', async () => {
  const nothingKept = ['--keep-finished', '0', '--keep-log', '0', '--keep-output', '0']
  cluster.startUp('--name', 'small', '--driver', 'process', '--cpus', '1', '--scheduler', 'binpack', ...nothingKept)
  await cluster.ready(1)
  const submit = (id: string) =>
    cluster.troupe('run', '-d', '--id', id, '--driver', 'process', '--cpus', '1', '--', 'sleep', '60')
  await submit('first')
  await submit('second')
  const states = async () => (await cluster.json<Row[]>('status', '--json')).map(({ id, state }) => [id, state])
  await until('the first to run', async () => ((await states())[1]?.[1] === 'Running' ? true : undefined))
  expect(await states()).toEqual([
    ['second', 'Pending'],
    ['first', 'Running'],
  ])
  expect((await cluster.troupe('explain', 'second')).stdout).toMatch(/\(binpack, 1 node considered.*\n +- small: .*cpu/)
  const plan = await cluster.troupe('plan', '--driver', 'process', '--cpus', '1', '--', 'sleep', '60')
  expect(plan).toMatchObject({ code: 5, stderr: '' })
  expect(plan.stdout).toMatch(/^It would wait: 1 node lacks 1 cpu\.\n1 task that asks for the same waits already/)
  await cluster.troupe('stop', 'first')
  await until('the second to run', async () => ((await states())[0]?.[1] === 'Running' ? true : undefined))
  await cluster.troupe('stop', 'second', '--stop-timeout', '0')
  await cluster.troupe('wait', 'second')
  await until('both to be trimmed', async () => {
    const left = await cluster.json<Row[]>('status', '--all', '--json')
    return left.length === 0 || undefined
  })
  const gone = await cluster.troupe('wait', 'first')
  expect(gone).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^troupe: task first ended .* and was trimmed: /),
  })
})

test('--storage memory works, and forgets; rocksdb remembers, the token in both', async () => {
  const begin = async (...flags: string[]) => {
    const up = cluster.startUp('--name', 'here', '--driver', 'process', ...flags)
    await cluster.ready(1)
    return up
  }
  const data = join(cluster.dir, 'data')
  const schedulerOf = async (id: string) => (await cluster.json<{ decision: object }>('explain', id, '--json')).decision
  let up = await begin('--storage', 'memory', '--scheduler', 'epvm')
  const token = await cluster.token()
  expect((await stat(join(data, 'token'))).mode & 0o777).toBe(0o600)
  expect(await onHost(['--id', 'one'], 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' })
  expect(await schedulerOf('one')).toMatchObject({ scheduler: 'epvm' })
  expect((await up.kill('SIGTERM')).code).toBe(0)
  expect(existsSync(join(data, 'manager'))).toBe(false)

  up = await begin()
  expect(await cluster.json('status', '--json')).toEqual([])
  expect(await onHost(['--id', 'two'], 'echo', 'hi')).toMatchObject({ code: 0 })
  expect(await schedulerOf('two')).toMatchObject({ scheduler: 'round-robin' })
  expect((await up.kill('SIGINT')).code).toBe(0)

  await begin()
  expect(await cluster.json<Row[]>('status', '--json')).toMatchObject([{ id: 'two', state: 'Completed', node: 'here' }])
  expect((await cluster.troupe('logs', 'two')).stdout).toBe('hi\n')
  expect(await cluster.token()).toBe(token)
})

test('a manager with TLS is dialled by whoever trusts its authority, and is told what it lacks', async () => {
  const authority = new Authority()
  try {
    const { certFile, keyFile } = authority.issue('manager', 'IP:127.0.0.1')
    const unread = cluster.start('manager', '--listen', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', 'no.pem')
    const manager = cluster.start('manager', '--listen', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile)
    const address = await until('it listens', async () => /^manager: +(wss:\S+)$/m.exec(manager.stdout)?.[1])
    const [trusted, stranger, plain] = await Promise.all([
      cluster.troupe('node', '--json', '--addr', address, '--ca', authority.caFile),
      cluster.troupe('node', '--addr', address),
      cluster.troupe('node', '--addr', address.replace('wss:', 'ws:')),
    ])
    expect(trusted).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' })
    expect(stranger).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/is not trusted .*--ca or TROUPE_CA\.\n$/),
    })
    expect(plain).toMatchObject({ code: 4, stderr: expect.stringContaining('if it speaks TLS, dial it with wss://') })
    expect((await unread.ended).stderr).toMatch(/no\.pem cannot be read \(ENOENT\)/)
  } finally {
    authority.remove()
  }
})

test('a port that is taken, a scheduler that there is not, and a worker that is refused, each end with one sentence', async () => {
  const up = cluster.startUp('--name', 'here', '--driver', 'process')
  await cluster.ready(1)
  // Its own worker dials no port, and so none may be read there.
  expect(up.stderr).toContain('connected to the manager at ws://this-process')
  const other = join(cluster.dir, 'other')
  const taken = await cluster.troupe('up', '--listen', `127.0.0.1:${cluster.port}`, '--data-dir', other)
  expect(taken.code).toBe(1)
  expect(taken.stderr).toMatch(new RegExp(`Port ${cluster.port} is taken`))
  // Where Node's own recursive mkdir would never return.
  const nowhere = await cluster.troupe('up', '--listen', '127.0.0.1:0', '--data-dir', '/proc/troupe')
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringMatching(/name another folder with --data-dir/) })
  const magic = await cluster.troupe('manager', '--scheduler', 'magic')
  expect(magic).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/choices are round-robin, epvm, binpack, spread/),
  })
  const worker = ['worker', '--manager', cluster.address, '--data-dir', join(cluster.dir, 'w')]
  const refused = await cluster.troupe(...worker, '--token', 'wrong')
  expect(refused.code).toBe(4)
  expect(refused.stderr).toMatch(/refused this worker: the token is missing or wrong/)
})
