/** The machines of Troupe itself, by the names that people and pages ask for them. */
import { attemptMachine } from '../../actors/attempt.ts'
import { managerMachine } from '../../actors/manager.ts'
import { nodeMachine } from '../../actors/node.ts'
import { sessionMachine } from '../../actors/session.ts'
import { taskMachine } from '../../actors/task.ts'
import { workerMachine } from '../../actors/worker.ts'
import type { MachineLike } from './graph.ts'

export const builtInNames = ['task', 'attempt', 'node', 'worker', 'session', 'manager'] as const
export type BuiltInName = (typeof builtInNames)[number]

export const builtInMachines: Readonly<Record<BuiltInName, MachineLike>> = {
  task: taskMachine as MachineLike,
  attempt: attemptMachine as MachineLike,
  node: nodeMachine as MachineLike,
  worker: workerMachine as MachineLike,
  session: sessionMachine as MachineLike,
  manager: managerMachine as MachineLike,
}
