/** A task's reference is an actor's to XState and to React: by its types, and by what it does. */
import { useSelector } from '@xstate/react'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { type ActorRef, type AnyActorRef, type OutputFrom, type SnapshotFrom, toPromise, waitFor } from 'xstate'
import { taskMachine } from '../../actors/task.ts'
import type { TaskOutput, TaskRefEvent, TaskSnapshot, TaskStateTest } from '../../runtime/client/snapshot.ts'
import { nestedStates, snapshotOf } from '../../runtime/client/snapshot.ts'
import type { TaskEmitted, TaskRef } from '../../runtime/client/task-ref.ts'
import { type OpenedTroupe, openTroupe, type TaskView, type Troupe } from '../../runtime/index.ts'
import { ScriptDriver } from './script-driver.ts'

let driver: ScriptDriver
let troupe: OpenedTroupe

beforeEach(async () => {
  driver = new ScriptDriver()
  troupe = await openTroupe({ storage: 'memory', drivers: [driver], cpus: 100 })
})

afterEach(() => troupe.close())

const spec = { driver: 'process' as const, command: ['work'] }
const soon = { timeout: 20_000 }

describe('by its types', () => {
  test('it is an ActorRef', () => {
    expectTypeOf<TaskRef>().toExtend<AnyActorRef>()
    expectTypeOf<TaskRef>().toExtend<ActorRef<TaskSnapshot, TaskRefEvent, TaskEmitted>>()
    expectTypeOf<SnapshotFrom<TaskRef>>().toEqualTypeOf<TaskSnapshot>()
    expectTypeOf<OutputFrom<TaskRef>>().toEqualTypeOf<TaskOutput>()
    expectTypeOf(waitFor<TaskRef>).returns.resolves.toEqualTypeOf<TaskSnapshot>()
    expectTypeOf(toPromise<TaskRef>).returns.resolves.toEqualTypeOf<TaskOutput>()
    expectTypeOf<Awaited<ReturnType<Troupe['run']>>>().toEqualTypeOf<TaskRef>()
  })

  test('matches knows the five states and the nested ones', () => {
    expectTypeOf<'Running'>().toExtend<TaskStateTest>()
    expectTypeOf<{ Running: 'Unhealthy' }>().toExtend<TaskStateTest>()
    expectTypeOf<'Started'>().not.toExtend<TaskStateTest>()
    expectTypeOf<{ Running: 'Queued' }>().not.toExtend<TaskStateTest>()
    expectTypeOf<TaskSnapshot & { status: 'done' }>().toHaveProperty('output').toEqualTypeOf<TaskOutput>()
    expectTypeOf<TaskSnapshot['context']>().toEqualTypeOf<TaskView>()
  })

  test('the states it knows are the machine’s', () => {
    const nested = Object.entries(taskMachine.states).map(([name, state]) => [name, Object.keys(state.states)])
    expect(Object.fromEntries(nested)).toEqual({
      ...Object.fromEntries(
        Object.entries(nestedStates).map(([name, states]) => [name, expect.toSatisfy(sameAs(states))]),
      ),
      ...{ Completed: [], Failed: [] },
    })
  })
})

const sameAs = (names: readonly string[]) => (other: readonly string[]) =>
  JSON.stringify([...names].sort()) === JSON.stringify([...other].sort())

