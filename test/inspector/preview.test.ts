/** What an event would do, held to what the machines really do: views are made of real snapshots, as a manager makes them. */
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { viewOfActor, whoseOf } from '../../actors/inspection.ts'
import type { TaskSpec } from '../../actors/model.ts'
import { nodeEventTypes, nodeMachine } from '../../actors/node.ts'
import { type ActorView, machineNames } from '../../actors/protocol/inspection.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { taskEventTypes, taskMachine } from '../../actors/task.ts'
import { planDrain, whyNotForget } from '../../inspector/page/act/node-acts.ts'
import { type Preview, previewEvent, type SentEvent, stateValueOf } from '../../inspector/page/act/preview.ts'
import { eventsOf, maySend, removeEvent, whoReports } from '../../inspector/page/act/reporters.ts'

const atMs = 1_000
type Told = { readonly type: string } & Readonly<Record<string, unknown>>
const run = (machine: AnyStateMachine, input: unknown, events: readonly Told[]): AnyMachineSnapshot =>
  events.reduce(
    (snapshot, event) => step(machine, snapshot, { ...event, atMs, roll: 0 }).snapshot,
    initialStep(machine, input).snapshot,
  )

const viewOf = (machine: 'task' | 'node', snapshot: AnyMachineSnapshot): ActorView =>
  structuredClone(viewOfActor(whoseOf(machine, snapshot.context, ''), snapshot, atMs))

const placed = {
  type: 'Placed',
  nodeId: 'n1id',
  nodeName: 'n1',
  decision: { atMs, strategy: 's', chosen: 'n1', considered: [] },
}
const started = { type: 'Started', startedAtMs: atMs }
const snapshotOfTask = (events: readonly Told[], more: Partial<TaskSpec> = {}) =>
  run(taskMachine, { taskId: 't1', spec: { driver: 'process', command: ['work'], ...more }, atMs }, events)
const task = (events: readonly Told[], more: Partial<TaskSpec> = {}) => viewOf('task', snapshotOfTask(events, more))

const registration = {
  ...{ nodeId: 'n1id', name: 'n1', resources: { cpus: 4, memoryBytes: 2 ** 30 }, labels: {}, drivers: {} },
}
const node = (events: readonly Told[]) => viewOf('node', run(nodeMachine, { registration }, events))
const preview = (actor: ActorView, event: SentEvent): Preview => previewEvent(actor, event, atMs)

describe('a stop', () => {
  test('of a task that runs leads to Stopping, and says what it would note', () => {
    expect(preview(task([placed, started]), { type: 'Stop', graceMs: 5_000 })).toEqual({
      ...{ kind: 'goes', from: 'Running.Up', to: 'Running.Stopping' },
      because: 'it is on a node, and its worker must end it first',
      changes: expect.arrayContaining([
        { field: 'stopCause', before: undefined, after: 'Stop' },
        { field: 'graceMs', before: 10_000, after: 5_000 },
      ]),
    })
  })

  test('of one that waits ends it at once', () => {
    expect(preview(task([]), { type: 'Stop' })).toMatchObject({
      kind: 'goes',
      to: 'Completed',
      because: 'nothing of it runs, so there is nothing to wait for',
    })
  })

  test('of one that is stopping is noted if it shortens the grace, else nothing happens', () => {
    const stopping = task([placed, started, { type: 'Stop', graceMs: 5_000 }])
    expect(preview(stopping, { type: 'Stop', graceMs: 0 })).toMatchObject({
      kind: 'records',
      because: 'it is stopping already, and this shortens its grace',
      changes: [{ field: 'graceMs', before: 5_000, after: 0 }],
    })
    expect(preview(stopping, { type: 'Stop' })).toEqual({
      kind: 'nothing',
      because: 'It was told to stop already, and this would not shorten its grace of 5.0 s.',
    })
  })

  test('of one that a limit stops is noted, for a person’s wish outweighs it', () => {
    const limited = task([placed, started, { type: 'TimedOut' }])
    expect(preview(limited, { type: 'Stop' })).toMatchObject({
      kind: 'records',
      because: expect.stringMatching(/person/),
    })
  })

  test('of one that has ended does nothing', () => {
    const ended = task([placed, started, { type: 'Exited', exitCode: 3 }])
    expect(preview(ended, { type: 'Stop' })).toEqual({ kind: 'nothing', because: 'It is Failed, which is final.' })
  })
})

