/** What a Troupe leaves to the application it is in, and a place in the stream that outlives a manager and a client. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connect, openTroupe, type TaskEvent } from '../../runtime/index.ts'
import { ScriptDriver } from './script-driver.ts'
import { listen, running, soon, spec, take, World } from './troupe-world.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await world.close()
})

test('another client goes on strictly after a position, with the next manager', async () => {
  const task = await running(world.far)
  const stream = task.events({ from: 'snapshot', ...soon })
  expect((await take(stream, 3)).map(({ to }) => to)).toEqual(['Pending.Queued', 'Scheduled.Starting', 'Running.Up'])
  const from = stream.position
  if (from === undefined) throw new Error('there is no position')
  await world.near.close()
  await world.open()
  world.driver.exit(task.id, 0)
  await (await world.near.get(task.id)).result(soon)
  const other = await connect(`ws://${listen}`, { token: 'secret', transport: world.network.as('another') })
  const events: TaskEvent[] = []
  for await (const event of (await other.get(task.id)).events({ from, ...soon })) events.push(event)
  await other.close()
  expect(events.map(({ to }) => to)).toEqual(['Completed'])
})

test('the application alone says what is written where, and hears the signals of its process', async () => {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit', 'beforeExit', 'uncaughtException'] as const
  const listeners = () => signals.map((name) => process.listenerCount(name))
  const globals = () => Reflect.ownKeys(globalThis).length
  const before = { listeners: listeners(), globals: globals() }
  const out = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockReturnValue(true))
  const told: string[] = []
  const log = (message: string) => void told.push(message)
  const troupe = await openTroupe({
    ...{ storage: 'memory', drivers: [new ScriptDriver()], name: 'inside' },
    logger: { debug: log, info: log, warn: log, error: log },
  })
  await troupe.run(spec)
  expect({ listeners: listeners(), globals: globals() }).toEqual(before)
  await troupe.close()
  const written = out.map((spy) => spy.mock.calls.length)
  vi.restoreAllMocks()
  expect(written).toEqual([0, 0])
  expect(told.join('\n')).toMatch(/node inside is ready/)
})
