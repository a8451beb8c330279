/**
 * The words of Troupe as data: what a user asks for (`TaskSpec`), what is true of one try (`AttemptStatus`),
 * and what people and programs are shown (`TaskView`, `NodeView`). The schemas are the single truth: the door
 * validates with them and the types are derived from them.
 */
import { type Static, Type } from 'typebox'
import { Health, HealthCheck } from './health.ts'
import { NodeUsage } from './usage.ts'

/** The five states of a task. There are no others; details are nested states. */
export const taskStates = ['Pending', 'Scheduled', 'Running', 'Completed', 'Failed'] as const
/** The five states of a task. `Completed` and `Failed` are final. */
export type TaskState = (typeof taskStates)[number]

/** Limits on what a user may send; each has a unit in its name. */
export const modelLimits = {
  idCharsMax: 63,
  nameCharsMax: 128,
  argsMax: 1_024,
  argCharsMax: 131_072,
  envMax: 1_024,
  labelsMax: 64,
  constraintsMax: 32,
  mountsMax: 32,
  /** A task's whole specification once encoded, in bytes; a stored value is never larger than 1 MB. */
  specBytesMax: 512 * 1_024,
  cpusMax: 4_096,
  memoryBytesMax: 2 ** 50,
  /** The longest time limit, grace or delay, in milliseconds: about 24.8 days, what one timer can hold. */
  durationMsMax: 2 ** 31 - 1,
} as const

/** A task id: chosen by the client, lower case, fit for a container's and a file's name. */
export const TaskId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
/** Starts like a task id; what a user types when the rest is clear. */
export const TaskIdPrefix = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
/** Made by the worker; becomes part of keys and labels, and so is as plain as a node's name. */
export const NodeId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' })
const Labels = Type.Record(Type.String({ maxLength: 63 }), Type.String({ maxLength: 255 }), {
  maxProperties: modelLimits.labelsMax,
})
/** What comes with Troupe is named, so that an editor can offer it; a worker may bring others. */
const DriverName = Type.Unsafe<'docker' | 'process' | (string & {})>(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }))
const Arg = Type.String({ maxLength: modelLimits.argCharsMax })
const DurationMs = Type.Integer({ minimum: 0, maximum: modelLimits.durationMsMax })
/** Milliseconds since 1970, wall clock. */
export const TimeMs = Type.Number({ minimum: 0 })

/** An amount of a machine: cpus in cores (0.5 is half of one), memory in bytes. */
export const Resources = Type.Object({
  cpus: Type.Number({ minimum: 0, maximum: modelLimits.cpusMax }),
  memoryBytes: Type.Integer({ minimum: 0, maximum: modelLimits.memoryBytesMax }),
})
export type Resources = Static<typeof Resources>

/** When a task that ended badly is tried again. `max` counts restarts, not attempts; absent = without end. */
export const RestartPolicy = Type.Object({
  policy: Type.Union([Type.Literal('never'), Type.Literal('on-failure'), Type.Literal('always')]),
  max: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  /** The first delay's upper bound; doubled for each restart after it. Default 500. */
  backOffMs: Type.Optional(DurationMs),
  /** The cap of that doubling. Default 60,000. */
  backOffMaxMs: Type.Optional(DurationMs),
  /** Restarts on the node where it failed, within `windowMs`; then it goes elsewhere. Default 2. */
  sameNode: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  /** How long those count, from the first of them. Default 1,800,000, half an hour. */
  windowMs: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.durationMsMax })),
})
export type RestartPolicy = Static<typeof RestartPolicy>

/** What happens when the node of a task cannot be reached. */
export const DisconnectPolicy = Type.Object({
  /** How long a task may be Unreachable before it is given up as lost. Default 300,000, or what a long grace needs. */
  lostAfterMs: Type.Optional(DurationMs),
  /** How long a worker without its manager lets the task run. Enforced by the worker alone. Default: for ever,
   *  or 240,000 when the task may be replaced. */
  stopAfterMs: Type.Optional(DurationMs),
  /** Whether a lost task is tried again elsewhere. Default: true if the restart policy is not `never`. */
  replace: Type.Optional(Type.Boolean()),
})
export type DisconnectPolicy = Static<typeof DisconnectPolicy>

