/** Health checks on real processes and containers, through the command line: from the first check to what becomes of it. */
import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskView } from '../../actors/model.ts'
import { Cluster, freePort, testImage, until } from './cluster.ts'

// Set by scripts/test, to the reason, where there is no engine; what needs none still runs.
const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE !== undefined
const docker = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim()
const checkedImage = 'troupe-test/health-e2e:1'

/** Of its own, for others on this machine may run the same tests. */
const firstPort = 21_000 + (process.pid % 1_000) * 10
const portRange = [firstPort, firstPort + 9] as const

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.open()
  cluster.startUp('--name', 'here', '--allow-mount', cluster.dir, '--port-range', portRange.join('-'))
  await cluster.ready(1)
})
afterAll(async () => {
  await cluster.close()
  if (!withoutEngine) await docker('rmi', '--force', checkedImage)
})

/** A task as `status --json` shows it. */
interface Row {
  readonly state: string
  readonly attempt: number
  readonly health: { readonly state: string } | null
}

/** The first state that fits, asked of the manager: the command line would take longer than some states last. */
const becomes = (id: string, what: string, holds: (row: TaskView) => boolean) =>
  until(
    `${id} is ${what}`,
    async () => {
      const found = await cluster.ask((client) => client.query({ ids: [id] }))
      return found?.items.find(holds)
    },
    60_000,
  )

async function run(id: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await cluster.troupe('run', '-d', '--id', id, ...args)
  expect(code, stderr).toBe(0)
}

/** What is answered at this port of the machine. */
const got = (port: number, path = '/') =>
  until(`port ${port} answers`, () =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      (answer) => answer.text(),
      () => undefined,
    ),
  )

const often = ['--health-interval', '200ms', '--health-timeout', '2s', '--health-retries', '2']
/** A server that answers 500 while a file is there. */
const server = (port: number, ill: string) =>
  `require('node:http').createServer((_, r) => { r.statusCode = require('node:fs').existsSync('${ill}') ? 500 : 200; r.end() }).listen(${port}, '127.0.0.1')`

// They wait more than they work, so they do it together.
describe('a process', { concurrent: true }, () => {
  test('by http: healthy, then unhealthy, then run again by its policy', async () => {
    const port = await freePort()
    const ill = join(cluster.dir, 'ill')
    const how = ['--health-http', `${port}/ready`, ...often, '--health-start-period', '20s', '--restart', 'on-failure']
    await run('web', '--driver', 'process', ...how, '--', process.execPath, '-e', server(port, ill))
    const well = await becomes('web', 'healthy', ({ health }) => health?.state === 'healthy')
    expect(well).toMatchObject({ state: 'Running', detail: '', attempt: 1 })
    const [row] = await cluster.json<Row[]>('status', 'web', '--json')
    expect(row).toMatchObject({ state: 'Running', attempt: 1, health: { state: 'healthy' } })
    await writeFile(ill, '')
    await becomes('web', 'run again', ({ attempt }) => attempt === 2)
    await rm(ill)
    await becomes('web', 'healthy again', (row) => row.attempt === 2 && row.health?.state === 'healthy')
    const { stdout } = await cluster.troupe('explain', 'web')
    expect(stdout).toMatch(/Health: +healthy for /)
    expect(stdout).toContain(`unhealthy: GET http://127.0.0.1:${port}/ready answered 500`)
    expect(stdout).toMatch(/Running\.Checking → Running {2}HealthChanged/)
    await cluster.troupe('stop', 'web')
  })

  test('by tcp: what never listens is given up after its start period, and fails under never', async () => {
    const port = await freePort()
    await run(
      'mute',
      '--driver',
      'process',
      '--health-tcp',
      `${port}`,
      ...often,
      '--health-start-period',
      '4s',
      'sleep',
      '60',
    )
    const checking = await becomes('mute', 'Running', ({ state }) => state === 'Running')
    expect(checking).toMatchObject({ detail: 'Checking', health: { state: 'starting' } })
    const failed = await becomes('mute', 'Failed', ({ state }) => state === 'Failed')
    expect(failed).toMatchObject({ outcome: 'unhealthy', attempt: 1 })
    expect(failed.reason).toMatch(/^stopped as unhealthy: a connection to 127\.0\.0\.1:\d+ was refused/)
    const [task] = await cluster.json<{ startedAt: string; finishedAt: string }[]>('status', 'mute', '--json')
    const ranMs = Date.parse(task?.finishedAt as string) - Date.parse(task?.startedAt as string)
    expect(ranMs).toBeGreaterThan(4_000)
  })

  test('at the ports that it was given, which nobody else gets meanwhile', async () => {
    const port = await freePort()
    const listen = `for (const name of ['TROUPE_PORT_80', 'TROUPE_PORT_81']) require('node:http').createServer((_, r) => r.end(name)).listen(process.env[name])`
    const how = ['-p', '80', '-p', `${port}:81`, '--health-http', '80', ...often]
    await run('given', '--driver', 'process', ...how, '--', process.execPath, '-e', listen)
    const { ports = [] } = await becomes('given', 'healthy', ({ health }) => health?.state === 'healthy')
    const free = ports[0]?.host as number
    expect(ports).toEqual([
      { target: 80, host: free, protocol: 'tcp' },
      { target: 81, host: port, protocol: 'tcp' },
    ])
    expect(free >= portRange[0] && free <= portRange[1]).toBe(true)
    expect(await got(free)).toBe('TROUPE_PORT_80')
    expect(await got(port)).toBe('TROUPE_PORT_81')
    expect((await cluster.troupe('status')).stdout).toContain(` ${free}→80,${port}→81`)
    await run('late', '--driver', 'process', '-p', `${port}:80`, '--', 'sleep', '60')
    const waiting = await becomes('late', 'waiting', ({ reason }) => reason !== null)
    expect(waiting).toMatchObject({ state: 'Pending', reason: `1 node has port ${port} taken` })
    expect((await cluster.troupe('explain', 'late')).stdout).toContain(`here: port ${port} is taken by task given`)
    await cluster.troupe('stop', 'given')
    await becomes('late', 'Running', ({ state }) => state === 'Running')
    await cluster.troupe('stop', 'late')
  })

  test('by a command beside it, with its variables', async () => {
    const flag = join(cluster.dir, 'flag')
    await writeFile(flag, '')
    const how = ['--health-cmd', 'echo looking at $FLAG; test -e "$FLAG"', ...often, '-e', `FLAG=${flag}`]
    await run('beside', '--driver', 'process', ...how, 'sleep', '60')
    await becomes('beside', 'healthy', ({ health }) => health?.state === 'healthy')
    await rm(flag)
    const failed = await becomes('beside', 'Failed', ({ state }) => state === 'Failed')
    expect(failed.reason).toContain(`exited with code 1: looking at ${flag}`)
  })
})

