/** A network cut for longer than the lease, by the dozen: both ways, only to the worker, only from it. */
import { expect, test } from 'vitest'
import { cuts, startAcross } from '../e2e/cut-network.ts'
import { createDice } from '../e2e/dice.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { pause } from '../e2e/kills.ts'
import { report, soak } from './figures.ts'
import { beginLoad } from './load.ts'

const cutsCount = 6 * soak.times
/** The default lease is 10 s. */
const leaseMs = 10_000

test('the network cut six times under load', () =>
  FaultWorld.with(async (world) => {
    const network = await startAcross(world)
    const roll = createDice(soak.seed)
    const endLoad = beginLoad(world, roll, 1_000)
    const lasts = await world.submit('lasts', { seconds: 'told', code: 3 })
    await world.ear.until(lasts, ({ state }) => state === 'Running')
    let unreachable = 0
    for (let at = 0; at < cutsCount; at += 1) {
      await cuts[at % cuts.length]?.[1](network)
      // Every second one is shorter than the lease, or about as long.
      if (at % 2 === 0) {
        await world.ear.until(lasts, ({ detail }) => detail === 'Unreachable')
        unreachable += 1
      }
      await pause(leaseMs * roll())
      await network.mend()
      await world.ready(1, 60_000)
      await world.ear.until(lasts, ({ detail }) => detail !== 'Unreachable')
    }
    const tasks = await endLoad()
    await world.release(lasts)
    await world.expectAllUnharmed(120_000)
    expect(unreachable).toBeGreaterThan(0)
    report(
      `the network cut both ways, from the worker, to the worker, in turn, ${cutsCount} times; ${unreachable} past the lease`,
      `${tasks + 1} tasks, each once and with its own code`,
    )
  }))
