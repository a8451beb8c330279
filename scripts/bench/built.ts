/** Modules of the build that is measured: what ships is measured, and not what a loader makes of its sources. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export const root = resolve(import.meta.dirname, '..', '..')

/** The variable that names the build's folder to the processes of a bench. */
export const buildVariable = 'TROUPE_BENCH_BUILD'

const buildFolder = (): string => process.env[buildVariable] ?? join(root, 'dist')

/** The command line of the build. */
export const commandPath = (): string => join(buildFolder(), 'runtime', 'cli', 'main.js')

/** The flags that its first line has Node started with, as people's managers and workers are. */
export function commandFlags(): string[] {
  const [line = ''] = readFileSync(commandPath(), 'utf8').split('\n', 1)
  return /^#!\/usr\/bin\/env -S node (.*)--$/.exec(line)?.[1]?.split(' ').filter(Boolean) ?? []
}

/** `path` within the build, `runtime/index.js`. Rejects if it was not built. */
export async function built<T>(path: string): Promise<T> {
  return (await import(pathToFileURL(join(buildFolder(), path)).href)) as T
}
