/**
 * Messages between a client (CLI, programmatic API, inspector, anyone's) and the manager. Every request carries `req`,
 * chosen by the client and unique within its connection; every request gets exactly one reply with it, except where a
 * stream is said.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { TimeMs, whole } from '../limits.ts'
import {
  AttemptSummary,
  Labels,
  modelLimits,
  NodeId,
  NodeView,
  PlacementDecision,
  TaskEvent,
  TaskId,
  TaskIdPrefix,
  TaskSpec,
  TaskView,
  taskStates,
} from '../model.ts'
import { AttemptStats, NodeUsage } from '../usage.ts'
import { ActorStep, ActorView } from './inspection.ts'
import { OutputChunk } from './session.ts'

export { ActorStep, ActorView }

const Req = Type.Integer({ minimum: 0, maximum: 2 ** 53 - 1 })
const Revision = whole(0)
/** Where a stream begins: only what is new, or a snapshot first, or strictly after a position seen before. */
const From = Type.Union([
  Type.Literal('now'),
  Type.Literal('snapshot'),
  Type.Object({ logId: Type.String({ maxLength: 64 }), revision: Revision }),
])

export const clientLimits = {
  /** Subscriptions and log streams of one connection. */
  streamsMax: 256,
  /** Those of them that follow actors. */
  actorStreamsMax: 4,
  /** Items in one page of `Tasks`. */
  pageItemsMax: 500,
  /** Bytes of output in flight to one client per log stream. */
  logCreditBytes: 256 * 1_024,
  /** Ids in one filter. */
  filterIdsMax: 500,
  /** Nodes, or drivers, in one filter. */
  filterValuesMax: 64,
  /** Bytes of one page of a snapshot or of what was missed, roughly: one item more may be in it. */
  streamPageBytes: 256 * 1_024,
  /** Bytes that a manager holds for one connection on account of its subscriptions, whatever that does not read. */
  streamHeldBytesMax: 2 * 1_024 * 1_024,
  /** Commits that a subscriber of `events` may be behind; past it comes a `Reset`. */
  behindCommitsMax: 65_536,
  /** Ended tasks in a snapshot whose filter names no ids: the newest. */
  snapshotFinalMax: 500,
  /** Transitions in a snapshot whose filter names no ids: the newest. */
  snapshotEventsMax: 500,
  /** How often a subscription that has heard nothing gets a `Mark`, in milliseconds. */
  markMs: 5_000,
  /** How long a connection whose subscriptions wait for it may read nothing before it is closed, in milliseconds. */
  stalledMs: 30_000,
} as const

/**
 * Which tasks are meant: those that fit every field, and all of them where there is none. A field that is not known here
 * is refused, for left out it would let through what was not asked for.
 */
export const TaskFilter = Type.Object(
  {
    /** Ids or clear beginnings of ids. */
    ids: Type.Optional(Type.Array(TaskIdPrefix, { maxItems: clientLimits.filterIdsMax })),
    /** Each with this very value. */
    labels: Type.Optional(Labels),
    /** Any of these. */
    states: Type.Optional(Type.Array(Type.Enum([...taskStates]), { minItems: 1, maxItems: taskStates.length })),
    /** On, or last on, any of these: by name or id. */
    nodes: Type.Optional(Type.Array(NodeId, { minItems: 1, maxItems: clientLimits.filterValuesMax })),
    /** Run by any of these. */
    drivers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: clientLimits.filterValuesMax }),
    ),
    /** The very name. */
    name: Type.Optional(Type.String({ minLength: 1, maxLength: modelLimits.nameCharsMax })),
  },
  { additionalProperties: false },
)
export type TaskFilter = Static<typeof TaskFilter>

export const topics = ['tasks', 'events', 'nodes', 'actors', 'logs', 'stats'] as const
/** Set on all messages but the last that tell of one revision: the subscriber's position moves with the last. */
const More = Type.Optional(Type.Boolean())

