/** Whether a specification can be run at all, said before it is sent: with the field that is wrong and a sentence. */
import { Compile } from 'typebox/compile'
import { TaskSpec } from '../../actors/model.ts'

export interface SpecFault {
  /** Where in the spec: `['restart', 'max']`. Empty = the whole. */
  readonly path: readonly string[]
  /** Continues "FIELD …": `must be a string`. */
  readonly message: string
}

export const dockerOnly = [
  'image',
  'pull',
  'entrypoint',
  'network',
  'pidsLimit',
  'init',
  'mounts',
  'tmpfs',
  'readOnly',
] as const

const patternHints: Readonly<Record<string, string>> = {
  driver: 'must be a name such as docker: small letters, digits and -, a letter first, 63 at most',
  constraints: 'must look like label=value or label!=value',
  expression: 'must look like label=value or label!=value',
  source: 'must be an absolute path',
  target: 'must be an absolute path',
  address: 'must be an IP address',
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text; put it in quotes if it looks like a number',
  object: 'a map of names and values',
  array: 'a list',
  integer: 'a whole number',
  boolean: 'true or false',
  number: 'a number',
}

const { properties } = TaskSpec
/** Every field of a spec. */
export const specFields: readonly string[] = Object.keys(properties)

const compiledOnce: { validator?: ReturnType<typeof compileSpec> } = {}
const compileSpec = () => Compile(TaskSpec)

/** The first thing that is wrong, or undefined. */
export function findFault(spec: Readonly<Record<string, unknown>>): SpecFault | undefined {
  compiledOnce.validator ??= compileSpec()
  const errors = compiledOnce.validator.Errors(spec)
  const first = errors[0]
  if (!first) return findContradiction(spec as TaskSpec)
  const same = errors.filter(({ instancePath }) => instancePath === first.instancePath)
  const path = first.instancePath.split('/').slice(1).map(unescaped)
  const allowed = same.flatMap((error) => (error.keyword === 'const' ? [String(error.params.allowedValue)] : []))
  if (allowed.length > 0) return { path, message: `must be ${listOf(allowed)}` }
  if (first.keyword === 'required') {
    const missing = first.params.requiredProperties[0] ?? ''
    return { path, message: `lacks the field "${missing}"` }
  }
  if (first.keyword === 'type')
    return { path, message: `must be ${kinds[String(first.params.type)] ?? first.params.type}` }
  if (first.keyword === 'pattern') {
    const hint = path.map((name) => patternHints[name]).find(Boolean)
    return { path, message: hint ?? first.message }
  }
  return { path, message: first.message }
}

// As RFC 6901 writes the names in a path.
const unescaped = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~')

const listOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

/** What stands behind a "=" may be a secret, and is not repeated. */
function findVariableFault({ env = {}, secretEnv = {} }: TaskSpec): SpecFault | undefined {
  for (const [field, variables] of Object.entries({ env, secretEnv })) {
    const bad = Object.keys(variables).find((name) => /[=\0]/.test(name) || name === '__proto__')
    if (bad === undefined) continue
    return { path: [field], message: `has "${bad.replace(/[=\0].*/s, '…')}", which is no name of a variable` }
  }
  const both = Object.keys(secretEnv).find((name) => Object.hasOwn(env, name))
  return both === undefined
    ? undefined
    : { path: ['secretEnv'], message: `has "${both}", which is in env, too; keep one of them` }
}

function findContradiction(spec: TaskSpec): SpecFault | undefined {
  if (spec.driver === 'docker' && spec.image === undefined) {
    return { path: ['image'], message: 'is missing; the docker driver needs one' }
  }
  if (spec.driver === 'process') {
    const foreign = dockerOnly.find((field) => spec[field] !== undefined)
    if (foreign) return { path: [foreign], message: 'is only for the docker driver' }
    if (!spec.command?.length || spec.command[0] === '') {
      return { path: ['command'], message: 'is missing; the process driver needs one' }
    }
  }
  const fault = findVariableFault(spec)
  if (fault !== undefined) return fault
  if (spec.restart?.max !== undefined && spec.restart.policy === 'never') {
    return { path: ['restart', 'max'], message: 'has no meaning when the policy is never' }
  }
  return undefined
}
