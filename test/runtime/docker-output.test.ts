import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DriverChunk } from '../../runtime/drivers/driver.ts'
import {
  chunkBytesMax,
  decodeFrames,
  encodeFrame,
  joinChunks,
  outputPath,
  readOutput,
  saveOutput,
  splitChunk,
} from '../../runtime/drivers/output-file.ts'
import { Bench, eventually, outputOf, shell, whyNoEngine } from './docker-fixture.ts'

const missing = await whyNoEngine()
const never = new AbortController().signal

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}
async function all(chunks: AsyncIterable<DriverChunk>): Promise<string[]> {
  const got: string[] = []
  for await (const { stream, data, lostBytes } of chunks) {
    got.push(`${stream}${lostBytes === undefined ? '' : `+${lostBytes}`}:${Buffer.from(data).toString()}`)
  }
  return got
}
const chunk = (stream: DriverChunk['stream'], text: string): DriverChunk => ({ stream, data: Buffer.from(text) })

describe('output files', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'troupe-output-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('frames survive any cutting into blocks, and a torn last one is dropped', async () => {
    const whole = Buffer.concat([
      encodeFrame(chunk('stdout', 'a')),
      encodeFrame(chunk('stderr', '')),
      encodeFrame(chunk('stderr', 'bcd')),
    ])
    for (let size = 1; size <= whole.length; size++) {
      const blocks: Buffer[] = []
      for (let at = 0; at < whole.length; at += size) blocks.push(whole.subarray(at, at + size))
      expect(await all(decodeFrames(each(...blocks)))).toEqual(['stdout:a', 'stderr:', 'stderr:bcd'])
    }
    expect(await all(decodeFrames(each(whole.subarray(0, -1))))).toEqual(['stdout:a', 'stderr:'])
  })

  test('what is not framed, and what the engine reports, is an error', async () => {
    await expect(all(decodeFrames(each(Buffer.from('plain text'))))).rejects.toThrow(/not framed/)
    const report = encodeFrame(chunk('stdout', 'log file is damaged'))
    report[0] = 3
    await expect(all(decodeFrames(each(report)))).rejects.toThrow(/damaged/)
  })

  test('chunks are split at 16 KiB', () => {
    const sizes = [...splitChunk(chunk('stdout', 'x'.repeat(40_000)))].map(({ data }) => data.length)
    expect(sizes).toEqual([chunkBytesMax, chunkBytesMax, 40_000 - 2 * chunkBytesMax])
  })

  test('what comes together is joined, up to 15 KiB, by stream and in order, and says first what is missing', () => {
    const text = (chunks: DriverChunk[]) =>
      [...joinChunks(chunks)].map(({ stream, data, lostBytes = '' }) => `${stream}${lostBytes}:${Buffer.from(data)}`)
    const [out, err] = [(line: string) => chunk('stdout', line), (line: string) => chunk('stderr', line)]
    expect(text([])).toEqual([])
    expect(text([out('a'), out('b'), err('c'), err(''), out('d'), out('e')])).toEqual([
      'stdout:ab',
      'stderr:c',
      'stdout:de',
    ])
    const gap = { ...out('c'), lostBytes: 7 }
    expect(text([out('a'), out('b'), gap, out('d'), err('e')])).toEqual(['stdout:ab', 'stdout7:cd', 'stderr:e'])
    const lines = Array.from({ length: 5_000 }, (_, index) => out(`${index}\n`))
    const joined = [...joinChunks(lines)]
    expect(Buffer.concat(joined.map(({ data }) => data))).toEqual(Buffer.concat(lines.map(({ data }) => data)))
    expect(Math.max(...joined.map(({ data }) => data.length))).toBeLessThanOrEqual(15 * 1_024)
    expect(joined).toHaveLength(2)
    const sizes = [...joinChunks([out('a'), out('x'.repeat(40_000)), out('b')])].map(({ data }) => data.length)
    expect(sizes).toEqual([1, chunkBytesMax, chunkBytesMax, 40_000 - 2 * chunkBytesMax, 1])
  })

  test('a saved output is read back, in part too; an absent one is empty', async () => {
    const file = outputPath(folder, { taskId: 'a', attempt: 2 })
    expect(path.basename(file)).toBe('a.2.log')
    expect(await all(readOutput(file, { signal: never }))).toEqual([])
    await saveOutput(file, each(chunk('stdout', 'one'), chunk('stderr', 'two')), { bytesMax: 100 })
    expect(await all(readOutput(file, { signal: never }))).toEqual(['stdout:one', 'stderr:two'])
    expect(await all(readOutput(file, { signal: never, skipBytes: { stdout: 3, stderr: 1 } }))).toEqual(['stderr:wo'])
    expect(await all(readOutput(file, { signal: AbortSignal.abort() }))).toEqual([])
  })

  test('the oldest is cut, and a source that fails leaves the last good file', async () => {
    const file = path.join(folder, 'cut.log')
    const lines = Array.from({ length: 100 }, (_, index) => chunk('stdout', `line ${String(index).padStart(3, '0')}\n`))
    await saveOutput(file, each(...lines), { bytesMax: 45 })
    const kept = ['stdout+855:line 095\nline 096\nline 097\nline 098\nline 099\n']
    expect(await all(readOutput(file, { signal: never }))).toEqual(kept)
    async function* failing(): AsyncGenerator<DriverChunk> {
      yield chunk('stdout', 'half')
      throw new Error('the connection broke')
    }
    await expect(saveOutput(file, failing(), { bytesMax: 45 })).rejects.toThrow('broke')
    expect(await all(readOutput(file, { signal: never }))).toEqual(kept)
  })
})

