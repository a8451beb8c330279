/** Finds the state machine that a module exports. */
import { stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { isMachine, type MachineLike } from '../../inspector/chart/graph.ts'
import { builtInNames } from '../../inspector/chart/machines.ts'
import { exitCodes, Failure, UsageError } from './failure.ts'
import { closestWord } from './suggest.ts'

/** `file`: as the user wrote it. `exported`: the name of the export; without it the module must have just one machine. */
export async function loadMachine(path: string, file: string, exported: string | undefined): Promise<MachineLike> {
  await mustBeFile(path, file)
  const module = await load(path, file)
  // The same machine under two names, as itself and as the default, is one.
  const machines = new Map<MachineLike, string>()
  for (const [name, value] of Object.entries(module)) {
    if (isMachine(value) && (name !== 'default' || !machines.has(value))) machines.set(value, name)
  }
  if (exported !== undefined) return namedMachine(module, file, exported, [...machines.values()])
  const [first, ...others] = machines
  if (first === undefined) {
    throw new Failure(
      exitCodes.notFound,
      `${file} exports no state machine${listed(Object.keys(module), '; it exports ')}. One is what createMachine() of XState 5 returns.`,
    )
  }
  if (others.length > 0) {
    const names = [...machines.values()]
    throw new UsageError(
      `${file} exports ${names.length} machines: choose one with --export ${names.join(' or --export ')}.`,
    )
  }
  return first[0]
}

function namedMachine(
  module: Readonly<Record<string, unknown>>,
  file: string,
  name: string,
  machines: readonly string[],
): MachineLike {
  const value = Object.hasOwn(module, name) ? module[name] : undefined
  if (isMachine(value)) return value
  const what = Object.hasOwn(module, name)
    ? `${file} exports "${name}", which is no state machine`
    : `${file} has no export "${name}"`
  throw new Failure(
    exitCodes.notFound,
    `${what}${listed(machines, '; its machines are ') || '; it exports no machine'}.`,
  )
}

const listed = (names: readonly string[], before: string): string =>
  names.length === 0 ? '' : `${before}${names.join(', ')}`

async function mustBeFile(path: string, file: string): Promise<void> {
  let isFile: boolean
  try {
    isFile = (await stat(path)).isFile()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw new Failure(exitCodes.error, `${file} cannot be read: ${message}.`)
    const near = closestWord(file, builtInNames)
    const advice = near ? `did you mean "${near}"?` : `Troupe's own machines are ${builtInNames.join(', ')}.`
    throw new Failure(exitCodes.notFound, `There is no file ${file}; ${advice}`)
  }
  if (!isFile) throw new UsageError(`${file} is not a file; name the module that exports the machine.`)
}

async function load(path: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(path)) {
      throw new Failure(
        exitCodes.error,
        `${file} is TypeScript, which Node ${process.versions.node} does not load; use Node 22.18 or newer, or compile it first.`,
      )
    }
    const sentence = error instanceof Error ? message.split('\n')[0] : String(error)
    throw new Failure(exitCodes.error, `${file} cannot be loaded: ${sentence}`, { cause: error })
  }
}