/** Client → manager. */
export const clientMessages = {
  /** The first message of a connection. */
  ClientHello: Type.Object({
    type: Type.Literal('ClientHello'),
    version: Type.String({ maxLength: 64 }),
    token: Type.String({ maxLength: 1_024 }),
  }),
  /** Reply: `Submitted`. Sending it again with the same spec is harmless; with another it is `Conflict`. */
  SubmitTask: Type.Object({ type: Type.Literal('SubmitTask'), req: Req, taskId: TaskId, spec: TaskSpec }),
  /**
   * What would come of `SubmitTask` with these fields now; nothing is changed. Reply: `Planned`, or the `Error` that
   * submitting it would end in. Without `taskId` as with an id that is new.
   */
  PlanTask: Type.Object({ type: Type.Literal('PlanTask'), req: Req, taskId: Type.Optional(TaskId), spec: TaskSpec }),
  /** Run a final task again as a new one. The whole id: what changes something is never guessed at. Reply: `Submitted`. */
  RerunTask: Type.Object({ type: Type.Literal('RerunTask'), req: Req, taskId: TaskId, newTaskId: TaskId }),
  /** By the whole id. Reply: `StopAccepted`. `graceMs` overrides the task's own; 0 kills at once. */
  StopTask: Type.Object({
    type: Type.Literal('StopTask'),
    req: Req,
    taskId: TaskId,
    graceMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  }),
  /**
   * Reply: `Tasks`, a page in order of id, after `after`, of what fits the filter: of what is live and the last 50 that
   * ended (`recent`, the default), or of everything (`all`). With `filter.ids`, each of which must be clear, those in
   * the order in which they were named, without pages.
   */
  QueryTasks: Type.Object({
    type: Type.Literal('QueryTasks'),
    req: Req,
    filter: Type.Optional(TaskFilter),
    scope: Type.Optional(Type.Union([Type.Literal('recent'), Type.Literal('all')])),
    after: Type.Optional(TaskId),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: clientLimits.pageItemsMax })),
  }),
  /** Reply: `Nodes`. */
  QueryNodes: Type.Object({ type: Type.Literal('QueryNodes'), req: Req }),
  /**
   * By its name or id. It gets no new tasks; those that may be replaced go elsewhere, the others are waited for, at most
   * `deadlineMs` from now. Reply: `NodeChanged`.
   */
  DrainNode: Type.Object({
    type: Type.Literal('DrainNode'),
    req: Req,
    node: NodeId,
    deadlineMs: Type.Optional(Type.Integer({ minimum: 0, maximum: modelLimits.durationMsMax })),
  }),
  /** It takes tasks again. Reply: `NodeChanged`. */
  UndrainNode: Type.Object({ type: Type.Literal('UndrainNode'), req: Req, node: NodeId }),
  /** Forgets a node that is Down, or drained, empty and disconnected. Reply: `Ok`, or `Conflict`. */
  RemoveNode: Type.Object({ type: Type.Literal('RemoveNode'), req: Req, node: NodeId }),
  /** A consistent copy of the manager's store, into a folder of its machine that is new or empty. Reply: `BackupMade`. */
  BackupStore: Type.Object({
    type: Type.Literal('BackupStore'),
    req: Req,
    dir: Type.String({ pattern: '^/', maxLength: 1_024 }),
  }),
  /** Reply: `Explanation`. */
  ExplainTask: Type.Object({ type: Type.Literal('ExplainTask'), req: Req, taskId: TaskIdPrefix }),
  /**
   * Replies: a `Snapshot` in one page or several, or what was missed; then `Delta`s, `Removed`s and `Mark`s until
   * `Unsubscribe`. Topic `tasks`: the newest state of each. Topic `events`: every transition in order. Topic `nodes`: the
   * newest state of each. Topic `logs`: the output of one task, followed as `ReadLogs` does. Topic `stats`: what one task
   * uses, once a second while anybody watches, as `Stats` until `StatsEnded`.
   */
  Subscribe: Type.Object({
    type: Type.Literal('Subscribe'),
    req: Req,
    topic: Type.Enum([...topics]),
    filter: Type.Optional(TaskFilter),
    from: From,
  }),
  /** Ends a subscription or a log stream by the `req` that began it. Nothing of it is sent after the reply `Ok`. */
  Unsubscribe: Type.Object({ type: Type.Literal('Unsubscribe'), req: Req, stream: Req }),
  /** Replies: `Output`s and one `OutputEnded`. `attempt` absent = the newest. With `follow` it goes on until the task is final. */
  ReadLogs: Type.Object({
    type: Type.Literal('ReadLogs'),
    req: Req,
    taskId: TaskIdPrefix,
    attempt: Type.Optional(whole(1)),
    follow: Type.Boolean(),
  }),
  /** The client has taken this many bytes of output, and lets as many more come. No reply. */
  CreditOutput: Type.Object({ type: Type.Literal('CreditOutput'), stream: Req, bytes: whole(1) }),
}

