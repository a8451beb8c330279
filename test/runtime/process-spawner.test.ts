import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import type { DriverEvent } from '../../runtime/drivers/driver.ts'
import { createLineReader, protocolLimits } from '../../runtime/drivers/process/protocol.ts'
import { isAlive, ProcessWorkshop, scope, spawnerOf, startedPid, systemClock, until } from './process-fixture.ts'

const workshop = new ProcessWorkshop()
afterAll(() => workshop.clear())

const key = { taskId: 'one', attempt: 1 }
const sleeper: TaskSpec = { driver: 'process', command: ['sleep', '300'] }
const never = new AbortController().signal

test('many drivers that open one folder at once share one spawner', async () => {
  const dir = workshop.dir()
  const all = await Promise.all(Array.from({ length: 8 }, () => workshop.watch(dir)))
  expect(spawnerOf(dir)).toBeTypeOf('number')
  await Promise.all(all.map(({ driver }) => driver.start(key, sleeper, never)))
  for (const { types } of all) {
    await until('it is told', () => (types(key).includes('Started') ? true : undefined))
  }
  await all[0]?.driver.remove(key)
  expect(await all[7]?.driver.list()).toEqual([])
})

test('two folders have two spawners, and the same attempt in each is two attempts', async () => {
  const [here, there] = [workshop.dir(), workshop.dir()]
  const one = workshop.create(here)
  const other = workshop.create(there)
  await one.watch(scope, () => undefined)
  await other.watch({ ...scope, nodeId: 'n2' }, () => undefined)
  await one.start(key, sleeper, never)
  expect(await other.list()).toEqual([])
  await other.start(key, sleeper, never)
  expect(spawnerOf(here)).not.toBe(spawnerOf(there))
  await one.remove(key)
  expect(await other.list()).toEqual([key])
  expect(isAlive(startedPid(there, 'one.1'))).toBe(true)
  await other.remove(key)
})

test('it stays while a task runs, leaves soon after the last, and comes again when it is needed', async () => {
  const dir = workshop.dir()
  const first = await workshop.watch(dir, { spawnerIdleMs: 100 })
  await first.driver.start(key, { driver: 'process', command: ['sleep', '1'] }, never)
  const pid = spawnerOf(dir)
  await first.driver.close()
  await until('the task ended', () => (existsSync(join(dir, 'attempts/one.1/end')) ? true : undefined))
  expect(JSON.parse(readFileSync(join(dir, 'attempts/one.1/end'), 'utf8'))).toMatchObject({ exitCode: 0 })
  await until('the spawner left', () => (isAlive(pid as number) ? undefined : true))
  expect(existsSync(join(dir, 'spawner.sock'))).toBe(false)
  const second = await workshop.watch(dir)
  expect(second.types(key)).toEqual(['Exited'])
})

test('the folder’s path may be longer than a socket’s, and nobody else may come in', async () => {
  const dir = join(workshop.dir(), 'x'.repeat(150), 'data')
  const { driver } = await workshop.watch(dir)
  expect(await driver.probe()).toMatchObject({ state: 'complete', detail: expect.stringContaining('spawner') })
  expect(statSync(dir).mode & 0o777).toBe(0o700)
  expect(statSync(join(dir, 'spawner.sock')).mode & 0o777).toBe(0o600)
})

test('a driver asked but never watched can be probed and closed', async () => {
  const driver = workshop.create(workshop.dir())
  expect(await driver.probe()).toMatchObject({ state: 'complete' })
  await driver.close()
  await driver.close()
  await expect(driver.list()).rejects.toThrow('call watch first')
})