/** A folder or file of the worker's machine, seen inside a container. */
export const Mount = Type.Object({
  source: Type.String({ pattern: '^/', maxLength: 4_096 }),
  target: Type.String({ pattern: '^/', maxLength: 4_096 }),
  readOnly: Type.Optional(Type.Boolean()),
})
export type Mount = Static<typeof Mount>

/** What a user wishes to run. Immutable once accepted. */
export const TaskSpec = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: modelLimits.nameCharsMax })),
  /** `docker`, `process`, or the name of a driver that a worker brings along. */
  driver: DriverName,
  /** docker only: the image's reference. */
  image: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 })),
  /** docker only: when to pull. Default `missing`. */
  pull: Type.Optional(Type.Union([Type.Literal('missing'), Type.Literal('always'), Type.Literal('never')])),
  /** docker only: replaces the image's entrypoint; an empty list clears it. */
  entrypoint: Type.Optional(Type.Array(Arg, { maxItems: modelLimits.argsMax })),
  /** docker: replaces the image's command. process: the program and its arguments. */
  command: Type.Optional(Type.Array(Arg, { maxItems: modelLimits.argsMax })),
  env: Type.Optional(
    Type.Record(Type.String({ minLength: 1, maxLength: 1_024 }), Arg, { maxProperties: modelLimits.envMax }),
  ),
  workdir: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  /** docker: `user[:group]` as the image knows it. process: a user name or a number; needs a worker that runs as root. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  /** docker only: `bridge`, `host`, `none` or a network's name. Default `bridge`. */
  network: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  /** Cores reserved and, for docker, enforced. Absent: 0.1 is reserved and nothing enforced. */
  cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: modelLimits.cpusMax })),
  /** Bytes reserved and, for docker, enforced. Absent: 64 MiB are reserved and nothing enforced. */
  memoryBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.memoryBytesMax })),
  /** docker only: the most processes and threads at once. */
  pidsLimit: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_194_304 })),
  /** docker only: run a tiny init as PID 1, so that TERM stops what does not handle it. Default true. */
  init: Type.Optional(Type.Boolean()),
  /** docker only: folders of the worker's machine, absolute and below a path that its operator allows (`--allow-mount`). */
  mounts: Type.Optional(Type.Array(Mount, { maxItems: modelLimits.mountsMax })),
  labels: Type.Optional(Labels),
  /** Each `label=value` or `label!=value`, against the node's labels; `node` is a label every node has. All must hold. */
  constraints: Type.Optional(
    Type.Array(Type.String({ pattern: '^[^=!\\s]+!?=.*$', maxLength: 512 }), { maxItems: modelLimits.constraintsMax }),
  ),
  restart: Type.Optional(RestartPolicy),
  /** The longest one attempt may be Running, in milliseconds; then it is stopped. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.durationMsMax })),
  /** The longest the task may wait for a node, in milliseconds; then it fails as `unplaceable`. */
  waitTimeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.durationMsMax })),
  /** Between TERM and KILL when stopped, in milliseconds. Default 10,000. */
  stopGraceMs: Type.Optional(DurationMs),
  disconnect: Type.Optional(DisconnectPolicy),
  /** How it is found out whether it is well, while it runs. Default: it is not. */
  health: Type.Optional(HealthCheck),
  /** The final task that this one runs again. */
  rerunOf: Type.Optional(TaskId),
})
export type TaskSpec = Static<typeof TaskSpec>

/** One try of a task, for ever. */
export const AttemptKey = Type.Object({ taskId: TaskId, attempt: Type.Integer({ minimum: 1 }) })
export type AttemptKey = Static<typeof AttemptKey>
/** The one textual form of an attempt's identity, `taskId.attempt`; a task id has no dot. */
export const attemptName = (key: AttemptKey): string => `${key.taskId}.${key.attempt}`
/** The inverse of `attemptName`; undefined for anything else. */
export function parseAttemptName(name: string): AttemptKey | undefined {
  const match = /^([a-z0-9][a-z0-9-]{0,62})\.([1-9][0-9]{0,14})$/.exec(name)
  return match ? { taskId: match[1] as string, attempt: Number(match[2]) } : undefined
}

