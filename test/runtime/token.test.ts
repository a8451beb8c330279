/** The files of the two tokens: whole or not there, whatever happens while they are made. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../runtime/logger.ts'
import { isSecret } from '../../runtime/manager/admission.ts'
import { openManager } from '../../runtime/open.ts'
import { openTroupe } from '../../runtime/open-troupe.ts'
import type { Random } from '../../runtime/random.ts'
import { systemRandom } from '../../runtime/system.ts'
import { loadToken, loadViewToken, tokenFileOf, viewTokenFileOf } from '../../runtime/token.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-token-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** Chance that fails at the n-th time that it is asked: whoever asked dies there. */
function failingAt(time: number): Random {
  let asked = 0
  const id = (chars: number) => {
    asked += 1
    if (asked === time) throw new Error('it dies here')
    return systemRandom.id(chars)
  }
  return { ...systemRandom, id }
}

test('each is made once, read by its owner only, and nothing else is left', async () => {
  const [token, viewToken] = [await loadToken(dir, systemRandom), await loadViewToken(dir, systemRandom)]
  expect(token).not.toBe(viewToken)
  expect((await readdir(dir)).sort()).toEqual(['token', 'view-token'])
  for (const file of [tokenFileOf(dir), viewTokenFileOf(dir)]) expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(tokenFileOf(dir), 'utf8')).toBe(`${token}\n`)
  expect([await loadToken(dir, systemRandom), await loadViewToken(dir, systemRandom)]).toEqual([token, viewToken])
})

test.each([1, 2])('whoever dies while it is made leaves nothing that the next one stumbles over (%i)', async (time) => {
  await loadViewToken(dir, failingAt(time)).catch(() => {})
  expect(await loadViewToken(dir, systemRandom)).toMatch(/^\S{32}$/)
})

test('of several that start at once all get the same', async () => {
  const tokens = await Promise.all(Array.from({ length: 8 }, () => loadToken(dir, systemRandom)))
  expect(new Set(tokens).size).toBe(1)
  expect(await readdir(dir)).toEqual(['token'])
})

test('a file that somebody has emptied is refused, and the sentence says what to do', async () => {
  await writeFile(tokenFileOf(dir), '\n')
  await expect(loadToken(dir, systemRandom)).rejects.toMatchObject({
    code: 'Invalid',
    message: expect.stringContaining('is empty; delete it'),
  })
})

test.each(['', '  '])('an empty token opens nothing, and lets nobody in (%j)', async (token) => {
  const refusal = { code: 'Invalid', message: expect.stringContaining('the token is empty') }
  await expect(openTroupe({ storage: 'memory', drivers: [], token })).rejects.toMatchObject(refusal)
  const manager = { listen: '127.0.0.1:0', dataDir: dir, storage: 'memory', logger: silentLogger, token } as const
  await expect(openManager(manager)).rejects.toMatchObject(refusal)
  expect(isSecret('', '')).toBe(false)
})
