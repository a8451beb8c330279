/** The roots, as far as they decide by what they find on the machine. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openClient as connect } from '../../runtime/connect.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { openManager, openWorker } from '../../runtime/open.ts'
import type { OpenedManager } from '../../runtime/options.ts'

let dataDir: string
let manager: OpenedManager

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-open-'))
  // No engine answers there.
  vi.stubEnv('DOCKER_HOST', `unix://${join(dataDir, 'no-engine.sock')}`)
  manager = await openManager({ listen: '127.0.0.1:0', dataDir, storage: 'memory', token: 't', logger: silentLogger })
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await manager.close()
  await rm(dataDir, { recursive: true, force: true })
})

const begin = () =>
  openWorker({
    ...{ manager: manager.address, token: 't', dataDir, storage: 'memory', name: 'w1', labels: {} },
    ...{ drivers: undefined, allowMounts: [], logger: silentLogger },
  })

test('a worker that never offered docker does not offer it without an engine', async () => {
  await expect(begin()).rejects.toMatchObject({ code: 'Invalid', message: expect.stringContaining('Docker engine') })
})

test('a worker that has offered docker goes on offering it, as unavailable, until the engine is back', async () => {
  await mkdir(join(dataDir, 'worker', 'docker'), { recursive: true })
  const worker = await begin()
  await worker.connected
  const client = await connect({ url: manager.address, token: 't' })
  const { items: nodes } = await client.nodes()
  expect(nodes.map(({ name, drivers }) => ({ name, drivers }))).toEqual([
    { name: 'w1', drivers: { docker: 'unavailable' } },
  ])
  await client.close()
  await worker.close()
})

test('a worker that is closed while it dials into silence leaves no dial behind', async () => {
  const sockets: Socket[] = []
  const silence = createServer((socket) => sockets.push(socket.resume().on('error', () => {}))).listen(0, '127.0.0.1')
  await once(silence, 'listening')
  const { port } = silence.address() as AddressInfo
  const worker = await openWorker({
    ...{ manager: `ws://127.0.0.1:${port}`, token: 't', dataDir, storage: 'memory', name: 'w1', labels: {} },
    ...{ drivers: ['process'], allowMounts: [], logger: silentLogger },
  })
  await vi.waitFor(() => expect(sockets.length).toBeGreaterThan(0), { timeout: 20_000 })
  await worker.close()
  const isOver = () => sockets.every((socket) => socket.readableEnded || socket.destroyed)
  await vi.waitFor(() => expect(isOver()).toBe(true), { timeout: 20_000 })
  for (const socket of sockets) socket.destroy()
  silence.close()
})

test('a manager whose certificate cannot be read has opened nothing', async () => {
  const other = join(dataDir, 'other')
  const tls = { certFile: join(dataDir, 'no.pem'), keyFile: join(dataDir, 'no.key.pem') }
  const options = { listen: '127.0.0.1:0', dataDir: other, storage: 'rocksdb', tls, token: 't' } as const
  await expect(openManager({ ...options, logger: silentLogger })).rejects.toMatchObject({ code: 'certificate' })
  expect(existsSync(join(other, 'manager'))).toBe(false)
})
