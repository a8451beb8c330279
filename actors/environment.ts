/** The variables that an attempt is given: the user's, and those in which Troupe says what it is and where it runs. */
import type { AttemptKey, TaskSpec } from './model.ts'
import { isPortVariable, portVariables } from './ports.ts'

/** Where an attempt runs. */
export interface AttemptPlace {
  readonly clusterId: string
  readonly nodeId: string
  /** The node's name, for people. */
  readonly nodeName: string
}

/** Troupe's own, with what each says. A user's variable of such a name would never be seen, and so is refused. */
const ownVariables = {
  TROUPE_CLUSTER_ID: (_key: AttemptKey, { clusterId }: AttemptPlace) => clusterId,
  TROUPE_NODE_ID: (_key: AttemptKey, { nodeId }: AttemptPlace) => nodeId,
  TROUPE_NODE: (_key: AttemptKey, { nodeName }: AttemptPlace) => nodeName,
  TROUPE_TASK_ID: ({ taskId }: AttemptKey) => taskId,
  TROUPE_ATTEMPT: ({ attempt }: AttemptKey) => String(attempt),
} as const

/** By these the process driver finds what a task leaves behind. */
const driversVariables = ['TROUPE_REF']

/**
 * Whether a name is one of Troupe's own. Others that begin with `TROUPE_` are not: a task may well be given the
 * `TROUPE_ADDR` that its own `troupe` command reads.
 */
export const isOwnVariable = (name: string): boolean =>
  Object.hasOwn(ownVariables, name) || driversVariables.includes(name) || isPortVariable(name)

/**
 * The specification as a driver gets it: all variables that the attempt is to have stand in its `env`. Troupe's own are
 * there whatever the user's say, for a specification may have been stored before such a name was refused.
 */
export function withEnvironment(spec: TaskSpec, key: AttemptKey, place: AttemptPlace): TaskSpec {
  const own = Object.entries(ownVariables).map(([name, say]) => [name, say(key, place)] as const)
  return { ...spec, env: { ...spec.env, ...Object.fromEntries(own), ...portVariables(spec.ports) } }
}
