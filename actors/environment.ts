/** The variables that an attempt is given: the user's, and those in which Troupe says what it is and where it runs. */
import { type AttemptKey, modelLimits, type TaskSpec } from './model.ts'
import { isPortVariable, portVariables } from './ports.ts'
import { mask } from './shown.ts'

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

/** What is wrong with the variables of a specification, as one sentence; undefined if nothing. It names no value. */
export function faultOfEnvironment({ env = {}, secretEnv = {} }: TaskSpec): string | undefined {
  const names = [...Object.keys(env), ...Object.keys(secretEnv)]
  const named = names.find((name) => name.includes('='))
  if (named !== undefined) {
    const [name] = named.split('=')
    return `The name of an environment variable has no =, and ${name}=… has one: write the value apart from it.`
  }
  const odd = names.find((name) => name === '' || name.length > modelLimits.envNameCharsMax)
  if (odd !== undefined)
    return `The name of an environment variable has 1 to ${modelLimits.envNameCharsMax} characters, and one has ${odd.length}: give it another.`
  if (names.some((name) => name.includes('\0')))
    return 'The name of an environment variable holds a NUL character: remove it.'
  const own = names.find(isOwnVariable)
  if (own !== undefined) return `The variable ${own} is Troupe's own, which each attempt is given: use another name.`
  const both = Object.keys(secretEnv).find((name) => Object.hasOwn(env, name))
  if (both !== undefined) return `The variable ${both} stands in env and in secretEnv: keep one of them.`
  const masked = Object.entries(secretEnv).find(([, value]) => value === mask)
  if (masked) return `The secret ${masked[0]} is ${mask}, as secrets are shown: give its value.`
  return names.length > modelLimits.envMax
    ? `There are ${names.length} variables, with the secret ones, and may be ${modelLimits.envMax}: put what is many into a file.`
    : undefined
}

/** The specification as workers get it, secrets among its variables: so does one that knows of no secrets. */
export function withSecrets(spec: TaskSpec): TaskSpec {
  if (spec.secretEnv === undefined) return spec
  const { secretEnv, ...rest } = spec
  return { ...rest, env: { ...rest.env, ...secretEnv } }
}

const masked = (values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(values).map((name) => [name, mask]))

/** The specification as it is shown: secrets never, other variables to those who may do everything. */
export function shownSpec(spec: TaskSpec, showsEnv: boolean): TaskSpec {
  const { env, secretEnv } = spec
  return {
    ...spec,
    ...(env === undefined || showsEnv ? {} : { env: masked(env) }),
    ...(secretEnv === undefined ? {} : { secretEnv: masked(secretEnv) }),
  }
}

/**
 * The specification as a driver gets it: all variables that the attempt is to have stand in its `env`. Troupe's own are
 * there whatever the user's say, for a specification may have been stored before such a name was refused.
 */
export function withEnvironment(spec: TaskSpec, key: AttemptKey, place: AttemptPlace): TaskSpec {
  const own = Object.entries(ownVariables).map(([name, say]) => [name, say(key, place)] as const)
  return { ...spec, env: { ...spec.env, ...Object.fromEntries(own), ...portVariables(spec.ports) } }
}
