import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { transportConformance } from '../../runtime/conformance/transport.ts'
import {
  closed,
  eventually,
  failure,
  stageLimits,
  type WatchedEnd,
  watch,
} from '../../runtime/conformance/transport-stage.ts'
import type { Listener, ListenOptions, TransportLimits } from '../../transport/transport.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'
import { socketWorld, tcpServer } from './socket-world.ts'

const protocols = ['troupe.v1.msgpack', 'troupe.v1.json']

for (const host of ['127.0.0.1', '[::1]']) {
  describe(`conformance at ${host}`, () => {
    const transport = (limits: TransportLimits) => createWebsocketTransport({ limits })
    transportConformance({ test, expect }, { open: () => socketWorld(host, transport) })
  })
}

describe('with others on the wire', () => {
  const opened: { close(): unknown }[] = []
  afterEach(async () => {
    for (const it of opened.splice(0)) await it.close()
  })

  async function listening(
    options: Partial<ListenOptions> = {},
  ): Promise<{ listener: Listener; accepted: WatchedEnd[] }> {
    const accepted: WatchedEnd[] = []
    const listener = await createWebsocketTransport({ limits: stageLimits }).listen('127.0.0.1:0', {
      protocols,
      onConnection: (connection) => accepted.push(watch(connection)),
      ...options,
    })
    opened.push(listener)
    return { listener, accepted }
  }

  /** A client that is not ours, and what it was told in the end. */
  async function stranger(url: string, offered: string[]) {
    const socket = new WebSocket(url, offered)
    const told: { code: number; reason: string }[] = []
    socket.on('close', (code, reason) => told.push({ code, reason: reason.toString() }))
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('open', resolve))
    return { socket, told: () => eventually('it is closed', () => told[0]) }
  }

  test.each([
    ['text on msgpack', 'troupe.v1.msgpack', '{}', 'binary frames'],
    ['binary on json', 'troupe.v1.json', Buffer.from('{}'), 'text frames'],
    ['no msgpack', 'troupe.v1.msgpack', Buffer.from([0xc1]), 'That is no frame'],
    ['no json', 'troupe.v1.json', '{"half":', 'That is no frame'],
    ['nothing at all', 'troupe.v1.msgpack', Buffer.alloc(0), 'That is no frame'],
  ])('%s closes with 4000 and a sentence', async (_, protocol, bytes, sentence) => {
    const { listener, accepted } = await listening()
    const { socket, told } = await stranger(listener.address, [protocol])
    socket.send(bytes)
    const ending = await told()
    expect(ending.code).toBe(4000)
    expect(ending.reason).toContain(sentence)
    const end = await eventually('we know too', () => accepted[0]?.closes[0])
    expect(end).toEqual(ending)
    expect(accepted[0]?.frames).toEqual([])
  })

  test.each([
    ['no subprotocol', []],
    ['only those of another version', ['troupe.v9.msgpack', 'troupe.v9.json']],
  ])('a client that offers %s is told with 4002 which there are', async (_, offered) => {
    const { listener, accepted } = await listening()
    const { told } = await stranger(listener.address, offered)
    const ending = await told()
    expect(ending.code).toBe(4002)
    expect(ending.reason).toContain('troupe.v1.msgpack and troupe.v1.json')
    expect(accepted).toEqual([])
  })

  test('a broken WebSocket frame ends that connection only', async () => {
    const { listener, accepted } = await listening()
    const { socket } = await stranger(listener.address, ['troupe.v1.msgpack'])
    const other = await stranger(listener.address, ['troupe.v1.msgpack'])
    // Reserved bits set, no mask: what no client may send.
    ;(socket as unknown as { _socket: Socket })._socket.write(Buffer.from([0xff, 0x05, 1, 2, 3, 4, 5]))
    const end = await closed(await eventually('it is there', () => accepted[0]))
    expect(end.code).toBe(4000)
    other.socket.send(Buffer.from([0x05]))
    await eventually('the other goes on', () => accepted[1]?.frames.length === 1)
    other.socket.terminate()
  })

  test('a peer that does not answer a close is cut after a second', async () => {
    const { listener, accepted } = await listening()
    const { socket, told } = await stranger(listener.address, ['troupe.v1.msgpack'])
    socket.pause()
    const beganMs = performance.now()
    const end = await eventually('it is there', () => accepted[0])
    end.connection.close(4321, 'Good bye.')
    expect(await closed(end)).toEqual({ code: 4321, reason: 'Good bye.' })
    const tookMs = performance.now() - beganMs
    expect(tookMs).toBeGreaterThan(900)
    expect(tookMs).toBeLessThan(15_000)
    socket.resume()
    await told()
  })

  test('closing a listener waits for nobody who has said nothing yet, nor for half a request', async () => {
    const { listener } = await listening()
    const sockets = ['', 'GET / HTTP/1.1\r\nhost:'].map((said) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(listener.address).port) })
      socket.on('error', () => {})
      socket.write(said)
      return socket
    })
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    const beganMs = performance.now()
    await listener.close()
    expect(performance.now() - beganMs).toBeLessThan(15_000)
    for (const socket of sockets) socket.destroy()
  })

  test('plain HTTP is answered with 426 and a sentence', async () => {
    const { listener } = await listening()
    const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      request(listener.address.replace('ws:', 'http:'), (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, body }))
      })
        .on('error', reject)
        .end()
    })
    expect(answer.status).toBe(426)
    expect(answer.body).toContain('WebSocket')
  })

  test('admit sees where a page comes from and what it asked for', async () => {
    const seen: unknown[] = []
    const { listener } = await listening({
      admit: ({ origin, host }) => {
        seen.push({ origin, host })
        return origin === undefined ? undefined : { status: 403, message: 'No.' }
      },
    })
    const page = new WebSocket(listener.address, protocols, {
      origin: 'https://evil.example',
      headers: { host: 'evil.example' },
    })
    const status = await new Promise((resolve) => {
      page.on('unexpected-response', (_, response) => resolve(response.statusCode))
      page.on('error', () => {})
    })
    page.terminate()
    expect(status).toBe(403)
    expect(seen).toEqual([{ origin: 'https://evil.example', host: 'evil.example' }])
  })

  test('a server that is no Troupe is named as such, and its page is not shown', async () => {
    const { port, server, sockets } = await tcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n<h1>No</h1>'))
    })
    opened.push(server)
    const told = await failure(() =>
      createWebsocketTransport({ limits: stageLimits }).connect(`ws://127.0.0.1:${port}`, { protocols }),
    )
    for (const socket of sockets) socket.destroy()
    expect(told).toEqual({
      code: 'refused',
      message: `ws://127.0.0.1:${port} refused the connection (HTTP 404): What listens there may not be Troupe.`,
    })
  })

  test('a refusal cannot write control characters to a terminal', async () => {
    const { listener } = await listening({ admit: () => ({ status: 401, message: 'No\u001b[2J token.' }) })
    const dial = () => createWebsocketTransport({ limits: stageLimits }).connect(listener.address, { protocols })
    expect((await failure(dial)).message).toBe(`${listener.address} refused the connection (HTTP 401): No [2J token.`)
  })

  test('an address of another machine, or one that does not resolve, cannot be listened at', async () => {
    const transport = createWebsocketTransport({ limits: stageLimits })
    for (const address of ['192.0.2.1:0', 'no-such-host.invalid:0']) {
      const told = await failure(() => transport.listen(address, { protocols, onConnection() {} }))
      expect(told.code).toBe('address-not-available')
      expect(told.message).toContain(address)
    }
  })

  test('wss:// is dialled, and a certificate that nobody vouches for is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-tls-'))
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
    })
    const tls = createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) })
    rmSync(folder, { recursive: true })
    const server = new WebSocketServer({ server: tls })
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
    opened.push(tls)
    const url = `wss://localhost:${(tls.address() as AddressInfo).port}`
    const transport = createWebsocketTransport({ limits: stageLimits })
    const told = await failure(() => transport.connect(url, { protocols: ['troupe.v1.msgpack'] }))
    expect(told.code).toBe('certificate')
    expect(told.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')

    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      const end = watch(await transport.connect(url, { protocols: ['troupe.v1.msgpack'] }))
      end.connection.send({ over: 'tls' })
      expect(await eventually('it is echoed', () => end.frames[0])).toEqual({ over: 'tls' })
      end.connection.close(1000, '')
      await closed(end)
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })
})
