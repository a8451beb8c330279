/** `kill -9` by the dozen, under load. */
import { expect, test } from 'vitest'
import { until } from '../e2e/cluster.ts'
import { createDice } from '../e2e/dice.ts'
import { endNow, FaultWorld } from '../e2e/fault-world.ts'
import { killUnderLoad, pause } from '../e2e/kills.ts'
import { report, soak, spread } from './figures.ts'

const tasksPerKill = 6

test.each([
  ['the manager', 'm'],
  ['the worker', 'w'],
])('%s killed 50 times under load', async (whom, letter) => {
  const victims = letter.repeat(50 * soak.times)
  await FaultWorld.with(async (world) => {
    await world.startAll()
    const answeredMs = await killUnderLoad(world, { victims, tasksPerKill, roll: createDice(soak.seed) })
    await world.expectAllUnharmed(120_000)
    const tasks = victims.length * tasksPerKill
    report(`kill -9 of ${whom}, ${victims.length} times`, `${tasks} tasks, each once and with its own code`)
    if (answeredMs.length > 0) report('manager: start to first answer to a client', spread(answeredMs))
  })
})

test('the spawner killed 10 times under load', () =>
  FaultWorld.with(async (world) => {
    await world.startAll()
    const roll = createDice(soak.seed)
    const kills = 10 * soak.times
    for (let kill = 0; kill < kills; kill += 1) {
      for (let at = 0; at < tasksPerKill; at += 1) {
        await world.submit(`${kill}-${at}`, { seconds: Math.round(roll() * 200) / 100, code: at % 4 })
      }
      await pause(1_000 * roll())
      const spawners = await until('a spawner', async () => {
        const found = await world.spawners()
        return found.length > 0 ? found : undefined
      })
      for (const pid of spawners) endNow(pid)
    }
    const views = [...(await world.expectAllKept(120_000)).values()]
    const lost = views.filter(({ outcome }) => outcome === 'lost')
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.length).toBeLessThan(views.length)
    report(
      `kill -9 of the spawner, ${kills} times`,
      `${views.length} tasks; ${lost.length} honestly lost, none run twice`,
    )
  }))
