/** A crash loses nothing that was acknowledged; damage that lost something is told, and nothing is made worse. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Storage, StorageError } from '../../runtime/storage/storage.ts'
import {
  allOf,
  dbFiles,
  filesOf,
  flip,
  makeRoot,
  open,
  put,
  refusalOf,
  startChild,
  writeSynced,
} from './storage-world.ts'

const root = makeRoot()
afterAll(() => rmSync(root, { recursive: true, force: true }))
const fresh = () => mkdtempSync(join(root, 's-'))

const copyOf = (dir: string) => {
  const copy = fresh()
  cpSync(dir, copy, { recursive: true })
  return copy
}

const only = (paths: string[]): string => {
  expect(paths.length).toBe(1)
  return paths[0] as string
}

describe('kill -9', () => {
  test('in the middle of writes, ten times over: every acknowledged batch is there, and each is whole', async () => {
    const dir = fresh()
    let acknowledged = 0
    for (let round = 0; round < 10; round += 1) {
      const child = await startChild('write', dir, 20 + round * 7)
      await child.kill()
      acknowledged = Number(child.printed.at(-1))
      const storage = await open(dir)
      const all = await allOf(storage)
      const last = Number(all.last)
      expect(last).toBeGreaterThanOrEqual(acknowledged)
      for (let n = 1; n <= last; n += 1) {
        const key = String(n).padStart(8, '0')
        expect(all[`a/${key}`], key).toBeDefined()
        expect(all[`b/${key}`], key).toBe(all[`a/${key}`])
      }
      expect(Object.keys(all).filter((key) => key.startsWith('a/')).length).toBe(last)
      await storage.close()
    }
    expect(acknowledged).toBeGreaterThan(200)
  }, 60_000)
})

describe('a torn tail', () => {
  let dir: string
  let storage: Storage
  let syncedBytes: number
  let log: string

  beforeAll(async () => {
    dir = fresh()
    storage = await open(dir)
    for (let n = 0; n < 10; n += 1) await writeSynced(storage, put(`k${n}`, 'synced '.repeat(100)))
    log = only(dbFiles(dir, /\.log$/))
    syncedBytes = statSync(log).size
    const ops = Array.from({ length: 10 }, (_, n) => put(`u${n}`, 'unsynced '.repeat(500)))
    await storage.batch(ops, { sync: false, epoch: 1 })
    expect(statSync(log).size).toBeGreaterThan(syncedBytes + 40_000)
  })
  afterAll(() => storage.close())

  /** The store as a loss of power would have left it, but for what `change` does to the end of its log. */
  async function afterCrash(change: (log: string, bytes: Buffer) => void): Promise<Record<string, string>> {
    const copy = copyOf(dir)
    const copied = only(dbFiles(copy, /\.log$/))
    change(copied, readFileSync(copied))
    const again = await open(copy)
    const all = await allOf(again)
    await again.close()
    expect(existsSync(join(copy, 'log-before-open'))).toBe(false)
    return all
  }

  const expectSynced = (all: Record<string, string>) => {
    for (let n = 0; n < 10; n += 1) expect(all[`k${n}`]).toBe('synced '.repeat(100))
    expect([0, 10]).toContain(Object.keys(all).filter((key) => key.startsWith('u')).length)
  }

  test('cut anywhere in what was not synced: opens, and all that was synced is there', async () => {
    for (let at = syncedBytes; at < statSync(log).size; at += 4_321) {
      expectSynced(await afterCrash((path) => truncateSync(path, at)))
    }
    expectSynced(await afterCrash(() => {}))
  })

  test('zeros or garbage in what was not synced: opens as well', async () => {
    for (const byte of [0, 0xa5]) {
      for (const from of [syncedBytes, syncedBytes + 5_000]) {
        expectSynced(await afterCrash((path, bytes) => writeFileSync(path, bytes.fill(byte, from))))
      }
    }
  })

  test('cut into what was synced: is told as damage', async () => {
    for (const at of [0, 100, syncedBytes - 1]) {
      const refusal = await refusalOf(afterCrash((path) => truncateSync(path, at)))
      expect(refusal.code, `cut at ${at}`).toBe('damaged')
    }
  })
})

