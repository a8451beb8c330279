/** How requests reach a Docker engine, and what they cost the process that makes them. */
import { copyFileSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import util from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defaultDeadlines, Engine } from '../../runtime/drivers/docker/engine.ts'
import { systemClock } from '../../runtime/system.ts'
import { Authority } from '../transport/certificates.ts'

let dir: string
let socketPath: string
let server: Server
let engine: Engine
let sockets: Set<Socket>
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-engine-'))
  socketPath = join(dir, 'engine.sock')
  sockets = new Set()
  answer = (_, response) => response.writeHead(200).end('OK')
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    request.on('end', () => answer(request, response, body))
  })
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  engine = new Engine({ socketPath, clock: systemClock, deadlines: defaultDeadlines })
})

afterEach(async () => {
  vi.restoreAllMocks()
  engine.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

test('nothing is described for a debugger that is not there', async () => {
  const made = vi.spyOn(util, 'inspect')
  await Promise.all(Array.from({ length: 10 }, () => engine.ping()))
  expect(made).not.toHaveBeenCalled()
})

test('one request after the other goes over one connection, and those at once over as many', async () => {
  for (let asked = 0; asked < 5; asked += 1) await engine.ping()
  expect(sockets.size).toBe(1)
  await Promise.all([engine.ping(), engine.ping(), engine.ping()])
  expect(sockets.size).toBe(3)
})

test('a connection that the engine closes behind an answer is not asked again', async () => {
  await engine.ping()
  for (const socket of sockets) socket.destroy()
  // Its end is read as soon as the loop comes to its sockets, which it does in each of these turns.
  for (let turns = 0; turns < 20; turns += 1) await new Promise((wake) => setImmediate(wake))
  await engine.ping()
  expect(sockets.size).toBe(2)
})

test('a specification reaches the engine whole and in the body alone, for addresses are logged', async () => {
  const seen: unknown[] = []
  answer = ({ method, url, headers }, response, body) => {
    seen.push([method, url, headers['content-type'], JSON.parse(body)])
    response.writeHead(201).end(JSON.stringify({ Id: 'abc' }))
  }
  const id = await engine.create({ name: 'n', Image: 'ünï', Cmd: ['x'] }, new AbortController().signal)
  expect(id).toBe('abc')
  const [method, url, type, body] = seen[0] as unknown[]
  expect([method, url, type]).toEqual(['POST', '/containers/create?name=n', 'application/json'])
  expect(body).toMatchObject({ Image: 'ünï', Cmd: ['x'] })
})

test.each<[string, number, string, RegExp]>([
  ['a sentence', 500, '{"message":"the disk is full"}', /^the disk is full$/],
  ['words that are no JSON', 502, 'bad gateway', /bad gateway/],
  ['nothing', 500, '', /HTTP code 500/],
  ['null', 500, 'null', /./],
])('a refusal with %s keeps its status', async (_, status, body, words) => {
  answer = (_, response) => response.writeHead(status).end(body)
  const refused = engine.create({ Image: 'x' }, new AbortController().signal)
  await expect(refused).rejects.toMatchObject({ kind: 'refused', status, message: expect.stringMatching(words) })
})

test.each(['before its headers', 'in the middle of it'])(
  'an answer that breaks off %s is told at once',
  async (when) => {
    answer = (_, response) => {
      if (when === 'in the middle of it') response.writeHead(200, { 'content-length': 100 }).write('half')
      setTimeout(() => response.destroy(), 20)
    }
    await expect(engine.ping()).rejects.toMatchObject({ kind: 'unreachable' })
  },
)

test('a request that is given up is cut', async () => {
  answer = () => {}
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.on('close', resolve)))
  const controller = new AbortController()
  const asked = engine.create({ Image: 'x' }, controller.signal)
  setTimeout(() => controller.abort(), 50)
  await expect(asked).rejects.toMatchObject({ kind: 'aborted' })
  await closed
})

test('no answer in time is told as such, and cut', async () => {
  answer = () => {}
  engine.close()
  engine = new Engine({ socketPath, clock: systemClock, deadlines: { ...defaultDeadlines, probeMs: 50 } })
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.on('close', resolve)))
  await expect(engine.ping()).rejects.toMatchObject({ kind: 'deadline' })
  await closed
})

test('where nothing listens there is no engine', async () => {
  engine.close()
  engine = new Engine({ socketPath: join(dir, 'none'), clock: systemClock, deadlines: defaultDeadlines })
  await expect(engine.ping()).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('start it'),
  })
})

test('an engine behind TLS is asked over TLS, and proves itself by the authority that DOCKER_CERT_PATH names', async () => {
  const authority = new Authority()
  const { certFile, keyFile } = authority.issue('engine', 'DNS:localhost')
  const secure = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (_, response) => {
    response.end(JSON.stringify({ Version: '28.2.2' }))
  })
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  try {
    for (const [from, to] of [
      [certFile, 'cert.pem'],
      [keyFile, 'key.pem'],
      [authority.caFile, 'ca.pem'],
    ] as const)
      copyFileSync(from, join(dir, to))
    vi.stubEnv('DOCKER_HOST', `tcp://localhost:${(secure.address() as AddressInfo).port}`)
    vi.stubEnv('DOCKER_TLS_VERIFY', '1')
    vi.stubEnv('DOCKER_CERT_PATH', dir)
    const remote = new Engine({ clock: systemClock, deadlines: defaultDeadlines })
    expect(await remote.version()).toBe('28.2.2')
    remote.close()
  } finally {
    vi.unstubAllEnvs()
    authority.remove()
    secure.closeAllConnections()
    await new Promise((resolve) => secure.close(resolve))
  }
})
