/** `troupe.stats()` through a whole Troupe: client, manager, worker and driver. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AttemptKey } from '../../actors/model.ts'
import type { TaskStats } from '../../runtime/index.ts'
import { ScriptDriver } from './script-driver.ts'
import { running, soon, take, World } from './troupe-world.ts'

/** Each sample says that a quarter of a core was used since the one before. */
class MeasuredDriver extends ScriptDriver {
  override readonly supports = { logs: true, stats: true, exec: false }
  asked = 0

  async stats({ attempt }: AttemptKey) {
    this.asked += 1
    const { asked } = this
    return { atMs: asked * 1_000, cpuMs: asked * 250, memoryBytes: attempt * 1_024 }
  }
}

let world: World
let driver: MeasuredDriver

beforeEach(async () => {
  world = new World()
  driver = new MeasuredDriver()
  await world.open({ drivers: [driver, new ScriptDriver('silent')] })
  await world.connect()
})

afterEach(() => world.close())

test('samples come with their cores, for as long as they are read', async () => {
  const { id } = await running(world.far)
  expect(driver.asked).toBe(0)
  const [first, second] = (await take(world.far.stats(id.slice(0, 6)), 2)) as [TaskStats, TaskStats]
  expect(first).toMatchObject({ attempt: 1, memoryBytes: 1_024 })
  expect(first.cores).toBeUndefined()
  expect(first.cpuMs).toBe(first.atMs / 4)
  expect(second).toMatchObject({ attempt: 1, cores: 0.25 })
  const again = await take(world.near.stats(id), 1)
  expect(again[0]?.cores).toBeUndefined()
})

test('they go on with the next attempt, and end with the task', async () => {
  const { id } = await running(world.far, { restart: { policy: 'on-failure', backOffMs: 1, sameNode: 2 } })
  const attempts = new Set<number>()
  for await (const { attempt } of world.far.stats(id)) {
    if (!attempts.has(attempt)) driver.exit(id, attempt === 1 ? 1 : 0, attempt)
    attempts.add(attempt)
  }
  expect([...attempts]).toEqual([1, 2])
  expect(await world.far.wait(id, soon)).toMatchObject({ outcome: 'succeeded' })
})

test('a signal ends them quietly, a time limit and what cannot be told do not', async () => {
  const { id } = await running(world.far)
  const signal = AbortSignal.abort()
  expect(await take(world.far.stats(id, { signal }), 1)).toEqual([])
  const silent = await running(world.far, { driver: 'silent' })
  await expect(take(world.far.stats(silent.id), 1)).rejects.toMatchObject({ code: 'Invalid' })
  await expect(take(world.far.stats('nobody'), 1)).rejects.toMatchObject({ code: 'NotFound' })
  const waiting = await world.far.run({ driver: 'process', command: ['x'], constraints: ['zone=nowhere'] })
  const late = take(world.far.stats(waiting.id, { timeoutMs: 50 }), 1)
  await expect(late).rejects.toMatchObject({ code: 'Unavailable' })
})

test('a manager that is gone and back is asked again', async () => {
  const { id } = await running(world.far)
  const attempts: number[] = []
  for await (const { cpuMs } of world.far.stats(id)) {
    attempts.push(cpuMs)
    if (attempts.length === 1) world.network.cut('client')
    if (attempts.length === 3) break
  }
  expect(attempts).toEqual([...attempts].sort((a, b) => a - b))
})