test('without a spawner the driver is unavailable and says why; once there is one, it says so', async () => {
  const spawnerPath = join(workshop.base, 'later.js')
  // Ten times as fast, for the driver waits for seconds before it gives up.
  const clock = { ...systemClock, setTimer: (call: () => void, ms: number) => systemClock.setTimer(call, ms / 10) }
  const driver = workshop.create(workshop.dir(), { spawnerPath, clock })
  expect(await driver.probe()).toEqual({ state: 'unavailable', detail: expect.stringContaining('is not built') })
  const events: DriverEvent[] = []
  await driver.watch(scope, (event) => events.push(event))
  expect(events).toEqual([
    { type: 'Availability', state: 'unavailable', detail: expect.stringContaining('npm run build') },
  ])
  await driver.start(key, sleeper, never)
  expect(events[1]).toMatchObject({ type: 'StartFailed', code: 'engine-unreachable', retryable: true })
  await expect(driver.list()).rejects.toThrow('is not built')
  writeFileSync(spawnerPath, `import ${JSON.stringify(workshop.spawnerPath)}`)
  writeFileSync(join(workshop.base, 'package.json'), '{"type":"module"}')
  await until('it is complete', () =>
    events.find((event) => event.type === 'Availability' && event.state === 'complete'),
  )
  expect(await driver.list()).toEqual([])
})

test('a spawner that cannot start says why in one sentence', async () => {
  const spawnerPath = join(workshop.base, 'broken.js')
  writeFileSync(spawnerPath, 'throw new Error("no room here")')
  const driver = workshop.create(workshop.dir(), { spawnerPath })
  expect((await driver.probe()).detail).toContain('The spawner ended with 1: Error: no room here')
})

test('a machine without `flock` is told what to install', async () => {
  const driver = workshop.create(workshop.dir())
  const path = process.env.PATH
  process.env.PATH = '/nowhere'
  try {
    expect((await driver.probe()).detail).toContain('install util-linux')
  } finally {
    process.env.PATH = path
  }
})

test('a folder that cannot be made says why', async () => {
  const file = join(workshop.dir(), 'file')
  writeFileSync(file, '')
  const driver = workshop.create(join(file, 'data'))
  expect(await driver.probe()).toMatchObject({ state: 'unavailable', detail: expect.stringContaining('ENOTDIR') })
})

test('a start is called off while there is no spawner', async () => {
  const driver = workshop.create(workshop.dir(), { spawnerPath: '/no/such/spawner.js' })
  const events: DriverEvent[] = []
  await driver.watch(scope, (event) => events.push(event))
  const abort = new AbortController()
  const start = driver.start(key, sleeper, abort.signal)
  abort.abort()
  await start
  expect(events.at(-1)).toMatchObject({ type: 'StartFailed', code: 'start-failed', retryable: true })
})

test('a spawner of another version is not spoken to', async () => {
  const dir = workshop.dir()
  const sockets: Socket[] = []
  const old = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write('{"type":"greeting","version":0,"pid":7}\n')
  })
  mkdirSync(dir, { recursive: true })
  await new Promise<void>((resolve) => old.listen(join(dir, 'spawner.sock'), resolve))
  const driver = workshop.create(dir)
  expect(await driver.probe()).toMatchObject({
    state: 'unavailable',
    detail: expect.stringContaining('another version'),
  })
  await driver.close()
  for (const socket of sockets) socket.destroy()
  old.close()
})

test('another node’s attempt of the same name in one folder is not taken for one’s own', async () => {
  const dir = workshop.dir()
  const mine = await workshop.watch(dir)
  await mine.driver.start(key, sleeper, never)
  const other = workshop.create(dir)
  const events: DriverEvent[] = []
  await other.watch({ ...scope, nodeId: 'n2' }, (event) => events.push(event))
  await other.start(key, sleeper, never)
  expect(events).toEqual([
    expect.objectContaining({ type: 'StartFailed', message: expect.stringContaining('Another node') }),
  ])
  await mine.driver.remove(key)
})

test('lines may come in any pieces, and one without end is refused', () => {
  const values: unknown[] = []
  const read = createLineReader((value) => values.push(value))
  for (const byte of Buffer.from('{"a":"ö"}\n[1]\n')) read(Buffer.from([byte]))
  read(Buffer.from('2\n3\n4'))
  expect(values).toEqual([{ a: 'ö' }, [1], 2, 3])
  expect(() => read(Buffer.alloc(protocolLimits.lineBytesMax))).toThrow('lineBytesMax')
})
