/** The promise of the stream: every final state reaches everyone it concerns exactly once, through 20 restarts of the manager. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { spec, World } from './troupe-world.ts'

const restarts = 20
let world: World

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(() => world.close())

/** Counts by task what a stream tells of ends. */
function endsOf(filter: { labels?: Record<string, string>; nodes?: string[] }) {
  const ends = new Map<string, number>()
  const stream = world.far.events({ filter })
  const reading = (async () => {
    for await (const { taskId, to } of stream) {
      if (to === 'Completed' || to === 'Failed') ends.set(taskId, (ends.get(taskId) ?? 0) + 1)
    }
  })()
  const close = () => {
    stream.close()
    return reading
  }
  return { ends, close }
}

test('each end is told once: to the task’s own listeners, by label, and to who hears all', async () => {
  const { far, driver } = world
  const told = new Map<string, string[]>()
  const all = endsOf({})
  const red = endsOf({ labels: { colour: 'red' } })
  const ids = { all: [] as string[], red: [] as string[] }
  for (let round = 0; round < restarts; round += 1) {
    const tasks = []
    for (const colour of ['red', 'blue']) {
      const task = await far.run({ ...spec, labels: { colour } }, { timeoutMs: 60_000 })
      tasks.push(task)
      ids.all.push(task.id)
      if (colour === 'red') ids.red.push(task.id)
      told.set(task.id, [])
      task.subscribe({
        next: (s) => s.status === 'done' && told.get(task.id)?.push(s.output.outcome),
        complete: () => told.get(task.id)?.push('complete'),
      })
    }
    const running = tasks.map((task) => {
      return expect
        .poll(async () => (await far.get(task.id)).getSnapshot().context.state, { timeout: 60_000 })
        .toBe('Running')
    })
    await Promise.all(running)
    // One ends before the manager goes, one while it is away.
    const [before, meanwhile] = tasks
    driver.exit(before?.id as string, 0)
    const closing = world.near.close()
    driver.exit(meanwhile?.id as string, 3)
    await closing
    await world.open()
  }
  const expected = (some: readonly string[]) => new Map(some.map((id) => [id, 1]))
  await expect.poll(() => all.ends.size, { timeout: 60_000 }).toBe(ids.all.length)
  await expect.poll(() => [...told.values()].every((list) => list.includes('complete')), { timeout: 60_000 }).toBe(true)
  await Promise.all([all.close(), red.close()])
  expect(all.ends).toEqual(expected(ids.all))
  expect(red.ends).toEqual(expected(ids.red))
  const outcomes = [...told.values()]
  expect(outcomes.filter(([outcome]) => outcome === 'succeeded').length).toBeGreaterThanOrEqual(restarts)
  expect(outcomes.every((list) => list.length === 2 && list[1] === 'complete')).toBe(true)
  expect(far.metrics().resets).toBe(0)
}, 240_000)
