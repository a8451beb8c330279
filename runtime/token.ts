/** The secret that clients and workers show: random, in a file that only its owner may read. */
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import type { Random } from './random.ts'

const tokenChars = 32

export const tokenFileOf = (dataDir: string): string => join(dataDir, 'token')

/** The token in the folder, made if there is none. Throws TroupeError `Invalid` for an empty file. */
export async function loadToken(dataDir: string, random: Random): Promise<string> {
  const path = tokenFileOf(dataDir)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
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
