/**
 * Messages between a worker and its manager. The worker dials; desired state goes down, level-triggered; observed
 * state comes up, resent until acknowledged. Facts are past participles, requests are imperative.
 */
import { type Static, Type } from 'typebox'
import { whole } from '../limits.ts'
import { AttemptKey, AttemptStatus, Drivers, NodeRegistration, TaskId, TaskSpec } from '../model.ts'
import { AttemptStats, NodeUsage } from '../usage.ts'
import { ActorStep, ActorView, inspectionLimits } from './inspection.ts'

const Epoch = whole(0)
const Seq = whole(0)
const StreamId = Type.String({ minLength: 1, maxLength: 64 })
/**
 * Bytes: in MessagePack bin, in JSON `{"$bytes": "<base64>"}`, which the transport sees to. Checked, for what a schema of
 * JSON cannot say would pass as anything.
 */
export const Bytes = Type.Refine(
  Type.Unsafe<Uint8Array>({}),
  (data) => data instanceof Uint8Array,
  () => 'must be bytes',
)

/** One piece of a task's output. Bytes, not text: a character may be split between two. */
export const OutputChunk = Type.Object({
  stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
  data: Bytes,
  /** At least so many bytes of the stream came before these and are gone; 0 = nobody knows how many. */
  lostBytes: Type.Optional(whole(0)),
})
export type OutputChunk = Static<typeof OutputChunk>

/** One attempt that the manager wants on this worker. What is not listed is to be removed. */
export const DesiredAttempt = Type.Object({
  taskId: TaskId,
  attempt: whole(1),
  /** `run`: have it run. `stop`: end it, with this grace, and do not start it. */
  action: Type.Union([Type.Literal('run'), Type.Literal('stop')]),
  /** Between TERM and KILL, in milliseconds. */
  graceMs: whole(0),
  /** How long the worker lets it run without a manager; absent = for ever. */
  stopAfterMs: Type.Optional(whole(0)),
  spec: TaskSpec,
})
export type DesiredAttempt = Static<typeof DesiredAttempt>

/** Worker → manager. */
export const workerMessages = {
  WorkerHello: Type.Object({
    type: Type.Literal('WorkerHello'),
    /** Troupe's version, for people. */
    version: Type.String({ maxLength: 64 }),
    token: Type.String({ maxLength: 1_024 }),
    clusterId: Type.Optional(Type.String({ maxLength: 64 })),
    /** Random, new each time the worker starts. */
    incarnation: Type.String({ minLength: 1, maxLength: 64 }),
    highestEpoch: Epoch,
    node: NodeRegistration,
    /** The newest status of every attempt it holds and that has not ended; of ended ones only as many as fit, the rest follows. */
    attempts: Type.Array(AttemptStatus),
  }),
  /** `seq` counts up from 1 within a session. `used`: what its machine uses, when that has changed notably. */
  Heartbeat: Type.Object({ type: Type.Literal('Heartbeat'), seq: Seq, used: Type.Optional(NodeUsage) }),
  /** The newest status of each attempt that changed; sent again until acknowledged. */
  Status: Type.Object({ type: Type.Literal('Status'), attempts: Type.Array(AttemptStatus) }),
  /** How far a start is, for people; not stored, not acknowledged, and nothing is lost with it. */
  Progress: Type.Object({
    type: Type.Literal('Progress'),
    taskId: TaskId,
    attempt: whole(1),
    text: Type.String({ maxLength: 512 }),
  }),
  /** A driver came or went. */
  DriversChanged: Type.Object({
    type: Type.Literal('DriversChanged'),
    drivers: Drivers,
  }),
  /** A delta did not follow on what the worker has; it wants the complete state. */
  DesiredGap: Type.Object({ type: Type.Literal('DesiredGap'), have: Seq }),
  /**
   * Answers `Inspect`, by its `seq`: how the machines stand (`actors`, in one message or several, all but the last with
   * `more`), and then what they do. `missed`: so many steps before these were left out.
   */
  Inspected: Type.Object({
    type: Type.Literal('Inspected'),
    seq: Seq,
    actors: Type.Optional(Type.Array(ActorView)),
    more: Type.Optional(Type.Boolean()),
    steps: Type.Optional(Type.Array(ActorStep)),
    missed: Type.Optional(whole(1)),
  }),
  /** Answer to Ping. */
  Pong: Type.Object({ type: Type.Literal('Pong') }),
  LogData: Type.Object({ type: Type.Literal('LogData'), stream: StreamId, chunks: Type.Array(OutputChunk) }),
  /**
   * The last message of a log stream; `error` when it broke off; `missing` when there is no output here, not even an empty
   * one: it was trimmed, unless the attempt never ran. A worker of before does not say so.
   */
  LogEnded: Type.Object({
    type: Type.Literal('LogEnded'),
    stream: StreamId,
    missing: Type.Optional(Type.Boolean()),
    error: Type.Optional(Type.String({ maxLength: 4_096 })),
  }),
  /** What the attempt uses now; without `sample` nothing of it runs just now. The first comes at once. */
  StatsData: Type.Object({ type: Type.Literal('StatsData'), stream: StreamId, sample: Type.Optional(AttemptStats) }),
  /** The last message of a stream of samples: the attempt has ended, or `error` says why it cannot be measured. */
  StatsEnded: Type.Object({
    type: Type.Literal('StatsEnded'),
    stream: StreamId,
    error: Type.Optional(Type.String({ maxLength: 4_096 })),
    /** Comes with `error`, and is one of `errorCodes`. */
    code: Type.Optional(Type.String({ maxLength: 64 })),
  }),
}

