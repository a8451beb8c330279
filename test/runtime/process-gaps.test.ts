/** What is gone of a long output is said, to the byte, wherever the reader is when it goes. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { AttemptKey } from '../../actors/model.ts'
import type { Driver, DriverChunk } from '../../runtime/drivers/driver.ts'
import { ProcessWorkshop, until } from './process-fixture.ts'

const workshop = new ProcessWorkshop()
afterAll(() => workshop.clear())

const key = { taskId: 'one', attempt: 1 }
const kib = 1_024
const limits = { outputBytesMax: 256 * kib }
const written = 3_072 * kib
const talk = `seq -f '%063.0f' 0 ${written / 64 - 1}`
/** What the stream holds at a place: lines of 64 bytes that are their own number. */
const textAt = (from: number, length: number) => {
  const first = Math.floor(from / 64)
  const lines = Array.from(
    { length: Math.ceil(length / 64) + 1 },
    (_, at) => `${String(first + at).padStart(63, '0')}\n`,
  )
  return lines.join('').slice(from - first * 64, from - first * 64 + length)
}

/** Adds up what comes, with each byte checked at its place; answers the gaps. */
class Ledger {
  at = 0
  readonly gaps: { readonly at: number; readonly lostBytes: number }[] = []

  take({ data, lostBytes }: DriverChunk): void {
    if (lostBytes !== undefined) {
      this.gaps.push({ at: this.at, lostBytes })
      this.at += lostBytes
    }
    expect(Buffer.from(data).toString('latin1')).toBe(textAt(this.at, data.length))
    this.at += data.length
  }
}

async function ledgerOf(driver: Driver, of: AttemptKey): Promise<Ledger> {
  const ledger = new Ledger()
  for await (const chunk of driver.logs(of, { follow: false, signal: new AbortController().signal })) ledger.take(chunk)
  return ledger
}

const isCut = (path: string) => (statSync(path).blocks * 512 <= 512 * kib ? true : undefined)

test('what was dropped before a reader began is counted, while it runs and once it is removed', async () => {
  const dir = workshop.dir()
  const gate = join(dir, 'gate')
  const { driver, run, ended } = await workshop.watch(dir, limits)
  await run(key, ['/bin/sh', '-c', `${talk}; until [ -e ${gate} ]; do sleep 0.05; done`])
  const path = join(dir, 'attempts/one.1/stdout')
  await until('all is written', () => (statSync(path).size === written ? true : undefined))
  await until('the oldest is dropped', () => isCut(path))
  const live = await ledgerOf(driver, key)
  expect(live.at).toBe(written)
  expect(live.gaps).toEqual([{ at: 0, lostBytes: expect.any(Number) }])
  writeFileSync(gate, '')
  await ended(key)
  await driver.remove(key)
  const kept = await ledgerOf(driver, key)
  expect(kept.gaps).toEqual([{ at: 0, lostBytes: written - limits.outputBytesMax }])
  expect(kept.at).toBe(written)
})

test('a follower that is overtaken is told how much it missed, once, also if the attempt is removed under it', async () => {
  const dir = workshop.dir()
  const go = join(dir, 'go')
  const { driver, run, ended } = await workshop.watch(dir, limits)
  const script = `seq -f '%063.0f' 0 1023; until [ -e ${go} ]; do sleep 0.05; done; seq -f '%063.0f' 1024 ${written / 64 - 1}; sleep 2`
  await run(key, ['/bin/sh', '-c', script])
  const path = join(dir, 'attempts/one.1/stdout')
  await until('the beginning', () => (statSync(path).size === 64 * kib ? true : undefined))
  const ledger = new Ledger()
  let isFirst = true
  for await (const chunk of driver.logs(key, { follow: true, signal: new AbortController().signal })) {
    ledger.take(chunk)
    if (!isFirst) continue
    isFirst = false
    writeFileSync(go, '')
    await until('the rest is written', () => (statSync(path).size === written ? true : undefined))
    await until('the oldest is dropped', () => isCut(path))
    await ended(key)
    await driver.remove(key)
  }
  expect(ledger.at).toBe(written)
  expect(ledger.gaps).toHaveLength(1)
  expect(ledger.gaps[0]?.at, 'what was read before it was dropped is whole').toBeGreaterThanOrEqual(16 * kib)
  expect(ledger.gaps[0]?.lostBytes).toBeGreaterThan(2_000 * kib)
})

test('an output that is whole has no gaps', async () => {
  const { driver, run, ended } = await workshop.watch(workshop.dir(), limits)
  await run(key, ['/bin/sh', '-c', `seq -f '%063.0f' 0 1023`])
  await ended(key)
  expect(await ledgerOf(driver, key)).toMatchObject({ at: 64 * kib, gaps: [] })
  await driver.remove(key)
  expect(await ledgerOf(driver, key)).toMatchObject({ at: 64 * kib, gaps: [] })
})
