/** A task as the manager tells it, for tests. */
import type { TaskView } from '../../actors/model.ts'

/** Simply running, but for what is given. */
export const viewOf = (id: string, given: Partial<TaskView> = {}): TaskView => ({
  id,
  name: id,
  state: 'Running',
  detail: '',
  driver: 'process',
  node: 'n1',
  nodeId: 'node-1',
  attempt: 1,
  restarts: 0,
  exitCode: null,
  signal: null,
  outcome: null,
  reason: null,
  image: null,
  command: ['sleep', '60'],
  labels: {},
  reserved: { cpus: 0.1, memoryBytes: 2 ** 26 },
  rerunOf: null,
  createdAtMs: 1,
  scheduledAtMs: null,
  startedAtMs: null,
  finishedAtMs: null,
  revision: 1,
  ...given,
})