/** Manager → worker. */
export const managerMessages = {
  Welcome: Type.Object({
    type: Type.Literal('Welcome'),
    clusterId: Type.String({ maxLength: 64 }),
    sessionId: Type.String({ maxLength: 64 }),
    epoch: Epoch,
    /** How often to send a heartbeat. */
    heartbeatMs: whole(1),
    /** How long after the last acknowledged heartbeat's sending the node counts as gone. */
    leaseMs: whole(1),
  }),
  /** The session is refused for good, or for now if `retryable`; the connection is closed next. */
  Refused: Type.Object({
    type: Type.Literal('Refused'),
    code: Type.String({ maxLength: 64 }),
    message: Type.String({ maxLength: 4_096 }),
    retryable: Type.Boolean(),
  }),
  HeartbeatAck: Type.Object({ type: Type.Literal('HeartbeatAck'), seq: Seq }),
  /** Sent after the manager's synced flush: these statuses will not be asked for again. */
  StatusAck: Type.Object({
    type: Type.Literal('StatusAck'),
    attempts: Type.Array(Type.Object({ taskId: TaskId, attempt: whole(1), seq: Seq, ended: Type.Boolean() })),
  }),
  /**
   * Desired state. A complete one (`complete: true`) may come in parts, `last` on the final one, all with the same
   * `seq`; a delta follows on `seq - 1` exactly and is a single part. `keep`, in complete ones: tasks of which the manager
   * cannot say what is wanted, for it cannot read their records; their attempts are left as they are.
   */
  Desired: Type.Object({
    type: Type.Literal('Desired'),
    seq: Seq,
    complete: Type.Boolean(),
    last: Type.Boolean(),
    set: Type.Array(DesiredAttempt),
    remove: Type.Array(AttemptKey),
    keep: Type.Optional(Type.Array(TaskId)),
  }),
  Ping: Type.Object({ type: Type.Literal('Ping') }),
  /**
   * Show, from now on and in place of what was asked for before, the machines of the worker and its session (`hosts`) and
   * of these tasks' attempts; neither = nothing any more.
   */
  Inspect: Type.Object({
    type: Type.Literal('Inspect'),
    seq: Seq,
    hosts: Type.Boolean(),
    taskIds: Type.Array(TaskId, { maxItems: inspectionLimits.inspectedTasksMax }),
  }),
  /** Read an attempt's output; the worker may send `creditBytes` before it waits for more credit. */
  OpenLog: Type.Object({
    type: Type.Literal('OpenLog'),
    stream: StreamId,
    taskId: TaskId,
    attempt: whole(1),
    follow: Type.Boolean(),
    creditBytes: whole(0),
  }),
  CreditLog: Type.Object({ type: Type.Literal('CreditLog'), stream: StreamId, bytes: whole(1) }),
  CloseLog: Type.Object({ type: Type.Literal('CloseLog'), stream: StreamId }),
  /** Measure what an attempt uses, now and every `everyMs`, until it has ended. */
  OpenStats: Type.Object({
    type: Type.Literal('OpenStats'),
    stream: StreamId,
    taskId: TaskId,
    attempt: whole(1),
    everyMs: Type.Integer({ minimum: 100, maximum: 2 ** 31 - 1 }),
  }),
  CloseStats: Type.Object({ type: Type.Literal('CloseStats'), stream: StreamId }),
}

type Messages<T extends Record<string, import('typebox').TSchema>> = { [K in keyof T]: Static<T[K]> }
export type WorkerMessages = Messages<typeof workerMessages>
export type ManagerMessages = Messages<typeof managerMessages>
/** Any message that a worker sends. */
export type WorkerMessage = WorkerMessages[keyof WorkerMessages]
/** Any message that a manager sends to a worker. */
export type ManagerMessage = ManagerMessages[keyof ManagerMessages]
