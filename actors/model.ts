/**
 * The words of Troupe as data: what a user asks for (`TaskSpec`), what is true of one try (`AttemptStatus`),
 * and what people and programs are shown (`TaskView`, `NodeView`). The schemas are the single truth: the door
 * validates with them and the types are derived from them.
 */
import { type Static, Type } from 'typebox'
import { Health } from './health.ts'
import { EntryName, Labels, modelLimits, NodeId, Resources, TaskId, TimeMs, whole } from './limits.ts'
import { HeldPort, HostPort, PortRange, portLimits } from './ports.ts'
import type { TaskSpec } from './spec.ts'
import { NodeUsage } from './usage.ts'

export { Affinity } from './affinity.ts'
export { Labels, modelLimits, NodeId, Resources, TaskId, TaskIdPrefix } from './limits.ts'
export { HeldPort, HostPort, Port, PortRange } from './ports.ts'
export { DisconnectPolicy, Mount, RestartPolicy, TaskSpec, Tmpfs } from './spec.ts'

/** The five states of a task. There are no others; details are nested states. */
export const taskStates = ['Pending', 'Scheduled', 'Running', 'Completed', 'Failed'] as const
/** The five states of a task. `Completed` and `Failed` are final. */
export type TaskState = (typeof taskStates)[number]

/** One try of a task, for ever. */
export const AttemptKey = Type.Object({
  /** Whose attempt it is. */
  taskId: TaskId,
  /** Its number, from 1. */
  attempt: whole(1),
})
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
  /** Whose attempt it is. */
  taskId: TaskId,
  /** Its number, from 1. */
  attempt: whole(1),
  /** Grows with every change; a lower one is old news. */
  seq: whole(0),
  /** When its image began to be pulled. All times are milliseconds since 1970, by the worker's clock. */
  pullingAtMs: Type.Optional(TimeMs),
  /** When it began to run. */
  startedAtMs: Type.Optional(TimeMs),
  /** Set once a stop was begun on the worker. */
  stoppingAtMs: Type.Optional(TimeMs),
  /** Set once a health check has said something that counts. */
  health: Type.Optional(Health),
  /** When it was found to have ended. */
  endedAtMs: Type.Optional(TimeMs),
  /** How it ended; set together with `endedAtMs`. */
  end: Type.Optional(AttemptEnd),
  /** What the attempt reserves, so that a manager can account for one it has given up. */
  reserved: Resources,
  /** The ports of its node that it holds, likewise; absent: none. */
  ports: Type.Optional(Type.Array(HeldPort, { maxItems: portLimits.portsMax })),
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
  /** Its number, from 1. */
  attempt: whole(1),
  /** The node it was placed on. */
  nodeId: Type.String(),
  /** The ports that it had there; absent: none. */
  ports: Type.Optional(Type.Array(HostPort)),
  /** When it was placed there; milliseconds since 1970, as all times here. */
  scheduledAtMs: TimeMs,
  /** When it began to run; absent if it never did. */
  startedAtMs: Type.Optional(TimeMs),
  /** When it ended; absent while it has not. */
  endedAtMs: Type.Optional(TimeMs),
  /** 0 to 255; absent where there is none: it never ran, or is lost. */
  exitCode: Type.Optional(Type.Integer()),
  /** Why it ended, for people. */
  reason: Type.Optional(Type.String()),
})
export type AttemptSummary = Static<typeof AttemptSummary>

