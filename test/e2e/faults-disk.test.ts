/** A disk that is full or read-only under the manager and under a worker: one clear sentence, and nothing is lost. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from './cluster.ts'
import { endNow, FaultWorld } from './fault-world.ts'
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts'

const missing = whyNoSmallDisk()
if (missing !== undefined) {
  if (process.env.CI === 'true') throw new Error(`${missing}; with CI=true nothing may be left out`)
  console.warn(`The tests of full and read-only disks are left out: ${missing}.`)
}

const diskBytes = 32 * 1_024 * 1_024

async function diskFor(world: FaultWorld, dir: string): Promise<SmallDisk> {
  const disk = await SmallDisk.open(dir, diskBytes)
  world.onClose(() => disk.close())
  return disk
}

/** Ends by itself, not with 0, and says why in one sentence for people. */
async function expectRefusal(program: { ended: Promise<{ code: number | null; stderr: string }> }, words: string) {
  const { code, stderr } = await program.ended
  expect(code, stderr).toBeGreaterThan(0)
  expect(stderr).toContain(words)
  expect(stderr).not.toMatch(/^\s+at /m)
}

// Needs root, to mount a tmpfs; the reason why it cannot is printed above, and fails with CI=true.
describe.skipIf(missing !== undefined)('the disk of', () => {
  test.concurrent(
    'a manager that is full: it says so and ends; with room again, all that was acknowledged goes on',
    () =>
      FaultWorld.with(async (world) => {
        const disk = await diskFor(world, join(world.cluster.dir, 'data'))
        await world.startAll()
        const before = await world.submit('before', { seconds: 'told', code: 3 })
        await world.ear.until(before, ({ state }) => state === 'Running')
        await disk.fill()
        // What has no room is either acknowledged later, by the same id, or was acknowledged before the disk was full.
        const manager = world.manager
        let asks = 0
        const submitting = (async () => {
          for (; manager.child.exitCode === null && asks < 400; asks += 1) {
            await world.submit(`more${asks}`, { seconds: 0.1, code: 5 })
          }
        })()
        submitting.catch(() => undefined)
        await expectRefusal(manager, 'No space is left for the store')
        await expectRefusal(world.startManager(), 'No space is left for the store')
        await disk.makeRoom()
        world.startManager()
        await submitting
        expect(asks).toBeGreaterThan(0)
        await world.release(before)
        await world.expectAllUnharmed()
      }),
    60_000,
  )

  test.concurrent(
    'a worker that is full: it says so and ends; its tasks run on, and are adopted with room again',
    () =>
      FaultWorld.with(async (world) => {
        const disk = await diskFor(world, world.workerDir('one'))
        await world.startAll()
        const before = await world.submit('before', { seconds: 'told', code: 3 })
        await world.ear.until(before, ({ state }) => state === 'Running')
        const spawners = await world.spawners()
        await disk.fill()
        const worker = world.worker('one')
        for (let at = 0; worker.child.exitCode === null && at < 400; at += 1) {
          await world.submit(`more${at}`, {
            seconds: 0.1,
            code: 5,
            spec: { restart: { policy: 'on-failure', max: 0 } },
          })
        }
        await expectRefusal(worker, 'No space is left for the store')
        await expectRefusal(await world.startWorker('one', ['--driver', 'process']), 'No space is left')
        // It has complained of every start that it could not write down, into a log that is full as well.
        expect(await world.spawners()).toEqual(spawners)
        await disk.makeRoom()
        await world.startWorker('one', ['--driver', 'process'])
        await world.ready(1)
        await world.release(before)
        const views = await world.expectAllKept()
        expect(views.get(before)).toMatchObject({ exitCode: 3, attempt: 1 })
      }),
    60_000,
  )

  test.concurrent(
    'both, read-only at their start: they say so and end; writable again, all is there',
    () =>
      FaultWorld.with(async (world) => {
        const [managers, workers] = [
          await diskFor(world, join(world.cluster.dir, 'data')),
          await diskFor(world, world.workerDir('one')),
        ]
        await world.startAll()
        const id = await world.submit('before', { seconds: 0.2, code: 3 })
        await world.ear.until(id, ({ state }) => state === 'Failed')
        await Promise.all([world.manager.kill('SIGKILL'), world.worker('one').kill('SIGKILL')])
        for (const pid of await world.spawners()) endNow(pid)
        await until('the spawner to end', async () => ((await world.spawners()).length === 0 ? true : undefined))
        await Promise.all([managers.makeReadOnly(true), workers.makeReadOnly(true)])
        await expectRefusal(world.startManager(), 'read-only file system')
        await expectRefusal(await world.startWorker('one', ['--driver', 'process']), 'read-only file system')
        await Promise.all([managers.makeReadOnly(false), workers.makeReadOnly(false)])
        world.startManager()
        await world.startWorker('one', ['--driver', 'process'])
        await world.ready(1)
        await world.submit('after', { seconds: 0.2, code: 4 })
        await world.expectAllUnharmed()
      }),
    60_000,
  )
})
