/** A killed container with a memory limit is told at once where the kernel rules out that its memory was used up. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ContainerView } from '../../runtime/drivers/docker/container.ts'
import { defaultDeadlines, Engine } from '../../runtime/drivers/docker/engine.ts'
import { localKernel } from '../../runtime/drivers/docker/kernel.ts'
import { Reports } from '../../runtime/drivers/docker/report.ts'
import type { DriverEvent } from '../../runtime/drivers/driver.ts'
import { containerView, scope } from './container-rig.ts'
import { ManualClock } from './manager-clock.ts'

const view = (more: Partial<ContainerView>) => containerView({ pid: 7, hasMemoryLimit: true, ...more })

/** What is told of a container that was killed, before any time has passed, and a second later. */
async function toldOf(kernel: { isLocal: boolean; killsMeanwhile: number }): Promise<[number, number]> {
  const clock = new ManualClock(() => new Promise((resolve) => setImmediate(resolve)))
  const events: DriverEvent[] = []
  let kills = 40
  const reports = new Reports({
    scope,
    listener: (event) => events.push(event),
    engine: new Engine({ socketPath: '/nowhere', clock, deadlines: defaultDeadlines }),
    clock,
    kernel: { runs: () => kernel.isLocal, oomKills: () => kills },
  })
  const ends = () => events.filter(({ type }) => type === 'Exited').length
  await reports.observe(view({}))
  kills += kernel.killsMeanwhile
  void reports.observe(view({ phase: 'ended', exitCode: 137, finishedAtMs: clock.nowMs() }))
  await clock.advance(0)
  const atOnce = ends()
  await clock.advance(1_000)
  return [atOnce, ends()]
}

test('at once where the kernel has killed nothing for want of memory; else after waiting for the word', async () => {
  expect(await toldOf({ isLocal: true, killsMeanwhile: 0 })).toEqual([1, 1])
  expect(await toldOf({ isLocal: true, killsMeanwhile: 1 })).toEqual([0, 1])
  expect(await toldOf({ isLocal: false, killsMeanwhile: 0 })).toEqual([0, 1])
})

// Linux alone has these files.
test.skipIf(process.platform !== 'linux')('the kernel of this machine counts, and knows who runs under it', () => {
  // A kernel older than 4.13 does not count.
  expect(localKernel.oomKills() ?? 0).toBeGreaterThanOrEqual(0)
  const group = readFileSync(`/proc/${process.pid}/cgroup`, 'latin1').trim()
  expect(localKernel.runs(view({ pid: process.pid, id: group }))).toBe(true)
  expect(localKernel.runs(view({ pid: process.pid, id: 'no such container' }))).toBe(false)
  expect(localKernel.runs(view({ pid: 2 ** 30, id: group }))).toBe(false)
})
