import { copyFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, expect, test } from 'vitest'
import { eventually, failure, stageLimits, watch } from '../../runtime/conformance/transport-stage.ts'
import type { Listener } from '../../transport/transport.ts'
import { certificateLimits } from '../../transport/websocket/certificate.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'
import { Authority } from './certificates.ts'

const protocols = ['troupe.v1.msgpack']
const authority = new Authority()
const { ca } = authority
const own = authority.issue('own', 'DNS:localhost,IP:127.0.0.1')
const other = authority.issue('other', 'DNS:localhost,IP:127.0.0.1')

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const it of opened.splice(0)) await it.close()
})
afterAll(() => authority.remove())

/** The timers of a listener, which a test lets go off. */
class Timers {
  readonly set: { callback: () => void; delayMs: number }[] = []
  uptimeMs = () => 0
  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { callback, delayMs }
    this.set.push(timer)
    return () => this.set.splice(this.set.indexOf(timer), 1)
  }
}

async function listening(tls = own, more: { clock?: Timers; warnings?: string[] } = {}): Promise<Listener> {
  const logger = {
    warn: (text: string, fields?: Record<string, unknown>) => more.warnings?.push(`${text} ${fields?.message}`),
  }
  const transport = createWebsocketTransport({
    ...{ limits: stageLimits, logger, tls },
    ...(more.clock ? { clock: more.clock } : {}),
  })
  const serve = async () => ({ status: 200, headers: {}, body: Buffer.from('a page') })
  const onConnection = (connection: Parameters<typeof watch>[0]) => {
    connection.onFrame = (frame) => void connection.send(frame)
  }
  const listener = await transport.listen('127.0.0.1:0', { protocols, serve, onConnection })
  opened.push(listener)
  return listener
}

const dial = (url: string, trusted: string | undefined) =>
  createWebsocketTransport({ limits: stageLimits, ca: trusted }).connect(url, { protocols })

test('a listener with a certificate is dialled by wss://, by who trusts its authority', async () => {
  const { address } = await listening()
  expect(address).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/)
  const end = watch(await dial(address, ca))
  end.connection.send({ over: 'tls' })
  expect(await eventually('it is echoed', () => end.frames[0])).toEqual({ over: 'tls' })
  end.connection.close(1000, 'done')
})

test('who does not trust the authority, or dials another name, is told what to do', async () => {
  const { address } = await listening()
  expect(await failure(() => dial(address, undefined))).toMatchObject({
    code: 'certificate',
    message: expect.stringMatching(/^The certificate of wss:\S+ is not trusted \(.+\)\..* --ca or TROUPE_CA\.$/),
  })
  const elsewhere = await listening(authority.issue('elsewhere', 'DNS:elsewhere.example'))
  expect(await failure(() => dial(elsewhere.address, ca))).toMatchObject({
    code: 'certificate',
    message: expect.stringContaining('Dial the name that it is made out to'),
  })
})

test('who dials without TLS a listener with it, and the other way round, is told so', async () => {
  const { address } = await listening()
  expect(await failure(() => dial(address.replace('wss:', 'ws:'), ca))).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('if it speaks TLS, dial it with wss://'),
  })
  const plain = await createWebsocketTransport({ limits: stageLimits }).listen('127.0.0.1:0', {
    protocols,
    onConnection() {},
  })
  opened.push(plain)
  expect(await failure(() => dial(plain.address.replace('ws:', 'wss:'), ca))).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('does not speak TLS'),
  })
})

test('pages are served by https at the same address', async () => {
  const { address } = await listening()
  const body = await new Promise<string>((resolve, reject) => {
    const asked = request(address.replace('wss:', 'https:'), { ca, agent: false }, async (response) => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      resolve(text)
    })
    asked.on('error', reject)
    asked.end()
  })
  expect(body).toBe('a page')
})

test('versions of TLS before 1.2 are refused', async () => {
  const { address } = await listening()
  const { port } = new URL(address)
  const error = await new Promise<Error>((resolve, reject) => {
    const versions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
    const socket = connectTls({ port: Number(port), host: '127.0.0.1', ca, ...versions, ciphers: 'DEFAULT@SECLEVEL=0' })
    socket.on('error', resolve)
    socket.on('secureConnect', () => reject(new Error('it was taken')))
  })
  expect(error.message).toMatch(/protocol version|unsupported protocol|no protocols/i)
})

/** Of the certificate that a listener shows. */
async function serialAt(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port: Number(new URL(address).port), host: '127.0.0.1', ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('a renewed certificate is taken without a restart, and half of one is not', async () => {
  const live = authority.issue('live', 'DNS:localhost,IP:127.0.0.1')
  const clock = new Timers()
  const warnings: string[] = []
  const { address } = await listening(live, { clock, warnings })
  const look = async () => {
    const timer = clock.set.find(({ delayMs }) => delayMs === certificateLimits.lookMs)
    clock.set.splice(clock.set.indexOf(timer as never), 1)
    timer?.callback()
    await eventually('it has looked', () => clock.set.find(({ delayMs }) => delayMs === certificateLimits.lookMs))
  }
  const end = watch(await dial(address, ca))
  const first = await serialAt(address)
  copyFileSync(other.certFile, live.certFile)
  await look()
  await look()
  expect(await serialAt(address)).toBe(first)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('no certificate with its private key')
  copyFileSync(other.keyFile, live.keyFile)
  await look()
  expect(await serialAt(address)).not.toBe(first)
  end.connection.send({ still: 'open' })
  expect(await eventually('it is echoed', () => end.frames[0])).toEqual({ still: 'open' })
  end.connection.close(1000, 'done')
})

test.each([
  [
    'a file that is not there',
    () => ({ ...own, certFile: '/nowhere/cert.pem' }),
    /certificate \/nowhere\/cert\.pem cannot be read \(ENOENT\)/,
  ],
  ['a key of another certificate', () => ({ ...own, keyFile: other.keyFile }), /no certificate with its private key/],
  [
    'what is no PEM',
    () => {
      writeFileSync(`${authority.dir}/no.pem`, 'no')
      return { ...own, certFile: `${authority.dir}/no.pem` }
    },
    /no certificate with its private key/,
  ],
])('%s is refused before it listens', async (_, files, message) => {
  const error = await failure(() => listening(files()))
  expect(error).toMatchObject({ code: 'certificate', message: expect.stringMatching(message) })
})
