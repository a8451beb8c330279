/**
 * A secret is given to tasks of both drivers, and lives through all that can happen to one. Then everything is searched for
 * it: each byte that a client was sent, each line that anybody printed or logged, and the files that are left.
 */
import { createHash, randomUUID } from 'node:crypto'
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Client } from '../../runtime/client/client.ts'
import { openClient } from '../../runtime/connect.ts'
import { Cluster, type Finished, type Program, testImage, until } from './cluster.ts'
import { TappedWire } from './tapped-wire.ts'

const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE !== undefined
const secret = `secret${randomUUID().replaceAll('-', '')}`
const digest = createHash('sha256').update(secret).digest('hex')
/** Ends with 0 if it was given the secret by both names, and says nothing of it. */
const knows = `for each in "$HERE" "$IN_FILE"; do printf %s "$each" | sha256sum | grep -q ${digest} || exit 9; done; echo known`
/** More than a program can be given as one variable. */
const tooLong = secret.padEnd(131_072, 'x')

let cluster: Cluster
let wire: TappedWire
let up: Program
const finished: Finished[] = []

beforeAll(async () => {
  cluster = await Cluster.open()
  up = cluster.startUp('--verbose')
  await cluster.ready(1)
  wire = new TappedWire(cluster.address)
  Object.assign(cluster.env, { TROUPE_ADDR: await wire.open(), HERE: secret })
  await writeFile(join(cluster.dir, 'some.env'), `IN_FILE=${secret}\n`)
  const fields = (driver: string) => ({
    ...(driver === 'docker' ? { image: testImage } : {}),
    driver,
    command: ['true'],
  })
  for (const driver of ['docker', 'process']) {
    await writeFile(
      join(cluster.dir, `${driver}.json`),
      JSON.stringify({ ...fields(driver), secretEnv: { LONG: tooLong } }),
    )
  }
})
afterAll(async () => {
  await wire.close()
  await cluster.close()
})

const given = ['--secret-env', 'HERE', '--secret-env-file', 'some.env']

async function troupe(...args: string[]): Promise<Finished> {
  const done = await cluster.troupe(...args)
  finished.push(done)
  return done
}

/** What a driver can make of a task with a secret: success, and each way to fail. */
async function liveThrough(driver: 'docker' | 'process'): Promise<void> {
  const words = driver === 'docker' ? ['--network', 'none', testImage] : ['--driver', 'process', '--']
  const flags = (id: string) => ['run', '--id', `${driver}-${id}`, ...given]
  const ill = ['--health-cmd', 'echo ill; exit 1', '--health-interval', '1s', '--health-retries', '1']
  const [good, missing, long, failed, sick] = await Promise.all([
    troupe(...flags('good'), ...words, 'sh', '-c', knows),
    troupe(...flags('missing'), ...words, 'no-such-command'),
    troupe('run', '--id', `${driver}-long`, '-f', `${driver}.json`),
    troupe(...flags('failed'), '--restart', 'on-failure', '--max-restarts', '1', ...words, 'sh', '-c', 'exit 3'),
    troupe(...flags('sick'), ...ill, '--health-start-period', '0s', ...words, 'sleep', '60'),
  ])
  expect(good).toMatchObject({ code: 0, stdout: 'known\n' })
  expect(missing.code).toBe(127)
  expect(long.code, long.stderr).not.toBe(0)
  expect(failed.code).toBe(3)
  expect(sick.stderr).toContain('ill')
  expect((await troupe('rerun', `${driver}-good`)).code).toBe(0)
}

/** What a client may ask of them afterwards, and by which command a secret could come back in an error. */
async function ask(client: Client): Promise<void> {
  const [first] = withoutEngine ? ['process-good'] : ['docker-good', 'process-good']
  const other = ['run', '--id', first as string, '--secret-env', `HERE=${secret}2`, '--driver', 'process', '--', 'true']
  const process = ['--driver', 'process', '--', 'true']
  const lines = [
    other,
    ['plan', ...given, '--json', ...process],
    ['run', ...given, '-v', '/etc:/etc', testImage, 'true'],
    ['run', '--secret-env-file', 'process.json', ...process],
    ['explain', 'process-good'],
    ['backup', join(cluster.dir, 'copy')],
  ]
  await Promise.all(lines.map((args) => troupe(...args)))
  const { items } = await client.query({ scope: 'all' })
  expect(items.length).toBeGreaterThan(5)
  for (const { id } of items) await client.explain(id)
  await client.nodes()
}

