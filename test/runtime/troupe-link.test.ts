/** The programmatic API when connections are lost, managers restart, readers are slow, and when it is closed. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { waitFor } from 'xstate'
import { eventLimits } from '../../runtime/client/event-stream.ts'
import {
  connect,
  type ErrorCode,
  errorCodes,
  openTroupe,
  StorageError,
  type StorageErrorCode,
  type TaskEvent,
  type Transport,
  TransportError,
  type Troupe,
  TroupeError,
} from '../../runtime/index.ts'
import { ScriptDriver } from './script-driver.ts'
import { listen, running, soon, spec, take, World } from './troupe-world.ts'

const storageCodes: readonly StorageErrorCode[] = ['locked', 'permission', 'full', 'damaged', 'stale-epoch', 'io']
const wireCodes = [
  'address-in-use',
  'permission',
  'unreachable',
  'refused',
  'timeout',
  'subprotocol',
  'bad-url',
] as const
let world: World

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(() => world.close())

describe('a lost connection', () => {
  test('comes back by itself: states, transitions and output go on without a gap', async () => {
    const { far, driver, network } = world
    const task = await running(far)
    const states: string[] = []
    task.subscribe((s) => states.push(s.context.state))
    const stream = far.events({ filter: { ids: [task.id] } })
    const events = take(stream, 1)
    const lines = take(task.logs({ follow: true }), 3)
    driver.write(task.id, 'before\n')
    await expect.poll(() => stream.position, { timeout: 20_000 }).toBeDefined()
    network.cut('client')
    driver.write(task.id, 'meanwhile\n')
    driver.write(task.id, 'after\n')
    driver.exit(task.id, 0)
    expect(await task.result(soon)).toMatchObject({ outcome: 'succeeded' })
    expect(states).toEqual(['Completed'])
    expect((await events).map(({ to }) => to)).toEqual(['Completed'])
    expect((await lines).map(({ text }) => text)).toEqual(['before', 'meanwhile', 'after'])
    expect(far.metrics().reconnects).toBeGreaterThanOrEqual(1)
  })

  test('a watch goes on where it was, and tells a slow reader the newest of each task', async () => {
    const { far, driver, network } = world
    const tasks = [await running(far), await running(far)]
    const seen = new Map<string, string[]>()
    const watch = far.watch()
    const reading = (async () => {
      for await (const change of watch) {
        if (change.type === 'Changed')
          seen.set(change.task.id, [...(seen.get(change.task.id) ?? []), change.task.state])
      }
    })()
    await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(2)
    network.cut('client')
    for (const task of tasks) driver.exit(task.id, 0)
    await expect.poll(() => [...seen.values()], { timeout: 20_000 }).toEqual(Array(2).fill(['Running', 'Completed']))
    await world.near.close()
    await world.open()
    const task = await running(far)
    await expect.poll(() => seen.get(task.id)?.at(-1), { timeout: 20_000 }).toBe('Running')
    expect(seen.get((tasks[0] as typeof task).id)).toEqual(['Running', 'Completed'])
    watch.close()
    await reading
  })

  test('outlives restarts of the manager: each transition is told once', async () => {
    const { far, driver } = world
    const stream = far.events()
    const told: TaskEvent[] = []
    const reading = (async () => {
      for await (const event of stream) told.push(event)
    })()
    reading.catch(() => undefined)
    const ends: Promise<unknown>[] = []
    for (let round = 0; round < 3; round += 1) {
      const task = await running(far)
      ends.push(task.result(soon))
      await world.near.close()
      await world.open()
      await expect.poll(async () => (await world.near.nodes())[0]?.state, { timeout: 20_000 }).toBe('Ready')
      driver.exit(task.id, 0)
      await ends.at(-1)
    }
    await expect.poll(() => told.filter(({ to }) => to === 'Completed').length, { timeout: 20_000 }).toBe(3)
    const steps = ['Pending.Queued', 'Scheduled.Starting', 'Running.Up', 'Completed']
    expect(told.map(({ to }) => to)).toEqual([...steps, ...steps, ...steps])
    stream.close()
    await reading
  })

  test('is dialled for as long as it takes, and each outage and each return is said once', async () => {
    const said: string[] = []
    const logger = {
      ...{ debug: () => {}, error: () => {} },
      info: (message: string) => said.push(message),
      warn: (message: string) => said.push(message),
    }
    let dials = 0
    const network = world.network.as('logged')
    const transport: Pick<Transport, 'connect'> = {
      connect: (url, options) => {
        dials += 1
        return network.connect(url, options)
      },
    }
    const troupe = await connect(`ws://${listen}`, { token: 'secret', transport, logger })
    for (let outage = 1; outage <= 2; outage += 1) {
      const before = dials
      await world.near.close()
      await expect.poll(() => dials, { timeout: 20_000 }).toBeGreaterThan(before + 3)
      await world.open()
      await expect.poll(() => troupe.metrics().reconnects, { timeout: 20_000 }).toBe(outage)
      expect(said.filter((line) => line.includes('was lost'))).toHaveLength(outage)
      expect(said.filter((line) => line.startsWith('connected again'))).toHaveLength(outage)
    }
    expect(said).toHaveLength(4)
    await troupe.close()
    expect(said).toHaveLength(4)
  })

  test('leaves what was not answered to be asked again by its id, or says that it is not known', async () => {
    const { far, near } = world
    await near.close()
    const unsure = far.run(spec, { id: 'unsure', timeoutMs: 200 })
    await expect(unsure).rejects.toMatchObject({ code: expect.stringMatching(/Unavailable|OutcomeUnknown/) })
    // Not even what is looked up first outlasts the signal.
    const stop = new AbortController()
    const lines = take(far.logs('unsure', { signal: stop.signal }), 1)
    stop.abort()
    expect(await lines).toEqual([])
    const patient = far.run(spec, { id: 'patient', ...soon })
    await world.open()
    expect((await patient).id).toBe('patient')
  })
})

test('a reader that is slow holds nothing but its place', async () => {
  const { far, near, driver } = world
  const slow = far.events()
  const rounds = Math.ceil(eventLimits.waitingMax / 4) + 100
  for (let at = 0; at < rounds; at += 100) {
    const tasks = await Promise.all(Array.from({ length: 100 }, () => near.run(spec)))
    await Promise.all(tasks.map((task) => waitFor(task, (s) => s.matches('Running'), { timeout: 20_000 })))
    const ends = tasks.map((task) => task.result(soon))
    for (const task of tasks) driver.exit(task.id, 0)
    await Promise.all(ends)
  }
  const waiting = far.metrics().events
  expect(waiting).toBeLessThan(eventLimits.waitingMax + 1_000)
  const count = Math.ceil(rounds / 100) * 100 * 4
  const told = await take(slow, count)
  expect(new Set(told.map(({ revision, taskId, to }) => `${revision} ${taskId} ${to}`)).size).toBe(count)
  expect(far.metrics().resets).toBe(0)
}, 120_000)

describe('closed', () => {
  test('it ends what goes on, says so, and takes a second close for the first', async () => {
    const { far } = world
    const task = await running(far)
    const ends = Promise.allSettled([task.result(), take(far.events(), 1), take(task.logs({ follow: true }), 1)])
    const errors: unknown[] = []
    task.subscribe({ error: (error) => errors.push(error) })
    await Promise.all([far.close(), far.close()])
    expect(await ends).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'Unavailable' } }))
    expect(errors).toMatchObject([{ code: 'Unavailable' }])
    await expect(far.nodes()).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(task.result()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  test('by the end of a block', async () => {
    let kept: Troupe
    {
      await using troupe = await connect(`ws://${listen}`, { token: 'secret', transport: world.network.as('other') })
      kept = troupe
      expect(await troupe.nodes()).toHaveLength(1)
    }
    await expect(kept.nodes()).rejects.toMatchObject({ code: 'Unavailable' })
  })
})

test('two in one process know nothing of each other', async () => {
  const other = await openTroupe({ storage: 'memory', drivers: [new ScriptDriver()], name: 'node-2' })
  const task = await other.run(spec)
  expect((await world.near.list()).tasks).toEqual([])
  await expect(world.near.get(task.id)).rejects.toMatchObject({ code: 'NotFound' })
  expect([(await other.nodes())[0]?.name, (await world.near.nodes())[0]?.name]).toEqual(['node-2', 'node-1'])
  expect(other.address).toBeUndefined()
  await other.close()
  expect(await world.near.nodes()).toHaveLength(1)
})

test('a wrong token is refused, and a wrong address', async () => {
  const transport = world.network.as('stranger')
  await expect(connect(`ws://${listen}`, { token: 'guess', transport })).rejects.toMatchObject({ code: 'Unauthorized' })
  await expect(connect('ws://127.0.0.1:7001', { token: 't', transport })).rejects.toMatchObject({ code: 'Unavailable' })
})

test('each error says whether the same again can help', () => {
  const passes = (codes: Record<string, boolean>) => Object.keys(codes).filter((code) => codes[code])
  const storage = Object.fromEntries(storageCodes.map((code) => [code, new StorageError(code, '').retryable]))
  const wire = Object.fromEntries(wireCodes.map((code) => [code, new TransportError(code, '').retryable]))
  const ours = Object.keys(errorCodes).map((code) => new TroupeError(code as ErrorCode, ''))
  expect(passes(storage)).toEqual(['locked'])
  expect(passes(wire)).toEqual(['address-in-use', 'unreachable', 'refused', 'timeout'])
  expect(ours.filter(({ retryable }) => retryable).map(({ code }) => code)).toEqual([
    ...['Overloaded', 'Unavailable', 'StorageFailed', 'OutcomeUnknown'],
  ])
})

test('a port that is taken says that the same again can help', async () => {
  const taken = openTroupe({ storage: 'memory', drivers: [], listen, transport: world.network.as('another') })
  await expect(taken).rejects.toMatchObject({ name: 'TransportError', code: 'address-in-use', retryable: true })
})

test('what cannot be opened says what to do', async () => {
  await expect(openTroupe()).rejects.toMatchObject({ code: 'Invalid', message: expect.stringContaining('dataDir') })
  await expect(openTroupe({ storage: 'memory', drivers: ['process'] })).rejects.toMatchObject({ code: 'Invalid' })
  await expect(openTroupe({ storage: 'memory', drivers: [], listen: '0.0.0.0:0' })).rejects.toMatchObject({
    code: 'Invalid',
  })
  const twins = [new ScriptDriver(), new ScriptDriver()]
  await expect(openTroupe({ storage: 'memory', drivers: twins })).rejects.toMatchObject({ code: 'Invalid' })
})