describe('XState', () => {
  test('waits for a state, and for the output', async () => {
    const task = await troupe.run(spec)
    const running = await waitFor(task, (s) => s.matches('Running'), soon)
    expect(running).toMatchObject({ status: 'active', value: { Running: 'Up' }, output: undefined })
    expect(running.matches({ Running: 'Up' })).toBe(true)
    expect(running.matches({ Running: 'Unhealthy' })).toBe(false)
    expect([running.hasTag('live'), running.can({ type: 'Stop' })]).toEqual([true, true])
    driver.exit(task.id, 0)
    const output = { outcome: 'succeeded', exitCode: 0, reason: null }
    expect(await toPromise(task)).toEqual(output)
    expect(await task.result()).toEqual(output)
    expect(task.getSnapshot()).toMatchObject({ status: 'done', value: 'Completed', output })
    expect(task.getSnapshot().can({ type: 'Stop' })).toBe(false)
  })

  test('gets the output of a failed task, which is done as well', async () => {
    const task = await troupe.run(spec)
    await waitFor(task, (s) => s.matches('Running'), soon)
    driver.exit(task.id, 3)
    expect(await toPromise(task)).toMatchObject({ outcome: 'exit', exitCode: 3 })
    expect(task.getSnapshot()).toMatchObject({ status: 'done', value: 'Failed', error: undefined })
    // A final one is complete at once, as XState's own are.
    expect(await toPromise(await troupe.get(task.id))).toMatchObject({ outcome: 'exit', exitCode: 3 })
    await expect(waitFor(task, (s) => s.matches('Running'), soon)).rejects.toThrow(/terminated/)
  })

  test('hears of each state in order, and of the end', async () => {
    const task = await troupe.run(spec)
    const heard: unknown[] = [task.getSnapshot().value]
    const complete = new Promise<void>((resolve) => {
      task.subscribe({ next: ({ value }) => heard.push(value), complete: resolve })
    })
    await waitFor(task, (s) => s.matches('Running'), soon)
    await task.stop()
    await complete
    expect(heard.at(-1)).toBe('Completed')
    const order = ['Pending', 'Scheduled', 'Running', 'Completed']
    const places = heard.map((value) =>
      order.indexOf(typeof value === 'string' ? value : (Object.keys(value as object)[0] as string)),
    )
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(task.getSnapshot()).toMatchObject({ output: { outcome: 'stopped', exitCode: 143 } })
  })

  test('selects, and tells only what differs', async () => {
    const task = await troupe.run(spec)
    const state = task.select((s) => s.context.state)
    const heard: string[] = []
    const done = new Promise<void>((resolve) => {
      state.subscribe({ next: (value) => heard.push(value), complete: resolve })
    })
    await waitFor(task, (s) => s.matches('Running'), soon)
    expect(state.get()).toBe('Running')
    driver.exit(task.id, 0)
    await done
    expect(heard).toEqual([...new Set(heard)])
    expect(heard.at(-1)).toBe('Completed')
  })

  test('is told of transitions by their names', async () => {
    const task = await troupe.run(spec)
    const exited = new Promise<TaskEmitted>((resolve) => void task.on('Exited', resolve))
    await waitFor(task, (s) => s.matches('Running'), soon)
    driver.exit(task.id, 4)
    expect(await exited).toMatchObject({ type: 'Exited', transition: { taskId: task.id, to: 'Failed' } })
  })
})

function Line({ task }: { readonly task: TaskRef }) {
  const state = useSelector(task, (s) => s.context.state)
  const isLive = useSelector(task, (s) => s.hasTag('live'))
  return createElement('p', null, `${state} ${isLive}`)
}

test('React renders from it with useSelector, as from an actor', async () => {
  const task = await troupe.run(spec)
  await waitFor(task, (s) => s.matches('Running'), soon)
  expect(renderToString(createElement(Line, { task }))).toBe('<p>Running true</p>')
  driver.exit(task.id, 0)
  await task.result()
  expect(renderToString(createElement(Line, { task }))).toBe('<p>Completed false</p>')
  // What React demands of a store: the same snapshot as long as nothing has changed.
  expect(task.getSnapshot()).toBe(task.getSnapshot())
})

test('what makes no sense from afar says what to do instead', async () => {
  const task = await troupe.run(spec)
  for (const [call, instead] of [
    [() => task.start(), /rerun/],
    [() => task.system, /Troupe/],
    [() => task.getPersistedSnapshot(), /getSnapshot/],
    [() => task.send({ type: 'Started' } as never), /only Stop/],
  ] as const) {
    expect(call).toThrow(
      expect.objectContaining({ name: 'TroupeError', code: 'Invalid', message: expect.stringMatching(instead) }),
    )
  }
  task.send({ type: 'Stop', graceMs: 0 })
  expect(await task.result()).toMatchObject({ outcome: 'stopped' })
})

test('a mistake in one observer is its own: the others hear all the same', async () => {
  const task = await troupe.run(spec)
  const thrown: unknown[] = []
  const catcher = (error: unknown) => thrown.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', catcher)
  try {
    task.subscribe(() => {
      throw new Error('of the application')
    })
    driver.exit((await waitFor(task, (s) => s.matches('Running'), soon)).context.id, 0)
    await task.result()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('uncaughtException', catcher)
    for (const other of others) process.on('uncaughtException', other)
  }
  expect(thrown).toContainEqual(new Error('of the application'))
})

test('a nested state that this version does not know is passed on', () => {
  const view = { state: 'Running', detail: 'Frozen', outcome: null } as unknown as TaskView
  const snapshot = snapshotOf(view)
  expect(snapshot.value).toEqual({ Running: 'Frozen' })
  expect([snapshot.matches('Running'), snapshot.matches({ Running: 'Up' })]).toEqual([true, false])
  expect(JSON.parse(JSON.stringify(snapshot))).toMatchObject({ status: 'active', value: { Running: 'Frozen' } })
})
