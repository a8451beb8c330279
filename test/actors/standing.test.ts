/** What follows from where a task stands, at every place that a task can be. */
import { Check, Errors } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { TaskView } from '../../actors/model.ts'
import { noStanding, standingOf, stateOf, viewOf } from '../../actors/standing.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import { placed, type Stamped, stamp, stamped, started, taskInput, taskSubject } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

const everywhere = Object.values(taskSubject.inputs).flatMap((input) => places(taskSubject, input))

const walk = (...events: Stamped[]) =>
  events.reduce(
    (snapshot, event) => step(taskMachine, snapshot, event).snapshot,
    initialStep(taskMachine, taskInput()).snapshot,
  )

describe('a task', () => {
  test('is queued, has an open attempt, is final, or backs off: one of them, always', () => {
    for (const { snapshot } of everywhere) {
      const { queued, open, final } = standingOf(snapshot)
      const path = pathOf(snapshot.value)
      expect([queued, open !== undefined, final, path === 'Pending.BackingOff'].filter(Boolean)).toHaveLength(1)
      expect(queued).toBe(path === 'Pending.Queued')
      expect(final).toBe(path === 'Completed' || path === 'Failed')
    }
  })

  test('wants its open attempt stopped exactly when a stop has a cause', () => {
    for (const { snapshot } of everywhere) {
      const { open } = standingOf(snapshot)
      const { stopCause, attempt, nodeId, graceMs, taskId } = snapshot.context as TaskContext
      if (open === undefined) continue
      expect(open).toMatchObject({ taskId, attempt, nodeId, graceMs })
      expect(open.attempt).toBeGreaterThan(0)
      expect(open.action).toBe(stopCause === undefined ? 'run' : 'stop')
    }
  })

  test('is wanted as it was while its node is out of reach', () => {
    const unreachable = stamped({ type: 'NodeUnreachable' })
    expect(standingOf(walk(placed, started, unreachable)).open).toMatchObject({ action: 'run', attempt: 1 })
    const stopped = walk(placed, started, unreachable, stamped({ type: 'Stop', graceMs: 7 }))
    expect(standingOf(stopped).open).toMatchObject({ action: 'stop', graceMs: 7 })
  })

  test('stands nowhere before it is', () => {
    expect(noStanding).toEqual({ queued: false, open: undefined, final: false })
  })
})

describe('its view', () => {
  test('is as its schema says, everywhere', () => {
    for (const { snapshot } of everywhere) {
      const view = viewOf(snapshot, 7)
      expect(Check(TaskView, view) ? [] : Errors(TaskView, view)).toEqual([])
    }
  })

  test('has an outcome and an end in time exactly when it is final', () => {
    for (const { snapshot } of everywhere) {
      const { state, outcome, finishedAtMs } = viewOf(snapshot, 7)
      const isFinal = state === 'Completed' || state === 'Failed'
      expect([outcome !== null, finishedAtMs !== null]).toEqual([isFinal, isFinal])
      if (state === 'Failed') expect(viewOf(snapshot, 7).reason).toEqual(expect.any(String))
    }
  })

  test('tells why a task waits only while it waits', () => {
    const unplaceable = stamped({ type: 'Unplaceable', why: '2 nodes lack 512 MiB' })
    expect(viewOf(walk(unplaceable), 1).reason).toBe('2 nodes lack 512 MiB')
    expect(viewOf(walk(unplaceable, placed), 1).reason).toBeNull()
  })

  test('of one that exited', () => {
    const exited = stamped({ type: 'Exited', exitCode: 137, signal: 'SIGKILL' })
    expect(viewOf(walk(placed, started, exited), 9)).toMatchObject({
      state: 'Failed',
      detail: '',
      exitCode: 137,
      signal: 'SIGKILL',
      outcome: 'exit',
      node: 'one',
      startedAtMs: stamp.atMs - 5,
      finishedAtMs: stamp.atMs,
      revision: 9,
    })
  })

  test('shares nothing with the snapshot', () => {
    const snapshot = walk()
    viewOf(snapshot, 1).command.push('more')
    expect((snapshot.context as TaskContext).command).toEqual(['sleep', '1'])
  })
})

test('stateOf', () => {
  expect(stateOf('Running.Up')).toEqual({ state: 'Running', detail: '' })
  expect(stateOf('Running.Stopping')).toEqual({ state: 'Running', detail: 'Stopping' })
  expect(stateOf('Pending.BackingOff')).toEqual({ state: 'Pending', detail: 'BackingOff' })
  expect(stateOf('Completed')).toEqual({ state: 'Completed', detail: '' })
})
