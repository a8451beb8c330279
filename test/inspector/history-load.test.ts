/** A task's history from a manager that runs: live, and over the manager's restart. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { TaskEvent, TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import {
  HistoryLoad,
  type HistoryOptions,
  type HistoryState,
  historyLoadLimits,
  type Loaded,
} from '../../inspector/page/task/history-load.ts'
import { running, spec, World } from '../runtime/troupe-world.ts'
import { decision, histories, type Recorded } from './recorded.ts'

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

describe('a manager of which only this is asked', () => {
  const { view, spec: recordedSpec, events } = histories.exit as Recorded
  let gone: TroupeError | undefined
  let onReset: ((reason: string) => void) | undefined
  let tell: (event: TaskEvent) => void

  beforeEach(() => {
    vi.useFakeTimers()
    gone = undefined
    const explanation = { task: view, spec: recordedSpec, decision, attempts: [], events: [], timers: [] }
    const ref = {
      id: view.id,
      getSnapshot: () => ({ context: view }) as { context: TaskView },
      subscribe: () => ({ unsubscribe: () => undefined }),
      explain: () => (gone === undefined ? Promise.resolve(explanation) : Promise.reject(gone)),
    }
    const given = {
      get: () => Promise.resolve(ref),
      events: (options: { onReset: (reason: string) => void }) => {
        onReset = options.onReset
        return stream()
      },
    }
    const onState = (next: HistoryState) => {
      state = next
    }
    load = new HistoryLoad({ troupe: given as unknown as HistoryOptions['troupe'], id: view.id, onState })
  })
  afterEach(() => {
    load?.close()
    vi.useRealTimers()
  })

  function stream() {
    const waiting = [...events]
    let wake: () => void = () => undefined
    tell = (event) => {
      waiting.push(event)
      wake()
    }
    return {
      position: { logId: 'log-1', revision: 1 },
      close: () => undefined,
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const event = waiting.shift()
          if (event !== undefined) yield event
          else await new Promise<void>((resolve) => (wake = resolve))
        }
      },
    }
  }

  test('a task that is trimmed while it is looked at is said to be, with all that was read of it', async () => {
    await vi.advanceTimersByTimeAsync(historyLoadLimits.firstMs)
    expect(loaded()).toMatchObject({ gone: undefined, steps: { length: events.length } })
    gone = new TroupeError('Unavailable', 'away')
    await vi.advanceTimersByTimeAsync(historyLoadLimits.keptMs + 1_000)
    expect(loaded()?.gone).toBeUndefined()
    gone = new TroupeError('NotFound', `task ${view.id} ended 8 days ago and was trimmed`)
    onReset?.('transitions since that position were trimmed')
    await vi.advanceTimersByTimeAsync(historyLoadLimits.keptMs + 1_000)
    expect(loaded()).toMatchObject({ gone: gone.message, steps: { length: events.length } })
  })

  test('a log that begins anew takes the place of what was read', async () => {
    await vi.advanceTimersByTimeAsync(historyLoadLimits.firstMs)
    onReset?.('the log is another one')
    tell(events[0] as TaskEvent)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(types()).toEqual(['Created'])
  })
})
