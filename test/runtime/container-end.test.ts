/** How the docker driver tells an end, whatever the order in which the engine shows and tells it. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { ContainerView } from '../../runtime/drivers/docker/container.ts'
import { defaultDeadlines, Engine } from '../../runtime/drivers/docker/engine.ts'
import { Reports } from '../../runtime/drivers/docker/report.ts'
import type { DriverEvent } from '../../runtime/drivers/driver.ts'
import { containerView, key, scope } from './container-rig.ts'
import { ManualClock } from './manager-clock.ts'

let clock: ManualClock
let events: DriverEvent[]
let reports: Reports

beforeEach(() => {
  clock = new ManualClock(() => new Promise((resolve) => setImmediate(resolve)))
  events = []
  const engine = new Engine({ socketPath: '/nowhere', clock, deadlines: defaultDeadlines })
  reports = new Reports({ scope, listener: (event) => events.push(event), engine, clock })
})

const view = (more: Partial<ContainerView> = {}): ContainerView =>
  containerView({
    phase: 'ended',
    exitCode: 137,
    hasMemoryLimit: true,
    startedAtMs: clock.nowMs() - 1_000,
    finishedAtMs: clock.nowMs(),
    ...more,
  })
const ends = () => events.filter(({ type }) => type === 'Exited')

/** Sees it running and then ended, as the event stream and a sweep would at the same time. */
async function end(more: Partial<ContainerView> = {}): Promise<void> {
  await reports.observe(view({ phase: 'running', finishedAtMs: undefined }))
  void reports.observe(view(more))
  void reports.observe(view(more))
  await clock.advance(0)
}

describe('a container with a memory limit that was killed by nobody of ours', () => {
  test('waits for a late word that its memory was used up', async () => {
    await end()
    expect(ends()).toEqual([])
    await clock.advance(500)
    reports.outOfMemory('abc')
    await clock.advance(0)
    expect(ends()).toMatchObject([{ exitCode: 137, signal: 'SIGKILL', oomKilled: true }])
  })

  test('is told as killed if that word does not come', async () => {
    await end()
    await clock.advance(1_000)
    expect(ends()).toMatchObject([{ exitCode: 137, signal: 'SIGKILL' }])
    expect(ends()[0]).not.toHaveProperty('oomKilled')
    reports.outOfMemory('abc')
    await clock.advance(10_000)
    expect(ends()).toHaveLength(1)
  })

  test('is told at once if the inspection says it', async () => {
    await end({ oomKilled: true })
    expect(ends()).toMatchObject([{ oomKilled: true }])
  })

  test('is told at once if the word came before', async () => {
    await reports.observe(view({ phase: 'running', finishedAtMs: undefined }))
    reports.outOfMemory('abc')
    await end({ exitCode: 0 })
    expect(ends()).toMatchObject([{ exitCode: 0, oomKilled: true }])
  })
})

test.each<[string, Partial<ContainerView>]>([
  ['without a memory limit', { hasMemoryLimit: false }],
  ['that ended with another code', { exitCode: 1 }],
  ['that ended long ago', { finishedAtMs: 1_700_000_000_000 }],
])('the end of a container %s is told at once', async (_, more) => {
  await end(more)
  expect(ends()).toHaveLength(1)
  expect(ends()[0]).not.toHaveProperty('oomKilled')
})

test('the end of one that we have stopped ourselves is told at once', async () => {
  const cancelKill = () => {}
  reports.recordOf(key).stopping = { termSent: true, killAtMs: 0, cancelKill }
  await end()
  expect(ends()).toMatchObject([{ exitCode: 137 }])
})

describe("the engine's event of an end", () => {
  const run = (more: Partial<ContainerView> = {}) =>
    reports.observe(view({ phase: 'running', finishedAtMs: undefined, hasMemoryLimit: false, ...more }))

  test('says all of a container that was seen to run without a limit, and never an end before its start', async () => {
    await run({ startedAtMs: 2_000 })
    expect(await reports.died('abc', 143, 1_999)).toBe(true)
    expect(ends()).toMatchObject([{ exitCode: 143, signal: 'SIGTERM', atMs: 1_999, startedAtMs: 1_999 }])
  })

  test.each<[string, Partial<ContainerView>, number]>([
    ['with a limit', { hasMemoryLimit: true }, 1],
    ['with ports of the node', { publishes: true }, 1],
    ['whose end the engine has not seen itself', {}, 255],
    ['without its code', {}, Number.NaN],
  ])('of a container %s is followed by an inspection', async (_, more, exitCode) => {
    await run(more)
    expect(await reports.died('abc', exitCode, clock.nowMs())).toBe(false)
    expect(ends()).toEqual([])
  })

  test('of one that nobody saw run is followed by an inspection, unless its start is just making one', async () => {
    expect(await reports.died('abc', 0, clock.nowMs())).toBe(false)
    const record = reports.recordOf(key)
    record.containerId = 'abc'
    expect(await reports.died('abc', 0, clock.nowMs())).toBe(false)
    record.confirming = reports.observe(view({ exitCode: 0 }), true)
    expect(await reports.died('abc', 0, clock.nowMs())).toBe(true)
    expect(ends()).toHaveLength(1)
  })
})
