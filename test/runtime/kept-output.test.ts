/** The index of kept output: what goes, in which order, and that nothing else is looked at. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KeptContainers } from '../../runtime/drivers/docker/kept.ts'
import { type Kept, KeptOutput } from '../../runtime/drivers/kept-output.ts'
import { silentLogger } from '../../runtime/logger.ts'
import type { OutputRetention } from '../../runtime/options.ts'
import { ManualClock } from './manager-clock.ts'

const forever: OutputRetention = {
  ageMs: Number.POSITIVE_INFINITY,
  attemptsMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
}

function index(retention: Partial<OutputRetention>, found: readonly (readonly [string, Kept])[] = []) {
  const world = { nowMs: 1_000, finds: 0, removed: [] as string[], fails: false }
  const kept = new KeptOutput({
    retention: { ...forever, ...retention },
    nowMs: () => world.nowMs,
    async *find() {
      world.finds += 1
      yield* found
    },
    remove: async (name) => {
      if (world.fails) throw new Error('no permission')
      world.removed.push(name)
    },
  })
  return { kept, world }
}

test('the oldest go, by number, and the folder is read once', async () => {
  const { kept, world } = index({ attemptsMax: 2 }, [
    ['b', { bytes: 1, atMs: 20 }],
    ['a', { bytes: 1, atMs: 10 }],
  ])
  await kept.trim()
  kept.note('c', 1)
  await kept.trim()
  expect(world.removed).toEqual(['a'])
  for (const name of ['d', 'e', 'f']) kept.note(name, 1)
  await kept.trim()
  expect(world.removed).toEqual(['a', 'b', 'c', 'd'])
  expect([kept.size, kept.bytes, world.finds]).toEqual([2, 2, 1])
})

test('a folder that could not be read is read again at the next look', async () => {
  let finds = 0
  const removed: string[] = []
  const kept = new KeptOutput({
    retention: { ...forever, attemptsMax: 0 },
    nowMs: () => 1_000,
    async *find() {
      finds += 1
      if (finds === 1) throw new Error('too many open files')
      yield ['a', { bytes: 1, atMs: 10 }] as const
    },
    remove: async (name) => void removed.push(name),
  })
  await expect(kept.trim()).rejects.toThrow('too many open files')
  await kept.trim()
  expect(removed).toEqual(['a'])
})

test('by size: files of one name count together, and what is put there anew counts once', async () => {
  const { kept, world } = index({ bytesMax: 100 }, [
    ['a', { bytes: 30, atMs: 10 }],
    ['a', { bytes: 30, atMs: 12 }],
    ['b', { bytes: 30, atMs: 11 }],
  ])
  await kept.trim()
  expect(kept.bytes).toBe(90)
  kept.note('a', 40)
  expect(kept.bytes).toBe(70)
  kept.note('c', 40)
  await kept.trim()
  expect(world.removed).toEqual(['b'])
  expect(kept.bytes).toBe(80)
})

test('by age, as time goes by; 0 keeps none', async () => {
  const { kept, world } = index({ ageMs: 500 }, [['a', { bytes: 1, atMs: 400 }]])
  kept.note('b', 1)
  await kept.trim()
  expect(world.removed).toEqual(['a'])
  world.nowMs = 1_500
  await kept.trim()
  expect(world.removed).toEqual(['a', 'b'])
  const none = index({ ageMs: 0 })
  none.kept.note('x', 1)
  await none.kept.trim()
  expect(none.world.removed).toEqual(['x'])
})

test('what cannot be deleted stays in the index, and goes later', async () => {
  const { kept, world } = index({ attemptsMax: 0 }, [['a', { bytes: 5, atMs: 1 }]])
  world.fails = true
  await expect(kept.trim()).rejects.toThrow('no permission')
  expect(kept.size).toBe(1)
  world.fails = false
  await kept.trim()
  expect([world.removed, kept.size]).toEqual([['a'], 0])
})

test('of containers, in their folder, now and again', async () => {
  const outputDir = mkdtempSync(join(tmpdir(), 'troupe-kept-'))
  try {
    for (const name of ['old.1.log', 'young.1.log', 'half.1.log.tmp']) writeFileSync(join(outputDir, name), 'x')
    utimesSync(join(outputDir, 'old.1.log'), 1_000, 1_000)
    const clock = new ManualClock(() => new Promise((resolve) => setTimeout(resolve, 1)))
    const left = () => readdirSync(outputDir).sort()
    const retention = { ...forever, attemptsMax: 1 }
    const kept = new KeptContainers({ outputDir, retention, clock, logger: silentLogger })
    kept.begin()
    await expect.poll(left, { timeout: 20_000 }).toEqual(['half.1.log.tmp', 'young.1.log'])
    writeFileSync(join(outputDir, 'new.1.log'), 'x')
    kept.saved({ taskId: 'new', attempt: 1 }, 1)
    await expect.poll(left, { timeout: 20_000 }).toEqual(['half.1.log.tmp', 'new.1.log'])
    kept.close()
  } finally {
    rmSync(outputDir, { recursive: true })
  }
})
