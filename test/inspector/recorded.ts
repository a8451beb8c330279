/** Logs of tasks as the manager writes them: its machine is stepped, and each step is recorded as `History` does. */
import type { TaskEvent, TaskSpec, TaskView } from '../../actors/model.ts'
import { viewOf } from '../../actors/standing.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { type TaskContext, type TaskEvents, taskMachine } from '../../actors/task.ts'
import { loggedEvent } from '../../runtime/manager/history.ts'

export const taskId = 'ab12'
export const decision = {
  scheduler: 'round-robin',
  atMs: 1,
  picked: 'n-1',
  scores: [{ nodeId: 'n-1', name: 'one', cost: 1 }],
  refusals: [],
  considered: 1,
}
/** Placed on a node of this number. */
export const placedOn = (node: number): TaskEvents => ({
  ...{ type: 'Placed', nodeId: `n-${node}`, nodeName: `node-${node}` },
  decision: { ...decision, picked: `n-${node}` },
})
export const started: TaskEvents = { type: 'Started', startedAtMs: 1_500 }
export const exited = (exitCode: number, more = {}): TaskEvents => ({ type: 'Exited', exitCode, ...more })

export interface Recorded {
  readonly spec: TaskSpec
  readonly events: TaskEvent[]
  /** The context after each of them, as the manager had it. */
  readonly contexts: TaskContext[]
  readonly view: TaskView
}

/** A second passes between two steps. */
export function recorded(more: Partial<TaskSpec>, ...given: TaskEvents[]): Recorded {
  const spec: TaskSpec = { driver: 'process', command: ['work'], ...more }
  const events: TaskEvent[] = []
  const contexts: TaskContext[] = []
  let { snapshot } = initialStep(taskMachine, { taskId, spec, atMs: 1_000 })
  const record = (event: { type: string }, from: string) => {
    const context = snapshot.context as TaskContext
    const revision = events.length + 1
    events.push({
      ...{ revision, taskId, atMs: revision * 1_000, event: loggedEvent(event), from, to: pathOf(snapshot.value) },
      attempt: context.attempt,
      ...(context.nodeName === undefined ? {} : { node: context.nodeName }),
    })
    contexts.push(context)
  }
  record({ type: 'Created' }, '')
  for (const event of given) {
    const from = pathOf(snapshot.value)
    const stamped = { ...event, atMs: (events.length + 1) * 1_000, roll: 0.7 }
    const next = step(taskMachine, snapshot, stamped)
    if (!next.changed) throw new Error(`${event.type} changes nothing in ${from}`)
    snapshot = next.snapshot
    record(stamped, from)
  }
  return { spec, events, contexts, view: viewOf(snapshot, events.length) }
}

const stop: TaskEvents = { type: 'Stop', graceMs: 500 }
const restart = { policy: 'on-failure', max: 3, sameNode: 1 } as const
const health = { kind: 'tcp', port: 80 } as const
const ill = { seq: 3, state: 'unhealthy', atMs: 4_000, failures: 1, detail: 'refused' } as const

/** One history of each kind. */
export const histories: Readonly<Record<string, Recorded>> = {
  exit: recorded({}, placedOn(1), started, exited(3)),
  success: recorded({ env: { KEY: 'secret' } }, placedOn(1), started, exited(0)),
  oom: recorded({ memoryBytes: 4_096 }, placedOn(1), started, exited(137, { signal: 'SIGKILL', oomKilled: true })),
  'no such image': recorded(
    {},
    placedOn(1),
    { type: 'Pulling' },
    { type: 'StartFailed', code: 'no-such-image', message: 'there is no such image', retryable: false },
  ),
  'restart with back-off': recorded(
    { restart },
    ...[placedOn(1), started, exited(1), { type: 'BackOffElapsed' } as const],
    ...[placedOn(1), started, exited(1), { type: 'BackOffElapsed' } as const],
    ...[placedOn(2), started, exited(0)],
  ),
  stop: recorded({}, placedOn(1), started, stop, { type: 'Stop', graceMs: 100 }, exited(143, { signal: 'SIGTERM' })),
  'stopped while it waits': recorded({}, { type: 'Unplaceable', why: 'no node is ready' }, stop),
  lost: recorded({}, placedOn(1), started, { type: 'NodeUnreachable' }, { type: 'Lost' }),
  'lost and replaced': recorded(
    { restart },
    ...[placedOn(1), started, { type: 'NodeUnreachable' } as const, { type: 'Lost' } as const],
    ...[placedOn(2), started, exited(0)],
  ),
  unplaceable: recorded(
    { waitTimeoutMs: 30_000 },
    { type: 'Unplaceable', why: 'no node is ready' },
    { type: 'PlacementExpired' },
  ),
  drain: recorded({ restart }, placedOn(1), started, { type: 'Drain' }, exited(143), placedOn(2), started, exited(0)),
  health: recorded(
    { health, restart },
    ...[placedOn(1), started, { type: 'HealthChanged', health: ill } as const],
    ...[{ type: 'Unhealthy', health: { ...ill, seq: 4, failures: 3 } } as const, exited(143)],
  ),
  'after a restored backup': recorded({}, { ...placedOn(1), after: 6 } as TaskEvents, started, exited(0)),
}
