/** What a request to a Docker engine costs the process that makes it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import util from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defaultDeadlines, Engine } from '../../runtime/drivers/docker/engine.ts'
import { systemClock } from '../../runtime/system.ts'

let dir: string
let server: Server
let engine: Engine

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-engine-'))
  const socketPath = join(dir, 'engine.sock')
  server = createServer((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.writeHead(200).end('OK'), 20))
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  engine = new Engine({ socketPath, clock: systemClock, deadlines: defaultDeadlines })
})

afterEach(async () => {
  vi.restoreAllMocks()
  engine.close()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

test('the text that docker-modem makes of each request holds none of the sockets in use', async () => {
  const made = vi.spyOn(util, 'inspect')
  await Promise.all(Array.from({ length: 10 }, () => engine.ping()))
  const texts = made.mock.results.map(({ value }) => String(value)).filter((text) => text.includes('/_ping'))
  expect(texts).toHaveLength(10)
  for (const text of texts) expect(text.length).toBeLessThan(2_000)
})