/** A placement as it was decided: kept with the task. Lists are cut to the first 20 nodes. */
export const PlacementDecision = Type.Object({
  /** Which scheduler decided. */
  scheduler: Type.String(),
  /** When, in milliseconds since 1970. */
  atMs: TimeMs,
  /** The id of the node; absent when none was fit. */
  picked: Type.Optional(Type.String()),
  /**
   * Nodes that were fit, the best first: by their cost, the lowest wins, unless `note` says otherwise. `affinity` is the
   * sum of the weights of the task's affinities that the node matches; absent where the task has none.
   */
  scores: Type.Array(
    Type.Object({
      nodeId: Type.String(),
      name: Type.String(),
      cost: Type.Number(),
      affinity: Type.Optional(Type.Number()),
    }),
  ),
  /** Nodes that were not, with the reason. */
  refusals: Type.Array(Type.Object({ nodeId: Type.String(), name: Type.String(), why: Type.String() })),
  /** Nodes that were looked at, also those that the lists leave out. */
  considered: whole(0),
  /** How many nodes there are, where a sample of them was enough; absent: all were looked at. */
  of: Type.Optional(whole(0)),
  /** One sentence, "2 nodes not ready; 3 nodes lack 512 MiB of memory", when none was fit. */
  why: Type.Optional(Type.String()),
  /** One sentence when the node of the last attempt was preferred or avoided: why, and what came of it. */
  note: Type.Optional(Type.String()),
})
export type PlacementDecision = Static<typeof PlacementDecision>

/** A task as clients see it. */
export const TaskView = Type.Object({
  /** 1 to 63 small letters, digits and `-`. */
  id: TaskId,
  /** For people; its id where it was given none. */
  name: Type.String(),
  /** One of the five. */
  state: Type.Enum([...taskStates]),
  /** The nested state, or '' where there is none: `Queued`, `BackingOff`, `Pulling`, `Starting`, `Checking`, `Unhealthy`, `Stopping`, `Unreachable`. */
  detail: Type.String(),
  /** What runs it: `docker`, `process`, or a driver of an application. */
  driver: Type.String(),
  /** The name of the node it is on or was last on; null before the first placement. */
  node: Type.Union([Type.String(), Type.Null()]),
  /** The id of that node, which stays the same when it is renamed. */
  nodeId: Type.Union([Type.String(), Type.Null()]),
  /** 0 before the first placement. */
  attempt: whole(0),
  /** How often it was tried again after an attempt had ended. */
  restarts: whole(0),
  /** Of its newest attempt, 0 to 255; null while there is none. */
  exitCode: Type.Union([Type.Integer(), Type.Null()]),
  /** The name of the signal that ended its newest attempt, such as `SIGKILL`, where it is known. */
  signal: Type.Union([Type.String(), Type.Null()]),
  /** What it came to; null until it is final. */
  outcome: Type.Union([Type.Enum([...outcomes]), Type.Null()]),
  /** One sentence for people: why it failed, or why it waits. */
  reason: Type.Union([Type.String(), Type.Null()]),
  /** How well the newest attempt is; absent where nothing is checked. */
  health: Type.Optional(Health),
  /** The image's reference; null where its driver has none. */
  image: Type.Union([Type.String(), Type.Null()]),
  /** The program and its arguments; empty: the image's own. */
  command: Type.Array(Type.String()),
  /** As they were asked for. */
  labels: Labels,
  /** What it reserves on its node. */
  reserved: Resources,
  /** The ports that its newest attempt has, while that is open; absent: none. */
  ports: Type.Optional(Type.Array(HostPort)),
  /** The task that this one runs again. */
  rerunOf: Type.Union([Type.String(), Type.Null()]),
  /** When it was accepted; milliseconds since 1970 by the manager's clock, as all times here. */
  createdAtMs: TimeMs,
  /** When its newest attempt was placed. */
  scheduledAtMs: Type.Union([TimeMs, Type.Null()]),
  /** When its newest attempt began to run. */
  startedAtMs: Type.Union([TimeMs, Type.Null()]),
  /** When it became final. */
  finishedAtMs: Type.Union([TimeMs, Type.Null()]),
  /** The revision of its newest change. */
  revision: whole(0),
})
export type TaskView = Static<typeof TaskView>

/** One transition of one task, from the manager's log. */
export const TaskEvent = Type.Object({
  /** Its place in the manager's log; those of one commit share it. */
  revision: whole(0),
  /** Whose transition it is. */
  taskId: TaskId,
  /** Milliseconds since 1970 by the manager's clock. */
  atMs: TimeMs,
  /** The event with its payload, bounded; secrets masked. */
  event: Type.Object({ type: Type.String() }),
  /** State paths such as `Pending.Queued`; `from` is '' for a task's first entry. */
  from: Type.String(),
  /** The state that it led to. */
  to: Type.String(),
  /** The newest attempt after it; 0 before the first placement. */
  attempt: whole(0),
  /** The name of the node that the task was on after it; absent before the first placement. */
  node: Type.Optional(Type.String()),
})
export type TaskEvent = Static<typeof TaskEvent>

