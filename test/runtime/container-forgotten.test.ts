/** What the docker driver tells when the engine has forgotten that it started a container. */
import { beforeEach, expect, test } from 'vitest'
import type { ContainerView } from '../../runtime/drivers/docker/container.ts'
import { defaultDeadlines, Engine } from '../../runtime/drivers/docker/engine.ts'
import { Reports } from '../../runtime/drivers/docker/report.ts'
import type { DriverEvent } from '../../runtime/drivers/driver.ts'
import { containerView, scope } from './container-rig.ts'
import { ManualClock } from './manager-clock.ts'

/** Answers what it is told to. */
class ToldEngine extends Engine {
  shows: ContainerView | undefined
  override async inspect(): Promise<ContainerView | undefined> {
    return this.shows
  }
}

let engine: ToldEngine
let events: DriverEvent[]
let reports: Reports

beforeEach(() => {
  const clock = new ManualClock(() => new Promise((resolve) => setImmediate(resolve)))
  events = []
  engine = new ToldEngine({ socketPath: '/nowhere', clock, deadlines: defaultDeadlines })
  reports = new Reports({ scope, listener: (event) => events.push(event), engine, clock })
})

const view = (phase: ContainerView['phase']) => containerView({ phase })
const types = () => events.map(({ type }) => type)

test('one that ran and is shown as never started is lost, and told so once', async () => {
  await reports.observe(view('running'))
  engine.shows = view('created')
  await reports.observe(view('created'))
  await reports.observe(view('created'))
  expect(types()).toEqual(['Started', 'Lost'])
  expect(events[1]).toMatchObject({ message: expect.stringContaining('has forgotten') })
})

test('a look from before the start, which comes late, tells nothing', async () => {
  await reports.observe(view('running'))
  engine.shows = view('running')
  await reports.observe(view('created'))
  expect(types()).toEqual(['Started'])
})

test('one that was never seen to run is not called lost', async () => {
  engine.shows = view('created')
  await reports.observe(view('created'))
  expect(types()).toEqual([])
})