// These need an engine with the test image.
describe.skipIf(withoutEngine)('a container', { concurrent: true }, () => {
  /** Is well by a file of its own, until a file that bears its name is written into the folder that it is shown. */
  const wellUntilTold = (id: string, begin: string, well: string) =>
    `${begin}; until [ -e /told/${id} ]; do sleep 0.1; done; rm ${well}; sleep 60`
  const shown = () => ['--mount', `${cluster.dir}:/told:ro`]
  const tell = (id: string) => writeFile(join(cluster.dir, id), '')
  const serve = 'mkdir -p /tmp/w; echo hi > /tmp/w/ready; httpd -p 8099 -h /tmp/w'

  test('by http on its own address', async () => {
    const script = wellUntilTold('inner', serve, '/tmp/w/ready')
    await run('inner', '--health-http', '8099/ready', ...often, ...shown(), testImage, 'sh', '-c', script)
    await becomes('inner', 'healthy', ({ health }) => health?.state === 'healthy')
    await tell('inner')
    const failed = await becomes('inner', 'Failed', ({ state }) => state === 'Failed')
    expect(failed).toMatchObject({ outcome: 'unhealthy' })
    expect(failed.reason).toMatch(/GET http:\/\/\d+\.\d+\.\d+\.\d+:8099\/ready answered 404/)
  })

  test('answers at the ports of its node that it was given', async () => {
    const port = await freePort()
    const script = `mkdir -p /tmp/w; echo "$TROUPE_PORT_8098" > /tmp/w/free; httpd -p 8098 -h /tmp/w; httpd -f -p 8099 -h /tmp/w`
    const asked = ['-p', `127.0.0.1:${port}:8099`, '--port', '8098', '-p', '127.0.0.1::8097/udp']
    const how = [...asked, '--health-http', '8099/free', ...often]
    await run('published', ...how, testImage, 'sh', '-c', script)
    const { ports = [] } = await becomes('published', 'healthy', ({ health }) => health?.state === 'healthy')
    const free = ports.find(({ target }) => target === 8098)?.host as number
    expect(await got(port, '/free')).toBe(`${free}\n`)
    expect(await got(free, '/free')).toBe(`${free}\n`)
    const datagrams = ports.find(({ target }) => target === 8097)
    const published = await docker('ps', '--filter', 'label=troupe.task=published', '--format', '{{.Ports}}')
    expect(published).toContain(`127.0.0.1:${datagrams?.host}->8097/udp`)
    expect((await cluster.troupe('stop', 'published', '-t', '0')).code).toBe(0)
    await becomes('published', 'stopped', ({ outcome }) => outcome === 'stopped')
  })

  test('by a command inside it', async () => {
    const script = wellUntilTold('inside', 'touch /tmp/well', '/tmp/well')
    const how = ['--network', 'none', '--health-cmd', 'test -e /tmp/well', ...often, ...shown()]
    await run('inside', ...how, testImage, 'sh', '-c', script)
    await becomes('inside', 'healthy', ({ health }) => health?.state === 'healthy')
    await tell('inside')
    await becomes('inside', 'Failed', ({ outcome }) => outcome === 'unhealthy')
  })

  test(`by its image's own check`, async () => {
    const made = await docker('create', testImage, 'true')
    const check = 'HEALTHCHECK --interval=1s --retries=1 CMD ["sh","-c","test -e /tmp/well"]'
    await docker('commit', '--change', check, made, checkedImage)
    await docker('rm', made)
    const script = wellUntilTold('own', 'touch /tmp/well', '/tmp/well')
    const how = ['--network', 'none', '--pull', 'never', '--health-container', ...often, ...shown()]
    await run('own', ...how, checkedImage, 'sh', '-c', script)
    await becomes('own', 'healthy', ({ health }) => health?.state === 'healthy')
    await tell('own')
    const failed = await becomes('own', 'Failed', ({ outcome }) => outcome === 'unhealthy')
    expect(failed.reason).toContain('its HEALTHCHECK ended with code 1')
  })
})
