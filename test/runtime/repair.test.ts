/** What can be taken out of a damaged store: all that is whole, nothing that is stale, and what is lost by its name. */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endOf, keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { type RepairReport, repairStore } from '../../runtime/manager/repair.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { Salvage } from '../../runtime/storage/rocksdb/salvage.ts'
import { type Storage, StorageError, type StorageOp } from '../../runtime/storage/storage.ts'
import { dbFiles, filesOf, flip, makeRoot, open, refusalOf, startChild } from './storage-world.ts'

const root = makeRoot()
afterAll(() => rmSync(root, { recursive: true, force: true }))
const tasks = 120
/** Of which each block holds a few. */
const text = (seed: number) => Array.from({ length: 60 }, (_, at) => ((seed + 7) * (at + 3)) ** 3 % 9973).join(' ')

type Contents = Map<string, Uint8Array>

async function contentsOf(storage: Storage): Promise<Contents> {
  const all: Contents = new Map()
  for await (const [key, value] of storage.scan({})) all.set(key, value)
  return all
}

/** The records of a task, without a snapshot that anybody could restore: here only bytes count. */
function opsOf(at: number, version: number): StorageOp[] {
  const id = `job-${String(at).padStart(4, '0')}`
  const revision = version * 1_000 + at
  const record = { machineId: 'task', version: 1, revision, snapshot: { of: text(revision) }, timers: [] }
  const spec = { command: [text(at)] }
  const event = { taskId: id, revision, says: text(revision) }
  const put = (key: string, value: Uint8Array): StorageOp => ({ type: 'put', key, value })
  return [
    put(keys.task(id), encodeRecord(record)),
    ...(version === 1 ? [put(keys.spec(id), encodeRecord(spec))] : []),
    put(keys.log(revision, 0), encodeRecord(event)),
    put(keys.past(id, revision, 0), new Uint8Array(0)),
    put(keys.revision, encodeRecord(revision)),
  ]
}

async function salvage(dir: string): Promise<{ report: RepairReport; contents: Contents; damaged: Salvage }> {
  const damaged = await Salvage.open({ dir, workDir: `${dir}.work`, format: 1 })
  try {
    const to = createMemoryStorage()
    const report = await repairStore(damaged, to, 5)
    return { report, contents: await contentsOf(to), damaged }
  } finally {
    await damaged.close()
  }
}

const copyOf = (dir: string) => {
  const copy = mkdtempSync(join(root, 'c-'))
  cpSync(dir, copy, { recursive: true })
  return copy
}
const byAge = (dir: string) => dbFiles(dir, /\.sst$/).sort()

