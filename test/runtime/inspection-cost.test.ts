/** Inspection costs nothing while nobody looks: no step is observed, nothing is made of it, and no worker is asked. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ActorHost as Host } from '../../runtime/host/actor.ts'

let inspection: Readonly<Record<string, unknown>>
let ActorHost: typeof Host
let { running, soon, World } = {} as typeof import('./troupe-world.ts')

// Other files have loaded the modules before, in the same process: these are loaded anew, with every function of one of
// them counted, and nobody after this file has them.
beforeAll(async () => {
  vi.doMock('../../actors/inspection.ts', async (original) => {
    const actual = await original<object>()
    return Object.fromEntries(
      Object.entries(actual).map(([name, value]) => [
        name,
        typeof value === 'function' ? vi.fn(value as never) : value,
      ]),
    )
  })
  vi.resetModules()
  inspection = await import('../../actors/inspection.ts')
  ;({ ActorHost } = await import('../../runtime/host/actor.ts'))
  ;({ running, soon, World } = await import('./troupe-world.ts'))
})
afterAll(() => {
  vi.doUnmock('../../actors/inspection.ts')
  vi.resetModules()
})

/** Calls of whatever makes something to show. */
const made = () =>
  Object.values(inspection).reduce<number>(
    (sum, value) => sum + (vi.isMockFunction(value) ? value.mock.calls.length : 0),
    0,
  )

test('whole lives of tasks make nothing before somebody watches, and nothing after', async () => {
  const hosts = new Set<Host>()
  const run = vi.spyOn(ActorHost.prototype, 'run')
  const world = new World()
  await world.open()
  await world.connect()
  const live = async () => {
    const task = await running(world.far)
    world.driver.exit(task.id, 0)
    await task.result(soon)
    for (const host of run.mock.contexts as Host[]) hosts.add(host)
  }
  await live()
  expect(hosts.size).toBe(2)
  expect([...hosts].map(({ observer }) => observer)).toEqual([undefined, undefined])
  expect(made()).toBe(0)
  const watched = world.far.actors({ ...soon })
  for await (const news of watched) {
    expect(news.type).toBe('Snapshot')
    expect([...hosts].every(({ observer }) => observer !== undefined)).toBe(true)
    break
  }
  expect(made()).toBeGreaterThan(0)
  await vi.waitFor(() => expect([...hosts].every(({ observer }) => observer === undefined)).toBe(true), 20_000)
  const before = made()
  await live()
  expect(made()).toBe(before)
  run.mockRestore()
  await world.close()
})