/** Manager → client. */
export const clientReplies = {
  ClientWelcome: Type.Object({
    type: Type.Literal('ClientWelcome'),
    version: Type.String(),
    clusterId: Type.String(),
    logId: Type.String(),
    epoch: whole(0),
    /** What the token allows; a manager of before says nothing, and knows only tokens for everything. */
    access: Type.Optional(Type.Enum(['everything', 'view'])),
  }),
  /** The one shape of a failure. `req` is absent when it is the connection's own. */
  Error: Type.Object({
    type: Type.Literal('Error'),
    req: Type.Optional(Req),
    code: Type.String({ maxLength: 64 }),
    message: Type.String(),
    retryable: Type.Boolean(),
  }),
  Ok: Type.Object({ type: Type.Literal('Ok'), req: Req }),
  /** `existing`: this id was accepted before; nothing new was made. */
  Submitted: Type.Object({ type: Type.Literal('Submitted'), req: Req, existing: Type.Boolean(), task: TaskView }),
  /** It would be accepted. What would come of it is what would happen now: it promises nothing for the time after. */
  Planned: Type.Object({
    type: Type.Literal('Planned'),
    req: Req,
    /** This id was accepted before with this very spec, and nothing new would be made; the rest then says nothing. */
    task: Type.Optional(TaskView),
    /** The name of the node that it would be placed on; null: it would wait. */
    node: Type.Union([Type.String(), Type.Null()]),
    /** The id of that node. */
    nodeId: Type.Union([Type.String(), Type.Null()]),
    /** One sentence: why it would wait. */
    why: Type.Union([Type.String(), Type.Null()]),
    /** Tasks that wait already and ask for the same, and so would come before it. */
    ahead: Type.Integer({ minimum: 0 }),
    /** What each scheduler would decide, this cluster's own first. */
    decisions: Type.Array(PlacementDecision),
  }),
  /** The wish to stop is stored. `alreadyFinal`: there was nothing left to stop. */
  StopAccepted: Type.Object({
    type: Type.Literal('StopAccepted'),
    req: Req,
    alreadyFinal: Type.Boolean(),
    task: TaskView,
  }),
  /** `next`: there may be more after this id. */
  Tasks: Type.Object({
    type: Type.Literal('Tasks'),
    req: Req,
    revision: Revision,
    items: Type.Array(TaskView),
    next: Type.Optional(TaskId),
  }),
  Nodes: Type.Object({ type: Type.Literal('Nodes'), req: Req, revision: Revision, items: Type.Array(NodeView) }),
  /** The change is stored; a drain is over once `tasks` is 0. */
  NodeChanged: Type.Object({ type: Type.Literal('NodeChanged'), req: Req, node: NodeView }),
  /** The copy is whole and on disk; `revision`: the last that is certainly in it. */
  BackupMade: Type.Object({
    type: Type.Literal('BackupMade'),
    req: Req,
    revision: Revision,
    entries: whole(0),
  }),
  Explanation: Type.Object({
    type: Type.Literal('Explanation'),
    req: Req,
    task: TaskView,
    spec: TaskSpec,
    /** The newest placement, or the newest refusal while it waits. */
    decision: Type.Union([PlacementDecision, Type.Null()]),
    /**
     * What each scheduler would decide now for a task that asks for what this one does, this cluster's own first. What it
     * holds already counts as taken. Of a manager of before: absent.
     */
    schedulers: Type.Optional(Type.Array(PlacementDecision)),
    attempts: Type.Array(AttemptSummary),
    /** The newest transitions, oldest first, at most 50. */
    events: Type.Array(TaskEvent),
    /** Transitions up to this moment were trimmed, in milliseconds since 1970; absent where none of them is missing. */
    trimmedUntilMs: Type.Optional(Type.Integer({ minimum: 0 })),
    /** When the next timer of the task is due, and which. */
    timers: Type.Array(Type.Object({ event: Type.String(), dueAtMs: TimeMs })),
  }),
  /** A page of what is; with `more`, another follows. Which of the lists is there follows from the topic. */
  Snapshot: Type.Object({
    type: Type.Literal('Snapshot'),
    req: Req,
    logId: Type.String(),
    revision: Revision,
    more: More,
    tasks: Type.Optional(Type.Array(TaskView)),
    events: Type.Optional(Type.Array(TaskEvent)),
    nodes: Type.Optional(Type.Array(NodeView)),
    actors: Type.Optional(Type.Array(ActorView)),
  }),
  /** What one commit did to one task or node; revisions never fall within a subscription, and repeat only after `more`. */
  Delta: Type.Object({
    type: Type.Literal('Delta'),
    req: Req,
    revision: Revision,
    more: More,
    task: Type.Optional(TaskView),
    events: Type.Optional(Type.Array(TaskEvent)),
    node: Type.Optional(NodeView),
  }),
  /** A task or node is not among what is followed any more: it does not fit the filter now, or it is gone altogether. */
  Removed: Type.Object({
    type: Type.Literal('Removed'),
    req: Req,
    revision: Revision,
    more: More,
    id: Type.String(),
    why: Type.Union([Type.Literal('unfit'), Type.Literal('gone')]),
  }),
  /** Everything up to this revision was told: a position that an idle subscriber can resume from. */
  Mark: Type.Object({ type: Type.Literal('Mark'), req: Req, revision: Revision }),
  /** How far a start is, for people: to subscribers of the topic `events`, live only, outside the order of revisions. */
  Progress: Type.Object({
    type: Type.Literal('Progress'),
    req: Req,
    taskId: TaskId,
    attempt: whole(1),
    text: Type.String(),
  }),
  /**
   * What actors did: to subscribers of the topic `actors`, live only, without revisions. `missed`: so many steps before
   * these were left out; the newest of each actor is never among them.
   */
  Steps: Type.Object({
    type: Type.Literal('Steps'),
    req: Req,
    steps: Type.Array(ActorStep),
    missed: Type.Optional(whole(1)),
  }),
  /** It cannot go on from where the subscriber stands; a fresh Snapshot follows. */
  Reset: Type.Object({ type: Type.Literal('Reset'), req: Req, reason: Type.String() }),
  Output: Type.Object({ type: Type.Literal('Output'), req: Req, chunks: Type.Array(OutputChunk) }),
  /** `code` comes with `error`, and is one of `errorCodes`; a manager of before says none. */
  OutputEnded: Type.Object({
    type: Type.Literal('OutputEnded'),
    req: Req,
    error: Type.Optional(Type.String()),
    code: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  /** What nodes' machines use: to subscribers of the topic `nodes`, outside the order of revisions. Not all nodes are in it. */
  NodesUsed: Type.Object({
    type: Type.Literal('NodesUsed'),
    req: Req,
    nodes: Type.Array(Type.Object({ id: NodeId, used: NodeUsage, atMs: whole(0) })),
  }),
  /** What the newest attempt of a task uses; to subscribers of the topic `stats`. */
  Stats: Type.Object({
    type: Type.Literal('Stats'),
    req: Req,
    attempt: whole(1),
    sample: AttemptStats,
  }),
  /** The last message of topic `stats`: the task is final, or `error` and one of `errorCodes` say why nothing more comes. */
  StatsEnded: Type.Object({
    type: Type.Literal('StatsEnded'),
    req: Req,
    error: Type.Optional(Type.String()),
    code: Type.Optional(Type.String({ maxLength: 64 })),
  }),
}

type Messages<T extends Record<string, TSchema>> = { [K in keyof T]: Static<T[K]> }
export type ClientMessages = Messages<typeof clientMessages>
export type ClientReplies = Messages<typeof clientReplies>
/** Any message that a client sends. */
export type ClientMessage = ClientMessages[keyof ClientMessages]
/** Any message that a manager sends to a client. */
export type ClientReply = ClientReplies[keyof ClientReplies]