/** Why a start failed. Only codes that a person would act differently on. */
export const startFailureCodes = [
  'no-such-image',
  'pull-failed',
  'bad-reference',
  'no-such-command',
  'not-executable',
  'bad-workdir',
  'no-such-user',
  'port-taken',
  'bad-spec',
  'engine-unreachable',
  'start-timeout',
  'start-failed',
] as const
export type StartFailureCode = (typeof startFailureCodes)[number]

/** How one attempt ended. */
export const AttemptEnd = Type.Union([
  Type.Object({
    kind: Type.Literal('exited'),
    /** 0 to 255; 128 + signal when a signal ended it. */
    exitCode: Type.Integer({ minimum: 0, maximum: 255 }),
    signal: Type.Optional(Type.String({ maxLength: 32 })),
    /** True if the kernel killed something in it for want of memory. */
    oomKilled: Type.Optional(Type.Boolean()),
  }),
  Type.Object({
    kind: Type.Literal('startFailed'),
    code: Type.String({ maxLength: 64 }),
    message: Type.String({ maxLength: 4_096 }),
    retryable: Type.Boolean(),
  }),
  /** The worker is sure that it is gone, and cannot know how it ended. */
  Type.Object({ kind: Type.Literal('lost'), message: Type.String({ maxLength: 4_096 }) }),
])
export type AttemptEnd = Static<typeof AttemptEnd>

/**
 * What a worker reports of an attempt. It is cumulative: it holds all that happened, so that only the newest counts.
 * `seq` grows with every change at the worker and is what the manager acknowledges.
 */
export const AttemptStatus = Type.Object({
  taskId: TaskId,
  attempt: Type.Integer({ minimum: 1 }),
  seq: Type.Integer({ minimum: 0 }),
  pullingAtMs: Type.Optional(TimeMs),
  startedAtMs: Type.Optional(TimeMs),
  /** Set once a stop was begun on the worker. */
  stoppingAtMs: Type.Optional(TimeMs),
  /** Set once a health check has said something that counts. */
  health: Type.Optional(Health),
  endedAtMs: Type.Optional(TimeMs),
  end: Type.Optional(AttemptEnd),
  /** What the attempt reserves, so that a manager can account for one it has given up. */
  reserved: Resources,
})
export type AttemptStatus = Static<typeof AttemptStatus>

/** What a final task came to. */
export const outcomes = [
  'succeeded',
  'stopped',
  'exit',
  'oom',
  'start',
  'timeout',
  'unhealthy',
  'lost',
  'unplaceable',
  'error',
] as const
export type Outcome = (typeof outcomes)[number]

/** One line of a task's attempt history, as `explain` shows it. */
export const AttemptSummary = Type.Object({
  attempt: Type.Integer({ minimum: 1 }),
  nodeId: Type.String(),
  scheduledAtMs: TimeMs,
  startedAtMs: Type.Optional(TimeMs),
  endedAtMs: Type.Optional(TimeMs),
  exitCode: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String()),
})
export type AttemptSummary = Static<typeof AttemptSummary>

/** A placement as it was decided: kept with the task. Lists are cut to the first 20 nodes. */
export const PlacementDecision = Type.Object({
  scheduler: Type.String(),
  atMs: TimeMs,
  picked: Type.Optional(Type.String()),
  /** Nodes that were fit, with their cost; the lowest wins, unless `note` says otherwise. */
  scores: Type.Array(Type.Object({ nodeId: Type.String(), name: Type.String(), cost: Type.Number() })),
  /** Nodes that were not, with the reason. */
  refusals: Type.Array(Type.Object({ nodeId: Type.String(), name: Type.String(), why: Type.String() })),
  considered: Type.Integer({ minimum: 0 }),
  /** One sentence, "2 nodes not ready; 3 nodes lack 512 MiB of memory", when none was fit. */
  why: Type.Optional(Type.String()),
  /** One sentence when the node of the last attempt was preferred or avoided: why, and what came of it. */
  note: Type.Optional(Type.String()),
})
export type PlacementDecision = Static<typeof PlacementDecision>

