/** Whose containers the tests of what is told of them look at, and what an engine shows of one. */
import type { ContainerView } from '../../runtime/drivers/docker/container.ts'
import { labelsOf } from '../../runtime/drivers/docker/identity.ts'

export const scope = { clusterId: 'c1', nodeId: 'n1' }
export const key = { taskId: 'one', attempt: 1 }

/** One that runs and has no limit, but for what is given. */
export const containerView = (more: Partial<ContainerView> = {}): ContainerView => ({
  id: 'abc',
  labels: labelsOf(scope, key),
  phase: 'running',
  exitCode: 0,
  oomKilled: false,
  hasMemoryLimit: false,
  publishes: false,
  error: '',
  startedAtMs: undefined,
  finishedAtMs: undefined,
  stopSignal: 'SIGTERM',
  init: true,
  program: 'p',
  address: undefined,
  health: undefined,
  ...more,
})
