/**
 * The six machines as the tests walk them: for each its inputs, a finite alphabet of events, and what of a snapshot counts
 * when two are taken for the same place, so that counters that only grow do not make the walk endless.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { type AttemptContext, type AttemptInput, attemptEventTypes, attemptMachine } from '../../actors/attempt.ts'
import type { Health } from '../../actors/health.ts'
import { lifecycleEventTypes } from '../../actors/lifecycle.ts'
import { managerMachine } from '../../actors/manager.ts'
import type { NodeRegistration, PlacementDecision, TaskSpec } from '../../actors/model.ts'
import { type NodeContext, nodeEventTypes, nodeMachine } from '../../actors/node.ts'
import { type SessionContext, sessionEventTypes, sessionMachine } from '../../actors/session.ts'
import type { Stamp } from '../../actors/step.ts'
import { type TaskContext, type TaskInput, taskEventTypes, taskMachine } from '../../actors/task.ts'
import { workerMachine } from '../../actors/worker.ts'

export type Stamped = { readonly type: string } & Stamp

export interface Subject {
  readonly name: string
  readonly machine: AnyStateMachine
  /** By a name for the report. */
  readonly inputs: Readonly<Record<string, unknown>>
  readonly eventTypes: readonly string[]
  readonly events: readonly Stamped[]
  /** Two snapshots with equal marks are one place of the walk. */
  mark(snapshot: AnyMachineSnapshot): unknown
}

export const stamp: Stamp = { atMs: 1_700_000_000_000, roll: 0.5 }

/** An event as its host stamps it. */
export const stamped = <E extends { readonly type: string }>(event: E): E & Stamped => ({ ...event, ...stamp })

const decision: PlacementDecision = {
  scheduler: 'round-robin',
  atMs: stamp.atMs,
  picked: 'n1',
  scores: [{ nodeId: 'n1', name: 'one', cost: 0.25 }],
  refusals: [],
  considered: 1,
}

export const placed = stamped({ type: 'Placed', nodeId: 'n1', nodeName: 'one', decision })
export const started = stamped({ type: 'Started', startedAtMs: stamp.atMs - 5 })

/** A task's input with this specification. */
export const taskInput = (spec: Partial<TaskSpec> = {}): TaskInput => ({
  taskId: 'web-1',
  spec: { driver: 'process', command: ['sleep', '1'], ...spec },
  atMs: stamp.atMs,
})

export const healthy: Health = { seq: 1, state: 'healthy', atMs: stamp.atMs, failures: 0 }
export const unhealthy: Health = {
  seq: 2,
  state: 'unhealthy',
  atMs: stamp.atMs,
  failures: 1,
  detail: 'GET / answered 500',
}

const taskEvents: Stamped[] = [
  { ...placed, ports: [{ target: 80, host: 20_000, protocol: 'tcp' }] },
  { type: 'Unplaceable', why: '2 nodes lack 512 MiB' },
  { type: 'PlacementExpired' },
  { type: 'BackOffElapsed' },
  { type: 'Pulling' },
  started,
  { type: 'StartFailed', code: 'pull-failed', message: 'no route', retryable: true },
  { type: 'StartFailed', code: 'no-such-image', message: 'none', retryable: false },
  { type: 'Exited', exitCode: 0 },
  { type: 'Exited', exitCode: 0, oomKilled: true },
  { type: 'Exited', exitCode: 3 },
  { type: 'Exited', exitCode: 3, byItself: true },
  { type: 'Exited', exitCode: 137, signal: 'SIGKILL', oomKilled: true },
  { type: 'Lost' },
  { type: 'Lost', message: 'its process is gone' },
  { type: 'Stop' },
  { type: 'Stop', graceMs: 0 },
  { type: 'TimedOut' },
  { type: 'HealthChanged', health: healthy },
  { type: 'HealthChanged', health: unhealthy },
  { type: 'Unhealthy', health: { ...unhealthy, state: 'failed' } },
  { type: 'Drain' },
  { type: 'Drain', isOver: true },
  { type: 'NodeUnreachable' },
  { type: 'NodeReturned' },
  { type: 'Recovered' },
].map(stamped)

const limits = { timeoutMs: 60_000, waitTimeoutMs: 30_000 }

export const taskSubject: Subject = {
  name: 'task',
  machine: taskMachine,
  inputs: {
    'never, no limits': taskInput(),
    'never, but replaced': taskInput({ disconnect: { replace: true }, ...limits }),
    'on-failure, once, elsewhere': taskInput({
      restart: { policy: 'on-failure', max: 1, sameNode: 0 },
      ports: [{ target: 80 }],
      ...limits,
    }),
    'never, checked': taskInput({ health: { kind: 'tcp', port: 80 } }),
    'always, not replaced': taskInput({ restart: { policy: 'always' }, disconnect: { replace: false }, ...limits }),
  },
  eventTypes: taskEventTypes,
  events: taskEvents,
  mark(snapshot) {
    const { stopCause, graceMs, restarts, outcome, why, end, health } = snapshot.context as TaskContext
    const counts = { restarts: Math.min(restarts, 2), waits: why !== undefined, health: health?.state }
    return { stopCause, graceMs, outcome, end: end?.kind, ...counts }
  },
}

