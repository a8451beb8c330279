/** A task's history from a manager that runs: live, and over the manager's restart. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HistoryLoad, type HistoryState, type Loaded } from '../../inspector/page/task/history-load.ts'
import { running, spec, World } from '../runtime/troupe-world.ts'

const patience = { timeout: 30_000 }
let world: World
let load: HistoryLoad | undefined
let state: HistoryState

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(async () => {
  load?.close()
  await world.close()
})

function open(id: string): void {
  const onState = (next: HistoryState) => {
    state = next
  }
  load = new HistoryLoad({ troupe: world.far, id, onState })
}

const loaded = (): Loaded | undefined => (state.type === 'loaded' ? state.loaded : undefined)
const types = () => loaded()?.steps.map(({ event }) => event.event.type)

test('holds the whole log with the contexts of its manager, and grows', { timeout: 90_000 }, async () => {
  const restart = { policy: 'on-failure', max: 1, backOffMs: 0 } as const
  const task = await running(world.far, { restart, secretEnv: { KEY: 'hunter2' } })
  open(task.id.slice(0, 8))
  await expect.poll(types, patience).toEqual(['Created', 'Placed', 'Started'])
  expect(loaded()?.task.id).toBe(task.id)
  expect(loaded()?.explanation.spec.secretEnv).toEqual({ KEY: '***' })
  world.driver.exit(task.id, 3)
  await expect
    .poll(types, patience)
    .toEqual(['Created', 'Placed', 'Started', 'Exited', 'BackOffElapsed', 'Placed', 'Started'])
  world.driver.exit(task.id, 4, 2)
  await expect.poll(() => loaded()?.task.outcome, patience).toBe('exit')
  await expect.poll(() => loaded()?.steps.at(-1)?.event.to, patience).toBe('Failed')
  expect(loaded()?.divergence).toBeUndefined()
  expect(loaded()?.steps.every(({ context }) => context !== undefined)).toBe(true)
  expect(loaded()?.logId).toBeDefined()
  // That of the newest attempt is known, once the manager has told of it.
  await expect.poll(() => loaded()?.steps.at(-1)?.context?.decision?.picked, patience).toBeDefined()
  expect(
    loaded()
      ?.steps.slice(5)
      .every(({ context }) => context?.decision?.picked === context?.nodeId),
  ).toBe(true)
  expect(loaded()?.steps[0]?.context?.decision).toBeUndefined()
  expect(loaded()?.steps.at(-1)?.context).toMatchObject({ outcome: 'exit', reason: 'exited with code 4', attempt: 2 })
})

test('goes on after a restart of the manager, each step once', { timeout: 90_000 }, async () => {
  const task = await running(world.far)
  open(task.id)
  await expect.poll(types, patience).toEqual(['Created', 'Placed', 'Started'])
  await world.near.close()
  await world.open()
  await task.stop({ timeoutMs: 30_000 })
  await expect.poll(() => types()?.at(-1), patience).toBe('Exited')
  expect(types()).toEqual([...new Set(types())])
  expect(loaded()?.divergence).toBeUndefined()
  expect(loaded()?.steps.at(-1)?.event.to).toBe('Completed')
})

test('says of an id that is nobody’s, or of several, what it is', { timeout: 90_000 }, async () => {
  await world.far.run(spec, { id: 'same-1' })
  await world.far.run(spec, { id: 'same-2' })
  open('other')
  await expect.poll(() => state, patience).toMatchObject({ type: 'failed', code: 'NotFound' })
  load?.close()
  open('same')
  await expect.poll(() => state, patience).toMatchObject({ type: 'failed', code: 'Ambiguous' })
  expect(state.type === 'failed' && state.message).toContain('same-1, same-2')
})
