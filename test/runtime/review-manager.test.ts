/** Faults that a review found, each held by the test that showed it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { noBoundary } from '../../runtime/host/boundary.ts'
import { Journal } from '../../runtime/host/journal.ts'
import { keys } from '../../runtime/host/keys.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  await rig.crash()
})

const garbage = new Uint8Array([1, 2, 3, 4, 5, 6])
const damage = (key: string) => rig.disk.memory.batch([{ type: 'put', key, value: garbage }], { sync: true, epoch: 1 })

test('a specification that cannot be read sets its task aside, and the others go on', async () => {
  const client = await rig.client()
  await client.submit('a', spec())
  await client.submit('b', spec())
  await damage(keys.spec('a'))
  await rig.restart()
  expect(rig.logged).toContainEqual(expect.stringMatching(/set aside task\/a: its specification cannot be read/))
  expect(await stateOfTask(await rig.client(), 'b')).toBe('Pending.Queued')
})

test('what is committed after the journal was closed is no failure of the store, which is closed as well', async () => {
  const storage = createMemoryStorage()
  const failures: Error[] = []
  const told: string[] = []
  const journal = new Journal({
    ...{ storage, epoch: 1, revision: 0, logger: silentLogger, onBoundary: noBoundary },
    onFailure: (error) => failures.push(error),
  })
  const unit = (key: string) => ({
    ops: [{ type: 'put' as const, key, value: new Uint8Array(1) }],
    actions: [() => told.push(key)],
  })
  journal.commit(unit('before'))
  await journal.close()
  await storage.close()
  journal.commit(unit('after'))
  await journal.settled()
  expect({ failures, told }).toEqual({ failures: [], told: ['before'] })
  expect(() => journal.admit()).toThrow(/stopping/)
})
