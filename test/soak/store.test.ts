/** Bits of a manager's store turned over at random places. */
import { join } from 'node:path'
import { test } from 'vitest'
import { expectNothingWrong, flipBit, makeStore, StoreCopy, served } from '../e2e/damaged-store.ts'
import { createDice } from '../e2e/dice.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { report, soak } from './figures.ts'

test('a bit flipped at 60 random places of a store', () =>
  FaultWorld.with(async (world) => {
    const ids = await makeStore(world)
    const whole = await served(world, ids)
    await world.manager.kill('SIGKILL')
    const store = new StoreCopy(join(world.cluster.dir, 'data', 'manager'))
    const files = await store.files()
    const roll = createDice(soak.seed)
    const flips = 60 * soak.times
    let refused = 0
    for (let at = 0; at < flips; at += 1) {
      const file = files[Math.floor(roll() * files.length)] as string
      const where = roll()
      await store.restore()
      await flipBit(join(store.dir, file), where)
      const how = await expectNothingWrong(world, { what: `${file} at ${where}`, store: store.dir, whole })
      if (how === 'ended') refused += 1
    }
    report(
      `a flipped bit in a store, ${flips} times`,
      `${refused} refused by name, ${flips - refused} harmless; none served wrong`,
    )
  }))
