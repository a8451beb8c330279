/**
 * Whoever is not heard for longer than a lease: a process that is halted (SIGSTOP) and goes on as if nothing had happened,
 * and a network that is cut one way and both ways. Most of the time is waiting, so all wait together.
 */
import { expect, test } from 'vitest'
import { cuts, startAcross, whyNoNetwork } from './cut-network.ts'
import { FaultWorld } from './fault-world.ts'
import { pause } from './kills.ts'

const missing = whyNoNetwork()
if (missing !== undefined) {
  if (process.env.CI === 'true') throw new Error(`${missing}; with CI=true nothing may be left out`)
  console.warn(`The tests that cut a network are left out: ${missing}.`)
}

/** The default lease is 10 s. */
const pastLeaseMs = 12_000
const limitMs = 90_000

/** One that ends meanwhile, and one that may be replaced and ends when it is told. */
async function twoTasks(world: FaultWorld): Promise<{ ends: string; lasts: string }> {
  const ends = await world.submit('ends', { seconds: 3, code: 6 })
  const lasts = await world.submit('lasts', { seconds: 'told', spec: { restart: { policy: 'on-failure' } } })
  for (const id of [ends, lasts]) await world.ear.until(id, ({ state }) => state === 'Running')
  return { ends, lasts }
}

async function expectBackUnharmed(world: FaultWorld, { ends, lasts }: { ends: string; lasts: string }): Promise<void> {
  await world.ear.until(lasts, ({ detail }) => detail !== 'Unreachable')
  await world.release(lasts)
  await world.expectAllUnharmed()
  const path = world.ear.eventsOf(lasts).map(({ event, to }) => `${event.type} ${to}`)
  expect(path).toEqual(expect.arrayContaining(['NodeUnreachable Running.Unreachable', 'NodeReturned Running.Up']))
  // Its own code came through, though it ended in the dark.
  expect(world.ear.eventsOf(ends).map(({ event }) => event.type)).toContain('Exited')
}

// Needs root and network namespaces; the reason why there are none is printed above, and fails with CI=true.
test.skipIf(missing !== undefined).concurrent.each(cuts)(
  'a network cut %s: tasks are Unreachable, their worker comes back, nothing runs twice',
  (_, cut) =>
    FaultWorld.with(async (world) => {
      const network = await startAcross(world)
      const tasks = await twoTasks(world)
      await cut(network)
      const view = await world.ear.until(tasks.lasts, ({ detail }) => detail === 'Unreachable')
      expect(view).toMatchObject({ state: 'Running', finishedAtMs: null, attempt: 1 })
      await network.mend()
      await expectBackUnharmed(world, tasks)
    }),
  limitMs,
)

test.concurrent(
  'a worker halted past its lease: its tasks are Unreachable, then back, and nothing runs twice',
  () =>
    FaultWorld.with(async (world) => {
      await world.startAll()
      const tasks = await twoTasks(world)
      world.worker('one').child.kill('SIGSTOP')
      for (const id of [tasks.ends, tasks.lasts]) {
        const view = await world.ear.until(id, ({ detail }) => detail === 'Unreachable')
        expect(view).toMatchObject({ state: 'Running', finishedAtMs: null, exitCode: null })
      }
      world.worker('one').child.kill('SIGCONT')
      await expectBackUnharmed(world, tasks)
    }),
  limitMs,
)

test.concurrent(
  'a manager halted past the lease gives every node a full one, and declares nothing lost',
  () =>
    FaultWorld.with(async (world) => {
      await world.startAll()
      const { ends, lasts } = await twoTasks(world)
      world.manager.child.kill('SIGSTOP')
      await pause(pastLeaseMs)
      world.manager.child.kill('SIGCONT')
      await world.ear.until(ends, ({ finishedAtMs }) => finishedAtMs !== null)
      await world.release(lasts)
      await world.expectAllUnharmed()
      const types = [ends, lasts].flatMap((id) => world.ear.eventsOf(id).map(({ event }) => event.type))
      expect(types).not.toContain('NodeUnreachable')
      expect(world.manager.stderr).toContain('stood still')
    }),
  limitMs,
)
