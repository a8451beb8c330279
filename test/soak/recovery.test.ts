/** How fast it recovers, measured often enough for a spread. */
import { expect, test } from 'vitest'
import { containersWith, testImage } from '../e2e/cluster.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { adoptionMs, restartMs } from '../e2e/recovery.ts'
import { report, soak, spread } from './figures.ts'

const limitMs = 3_000

test('recovery of tasks and workers', () =>
  FaultWorld.with(async (world) => {
    world.containersLeft = (clusterId) => containersWith(`troupe.cluster=${clusterId}`)
    const flags = ['--driver', 'process', '--driver', 'docker', '--allow-mount', world.witness]
    world.startManager()
    for (const name of ['one', 'two']) await world.startWorker(name, flags)
    await world.listen()
    await world.ready(2)
    const processesMs = await restartMs(world, 30 * soak.times)
    report('a killed process, on-failure: kill to running again', spread(processesMs))
    const spec = { driver: 'docker' as const, image: testImage, network: 'none' }
    const containersMs = await restartMs(world, 15 * soak.times, spec)
    report('a killed container, on-failure: kill to running again', spread(containersMs))
    const ids: string[] = []
    for (let at = 0; at < 10; at += 1) ids.push(await world.submit(`adopted${at}`, { seconds: 'told' }))
    for (const id of ids) await world.ear.until(id, ({ state }) => state === 'Running')
    const adoptionsMs = await adoptionMs(world, 15 * soak.times)
    report('a killed worker: start of its process to Ready, tasks adopted', spread(adoptionsMs))
    for (const id of ids) await world.release(id)
    await world.expectAllKept()
    expect(Math.max(...processesMs, ...containersMs, ...adoptionsMs)).toBeLessThan(limitMs)
  }))
