/** Modules of the build that is measured: what ships is measured, and not what a loader makes of its sources. */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export const root = resolve(import.meta.dirname, '..', '..')

/** The variable that names the build's folder to the processes of a bench. */
export const buildVariable = 'TROUPE_BENCH_BUILD'

export const buildFolder = (): string => process.env[buildVariable] ?? join(root, 'dist')

/** `path` within the build, `runtime/index.js`. Rejects if it was not built. */
export async function built<T>(path: string): Promise<T> {
  return (await import(pathToFileURL(join(buildFolder(), path)).href)) as T
}