/** Sends what no schema takes, and gives why the connection was closed. */
function refused(token: string, secretEnv: unknown): Promise<string> {
  const socket = new WebSocket(cluster.address, ['troupe.v1.json'])
  const spec = { driver: 'process', command: ['true'], secretEnv }
  const hello = { type: 'ClientHello', version: '1', token }
  socket.on('open', () =>
    socket.send(JSON.stringify({ m: [hello, { type: 'SubmitTask', req: 1, taskId: 'a', spec }] })),
  )
  return new Promise((done) => {
    socket.on('close', (_code, reason) => done(reason.toString()))
  })
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, field) => (field instanceof Uint8Array ? Buffer.from(field).toString('latin1') : field))

/** Those of all processes there are. */
async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))).join('\n')
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    yield path
    if ((await lstat(path)).isDirectory()) yield* filesBelow(path)
  }
}

test('a secret reaches its tasks and nobody else', async () => {
  const token = await cluster.token()
  const url = cluster.env.TROUPE_ADDR as string
  const [all, view] = await Promise.all([
    openClient({ url, token }),
    openClient({ url, token: (await readFile(join(cluster.dir, 'data', 'view-token'), 'utf8')).trim() }),
  ])
  for (const topic of ['tasks', 'events'] as const) all.subscribe({ topic, from: 'snapshot' }, {})
  await troupe('run', '-d', '--id', 'sleeper', ...given, '--driver', 'process', '--', 'sleep', '300')
  expect(await commandLines()).not.toContain(secret)
  const watching = [
    cluster.start('actors', '--watch', '--json'),
    cluster.start('actors', '--watch', '--json', 'sleeper'),
  ]
  await Promise.all([liveThrough('process'), ...(withoutEngine ? [] : [liveThrough('docker')])])
  await ask(all)
  expect((await troupe('stop', 'sleeper')).code).toBe(0)
  expect((await troupe('wait', 'sleeper')).code).toBe(143)
  const explained = await view.explain('process-good')
  expect(explained.spec.secretEnv).toEqual({ HERE: '***', IN_FILE: '***' })
  const reasons = [
    await refused(token, secret),
    await refused(token, { KEY: [secret] }),
    await refused(token, [secret]),
    await refused(token, { KEY: `${tooLong}${secret}` }),
  ]
  for (const reason of reasons) expect(reason).toContain('SubmitTask/spec/secretEnv')
  await until('the steps of its end are seen, or left out on a busy machine', async () => {
    const { stdout = '', stderr = '' } = watching[1] ?? {}
    return stdout.includes('Removed') || stderr.includes('left out') || undefined
  })
  await Promise.all([...watching.map((each) => each.kill('SIGINT')), all.close(), view.close()])

  const sent = wire.heard.filter(({ up: isAsked }) => !isAsked).map(({ frame }) => textOf(frame))
  expect(sent.join('')).toContain('process-good')
  const printed = [...finished, ...watching, up].flatMap(({ stdout, stderr }) => [stdout, stderr])
  for (const text of [...sent, ...printed, ...reasons]) expect(text).not.toContain(secret)
  expect(up.stderr.length).toBeGreaterThan(100)
})

test('what is kept is for its owner alone, and only the stores hold secrets', async () => {
  const withSecret: string[] = []
  const open: string[] = []
  await until('its attempts are removed', async () => {
    const left = await readdir(join(cluster.dir, 'data', 'worker', 'process', 'attempts'))
    return left.length === 0 ? true : undefined
  })
  for await (const path of filesBelow(join(cluster.dir, 'data'))) {
    const stat = await lstat(path)
    // RocksDB makes its files by itself, in a folder that nobody else can enter.
    const isStore = /\/db\//.test(path)
    if (!isStore && (stat.mode & 0o077) !== 0) open.push(path)
    if (!isStore && stat.isFile() && (await readFile(path, 'latin1')).includes(secret)) withSecret.push(path)
  }
  expect({ open, withSecret }).toEqual({ open: [], withSecret: [] })
})
