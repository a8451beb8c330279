/** What a user wishes to run, as data: a task's specification and the policies in it. */
import { type Static, Type } from 'typebox'
import { Affinity, affinityLimits } from './affinity.ts'
import { HealthCheck } from './health.ts'
import { Arg, DriverName, DurationMs, EntryName, Labels, modelLimits, TaskId } from './limits.ts'
import { Port, portLimits } from './ports.ts'

/** When a task that ended badly is tried again. `max` counts restarts, not attempts; absent = without end. */
export const RestartPolicy = Type.Object({
  /** `on-failure`: after an end that another try may mend; `always`: after exit code 0, too. After a stop: never. */
  policy: Type.Union([Type.Literal('never'), Type.Literal('on-failure'), Type.Literal('always')]),
  /** Restarts, not attempts: 3 are up to four attempts. Default: without end. */
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
  /** On the worker's machine; absolute. */
  source: Type.String({ pattern: '^/', maxLength: 4_096 }),
  /** Inside the container; absolute. */
  target: Type.String({ pattern: '^/', maxLength: 4_096 }),
  /** Default false. */
  readOnly: Type.Optional(Type.Boolean()),
})
export type Mount = Static<typeof Mount>

/** A file system in memory, seen inside a container: empty when an attempt begins, and gone with it. */
export const Tmpfs = Type.Object({
  /** Inside the container; absolute. */
  target: Type.String({ pattern: '^/', maxLength: 4_096 }),
  /** The most that it holds, in bytes; what it holds is memory of the container. Default: the engine's, half of its machine's memory. */
  sizeBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.memoryBytesMax })),
})
export type Tmpfs = Static<typeof Tmpfs>

/** What a user wishes to run. Immutable once accepted. */
export const TaskSpec = Type.Object({
  /** For people; need not be unique. Default: its id. */
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
  /** Variables by name, at most 1,024. */
  env: Type.Optional(Type.Record(EntryName, Arg, { maxProperties: modelLimits.envMax })),
  /** Variables whose values are shown to nobody, `***` in their place; with those of `env` at most 1,024, none in both. */
  secretEnv: Type.Optional(Type.Record(EntryName, Arg, { maxProperties: modelLimits.envMax })),
  /** The working directory. Default: the image's; for a process that of its worker. */
  workdir: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  /** docker: `user[:group]` as the image knows it. process: a user name or a number; needs a worker that runs as root. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  /** docker only: `bridge`, `host`, `none` or a network's name. Default `bridge`. */
  network: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  /** Cores reserved and, for docker, enforced. Absent: 0.1 is reserved and nothing enforced. */
  cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: modelLimits.cpusMax })),
  /** Bytes reserved and, for docker, enforced. Absent: 64 MiB are reserved and nothing enforced. */
  memoryBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.memoryBytesMax })),
  /** What is to be reached from outside, at most 64. Each is reserved on the task's node and told to it as `TROUPE_PORT_…`. */
  ports: Type.Optional(Type.Array(Port, { maxItems: portLimits.portsMax })),
  /** docker only: the most processes and threads at once. */
  pidsLimit: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_194_304 })),
  /** docker only: run a tiny init as PID 1, so that TERM stops what does not handle it. Default true. */
  init: Type.Optional(Type.Boolean()),
  /** docker only: folders of the worker's machine, absolute and below a path that its operator allows (`--allow-mount`). */
  mounts: Type.Optional(Type.Array(Mount, { maxItems: modelLimits.mountsMax })),
  /** docker only: file systems in memory, at most 32. */
  tmpfs: Type.Optional(Type.Array(Tmpfs, { maxItems: modelLimits.mountsMax })),
  /** docker only: nothing of the container's own file system can be written; mounts and tmpfs can. Default false. */
  readOnly: Type.Optional(Type.Boolean()),
  /** For filters; at most 64, keys up to 63 characters, values up to 255. */
  labels: Type.Optional(Labels),
  /** Each `label=value` or `label!=value`, against the node's labels; `node` is a label every node has. All must hold. */
  constraints: Type.Optional(
    Type.Array(Type.String({ pattern: '^[^=!\\s]+!?=.*$', maxLength: 512 }), { maxItems: modelLimits.constraintsMax }),
  ),
  /** What it would rather have of its node, at most 16; none of them makes a node unfit. */
  affinities: Type.Optional(Type.Array(Affinity, { maxItems: affinityLimits.affinitiesMax })),
  /** What follows when an attempt has ended. Default: nothing. */
  restart: Type.Optional(RestartPolicy),
  /** The longest one attempt may be Running, in milliseconds; then it is stopped. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.durationMsMax })),
  /** The longest the task may wait for a node, in milliseconds; then it fails as `unplaceable`. */
  waitTimeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: modelLimits.durationMsMax })),
  /** Between TERM and KILL when stopped, in milliseconds. Default 10,000. */
  stopGraceMs: Type.Optional(DurationMs),
  /** What happens when its node cannot be reached. Each field has its default. */
  disconnect: Type.Optional(DisconnectPolicy),
  /** How it is found out whether it is well, while it runs. Default: it is not. */
  health: Type.Optional(HealthCheck),
  /** The final task that this one runs again. */
  rerunOf: Type.Optional(TaskId),
})
export type TaskSpec = Static<typeof TaskSpec>
