/** The inspector's files over plain HTTP, as a browser or a stranger asks for them, from a real listener with the manager's own admission. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPages, isPageFile, type PageFile } from '../../runtime/http/pages.ts'
import { inspectorUrl, loadInspector } from '../../runtime/inspector-files.ts'
import { admit } from '../../runtime/manager/admission.ts'
import type { Listener, ListenOptions } from '../../transport/transport.ts'
import { transport } from './client-manager.ts'

const protocols = ['troupe.v1.json']
const script = `console.log(${JSON.stringify('x'.repeat(5_000))})\n`
let folder: string
let listener: Listener
let agent: Agent

const listening = (serve: ListenOptions['serve']): Promise<Listener> =>
  transport.listen('127.0.0.1:0', {
    protocols,
    admit: (handshake) => admit(handshake, '127.0.0.1:0'),
    ...(serve === undefined ? {} : { serve }),
    onConnection: (connection) => connection.close(1000, 'seen'),
  })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'troupe-pages-'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Troupe</title>')
  await writeFile(join(folder, 'app.js'), script)
  await writeFile(join(folder, 'standalone.html'), '<!doctype html><script>1</script>')
  await writeFile(join(folder, 'charts.json'), '{}')
  await writeFile(join(folder, 'secret.pem'), 'no page file')
  await mkdir(join(folder, 'chart'))
  await writeFile(join(folder, 'chart', 'deep.js'), 'no page file')
  await symlink(join(folder, 'secret.pem'), join(folder, 'link.txt'))
  listener = await listening(createPages(() => loadInspector(folder)))
  agent = new Agent({ keepAlive: true })
})

afterEach(async () => {
  agent.destroy()
  await listener.close()
  await rm(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Sends the path as it is written: no client may tidy it up. */
function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port } = new URL(listener.address)
  return new Promise((resolve, reject) => {
    const asking = request({ host: hostname, port, path, method, headers, agent }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) })
      })
    })
    asking.on('error', reject).end()
  })
}

describe('what is there', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', 'Troupe'],
    ['/?task=a', 'text/html; charset=utf-8', 'Troupe'],
    ['/index.html', 'text/html; charset=utf-8', 'Troupe'],
    ['/app.js', 'text/javascript; charset=utf-8', 'console.log'],
    ['/charts.json', 'application/json; charset=utf-8', '{}'],
  ])('%s is served with its type, and with nothing allowed that it does not need', async (path, type, says) => {
    const { status, headers, body } = await ask(path)
    expect([status, headers['content-type'], body.toString()]).toEqual([200, type, expect.stringContaining(says)])
    const { host } = new URL(listener.address)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin-allow-popups',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-cache',
      'content-length': String(body.length),
    })
    expect(String(headers['content-security-policy']).split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "worker-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data: blob:",
      `connect-src 'self' ws://${host} wss://${host}`,
      "font-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
  })

  test('HEAD gets the headers of GET and no body', async () => {
    const [get, head] = [await ask('/app.js'), await ask('/app.js', 'HEAD')]
    expect([head.status, head.body.length]).toEqual([200, 0])
    for (const name of ['content-length', 'content-type', 'etag', 'content-security-policy']) {
      expect(head.headers[name]).toBe(get.headers[name])
    }
  })

  test('what the asker has already is not sent again, until it is another', async () => {
    const { etag = '' } = (await ask('/app.js')).headers
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await ask('/app.js', 'GET', { 'if-none-match': known })
      expect([again.status, again.headers.etag, again.body.length]).toEqual([304, etag, 0])
    }
    expect((await ask('/app.js', 'GET', { 'if-none-match': '"other"' })).status).toBe(200)
    expect((await ask('/charts.json')).headers.etag).not.toBe(etag)
  })

  test.each([
    ['gzip', true],
    ['deflate, GZIP;q=0.5, br', true],
    ['br', false],
    ['gzip;q=0', false],
    ['', false],
  ])('with accept-encoding %j compressed: %s', async (accepted, isZipped) => {
    const { headers, body } = await ask('/app.js', 'GET', { 'accept-encoding': accepted })
    expect(headers.vary).toBe('accept-encoding')
    expect(headers['content-encoding']).toBe(isZipped ? 'gzip' : undefined)
    expect((isZipped ? gunzipSync(body) : body).toString()).toBe(script)
    expect(headers.etag?.includes('-gz')).toBe(isZipped)
    // Small ones gain nothing.
    expect((await ask('/', 'GET', { 'accept-encoding': accepted })).headers['content-encoding']).toBeUndefined()
  })

  test('the page that needs no server is for saving', async () => {
    const { status, headers } = await ask('/standalone.html')
    expect([status, headers['content-disposition']]).toEqual([200, 'attachment; filename="troupe-inspector.html"'])
  })
})

