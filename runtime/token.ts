/** The secrets that clients and workers show: random, each in a file that only its owner may read. */
import { existsSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import type { Random } from './random.ts'

const tokenChars = 32

export const tokenFileOf = (dataDir: string): string => join(dataDir, 'token')
/** Of the token that may only look. */
export const viewTokenFileOf = (dataDir: string): string => join(dataDir, 'view-token')

/** The token in the folder, made if there is none. Throws TroupeError `Invalid` for an empty file. */
export const loadToken = (dataDir: string, random: Random): Promise<string> => load(dataDir, tokenFileOf, random)

/** The token that may only look, likewise. */
export const loadViewToken = (dataDir: string, random: Random): Promise<string> =>
  load(dataDir, viewTokenFileOf, random)

async function load(dataDir: string, fileOf: (dataDir: string) => string, random: Random): Promise<string> {
  const path = fileOf(dataDir)
  await makeDataDir(dataDir)
  try {
    const file = await open(path, 'wx', 0o600)
    const token = random.id(tokenChars)
    await file.writeFile(`${token}\n`)
    await file.sync()
    await file.close()
    return token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const token = (await readFile(path, 'utf8')).trim()
  if (token === '') throw new TroupeError('Invalid', `${path} is empty; delete it, and a new token is made`)
  return token
}

async function makeDataDir(dataDir: string): Promise<void> {
  let first = resolve(dataDir)
  if (existsSync(first)) return
  while (!existsSync(dirname(first))) first = dirname(first)
  try {
    // Not at once with all parents: in /proc Node's recursive mkdir tries for ever, and the process cannot even end.
    await mkdir(first, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      const why = (error as Error).message
      throw new TroupeError('Invalid', `${dataDir} cannot be made (${why}); name another folder with --data-dir`)
    }
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
}
