/** `kill -9` of the manager under load, of a worker, and of the spawner. The long form is test/soak/kills.test.ts. */
import { expect, test } from 'vitest'
import { until } from './cluster.ts'
import { createDice } from './dice.ts'
import { endNow, FaultWorld } from './fault-world.ts'
import { killUnderLoad } from './kills.ts'

// They wait more than they work, so they do it together.
test.concurrent(
  'a manager and a worker killed under load, five and three times, lose nothing and run nothing twice',
  () =>
    FaultWorld.with(async (world) => {
      await world.startAll()
      const roll = createDice(20261122)
      await killUnderLoad(world, { victims: 'mmwmwmwm', tasksPerKill: 6, roll })
      await world.expectAllUnharmed()
    }),
  60_000,
)

test.concurrent(
  'a killed spawner leaves its tasks running, and tells honestly that their codes are unknown; others go on',
  () =>
    FaultWorld.with(async (world) => {
      await world.startAll()
      const replaced = { restart: { policy: 'on-failure' as const } }
      const [first, second, third] = await Promise.all([
        world.submit('a', { seconds: 2.5, code: 3 }),
        world.submit('b', { seconds: 2.5 }),
        world.submit('c', { seconds: 2.5, spec: replaced }),
      ])
      for (const id of [first, second, third]) await world.ear.until(id, ({ state }) => state === 'Running')
      const spawners = await world.spawners()
      expect(spawners.length).toBeGreaterThan(0)
      for (const pid of spawners) endNow(pid)
      const later = await world.submit('later', { seconds: 0.2, code: 5 })
      const views = await world.expectAllKept()
      expect(views.get(later)).toMatchObject({ outcome: 'exit', exitCode: 5, attempt: 1 })
      for (const id of [first, second]) {
        expect(views.get(id)).toMatchObject({ state: 'Failed', outcome: 'lost', exitCode: null, attempt: 1 })
        expect(views.get(id)?.reason).toContain('exit code is not known')
        expect(await world.linesOf(id)).toEqual(['start 1', 'end 1'])
      }
      // Its policy allows that it is replaced, so that it was begun again, as an attempt of its own.
      expect(views.get(third)).toMatchObject({ outcome: 'succeeded', attempt: 2 })
      expect(await world.linesOf(third)).toEqual(['start 1', 'end 1', 'start 2', 'end 2'])
    }),
  60_000,
)

test.concurrent(
  'a task survives a manager and a worker that stay away longer than it runs',
  () =>
    FaultWorld.with(async (world) => {
      await world.startAll()
      const id = await world.submit('lonely', { seconds: 1, code: 4 })
      await world.ear.until(id, ({ state }) => state === 'Running')
      await Promise.all([world.manager.kill('SIGKILL'), world.worker('one').kill('SIGKILL')])
      await until('its end', async () => ((await world.linesOf(id)).includes('end 1') ? true : undefined))
      await Promise.all([world.restartManager(), world.restartWorker('one')])
      await world.expectAllUnharmed()
    }),
  60_000,
)
