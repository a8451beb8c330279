/** What the package `troupe` exports: the roots that open a manager, a worker or both, and the words they speak. */
export type { AttemptStatus, NodeView, TaskEvent, TaskSpec, TaskState, TaskView } from '../actors/model.ts'
export { type ErrorCode, errorCodes, TroupeError } from '../actors/protocol/errors.ts'
export { taskMachine } from '../actors/task.ts'
export type { Logger } from './logger.ts'
export { openManager, openUp, openWorker } from './open.ts'
export type {
  ManagerOptions,
  OpenedManager,
  OpenedUp,
  OpenedWorker,
  StorageKind,
  UpOptions,
  WorkerOptions,
} from './options.ts'
