/**
 * What `troupe` and `troupe/browser` export alike: a `Troupe`, what it gives and takes, and its errors. Nothing of Node
 * may come in by it.
 */
export type {
  HostPort,
  NodeView,
  PlacementDecision,
  Port,
  PortRange,
  Resources,
  TaskEvent,
  TaskSpec,
  TaskState,
  TaskView,
} from '../../actors/model.ts'
export type { Access } from '../../actors/protocol/access.ts'
export type { TaskFilter } from '../../actors/protocol/client.ts'
export { type ErrorCode, errorCodes, TroupeError } from '../../actors/protocol/errors.ts'
export type { ActorStep, ActorView, MachineName } from '../../actors/protocol/inspection.ts'
export type { AttemptStats, NodeUsage } from '../../actors/usage.ts'
export type { Logger } from '../logger.ts'
export type { ActorNews, ActorStream, ActorsOptions } from './actor-stream.ts'
export type { CallOptions } from './asking.ts'
export type { EventStream, EventsOptions } from './event-stream.ts'
export type { LogLine, LogsOptions } from './log-lines.ts'
export type { NodeChange, NodeChanges, WatchNodesOptions } from './node-changes.ts'
export type { TaskOutput, TaskRefEvent, TaskSnapshot, TaskStateTest, TaskStateValue } from './snapshot.ts'
export type { LogPosition } from './subscription.ts'
export type { TaskChange, TaskChanges, WatchOptions } from './task-changes.ts'
export type { RerunOptions, StopOptions, Stopped, TaskEmitted, TaskRef } from './task-ref.ts'
export type { TaskStats } from './task-stats.ts'
export type { StreamOptions } from './time-limit.ts'
export type {
  BackupMade,
  DrainOptions,
  Explanation,
  ListOptions,
  Metrics,
  Plan,
  RunOptions,
  TaskPage,
  Troupe,
} from './troupe.ts'
