/** `kill -9` of the Docker engine by the dozen, with and without `live-restore`, under containers that come and go. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../e2e/cluster.ts'
import { createDice } from '../e2e/dice.ts'
import { dockerIs, engineSpec, startOnEngine } from '../e2e/engine-world.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { pause } from '../e2e/kills.ts'
import { askEngine } from '../runtime/docker-fixture.ts'
import { OwnEngine } from '../runtime/docker-own-engine.ts'
import { report, soak } from './figures.ts'

const kills = 10 * soak.times
const tasksPerKill = 3
const limitMs = 90_000
/** As often as it takes. */
const restart = { policy: 'on-failure' as const, max: 100 * soak.times }

let engine: OwnEngine
beforeAll(async () => {
  engine = await OwnEngine.open()
}, limitMs)
afterAll(() => engine?.close(), limitMs)

/** Kills it so often, each time with some tasks at every stage of their lives, and answers how many tasks there were. */
async function killUnderContainers(world: FaultWorld, flags: readonly string[]): Promise<number> {
  const roll = createDice(soak.seed)
  for (let kill = 0; kill < kills; kill += 1) {
    for (let at = 0; at < tasksPerKill; at += 1) {
      const spec = flags.length > 0 ? engineSpec : { ...engineSpec, restart }
      await world.submit(`${kill}-${at}`, { seconds: Math.round(roll() * 300) / 100, code: 0, spec })
    }
    await pause(2_500 * roll())
    await engine.kill()
    await dockerIs(world, 'unavailable')
    await engine.start(...flags)
    await dockerIs(world, 'complete')
  }
  return kills * tasksPerKill
}

/** What the engine shows of the containers that are left belongs to a failure. */
async function keptOr(world: FaultWorld, withinMs: number) {
  try {
    return await world.expectAllKept(withinMs)
  } catch (error) {
    const { clusterId } = await world.ear.ask(async (client) => client.welcome)
    for (const id of await world.containersLeft(clusterId)) {
      const { json } = await askEngine(engine.socketPath, 'GET', `/containers/${id}/json`)
      const { Name, State } = json as { Name: string; State: { Pid: number } }
      console.log(`left: ${Name} ${JSON.stringify(State)} alive: ${existsSync(`/proc/${State.Pid}`)}`)
    }
    throw error
  }
}

/** An engine that starts anew, lest the one before has left something behind. */
async function freshly(flags: readonly string[]): Promise<void> {
  await engine.kill('SIGTERM')
  await engine.start(...flags)
}

test('the engine killed ten times with live-restore', async () => {
  await freshly(['--live-restore'])
  await FaultWorld.with(async (world) => {
    await startOnEngine(world, engine)
    // One that lives through all of it.
    const lasts = await world.submit('lasts', { seconds: 'told', code: 3, spec: engineSpec })
    await world.ear.until(lasts, ({ state }) => state === 'Running')
    const tasks = await killUnderContainers(world, ['--live-restore'])
    await world.release(lasts)
    const views = [...(await keptOr(world, 120_000)).values()]
    expect(views.find(({ id }) => id === lasts)).toMatchObject({ exitCode: 3, attempt: 1 })
    const own = views.filter(({ outcome }) => outcome === 'succeeded').length
    const rest = views.filter(({ id, outcome }) => id !== lasts && outcome !== 'succeeded')
    // A start that a kill has cut short may have failed, and says so; nothing that ran has another end than its own.
    for (const { id, outcome, reason } of rest) expect(['start', 'lost'], `${id}: ${reason}`).toContain(outcome)
    const told = rest.length === 0 ? '' : `, ${rest.length} told as failed to start or lost`
    report(
      `kill -9 of the engine with live-restore, ${kills} times`,
      `${tasks} containers: ${own} each once and with its own code${told}; one ran through all`,
    )
  })
})

test('the engine killed ten times without live-restore', async () => {
  await freshly([])
  await FaultWorld.with(async (world) => {
    await startOnEngine(world, engine)
    const tasks = await killUnderContainers(world, [])
    const views = [...(await keptOr(world, 180_000)).values()]
    for (const { id, outcome, reason } of views) expect(outcome, `${id}: ${reason}`).toBe('succeeded')
    const again = views.filter(({ attempt }) => attempt > 1).length
    await until('the engine to be left empty', async () =>
      (await world.containersLeft((await world.ear.ask(async (client) => client.welcome)).clusterId)).length === 0
        ? true
        : undefined,
    )
    report(
      `kill -9 of the engine without live-restore, ${kills} times`,
      `${tasks} containers with on-failure: all ended well, ${again} of them in a later attempt, no attempt begun twice`,
    )
  })
})
