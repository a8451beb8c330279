/**
 * The wall clock set back and forward under a manager, a worker and their tasks' limits (libfaketime, with the monotonic
 * clock left alone): leases, limits and delays go by time that passes, and not by what a clock shows.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FaultWorld, type Way } from './fault-world.ts'
import { pause } from './kills.ts'

/** Where Debian's package libfaketime puts it, on the machines that have one. */
const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))
const missing = library === undefined ? 'libfaketime (Debian package faketime) is not installed' : undefined
if (missing !== undefined) {
  if (process.env.CI === 'true') throw new Error(`${missing}; with CI=true nothing may be left out`)
  console.warn(`The tests that set the clock are left out: ${missing}.`)
}

const steps = [
  ['back by an hour, and the manager killed', '-3600', true],
  // Whoever starts has only the wall clock to tell how long it was away, so that this one is not killed.
  ['forward by a day', '+86400', false],
] as const

// Needs libfaketime; the reason why there is none is printed above, and fails with CI=true.
describe.skipIf(missing !== undefined)('the wall clock set', () => {
  test.concurrent.each(steps)(
    '%s: no lease runs out, and limits and delays last as long as they were asked for',
    (_, step, kills) =>
      FaultWorld.with(async (world) => {
        const offset = join(world.cluster.dir, 'offset')
        await writeFile(offset, '+0')
        const fakes = [`FAKETIME_TIMESTAMP_FILE=${offset}`, 'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1']
        const way: Way = ['env', `LD_PRELOAD=${library}`, ...fakes]
        await world.startAll(way, way)
        const restart = { policy: 'on-failure' as const, max: 1, backOffMs: 4_000 }
        const [ends, limited, patient, again] = [
          await world.submit('ends', { seconds: 4, code: 6 }),
          await world.submit('limited', { seconds: 600, spec: { timeoutMs: 5_000 } }),
          await world.submit('patient', { seconds: 6, spec: { timeoutMs: 60_000 } }),
          await world.submit('again', { seconds: 0.1, code: 3, spec: { restart } }),
        ]
        const begunMs = performance.now()
        await world.ear.until(again, ({ detail }) => detail === 'BackingOff')
        await writeFile(offset, step)
        await pause(1_000)
        if (kills) await world.restartManager()
        await world.ear.until(limited, ({ finishedAtMs }) => finishedAtMs !== null)
        const limitedMs = performance.now() - begunMs
        const views = await world.expectAllKept(30_000)
        expect(views.get(ends)).toMatchObject({ exitCode: 6, attempt: 1 })
        expect(views.get(patient)).toMatchObject({ outcome: 'succeeded', attempt: 1 })
        expect(views.get(again)).toMatchObject({ exitCode: 3, attempt: 2 })
        expect(views.get(limited)).toMatchObject({ outcome: 'timeout', attempt: 1 })
        expect(limitedMs).toBeGreaterThan(4_500)
        expect(limitedMs).toBeLessThan(15_000)
        const types = [...views.keys()].flatMap((id) => world.ear.eventsOf(id).map(({ event }) => event.type))
        expect(types).not.toContain('NodeUnreachable')
      }),
    60_000,
  )
})