/** Whether a driver can be asked on a worker. */
export const DriverState = Type.Union([Type.Literal('complete'), Type.Literal('unavailable')])
export type DriverState = Static<typeof DriverState>

/** A worker's drivers, by their names of at most 63 characters. */
export const Drivers = Type.Record(Type.String({ pattern: '^[\\s\\S]{1,63}$' }), DriverState, {
  maxProperties: modelLimits.driversMax,
  additionalProperties: false,
})

/** The machine that a worker runs on, whoever else does. */
export const NodeMachine = Type.Object({
  /** Made of the machine's own id, which does not follow from it: SHA-256 in hexadecimal. */
  id: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** What the machine has. */
  resources: Resources,
})
export type NodeMachine = Static<typeof NodeMachine>

/** What a worker says of its machine when it registers. */
export const NodeRegistration = Type.Object({
  nodeId: NodeId,
  name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
  /** What it offers to tasks, which may be less than the machine has. */
  resources: Resources,
  labels: Labels,
  drivers: Drivers,
  /** Where its free ports are taken from; absent: a worker of before, which knows nothing of ports and gets no task with some. */
  ports: Type.Optional(PortRange),
  /** By which two workers on one machine are told; absent where it is not known, and of a worker of before. */
  machine: Type.Optional(NodeMachine),
})
export type NodeRegistration = Static<typeof NodeRegistration>

export const nodeStates = ['Unknown', 'Ready', 'Suspect', 'Down'] as const
export type NodeState = (typeof nodeStates)[number]

/** A node as clients see it. */
export const NodeView = Type.Object({
  /** Made once by its worker, and kept with its folder. */
  id: NodeId,
  /** For people; unique among nodes that are connected. */
  name: Type.String(),
  /**
   * `Ready` takes tasks. `Suspect`: it has not been heard of for a while. `Down`: it is taken to be gone. `Unknown`: it has
   * not been heard of since the manager began.
   */
  state: Type.Enum([...nodeStates]),
  /** It is being emptied, and takes no new tasks. */
  draining: Type.Boolean(),
  /** What it offers to tasks; may be less than its machine has. */
  offered: Resources,
  /** What its tasks have reserved of that. */
  reserved: Resources,
  /** Tasks that are on it. */
  tasks: whole(0),
  /** Where its free ports are taken from; absent: its worker knows nothing of ports. */
  portRange: Type.Optional(PortRange),
  /** Ports that its attempts hold, in that range and outside of it; a manager of before does not say. */
  portsHeld: Type.Optional(whole(0)),
  /** What constraints of tasks can name. */
  labels: Labels,
  /** The drivers that it offers; `unavailable`: its engine does not answer. */
  drivers: Type.Record(EntryName, DriverState),
  /** What its machine uses, as it was last told; absent while it is `Down`, or of a worker that does not say. */
  used: Type.Optional(NodeUsage),
  /** When that came, in milliseconds since 1970. */
  usedAtMs: Type.Optional(whole(0)),
  /** Names of other nodes, at most 8, that are on the same machine and with it offer more than that has; absent: none. */
  sharesMachineWith: Type.Optional(Type.Array(Type.String(), { maxItems: modelLimits.sharersNamedMax })),
})
export type NodeView = Static<typeof NodeView>

/** Reserved for a task that asks for nothing; not enforced. */
export const defaultReservation: Resources = { cpus: 0.1, memoryBytes: 64 * 1_024 * 1_024 }

/** What a task reserves on its node. */
export const reservationOf = (spec: Pick<TaskSpec, 'cpus' | 'memoryBytes'>): Resources => ({
  cpus: spec.cpus ?? defaultReservation.cpus,
  memoryBytes: spec.memoryBytes ?? defaultReservation.memoryBytes,
})