/** A task as clients see it. */
export const TaskView = Type.Object({
  id: TaskId,
  name: Type.String(),
  state: Type.Enum([...taskStates]),
  /** The nested state, or '' where there is none: `Queued`, `BackingOff`, `Pulling`, `Starting`, `Checking`, `Unhealthy`, `Stopping`, `Unreachable`. */
  detail: Type.String(),
  driver: Type.String(),
  /** The name of the node it is on or was last on; null before the first placement. */
  node: Type.Union([Type.String(), Type.Null()]),
  nodeId: Type.Union([Type.String(), Type.Null()]),
  /** 0 before the first placement. */
  attempt: Type.Integer({ minimum: 0 }),
  restarts: Type.Integer({ minimum: 0 }),
  exitCode: Type.Union([Type.Integer(), Type.Null()]),
  signal: Type.Union([Type.String(), Type.Null()]),
  outcome: Type.Union([Type.Enum([...outcomes]), Type.Null()]),
  /** One sentence for people: why it failed, or why it waits. */
  reason: Type.Union([Type.String(), Type.Null()]),
  /** How well the newest attempt is; absent where nothing is checked. */
  health: Type.Optional(Health),
  image: Type.Union([Type.String(), Type.Null()]),
  command: Type.Array(Type.String()),
  labels: Labels,
  reserved: Resources,
  rerunOf: Type.Union([Type.String(), Type.Null()]),
  createdAtMs: TimeMs,
  scheduledAtMs: Type.Union([TimeMs, Type.Null()]),
  startedAtMs: Type.Union([TimeMs, Type.Null()]),
  finishedAtMs: Type.Union([TimeMs, Type.Null()]),
  /** The revision of its newest change. */
  revision: Type.Integer({ minimum: 0 }),
})
export type TaskView = Static<typeof TaskView>

/** One transition of one task, from the manager's log. */
export const TaskEvent = Type.Object({
  revision: Type.Integer({ minimum: 0 }),
  taskId: TaskId,
  atMs: TimeMs,
  /** The event with its payload, bounded; secrets masked. */
  event: Type.Object({ type: Type.String() }),
  /** State paths such as `Pending.Queued`; `from` is '' for a task's first entry. */
  from: Type.String(),
  to: Type.String(),
  attempt: Type.Integer({ minimum: 0 }),
  /** The name of the node that the task was on after it; absent before the first placement. */
  node: Type.Optional(Type.String()),
})
export type TaskEvent = Static<typeof TaskEvent>

/** Whether a driver can be asked on a worker. */
export const DriverState = Type.Union([Type.Literal('complete'), Type.Literal('unavailable')])
export type DriverState = Static<typeof DriverState>

/** What a worker says of its machine when it registers. */
export const NodeRegistration = Type.Object({
  nodeId: NodeId,
  name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
  /** What it offers to tasks, which may be less than the machine has. */
  resources: Resources,
  labels: Labels,
  drivers: Type.Record(Type.String({ maxLength: 63 }), DriverState),
})
export type NodeRegistration = Static<typeof NodeRegistration>

export const nodeStates = ['Unknown', 'Ready', 'Suspect', 'Down'] as const
export type NodeState = (typeof nodeStates)[number]

/** A node as clients see it. */
export const NodeView = Type.Object({
  id: NodeId,
  name: Type.String(),
  state: Type.Enum([...nodeStates]),
  draining: Type.Boolean(),
  offered: Resources,
  reserved: Resources,
  tasks: Type.Integer({ minimum: 0 }),
  labels: Labels,
  drivers: Type.Record(Type.String(), DriverState),
  /** What its machine uses, as it was last told; absent while it is `Down`, or of a worker that does not say. */
  used: Type.Optional(NodeUsage),
  /** When that came, in milliseconds since 1970. */
  usedAtMs: Type.Optional(Type.Integer({ minimum: 0 })),
})
export type NodeView = Static<typeof NodeView>

/** Reserved for a task that asks for nothing; not enforced. */
export const defaultReservation: Resources = { cpus: 0.1, memoryBytes: 64 * 1_024 * 1_024 }

/** What a task reserves on its node. */
export const reservationOf = (spec: Pick<TaskSpec, 'cpus' | 'memoryBytes'>): Resources => ({
  cpus: spec.cpus ?? defaultReservation.cpus,
  memoryBytes: spec.memoryBytes ?? defaultReservation.memoryBytes,
})

export { Labels }
