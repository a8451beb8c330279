/** The flags that give a task variables, and the variables that come of them. */
import { resolve } from 'node:path'
import { Option } from 'commander'
import { collect } from './command.ts'
import type { Io } from './io.ts'
import { readTextFile } from './text-file.ts'
import { secretsFrom, variablesFrom, variablesInFile } from './variables.ts'

export interface VariableFlags {
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly secretEnv?: readonly string[]
  readonly secretEnvFile?: readonly string[]
}

export const variableFlags: readonly Option[] = [
  new Option(
    '-e, --env <key=value>',
    'a variable; KEY alone takes it from this environment; may be repeated',
  ).argParser(collect),
  new Option(
    '--env-file <file>',
    'variables, a KEY=VALUE or KEY a line; those of --env win; may be repeated',
  ).argParser(collect),
  new Option(
    '--secret-env <key[=value]>',
    'a variable that nobody is shown; KEY alone must be set here, and keeps it out of your history; may be repeated',
  ).argParser(collect),
  new Option('--secret-env-file <file>', 'such variables, as --env-file; may be repeated').argParser(collect),
]

type Maker = Pick<Io, 'env' | 'cwd'>

/** Files first, in their order, then flags: what comes later wins. Absent what was not given. Throws UsageError. */
export function variablesOf(flags: VariableFlags, { env, cwd }: Maker) {
  const inFiles = (files: readonly string[] = [], isSecret: boolean) =>
    files.flatMap((file) => {
      const text = readTextFile(resolve(cwd, file), file, 'a list of variables')
      return [...variablesInFile(text, file, env, isSecret)]
    })
  const all = (files: readonly [string, string][], given: ReadonlyMap<string, string>) =>
    Object.fromEntries([...files, ...given])
  return {
    ...(flags.env || flags.envFile
      ? { env: all(inFiles(flags.envFile, false), variablesFrom(flags.env ?? [], '--env', env)) }
      : {}),
    ...(flags.secretEnv || flags.secretEnvFile
      ? { secretEnv: all(inFiles(flags.secretEnvFile, true), secretsFrom(flags.secretEnv ?? [], '--secret-env', env)) }
      : {}),
  }
}