export const attemptInput = (action: AttemptInput['action'] = 'run'): AttemptInput => ({
  key: { taskId: 'web-1', attempt: 1 },
  spec: { driver: 'process', command: ['sleep', '1'] },
  graceMs: 10_000,
  stopAfterMs: 240_000,
  action,
  atMs: stamp.atMs,
})

const occurredAtMs = stamp.atMs - 5

export const attemptSubject: Subject = {
  name: 'attempt',
  machine: attemptMachine,
  inputs: { run: attemptInput('run'), stop: attemptInput('stop') },
  eventTypes: attemptEventTypes,
  events: [
    { type: 'Pulling', occurredAtMs },
    { type: 'Started', occurredAtMs },
    { type: 'Exited', occurredAtMs, exitCode: 0 },
    { type: 'Exited', occurredAtMs, exitCode: 137, signal: 'SIGKILL', oomKilled: true, startedAtMs: occurredAtMs - 5 },
    { type: 'StartFailed', occurredAtMs, code: 'pull-failed', message: 'no route', retryable: true },
    { type: 'Lost', occurredAtMs, message: 'its process is gone' },
    { type: 'HealthChanged', health: healthy },
    { type: 'Stop', graceMs: 10_000 },
    { type: 'Stop', graceMs: 0 },
    { type: 'Acknowledged' },
    { type: 'Absent' },
    { type: 'Removed' },
    { type: 'Recovered' },
  ].map(stamped),
  mark(snapshot) {
    const { acknowledged, absent, graceMs, startedAtMs, end, health } = snapshot.context as AttemptContext
    return { health: health?.state, acknowledged, absent, graceMs, started: startedAtMs !== undefined, end: end?.kind }
  },
}

export const registration: NodeRegistration = {
  nodeId: 'n1',
  name: 'one',
  resources: { cpus: 4, memoryBytes: 2 ** 30 },
  labels: { zone: 'a' },
  drivers: { process: 'complete' },
}

export const nodeSubject: Subject = {
  name: 'node',
  machine: nodeMachine,
  inputs: { any: { registration } },
  eventTypes: nodeEventTypes,
  events: [
    { type: 'Registered', registration: { ...registration, labels: { zone: 'b' } } },
    { type: 'DriversChanged', drivers: { process: 'unavailable' } },
    { type: 'HeartbeatLate' },
    { type: 'HeardFrom' },
    { type: 'LeaseExpired' },
    { type: 'Drain' },
    { type: 'Drain', deadlineMs: 60_000 },
    { type: 'DrainExpired' },
    { type: 'Undrain' },
    { type: 'Recovered' },
  ].map(stamped),
  mark: (snapshot) => (snapshot.context as NodeContext).drainIsOver ?? false,
}

export const sessionSubject: Subject = {
  name: 'session',
  machine: sessionMachine,
  inputs: { any: undefined },
  eventTypes: sessionEventTypes,
  events: [
    { type: 'Open' },
    { type: 'Connected' },
    { type: 'DialFailed', reason: 'connection refused' },
    { type: 'Welcomed', sessionId: 's1', epoch: 3, heartbeatMs: 1_000, leaseMs: 5_000 },
    { type: 'Refused', reason: 'another worker has its folder', retryable: true },
    { type: 'Refused', reason: 'wrong token', retryable: false },
    { type: 'GreetingExpired' },
    { type: 'Closed', reason: 'going away' },
    { type: 'BackOffElapsed' },
    { type: 'Close' },
  ].map(stamped),
  mark(snapshot) {
    const { failures, epoch } = snapshot.context as SessionContext
    return { failures: Math.min(failures, 2), epoch }
  },
}

const lifecycle = (name: 'manager' | 'worker', machine: AnyStateMachine): Subject => ({
  name,
  machine,
  inputs: { any: undefined },
  eventTypes: lifecycleEventTypes,
  events: [
    { type: 'Start' },
    { type: 'Loaded' },
    { type: 'Stop' },
    { type: 'Drained' },
    { type: 'Fail', reason: 'the disk is full' },
  ].map(stamped),
  mark: () => undefined,
})

export const subjects: readonly Subject[] = [
  taskSubject,
  attemptSubject,
  nodeSubject,
  sessionSubject,
  lifecycle('manager', managerMachine),
  lifecycle('worker', workerMachine),
]

/** Every pair of a subject and one of its inputs, for `describe.each`. */
export const cases = subjects.flatMap((subject) =>
  Object.entries(subject.inputs).map(([inputName, input]) => ({
    title: `${subject.name} (${inputName})`,
    subject,
    input,
  })),
)
