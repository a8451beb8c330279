import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { outputRetentionDefaults } from '../../runtime/drivers/kept-output.ts'
import { AttemptFolder } from '../../runtime/drivers/process/folder.ts'
import { createKeptOutput } from '../../runtime/drivers/process/kept.ts'
import { boundOutput, keepOutput } from '../../runtime/drivers/process/output.ts'
import { ProcessWorkshop, readAll, until } from './process-fixture.ts'

const workshop = new ProcessWorkshop()
afterAll(() => workshop.clear())

const key = { taskId: 'one', attempt: 1 }
const kib = 1_024
const retention = { ...outputRetentionDefaults, ageMs: Number.POSITIVE_INFINITY, bytesMax: 1_000 * kib }
const limits = { outputBytesMax: 256 * kib, retention }
/** Writes 3 MiB of numbered lines of 64 bytes, then waits for a file. */
const talk = (gate: string) =>
  `i=0; while [ $i -lt 48 ]; do seq -f '%063.0f' $((i*1024)) $((i*1024+1023)); i=$((i+1)); done
   until [ -e ${gate} ]; do sleep 0.05; done; echo last`

const roomOf = (path: string) => statSync(path).blocks * 512

test('a long output loses its oldest part while it runs, and nothing of its newest', async () => {
  const dir = workshop.dir()
  const gate = join(dir, 'gate')
  const { driver, run, ended, output } = await workshop.watch(dir, limits)
  await run(key, ['/bin/sh', '-c', talk(gate)])
  const path = join(dir, 'attempts/one.1/stdout')
  await until('all is written', () => (statSync(path).size === 3_072 * kib ? true : undefined))
  await until('the oldest is dropped', () => (roomOf(path) <= 512 * kib ? true : undefined))
  expect(statSync(path).size, 'offsets stay true').toBe(3_072 * kib)

  const check = (text: string, last: string) => {
    expect(text.length).toBeGreaterThanOrEqual(256 * kib)
    expect(text.length).toBeLessThanOrEqual(512 * kib)
    const lines = text.split('\n').slice(1, -1)
    const expected = lines.map((_, index) => `${Number(lines[0]) + index}`.padStart(63, '0'))
    if (last === 'last') expected.splice(-1, 1, 'last')
    expect(lines).toEqual(expected)
    expect(lines.at(-1)).toBe(last)
  }
  check((await output(key)).stdout, `${49_151}`.padStart(63, '0'))
  writeFileSync(gate, '')
  await ended(key)
  check((await output(key)).stdout, 'last')
  await driver.remove(key)
  const kept = (await output(key)).stdout
  expect(kept.endsWith('last\n')).toBe(true)
  expect(kept.length).toBe(256 * kib)
  expect(kept).not.toContain('\0')
})

test('a follower reads all of it in order while it grows, and ends with it', async () => {
  const dir = workshop.dir()
  const { driver, run } = await workshop.watch(dir)
  const script = 'i=0; while [ $i -lt 40 ]; do echo $i; echo e$i >&2; sleep 0.01; i=$((i+1)); done'
  await run(key, ['/bin/sh', '-c', script])
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  expect(await readAll(driver, key, true)).toEqual({
    stdout: numbers.map((n) => `${n}\n`).join(''),
    stderr: numbers.map((n) => `e${n}\n`).join(''),
  })
})

test('a follower goes on to the end when the attempt is removed under it', async () => {
  const dir = workshop.dir()
  const { driver, run, output } = await workshop.watch(dir)
  await run(key, ['/bin/sh', '-c', 'echo ready; sleep 300'])
  const following = readAll(driver, key, true)
  await until('ready', async () => ((await output(key)).stdout === 'ready\n' ? true : undefined))
  await driver.remove(key)
  expect(await following).toEqual({ stdout: 'ready\n', stderr: '' })
})

test('output that another cluster left under the same name is not shown', async () => {
  const dir = workshop.dir()
  mkdirSync(join(dir, 'output/c2'), { recursive: true })
  writeFileSync(join(dir, 'output/c2/one.1.stdout'), 'theirs')
  const { output } = await workshop.watch(dir)
  expect(await output(key)).toEqual({ stdout: '', stderr: '' })
})

describe('where the file system cannot make holes', () => {
  test('a long output begins anew and says so', async () => {
    const folder = new AttemptFolder(workshop.dir(), 'one.1')
    mkdirSync(folder.path, { recursive: true })
    writeFileSync(folder.output('stdout'), Buffer.alloc(1_024 * kib, 'x'))
    const path = process.env.PATH
    // Without the program that makes them it is the same as without them.
    process.env.PATH = '/nowhere'
    try {
      await boundOutput(folder, limits)
    } finally {
      process.env.PATH = path
    }
    expect(statSync(folder.output('stdout')).size).toBeLessThan(200)
    await keepOutput(folder, 'c1', limits)
    const kept = folder.keptOutput('stdout', 'c1')
    expect(existsSync(kept)).toBe(true)
    expect(statSync(kept).size).toBeGreaterThan(20)
  })
})

describe('what is kept of removed attempts is bounded', () => {
  const plant = (dir: string, count: number, bytes: number) => {
    mkdirSync(join(dir, 'output/c1'), { recursive: true })
    for (let index = 0; index < count; index++) {
      const path = join(dir, `output/c1/t-${index}.1.stdout`)
      writeFileSync(path, Buffer.alloc(bytes))
      utimesSync(path, 1_000 + index, 1_000 + index)
    }
  }
  const left = (dir: string) => readdirSync(join(dir, 'output/c1')).sort()

  test('by bytes: the oldest go', async () => {
    const dir = workshop.dir()
    plant(dir, 5, 300 * kib)
    await createKeptOutput(dir, retention).trim()
    expect(left(dir)).toEqual(['t-2.1.stdout', 't-3.1.stdout', 't-4.1.stdout'])
  })

  test('by number: the oldest go', async () => {
    const dir = workshop.dir()
    plant(dir, 5, 1)
    await createKeptOutput(dir, { ...retention, attemptsMax: 2 }).trim()
    expect(left(dir)).toEqual(['t-3.1.stdout', 't-4.1.stdout'])
  })

  test('by age, with what says how much came before it', async () => {
    const dir = workshop.dir()
    plant(dir, 2, 1)
    writeFileSync(join(dir, 'output/c1/t-0.1.stdout.from'), '7')
    const young = join(dir, 'output/c1/t-9.1.stderr')
    writeFileSync(young, 'young')
    await createKeptOutput(dir, { ...retention, ageMs: 3_600_000 }).trim()
    expect(left(dir)).toEqual(['t-9.1.stderr'])
  })

  test('and a removal sees to it', async () => {
    const dir = workshop.dir()
    plant(dir, 5, 300 * kib)
    const { driver, run, ended } = await workshop.watch(dir, limits)
    await run(key, ['echo', 'kept'])
    await ended(key)
    await driver.remove(key)
    expect(await driver.keeps?.(key)).toBe(true)
    expect(await driver.keeps?.({ taskId: 't-0', attempt: 1 })).toBe(false)
    expect(left(dir)).toEqual(['one.1.stderr', 'one.1.stdout', 't-2.1.stdout', 't-3.1.stdout', 't-4.1.stdout'])
  })
})