describe('a drain', () => {
  test('of a node, its deadline, and the way back', () => {
    const [open, draining] = [node([]), node([{ type: 'Drain' }])]
    expect(preview(open, { type: 'Drain' })).toMatchObject({ kind: 'goes', to: 'Liveness.Unknown+Admission.Draining' })
    expect(preview(open, { type: 'Undrain' })).toEqual({ kind: 'nothing', because: 'It is not draining.' })
    expect(preview(draining, { type: 'Drain' })).toMatchObject({ kind: 'nothing' })
    expect(preview(draining, { type: 'Drain', deadlineMs: 5 })).toMatchObject({ kind: 'records' })
    expect(preview(draining, { type: 'Undrain' })).toMatchObject({
      kind: 'goes',
      to: 'Liveness.Unknown+Admission.Open',
    })
  })

  test('moves what may be replaced and waits for the rest', () => {
    const restart = { policy: 'always' as const }
    const tasks = [
      task([placed, started], { restart }),
      task([placed], { restart }),
      task([placed, started]),
      task([placed, started, { type: 'Stop' }], { restart }),
    ]
    expect(planDrain(tasks, atMs)).toEqual({ moving: 2, waiting: 1, stopping: 1 })
    expect(planDrain([], atMs)).toEqual({ moving: 0, waiting: 0, stopping: 0 })
  })
})

describe('what the page cannot know', () => {
  test('is said: a context that was cut, a machine that it does not step, a state of another version', () => {
    const running = task([placed, started])
    for (const actor of [
      { ...running, cut: true },
      { ...running, machine: 'session' as const },
      { ...running, value: 'Running.Dancing' },
      { ...running, context: {} },
    ]) {
      expect(preview(actor, { type: 'Stop' })).toMatchObject({ kind: 'unknown', because: expect.stringMatching(/\.$/) })
    }
  })

  test('a look changes nothing of what was looked at', () => {
    const running = task([placed, started])
    const before = structuredClone(running)
    preview(running, { type: 'Stop', graceMs: 0 })
    expect(running).toEqual(before)
  })
})

test('every event is foretold as the machine takes it, from every state on the way', () => {
  const ways: Told[][] = [
    [],
    [placed],
    [placed, started],
    [placed, started, { type: 'Stop' }],
    [placed, { type: 'NodeUnreachable' }],
  ]
  for (const way of ways) {
    const snapshot = snapshotOfTask(way)
    for (const type of ['Stop', 'Drain', 'NodeUnreachable', 'TimedOut', 'NodeReturned', 'BackOffElapsed']) {
      const real = step(taskMachine, snapshot, { type, atMs, roll: 0 })
      const told = preview(viewOf('task', snapshot), { type })
      const [from, to] = [pathOf(snapshot.value), pathOf(real.snapshot.value)]
      if (from === to) expect([type, from, told.kind]).not.toContain('goes')
      else expect(told).toMatchObject({ kind: 'goes', from, to })
    }
  }
})

test('paths become the states that XState writes', () => {
  expect(stateValueOf('Failed')).toBe('Failed')
  expect(stateValueOf('Running.Up')).toEqual({ Running: 'Up' })
  expect(stateValueOf('Liveness.Ready+Admission.Open')).toEqual({ Liveness: 'Ready', Admission: 'Open' })
})

describe('who may send what', () => {
  test('a person: Stop to a task; Drain, Undrain and Remove to a node; nothing to the rest', () => {
    const sendable = machineNames.map((machine) => [
      machine,
      eventsOf(machine).filter((event) => maySend(machine, event)),
    ])
    expect(Object.fromEntries(sendable)).toEqual({
      ...{ task: ['Stop'], node: ['Drain', 'Undrain', removeEvent] },
      ...{ manager: [], worker: [], session: [], attempt: [] },
    })
  })

  test('of everything else it is said who reports it', () => {
    for (const machine of machineNames) {
      for (const event of eventsOf(machine)) {
        if (!maySend(machine, event)) expect(whoReports(machine, event)).toMatch(/\.$/)
      }
    }
    expect([...eventsOf('task')].sort()).toEqual([...taskEventTypes].sort())
    expect([...eventsOf('node')].sort()).toEqual([...nodeEventTypes, removeEvent].sort())
    expect(maySend('task', 'Invented')).toBe(false)
  })
})

test('a node is forgotten only when it is of no use any more', () => {
  const view = {
    ...{ id: 'n', name: 'n', tasks: 0, labels: {}, drivers: {}, draining: true, state: 'Suspect' as const },
    ...{ offered: { cpus: 1, memoryBytes: 1 }, reserved: { cpus: 0, memoryBytes: 0 } },
  }
  expect(whyNotForget(view)).toBeUndefined()
  expect(whyNotForget({ ...view, state: 'Down', draining: false, tasks: 4 })).toBeUndefined()
  expect(whyNotForget({ ...view, draining: false })).toMatch(/Drain it/)
  expect(whyNotForget({ ...view, tasks: 1 })).toMatch(/1 task:/)
  expect(whyNotForget({ ...view, state: 'Ready' })).toMatch(/connected/)
})
