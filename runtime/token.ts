/** The secrets that clients and workers show: random, each in a file that only its owner may read. */
import { existsSync } from 'node:fs'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
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

/** One that somebody chose. Throws TroupeError `Invalid` for one that is empty: a variable that was never set, mostly. */
export function checkToken(token: string): string {
  if (token.trim() !== '') return token
  throw new TroupeError('Invalid', 'the token is empty, and no secret; leave it out, and one is made')
}

async function load(dataDir: string, fileOf: (dataDir: string) => string, random: Random): Promise<string> {
  const path = fileOf(dataDir)
  await makeDataDir(dataDir)
  if (!existsSync(path)) await make(path, random)
  const token = (await readFile(path, 'utf8')).trim()
  if (token === '') throw new TroupeError('Invalid', `${path} is empty; delete it, and a new token is made`)
  return token
}

/** It has its name only once it is whole: whoever dies in between, or finds the disk full, leaves none that is empty. */
async function make(path: string, random: Random): Promise<void> {
  const made = `${path}.${random.id(12)}`
  try {
    const file = await open(made, 'wx', 0o600)
    try {
      await file.writeFile(`${random.id(tokenChars)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await name(made, path)
  } finally {
    await rm(made, { force: true })
  }
}

/** Another process may have been faster: then its token counts. */
async function name(made: string, path: string): Promise<void> {
  try {
    await link(made, path)
  } catch (error) {
    // Some file systems of shared folders have no links.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rename(made, path)
  }
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
