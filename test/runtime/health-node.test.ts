/** Probes of real servers of this machine. */
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createNodeProber } from '../../runtime/health/node.ts'

const prober = createNodeProber()
const host = '127.0.0.1'
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}
const serve = (listener: RequestListener) => listen(createServer(listener))
const later = (ms: number) => AbortSignal.timeout(ms)

describe('http', () => {
  test.each([
    [200, undefined, true],
    [302, undefined, true],
    [404, undefined, false],
    [503, undefined, false],
    [204, 204, true],
    [200, 204, false],
    [503, 503, true],
  ])('%i, where %s is expected: %s', async (status, expect_, isWell) => {
    const port = await serve((_, response) => response.writeHead(status, { location: '/x' }).end())
    const expected = expect_ === undefined ? {} : { expect: expect_ }
    const probed = await prober.http({ host, port, path: '/', signal: later(5_000), ...expected })
    expect(probed.passed).toBe(isWell)
    if (!probed.passed) expect(probed.detail).toContain(`GET http://127.0.0.1:${port}/ answered ${status}`)
  })

  test('asks for the path as it was given', async () => {
    const asked: string[] = []
    const port = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end()
    })
    await prober.http({ host, port, path: '/ready?deep=1', signal: later(5_000) })
    expect(asked).toEqual(['GET /ready?deep=1'])
  })

  test('does not wait for the end of an answer', async () => {
    const port = await serve((_, response) => void response.writeHead(200).write('more and more'))
    expect(await prober.http({ host, port, path: '/', signal: later(5_000) })).toEqual({ passed: true })
  })

  test('gives up in time', async () => {
    const port = await serve(() => {})
    const probed = await prober.http({ host, port, path: '/', signal: later(100) })
    expect(probed).toMatchObject({ passed: false, detail: expect.stringContaining('took too long') })
  })

  test('says what was no answer', async () => {
    const port = await listen(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')))
    const probed = await prober.http({ host, port, path: '/', signal: later(5_000) })
    expect(probed.passed).toBe(false)
  })
})

describe('tcp', () => {
  test('passes where somebody listens', async () => {
    const port = await listen(createTcpServer())
    expect(await prober.tcp({ host, port, signal: later(5_000) })).toEqual({ passed: true })
  })

  test('fails where nobody does', async () => {
    const server = createTcpServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    const probed = await prober.tcp({ host, port, signal: later(5_000) })
    expect(probed).toMatchObject({
      passed: false,
      detail: `a connection to 127.0.0.1:${port} was refused: nothing listens there`,
    })
  })
})