describe('damage', () => {
  let whole: string
  let contents: Record<string, string>

  // Half of it in a table, half of it in the log.
  beforeAll(async () => {
    whole = fresh()
    for (const half of ['a', 'b']) {
      const storage = await open(whole)
      for (let n = 0; n < 50; n += 1) await writeSynced(storage, put(`${half}${n}`, `${half}${n} `.repeat(100)))
      contents = await allOf(storage)
      await storage.close()
    }
    only(dbFiles(whole, /\.log$/))
    only(dbFiles(whole, /\.sst$/))
  })

  test('a flipped bit in the log is refused, says what to do, and leaves all that was there to be saved', async () => {
    const dir = copyOf(whole)
    const log = only(dbFiles(dir, /\.log$/))
    flip(log, statSync(log).size >> 1)
    const hurt = readFileSync(log)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refusal = await refusalOf(open(dir))
      expect(refusal.code).toBe('damaged')
      expect(refusal.message).toContain(`The store ${dir} is damaged: its log ends after operation `)
      expect(refusal.message).toContain('but 100 were synced. Restore the folder from a backup')
      expect(refusal.message).toContain(`\`troupe repair ${dir}\``)
      const kept = join(dir, 'log-before-open')
      expect(readdirSync(kept).map((name) => readFileSync(join(kept, name)))).toEqual([hurt])
    }
  })

  test('wherever a bit flips, what was synced is there or the damage is told', async () => {
    const seen = { damaged: 0, whole: 0 }
    const names = Object.keys(filesOf(whole)).filter((name) => statSync(join(whole, name)).size > 0 && name !== 'db')
    for (const name of names) {
      const { size } = statSync(join(whole, name))
      const step = Math.max(1, Math.floor(size / 24))
      for (let at = 0; at < size; at += step) {
        const dir = copyOf(whole)
        flip(join(dir, name), at)
        const outcome = await readWhole(dir)
        const where = `${name} at ${at}`
        if (outcome instanceof StorageError) {
          expect(name === 'format.json' ? ['damaged', 'newer-format'] : ['damaged'], where).toContain(outcome.code)
          seen.damaged += 1
        } else {
          expect(outcome, where).toEqual(contents)
          seen.whole += 1
        }
        rmSync(dir, { recursive: true })
      }
    }
    expect(seen.damaged).toBeGreaterThan(60)
    expect(seen.whole).toBeGreaterThan(0)
  }, 60_000)

  /** All that the store says it holds, or how it refuses. */
  async function readWhole(dir: string): Promise<Record<string, string> | StorageError> {
    let storage: Storage | undefined
    try {
      storage = await open(dir)
      return await allOf(storage)
    } catch (error) {
      if (error instanceof StorageError) return error
      throw error
    } finally {
      await storage?.close()
    }
  }

  test('a flipped bit in a table: get tells it, the process goes on, close works', async () => {
    const dir = copyOf(whole)
    flip(only(dbFiles(dir, /\.sst$/)), 100)
    const storage = await open(dir)
    const keys = Object.keys(contents)
    // In one turn, and so in one call to RocksDB: what it cannot read costs the others nothing.
    const outcomes = await Promise.all(keys.map((key) => storage.get(key).catch((error) => error)))
    const refused = outcomes.filter((outcome) => outcome instanceof StorageError)
    expect(refused.length).toBeGreaterThan(0)
    for (const [at, outcome] of outcomes.entries()) {
      if (!(outcome instanceof StorageError)) expect(Buffer.from(outcome).toString()).toBe(contents[keys[at] as string])
    }
    expect(new Set(refused.map((refusal) => refusal.code))).toEqual(new Set(['damaged']))
    await storage.close()
  })

  test('a file that is gone or cut is told at once, and nothing is made in its place', async () => {
    const gone = [/\.log$/, /\.sst$/, /^MANIFEST/, /^CURRENT$/]
    for (const pattern of gone) {
      const dir = copyOf(whole)
      rmSync(only(dbFiles(dir, pattern)))
      expect((await refusalOf(open(dir))).code, String(pattern)).toBe('damaged')
    }
    for (const name of ['db', 'format.json', join('db', 'CURRENT')]) {
      const dir = copyOf(whole)
      rmSync(join(dir, name), { recursive: true })
      const before = filesOf(dir)
      expect((await refusalOf(open(dir))).code, name).toBe('damaged')
      expect(filesOf(dir)).toEqual(before)
    }
    const dir = copyOf(whole)
    const table = only(dbFiles(dir, /\.sst$/))
    truncateSync(table, statSync(table).size - 1)
    expect((await refusalOf(open(dir))).code).toBe('damaged')
  })

  test('a mark that cannot be read is warned of, and is whole again after the next synced batch', async () => {
    const dir = copyOf(whole)
    writeFileSync(join(dir, 'synced'), 'nonsense')
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, warn: (message: string) => warnings.push(message), error() {} }
    const storage = await open(dir, { logger })
    await writeSynced(storage, put('more'))
    await storage.close()
    expect(warnings).toEqual([expect.stringContaining(`${join(dir, 'synced')} cannot be read`)])
    await (await open(dir, { logger })).close()
    expect(warnings.length).toBe(1)
  })
})