describe('what is not', () => {
  test.each([
    ...['/nothing', '/secret.pem', '/link.txt', '/chart', '/chart/', '/chart/deep.js', '/index.html/', '//index.html'],
    ...['/../secret.pem', '/..%2fsecret.pem', '/%2e%2e/secret.pem', '/chart/../app.js', '/./app.js', '/app.js%00'],
    ...['/..\\secret.pem', '/__proto__', '/constructor', '/app.JS', '/%61pp.js', 'http://127.0.0.1/app.js', '*'],
  ])('%s is 404 with one sentence', async (path) => {
    const { status, headers, body } = await ask(path)
    expect([status, headers['content-type']]).toEqual([404, 'text/plain; charset=utf-8'])
    expect(body.toString()).toBe('There is nothing here; the inspector is at /.\n')
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is 405, and ends its connection', async (method) => {
    const { status, headers } = await ask('/', method)
    expect([status, headers.allow, headers.connection]).toEqual([405, 'GET, HEAD', 'close'])
  })

  test('a build without the page says so, and serves it once it is there', async () => {
    await listener.close()
    await rm(join(folder, 'index.html'))
    listener = await listening(createPages(() => loadInspector(folder)))
    const missing = await ask('/')
    expect([missing.status, missing.body.toString()]).toEqual([404, expect.stringContaining('has no inspector')])
    await writeFile(join(folder, 'index.html'), 'built')
    expect((await ask('/')).body.toString()).toBe('built')
    expect(await loadInspector(join(folder, 'nowhere'))).toEqual(new Map())
  })

  test('what cannot be read is 500 without saying why to strangers, and is tried again', async () => {
    await listener.close()
    const files = new Map<string, PageFile>([['index.html', { bytes: new Uint8Array([65]), digest: 'd' }]])
    let tries = 0
    const load = async () => {
      tries += 1
      if (tries === 1) throw new Error('EACCES: /secret/place')
      return files
    }
    listener = await listening(createPages(load))
    const broken = await ask('/')
    expect([broken.status, broken.body.toString().includes('secret')]).toEqual([500, false])
    expect([(await ask('/')).body.toString(), (await ask('/')).status, tries]).toEqual(['A', 200, 2])
  })
})

describe('who is let in', () => {
  test.each([
    [{ host: 'evil.example' }, /not called evil\.example/],
    [{ host: 'localhost.evil.example:80' }, /not called/],
    [{ origin: 'https://evil.example' }, /pages of https:\/\/evil\.example/],
    [{ origin: 'null' }, /pages of null/],
  ])('%j is refused, whatever it asks for', async (headers, says) => {
    for (const [path, method] of [
      ['/', 'GET'],
      ['/app.js', 'HEAD'],
      ['/nothing', 'GET'],
      ['/', 'POST'],
    ] as const) {
      const { status, body } = await ask(path, method, headers as Record<string, string>)
      expect(status).toBe(403)
      if (method !== 'HEAD') expect(body.toString()).toMatch(says)
    }
  })

  test('the page itself is let in by any name of this machine', async () => {
    const { port, host } = new URL(listener.address)
    for (const name of [host, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      expect((await ask('/', 'GET', { host: name })).status).toBe(200)
    }
    expect((await ask('/', 'GET', { origin: `http://${host}` })).status).toBe(200)
  })

  test('a Host that is none is not put into a header', async () => {
    const { port } = new URL(listener.address)
    for (const host of [`[::1]:${port}`, "localhost; script-src 'unsafe-inline'"]) {
      const { headers } = await ask('/', 'GET', { host })
      if (headers['content-security-policy'] === undefined) continue
      expect(headers['content-security-policy']).toContain("connect-src 'self'; font-src")
    }
  })

  test('connections dial in beside it at any path', async () => {
    const connection = await transport.connect(`${listener.address}/any/path`, { protocols })
    expect(await new Promise((resolve) => (connection.onClose = resolve))).toBe(1000)
  })
})

test('closing waits neither for connections that stand idle nor for half a request', async () => {
  await ask('/')
  const { hostname, port } = new URL(listener.address)
  const half = connect({ host: hostname, port: Number(port) })
  const ended = new Promise((resolve) => half.once('close', resolve))
  half.on('error', () => {})
  half.write(`POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n`)
  await new Promise((resolve) => half.once('connect', resolve))
  await listener.close()
  await ended
})

test.each([
  ['ws://127.0.0.1:4747', 't', 'http://127.0.0.1:4747/#token=t'],
  ['wss://troupe.example', 't', 'https://troupe.example/#token=t'],
  ['ws://0.0.0.0:4747', 't', 'http://127.0.0.1:4747/#token=t'],
  ['ws://[::]:4747', 't', 'http://[::1]:4747/#token=t'],
  ['ws://h:1', 'a b&c#d%e', 'http://h:1/#token=a%20b%26c%23d%25e'],
])('%s with the token %j is opened at %s', (address, token, url) => {
  expect(inspectorUrl(address, token)).toBe(url)
  expect(decodeURIComponent(new URL(url).hash.replace('#token=', ''))).toBe(token)
})

test('what is no name of a page is not served', () => {
  for (const name of ['index.html', 'elk-worker.js', 'app.css', 'notices.txt', 'a.b.json'])
    expect(isPageFile(name)).toBe(true)
  for (const name of [
    '',
    '.html',
    '.env',
    'a',
    'a.ts',
    'a.d.ts',
    'app.js.map',
    'a/b.js',
    '..',
    '../a.js',
    'a.toString',
  ]) {
    expect(isPageFile(name)).toBe(false)
  }
})
