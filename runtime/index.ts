/** What the package `troupe` exports. `docs/API.md` tells how it is used. */
export type {
  AttemptKey,
  AttemptStatus,
  NodeView,
  PlacementDecision,
  Resources,
  TaskEvent,
  TaskSpec,
  TaskState,
  TaskView,
} from '../actors/model.ts'
export type { Access } from '../actors/protocol/access.ts'
export type { TaskFilter } from '../actors/protocol/client.ts'
export { type ErrorCode, errorCodes, TroupeError } from '../actors/protocol/errors.ts'
export type { ActorStep, ActorView, MachineName } from '../actors/protocol/inspection.ts'
export { roundRobin } from '../actors/schedulers/round-robin.ts'
export type { Ask, CandidateNode, Scheduler } from '../actors/schedulers/scheduler.ts'
export { taskMachine } from '../actors/task.ts'
export { createMemoryTransport } from '../transport/memory.ts'
export type { Connection, Listener, ListenOptions, Transport, TransportLimits } from '../transport/transport.ts'
export { TransportError } from '../transport/transport.ts'
export { createWebsocketTransport } from '../transport/websocket.ts'
export type { ActorNews, ActorStream, ActorsOptions } from './client/actor-stream.ts'
export type { CallOptions } from './client/asking.ts'
export type { EventStream, EventsOptions } from './client/event-stream.ts'
export type { LogLine, LogsOptions } from './client/log-lines.ts'
export type { TaskOutput, TaskRefEvent, TaskSnapshot, TaskStateTest, TaskStateValue } from './client/snapshot.ts'
export type { LogPosition } from './client/subscription.ts'
export type { TaskChange, TaskChanges, WatchOptions } from './client/task-changes.ts'
export type { RerunOptions, StopOptions, Stopped, TaskEmitted, TaskRef } from './client/task-ref.ts'
export type { StreamOptions } from './client/time-limit.ts'
export type {
  BackupMade,
  DrainOptions,
  Explanation,
  ListOptions,
  Metrics,
  RunOptions,
  TaskPage,
  Troupe,
} from './client/troupe.ts'
export type { Clock } from './clock.ts'
export { type ConnectOptions, connect } from './connect.ts'
export type {
  Driver,
  DriverChunk,
  DriverEvent,
  DriverProbe,
  DriverScope,
  ExecRequest,
  ExecResult,
} from './drivers/driver.ts'
export type { JournalMetrics, ManagerMetrics, WorkerMetrics } from './host/metrics.ts'
export type { Logger } from './logger.ts'
export { openManager, openUp, openWorker } from './open.ts'
export {
  type OpenedMetrics,
  type OpenedTroupe,
  type OpenStorage,
  openTroupe,
  type TroupeOptions,
} from './open-troupe.ts'
export type {
  ManagerOptions,
  OpenedManager,
  OpenedUp,
  OpenedWorker,
  StorageKind,
  UpOptions,
  WorkerOptions,
} from './options.ts'
export type { Random } from './random.ts'
export { createMemoryStorage } from './storage/memory.ts'
export { type ScanRange, type Storage, StorageError, type StorageErrorCode, type StorageOp } from './storage/storage.ts'
