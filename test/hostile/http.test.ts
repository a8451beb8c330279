/** Plain HTTP, and what only looks like it, at the manager's address: an answer or an end, and the next one is served. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Dice } from './dice.ts'
import { World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world.close())

/** Everything that comes back until the other end is done, or 2 s are over: it may rightly wait for more. */
function say(...parts: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: world.port })
    let heard = ''
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(heard)
    }
    const timer = setTimeout(end, 2_000)
    socket.on('data', (data) => {
      heard += data.toString('latin1')
    })
    socket.on('error', end)
    socket.on('close', end)
    for (const part of parts) socket.write(part)
    socket.end()
  })
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)
const get = (path: string, more = '', method = 'GET'): Promise<string> =>
  say(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\n${more}Connection: close\r\n\r\n`)

const paths = [
  ...[
    '/',
    '/..',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/%00',
    '/a%00.html',
    '/%',
  ],
  ...[
    '/%zz',
    '//',
    '//etc/passwd',
    '/./',
    '/\\..\\..',
    '/?',
    '/?a=%00',
    '/#',
    '*',
    'http://evil.example/',
    '/__proto__',
  ],
  ...[
    '/constructor',
    '/toString',
    `/${'a'.repeat(10_000)}`,
    '/\u00e9',
    '/index.html/..',
    '/~root',
    '/.git/config',
    '/token',
  ],
]

test.each(paths)('GET %s', async (path) => {
  const answer = await get(path)
  expect([200, 304, 400, 403, 404, 405, 414, 426, 431]).toContain(statusOf(answer))
  expect(answer).not.toContain('root:')
  expect(answer).not.toMatch(/^\s+at /m)
})

test.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT', 'PROPFIND', 'BREW', 'get', ''])(
  '%s',
  async (method) => {
    const answer = await get('/', '', method)
    // To CONNECT, which nobody listens for, Node says nothing.
    if (method !== 'CONNECT') expect([200, 400, 404, 405, 426]).toContain(statusOf(answer))
  },
)

const upgrade = (more: string, key = 'dGhlIHNhbXBsZSBub25jZQ==') => {
  const dial = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
  return say(`${dial}Sec-WebSocket-Key: ${key}\r\n${more}\r\n`).then(statusOf)
}

test('upgrades that are none', async () => {
  expect(await upgrade('Sec-WebSocket-Version: 13\r\n', 'x')).toBe(400)
  expect(await upgrade('Sec-WebSocket-Version: 99\r\n')).toBeGreaterThanOrEqual(400)
  expect(await upgrade('')).toBeGreaterThanOrEqual(400)
  expect(await upgrade('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ,,,\r\n')).toBe(400)
  expect(await upgrade('Sec-WebSocket-Version: 13\r\nUpgrade: websocket, h2c\r\n')).toBeGreaterThanOrEqual(101)
  expect(await upgrade(`Sec-WebSocket-Version: 13\r\nOrigin: https://evil.example\r\n`)).toBe(403)
  const dial = 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  for (const more of ['Host: evil.example\r\n', `Host: 127.0.0.1:${world.port}\r\nOrigin: null\r\n`])
    expect(statusOf(await say(`${dial}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`))).toBe(403)
  // Compression is not agreed to, however it is asked for.
  const host = `Host: 127.0.0.1:${world.port}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`
  const offer = 'Sec-WebSocket-Protocol: troupe.v1.json\r\nSec-WebSocket-Extensions: permessage-deflate\r\n'
  const answer = await say(`${dial}${host}${offer}\r\n`)
  expect(statusOf(answer)).toBe(101)
  expect(answer.toLowerCase()).not.toContain('sec-websocket-extensions')
})

test('headers that are too large, too many or broken, and requests within requests', async () => {
  const host = `Host: 127.0.0.1:${world.port}\r\n`
  const answers = await Promise.all([
    get('/', `X: ${'x'.repeat(100_000)}\r\n`),
    get('/', Array.from({ length: 5_000 }, (_, at) => `X${at}: y\r\n`).join('')),
    get('/', 'X\u0000: y\r\n'),
    get('/', ' folded: y\r\n'),
    get('/', 'Content-Length: -1\r\n'),
    get('/', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
    say(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n`),
    say(`GET / HTTP/1.1\r\n\r\n`),
    say(`GET / HTTP/9.9\r\n${host}\r\n`),
    say('\r\n\r\n\r\n'),
    say(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])),
  ])
  for (const answer of answers) expect([0, 400, 403, 404, 405, 413, 426, 431, 505, 200]).toContain(statusOf(answer))
})

test('bytes of chance', async () => {
  const dice = new Dice(1)
  const shots = Array.from({ length: 200 }, () => say(dice.bytes(1 + dice.below(300))))
  for (const answer of await Promise.all(shots)) expect([0, 400]).toContain(statusOf(answer))
})

test('nobody honest has noticed, and nothing is left open', async () => {
  expect(world.witness.complaints).toEqual([])
  expect(world.failures).toEqual([])
  expect(world.details).toEqual([])
  expect(world.lines).toBeLessThan(100)
  expect(await get('/')).toContain('a page')
  // The honest client and its worker.
  const deadline = performance.now() + 20_000
  while (world.connections > 2 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(world.connections).toBe(2)
})
