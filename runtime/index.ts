/** What the package `troupe` exports. `docs/API.md` tells how it is used. */
export type { AttemptKey, AttemptStatus } from '../actors/model.ts'
export { binpack } from '../actors/schedulers/binpack.ts'
export { epvm } from '../actors/schedulers/epvm.ts'
export { roundRobin } from '../actors/schedulers/round-robin.ts'
export type { Ask, CandidateNode, Scheduler } from '../actors/schedulers/scheduler.ts'
export type { SchedulerName } from '../actors/schedulers/schedulers.ts'
export { spread } from '../actors/schedulers/spread.ts'
export { taskMachine } from '../actors/task.ts'
export { createMemoryTransport } from '../transport/memory.ts'
export type { Connection, Listener, ListenOptions, Transport, TransportLimits } from '../transport/transport.ts'
export { TransportError } from '../transport/transport.ts'
export { createWebsocketTransport } from '../transport/websocket.ts'
export * from './client/api.ts'
export { inspectWith, type StatelyReceiver } from './client/stately.ts'
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
  OutputRetention,
  Retention,
  StorageKind,
  UpOptions,
  WorkerOptions,
} from './options.ts'
export type { Random } from './random.ts'
export { createMemoryStorage } from './storage/memory.ts'
export { type ScanRange, type Storage, StorageError, type StorageErrorCode, type StorageOp } from './storage/storage.ts'
