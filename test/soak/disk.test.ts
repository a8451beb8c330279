/** Full disks by the dozen: the manager's and the worker's in turn, and room again. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDice } from '../e2e/dice.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { pause } from '../e2e/kills.ts'
import { SmallDisk } from '../e2e/small-disk.ts'
import { report, soak } from './figures.ts'

const fillings = 5 * soak.times
const diskBytes = 32 * 1_024 * 1_024
const saysSo = 'No space is left for the store'

test('the disk of the manager filled five times under load', () =>
  FaultWorld.with(async (world) => {
    const disk = await SmallDisk.open(join(world.cluster.dir, 'data'), diskBytes)
    world.onClose(() => disk.close())
    await world.startAll()
    const roll = createDice(soak.seed)
    let isOver = false
    let tasks = 0
    const load = (async () => {
      for (; !isOver; tasks += 1) {
        await world.submit(`${tasks}`, { seconds: Math.round(roll() * 200) / 100, code: tasks % 5 })
        await pause(50 * roll())
      }
    })()
    load.catch(() => undefined)
    for (let at = 0; at < fillings; at += 1) {
      await pause(1_500 * roll())
      await disk.fill()
      const { code, stderr } = await world.manager.ended
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(saysSo) })
      await disk.makeRoom()
      world.startManager()
      await world.ready(1)
    }
    isOver = true
    await load
    await world.expectAllUnharmed(120_000)
    report(`the manager's disk full, ${fillings} times`, `${tasks} tasks, each once and with its own code`)
  }))

test('the disk of the worker filled five times under load', () =>
  FaultWorld.with(async (world) => {
    const disk = await SmallDisk.open(world.workerDir('one'), diskBytes)
    world.onClose(() => disk.close())
    await world.startAll()
    const roll = createDice(soak.seed)
    const lasts = await world.submit('lasts', { seconds: 'told', code: 3 })
    await world.ear.until(lasts, ({ state }) => state === 'Running')
    let isOver = false
    let tasks = 0
    const load = (async () => {
      for (; !isOver; tasks += 1) {
        const spec = { restart: { policy: 'on-failure' as const, max: 0 } }
        await world.submit(`${tasks}`, { seconds: Math.round(roll() * 200) / 100, code: 0, spec })
        await pause(50 * roll())
      }
    })()
    load.catch(() => undefined)
    for (let at = 0; at < fillings; at += 1) {
      await pause(1_500 * roll())
      await disk.fill()
      const { code, stderr } = await world.worker('one').ended
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(saysSo) })
      await disk.makeRoom()
      await world.startWorker('one', ['--driver', 'process'])
      await world.ready(1)
    }
    isOver = true
    await load
    await world.release(lasts)
    const views = await world.expectAllKept(120_000)
    expect(views.get(lasts)).toMatchObject({ exitCode: 3, attempt: 1 })
    const ended = [...views.values()].filter(({ outcome }) => outcome === 'succeeded').length
    const failed = [...views.values()].filter(({ id, outcome }) => id !== lasts && outcome === 'start').length
    report(
      `the worker's disk full, ${fillings} times`,
      `${tasks} tasks: ${ended} ended well, ${failed} failed to start and said so, ${tasks - ended - failed} otherwise; one ran through all`,
    )
  }))
