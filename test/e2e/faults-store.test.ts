/** Files of a manager's store that are cut or have a flipped bit: it is said, or it did no harm; nothing wrong is served. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { damages, expectNothingWrong, makeStore, StoreCopy, served } from './damaged-store.ts'
import { FaultWorld } from './fault-world.ts'

test(
  'each file of a store, cut and bit-flipped: it is named, or does no harm; nothing wrong is served',
  () =>
    FaultWorld.with(async (world) => {
      const ids = await makeStore(world)
      const whole = await served(world, ids)
      for (const { view, history } of Object.values(whole)) expect([view?.attempt, history?.length]).toEqual([1, 4])
      await world.manager.kill('SIGKILL')
      const store = new StoreCopy(join(world.cluster.dir, 'data', 'manager'))
      const refused = new Set<string>()
      for (const file of await store.files()) {
        for (const [name, damage] of Object.entries(damages)) {
          await store.restore()
          await damage(join(store.dir, file))
          const how = await expectNothingWrong(world, { what: `${file} ${name}`, store: store.dir, whole })
          if (how === 'ended') refused.add(file.replace(/\d+/, ''))
        }
      }
      expect([...refused].sort()).toEqual(['db/.log', 'db/.sst', 'db/CURRENT', 'db/MANIFEST-', 'format.json'])
      // With the damage undone it is as it was.
      await store.restore()
      world.startManager()
      await world.ready(0)
      expect(await served(world, ids)).toEqual(whole)
    }),
  90_000,
)
