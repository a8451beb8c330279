/**
 * State machines as they are shown to whoever inspects a cluster: where each stands, and each step that it takes. Made only
 * while somebody watches; never stored.
 */
import { type Static, Type } from 'typebox'
import { EntryName, TimeMs, whole } from '../limits.ts'
import { NodeId, TaskId } from '../model.ts'

/** Whose machine it is. The manager runs those of `manager`, `node` and `task`; a worker runs the others. */
export const machineNames = ['manager', 'node', 'worker', 'session', 'task', 'attempt'] as const
/** Whose machine it is. */
export type MachineName = (typeof machineNames)[number]

export const inspectionLimits = {
  /** Bytes of one context, or of one event, as JSON, roughly; what is more is cut, and that is said. */
  contextBytesMax: 8 * 1_024,
  eventBytesMax: 2 * 1_024,
  /** The most tasks whose attempts a worker is asked for at once, for all subscribers together. */
  inspectedTasksMax: 1_024,
  /** Machines of one worker that a manager keeps in mind at once. */
  inspectedActorsMax: 4_096,
} as const

/** `manager`, `node:<nodeId>`, `worker:<nodeId>`, `session:<nodeId>`, `task:<id>`, `attempt:<taskId>/<n>`. */
const ActorId = Type.String({ minLength: 1, maxLength: 192 })
const Status = Type.Union([Type.Literal('active'), Type.Literal('done'), Type.Literal('error')])
const Context = Type.Record(EntryName, Type.Unknown())
/** A state as a path: `Running.Up`; the regions of a parallel machine are joined by `+`. */
const Path = Type.String({ maxLength: 512 })

/** What is true of an actor in every view and step of it. */
const whose = {
  /** Stable: the same for the same actor, also after a restart. */
  id: ActorId,
  machine: Type.Enum([...machineNames]),
  /** The id of the actor that it belongs to; not always among those that are shown. */
  parent: Type.Optional(ActorId),
  /** Of a node, a worker, a session, an attempt, and of a task that has a node. */
  nodeId: Type.Optional(NodeId),
  /** Of a task and an attempt. */
  taskId: Type.Optional(TaskId),
  /** The number of an attempt, and of a task's newest. */
  attempt: Type.Optional(whole(0)),
}

/** One actor, as it stands. */
export const ActorView = Type.Object({
  ...whose,
  /** Where it stands, as a path: `Running.Up`. */
  value: Path,
  /** `error`: its machine threw. */
  status: Status,
  /** What it knows, as plain data; secrets are `***`. */
  context: Context,
  /** Set if its context was too large or too deep, and parts of it are left out. */
  cut: Type.Optional(Type.Boolean()),
  /** Since when it stands there, if that is known; milliseconds since 1970. */
  atMs: Type.Optional(TimeMs),
})
/** One actor, as it stands. */
export type ActorView = Static<typeof ActorView>

/** One step of an actor: what happened, and where it led. */
export const ActorStep = Type.Object({
  ...whose,
  /** When; milliseconds since 1970, by the clock of its process. */
  atMs: TimeMs,
  /** What it was told; long texts are cut. `Seen` and `Gone` stand for an actor that comes into view or leaves it. */
  event: Type.Object({ type: Type.String() }, { additionalProperties: true }),
  /** "" = it is new, or comes into view. */
  from: Path,
  /** "" = it is gone, or out of view. */
  to: Path,
  status: Status,
  /** If it has changed. */
  context: Type.Optional(Context),
  /** As in a view, of this context. */
  cut: Type.Optional(Type.Boolean()),
})
/** One step of an actor: what happened, and where it led. */
export type ActorStep = Static<typeof ActorStep>