describe('an output file that was cut', () => {
  const folder = mkdtemp(path.join(tmpdir(), 'troupe-output-'))
  afterAll(async () => rm(await folder, { recursive: true, force: true }))
  const skipping = (file: string, stdout: number, stderr: number) =>
    all(readOutput(file, { signal: never, skipBytes: { stdout, stderr } }))

  test('counts what went of each stream, though nothing of it is left, and in many portions', async () => {
    const file = path.join(await folder, 'streams.log')
    const block = 'x'.repeat(40_000)
    const long = Array.from({ length: 20 }, () => chunk('stdout', block))
    await saveOutput(file, each(chunk('stderr', 'early'), ...long, chunk('stdout', 'end')), { bytesMax: 10 })
    expect(await all(readOutput(file, { signal: never }))).toEqual(['stderr+5:', 'stdout+800000:end'])
    expect(await readdir(await folder)).toEqual(['streams.log'])
  })

  test('is gone on with at its place: cut bytes count as well', async () => {
    const file = path.join(await folder, 'place.log')
    const lines = Array.from({ length: 10 }, (_, index) => chunk('stdout', `line ${index}\n`))
    await saveOutput(file, each(chunk('stderr', 'e'), ...lines), { bytesMax: 14 })
    const tail = 'line 8\nline 9\n'
    expect(await skipping(file, 0, 0)).toEqual(['stderr+1:', `stdout+56:${tail}`])
    expect(await skipping(file, 21, 1)).toEqual([`stdout+35:${tail}`])
    expect(await skipping(file, 60, 0)).toEqual(['stderr+1:', 'stdout: 8\nline 9\n'])
    expect(await skipping(file, 70, 1)).toEqual([])
  })
})

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver keeps output', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })
  afterEach(() => bench.clear())

  test('bounded, the newest of it, live and after the removal', async () => {
    const outputBytesMax = 100_000
    const mine = await bench.open({ outputBytesMax })
    const key = await mine.run(shell('seq 1 60000'))
    expect(await mine.ended(key)).toMatchObject({ exitCode: 0 })
    const live = await outputOf(mine.driver, key)
    expect(live.stdout.endsWith('59999\n60000\n')).toBe(true)
    expect(live.stdout.length, 'the engine keeps as much of text, though the lines are short').toBeGreaterThan(
      outputBytesMax,
    )
    expect(live.stdout.length).toBeLessThan(200_000)
    await mine.driver.remove(key)
    const kept = { stdout: '', stderr: '', lostBytes: 0 }
    for await (const { stream, data, lostBytes = 0 } of mine.driver.logs(key, { follow: false, signal: never })) {
      kept[stream] += Buffer.from(data).toString()
      kept.lostBytes += lostBytes
    }
    const lostBytes = live.stdout.length - kept.stdout.length
    expect(kept).toEqual({ stdout: live.stdout.slice(lostBytes), stderr: '', lostBytes })
    expect(kept.stdout.length).toBeLessThanOrEqual(outputBytesMax)
    expect(kept.stdout.length).toBeGreaterThan(outputBytesMax - 10)
    expect(await readdir(bench.outputDir)).toEqual([`${key.taskId}.1.log`])
  })

  test('whole, though it is many short lines', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('seq 1 200000'))
    await mine.ended(key)
    const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')
    /** How many chunks it comes in, which each cost a message on the way to a reader. */
    const read = async () => {
      let [text, count] = ['', 0]
      for await (const { data } of mine.driver.logs(key, { follow: false, signal: never })) {
        text += Buffer.from(data).toString()
        count += 1
      }
      expect(text === expected).toBe(true)
      return count
    }
    // How much comes at once is the engine's to say; a line for itself would be 200,000 of them.
    expect(await read()).toBeLessThan(100_000)
    await mine.driver.remove(key)
    expect(await read()).toBeLessThan(1_000)
  })

  test('and tells a follower that was overtaken where something may be missing', async () => {
    const mine = await bench.open({ outputBytesMax: 20_000 })
    const key = await mine.run(shell('echo begin; sleep 1; seq 1 60000; sleep 4; echo end'))
    const heard: string[] = []
    const isWritten = async () => (await outputOf(mine.driver, key)).stdout.endsWith('\n60000\n')
    for await (const { data, lostBytes } of mine.driver.logs(key, { follow: true, signal: never })) {
      if (lostBytes !== undefined) heard.push(`(${lostBytes})`)
      heard.push(Buffer.from(data).toString())
      if (heard.length > 1) continue
      await eventually('all is written', isWritten)
      // A reader that is as slow as this counts as behind.
      await new Promise((wake) => setTimeout(wake, 1_000))
    }
    expect(heard.filter((text) => text === '(0)')).toHaveLength(1)
    const [before = '', after = ''] = heard.join('').split('(0)')
    expect(before).toBe('begin\n')
    const lines = after.split('\n')
    expect(lines.slice(-3)).toEqual(['60000', 'end', ''])
    const first = Number(lines[0])
    expect(lines.slice(0, -2)).toEqual(Array.from({ length: 60_001 - first }, (_, index) => `${first + index}`))
  })

  test('of long lines and of bytes that are no text', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell("head -c 50000 /dev/zero | tr '\\0' y; printf '\\n\\n a b'; printf 'e\\n' >&2"))
    await mine.ended(key)
    const expected = { stdout: `${'y'.repeat(50_000)}\n\n a b`, stderr: 'e\n' }
    expect(await outputOf(mine.driver, key)).toEqual(expected)
    expect(await outputOf(mine.driver, key, true)).toEqual(expected)
    await mine.driver.remove(key)
    expect(await outputOf(mine.driver, key)).toEqual(expected)
  })

  test('for a follower that began before the start and reads slowly while it is removed', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('seq 1 30000; exec sleep 300'))
    await eventually('it is printed', async () => (await outputOf(mine.driver, key)).stdout.endsWith('\n30000\n'))
    let text = ''
    let removing: Promise<void> | undefined
    for await (const { data } of mine.driver.logs(key, { follow: true, signal: never })) {
      text += Buffer.from(data).toString()
      if (removing === undefined) {
        removing = mine.driver.remove(key)
        await removing
      }
    }
    expect(text).toBe(Array.from({ length: 30_000 }, (_, index) => `${index + 1}\n`).join(''))
  })

  test('though the folder cannot be written: then the container stays, and the error says so', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('echo kept'))
    await mine.ended(key)
    await rm(bench.outputDir, { recursive: true })
    await writeFile(bench.outputDir, '')
    await expect(mine.driver.remove(key)).rejects.toThrow(/ENOTDIR/)
    expect(await mine.driver.list()).toEqual([key])
  })
})