describe('a store of two tables, the newer with new versions of half of the tasks, and a log', () => {
  let whole: string
  let contents: Contents

  beforeAll(async () => {
    whole = mkdtempSync(join(root, 's-'))
    const meta: StorageOp[] = [{ type: 'put', key: keys.cluster, value: encodeRecord('cluster') }]
    const rounds = [
      [...meta, ...Array.from({ length: tasks }, (_, at) => opsOf(at, 1)).flat()],
      Array.from({ length: tasks / 2 }, (_, at) => opsOf(at * 2, 2)).flat(),
      opsOf(tasks, 1),
    ]
    for (const ops of rounds) {
      const storage = await open(whole)
      await storage.batch(ops, { sync: true, epoch: 1 })
      contents = await contentsOf(storage)
      await storage.close()
    }
    expect(byAge(whole).length).toBe(2)
  })

  test('unharmed: all of it is there, nothing is called lost, and the original is left as it is', async () => {
    const before = filesOf(whole)
    const { report, contents: found } = await salvage(whole)
    expect(report.lost).toEqual([])
    expect(found).toEqual(contents)
    expect(filesOf(whole)).toEqual(before)
  })

  test.each([0, 1])(
    'a bit flipped anywhere in table %i: what is served is the newest or is named',
    async (table) => {
      const seen = { refused: 0, mended: 0 }
      for (let part = 0; part < 12; part += 1) {
        const dir = copyOf(whole)
        const path = byAge(dir)[table] as string
        flip(path, Math.floor((statSync(path).size * part) / 12))
        const hurt = filesOf(dir)
        const outcome = await salvage(dir).catch((error: unknown) => error)
        expect(filesOf(dir)).toEqual(hurt)
        if (outcome instanceof StorageError) {
          expect(outcome.message).toMatch(/Nothing can be taken out of the store .* Restore a backup/)
          seen.refused += 1
          continue
        }
        if (outcome instanceof Error) {
          expect(outcome.message).toContain('the identity of the cluster')
          seen.refused += 1
          continue
        }
        const { report, contents: found } = outcome as Awaited<ReturnType<typeof salvage>>
        expectHonest(report, found)
        if (report.lost.length > 0) seen.mended += 1
        rmSync(dir, { recursive: true })
      }
      expect(seen.mended).toBeGreaterThan(3)
    },
    120_000,
  )

  /** All that is there is the newest, or a blank that the report names; what is missing altogether is in a named gap. */
  function expectHonest({ lost }: RepairReport, found: Contents): void {
    const text = lost.join('\n')
    for (const [key, value] of found) {
      if (key === keys.backup || key.endsWith('.999')) continue
      const isBlank = value.length === 0 && contents.get(key)?.length !== 0
      if (isBlank) expect(text).toContain(`${key}: `)
      else expect(value, key).toEqual(contents.get(key))
    }
    const gaps = lost.flatMap((line) => /^whatever was between (.*) and (.*) and is named/.exec(line) ?? [])
    for (const key of contents.keys()) {
      if (found.has(key) || key.startsWith('meta/')) continue
      const [, after = '', before = ''] = gaps
      expect(key > after || after === 'the beginning', `${key} is not in ${gaps}`).toBe(true)
      expect(key < before || before === 'the end', `${key} is not in ${gaps}`).toBe(true)
    }
    if (lost.length > 0) expect(found.has(keys.backup)).toBe(true)
    // One block holds a few records of hundreds.
    expect(lost.length).toBeLessThan(60)
    expect(found.size).toBeGreaterThan(contents.size - 60)
  }

  test('records that are lost are blank and named; indexes are made anew from what they point to', async () => {
    const dir = copyOf(whole)
    const path = byAge(dir)[0] as string
    flip(path, 200)
    const { report, contents: found } = await salvage(dir)
    const blanks = [...found].filter(([key, value]) => value.length === 0 && contents.get(key)?.length !== 0)
    expect(blanks.length).toBeGreaterThan(0)
    for (const [key] of blanks) expect(report.lost.join('\n')).toContain(key)
    const pasts = (all: Contents) => [...all.keys()].filter((key) => key > 'past/' && key < endOf('past/'))
    expect(pasts(found)).toEqual(expect.arrayContaining(pasts(contents)))
  })

  test('a damaged log: what came before is there, and the lost end is said', async () => {
    const dir = copyOf(whole)
    const log = dbFiles(dir, /\.log$/)[0] as string
    flip(log, statSync(log).size >> 1)
    expect((await refusalOf(open(copyOf(dir)))).message).toContain('troupe repair')
    const { report, contents: found } = await salvage(dir)
    expect(report.lost).toEqual([
      expect.stringMatching(/^the end: its log can be read up to operation \d+, and \d+ were/),
    ])
    for (const [key, value] of found)
      if (key !== keys.backup && key !== keys.revision) expect(contents.get(key)).toEqual(value)
    expect(found.size).toBeGreaterThan(contents.size - 10)
    expect(found.has(keys.backup)).toBe(true)
  })

  test('files about the store that are gone or nonsense lose nothing', async () => {
    for (const name of ['format.json', join('db', 'CURRENT')]) {
      const dir = copyOf(whole)
      writeFileSync(join(dir, name), 'nonsense')
      expect((await refusalOf(open(dir))).code, name).toBe('damaged')
      const { report, contents: found } = await salvage(dir)
      expect({ lost: report.lost, found }, name).toEqual({ lost: [], found: contents })
      expect(readFileSync(join(dir, name), 'utf8')).toBe('nonsense')
    }
  })

  test('a store in use is refused, and one that is being repaired cannot be opened', async () => {
    const dir = copyOf(whole)
    const holder = await startChild('hold', dir, 1)
    expect((await refusalOf(salvage(dir))).code).toBe('locked')
    await holder.kill()
    const damaged = await Salvage.open({ dir, workDir: `${dir}.work`, format: 1 })
    await expect(startChild('hold', dir, 1)).rejects.toThrow('is in use by another process')
    await damaged.close()
    await (await startChild('hold', dir, 1)).kill()
  })

  test('a record of ours that was damaged before it reached the store is named', async () => {
    const dir = copyOf(whole)
    const storage = await open(dir)
    const key = keys.task('job-0003')
    const bytes = new Uint8Array(contents.get(key) as Uint8Array)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    await storage.batch([{ type: 'put', key, value: bytes }], { sync: true, epoch: 1 })
    await storage.close()
    const { report, contents: found } = await salvage(dir)
    expect(report.lost).toEqual([`${key}: its checksum does not match`])
    expect(found.get(key)?.length).toBe(0)
  })

  test('no store, a newer one and that of a worker are refused', async () => {
    expect((await refusalOf(salvage(join(root, 'none')))).message).toContain('There is no store in')
    const dir = copyOf(whole)
    writeFileSync(join(dir, 'format.json'), '{"troupe":"store","format":9}\n')
    expect((await refusalOf(salvage(dir))).code).toBe('newer-format')
    const worker = mkdtempSync(join(root, 'w-'))
    const storage = await open(worker)
    await storage.batch([{ type: 'put', key: keys.node, value: encodeRecord('n') }], { sync: true, epoch: 1 })
    await storage.close()
    await expect(salvage(worker)).rejects.toThrow('this is the store of a worker')
  })
})
