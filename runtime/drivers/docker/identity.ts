/** How an attempt is known to the engine: a name that only one container can have, and labels that say whose it is. */
import { type AttemptKey, attemptName } from '../../../actors/model.ts'
import type { DriverScope } from '../driver.ts'

/** Label keys that begin so are ours. */
export const reservedLabelPrefix = 'troupe.'

const labelKeys = {
  cluster: 'troupe.cluster',
  node: 'troupe.node',
  task: 'troupe.task',
  attempt: 'troupe.attempt',
} as const

/** Unique on an engine: the engine itself refuses a second container of the same attempt. */
export const containerName = (scope: DriverScope, key: AttemptKey): string =>
  `troupe-${scope.clusterId}-${key.taskId}-${key.attempt}`

/** What every container of the scope bears, as the engine's filters want it. */
export const scopeFilter = (scope: DriverScope): string[] => [
  `${labelKeys.cluster}=${scope.clusterId}`,
  `${labelKeys.node}=${scope.nodeId}`,
]

export const labelsOf = (scope: DriverScope, key: AttemptKey): Record<string, string> => ({
  [labelKeys.cluster]: scope.clusterId,
  [labelKeys.node]: scope.nodeId,
  [labelKeys.task]: key.taskId,
  [labelKeys.attempt]: String(key.attempt),
})

/** The attempt whose container this is; undefined if it is not of this cluster and node. */
export function keyOf(scope: DriverScope, labels: Readonly<Record<string, string>>): AttemptKey | undefined {
  const taskId = labels[labelKeys.task]
  const attempt = Number(labels[labelKeys.attempt])
  const ours = labels[labelKeys.cluster] === scope.clusterId && labels[labelKeys.node] === scope.nodeId
  return ours && taskId && Number.isInteger(attempt) && attempt > 0 ? { taskId, attempt } : undefined
}

/** Whether a container with these labels is the attempt `key` of this scope. */
export function isAttempt(scope: DriverScope, key: AttemptKey, labels: Readonly<Record<string, string>>): boolean {
  const found = keyOf(scope, labels)
  return found !== undefined && attemptName(found) === attemptName(key)
}
