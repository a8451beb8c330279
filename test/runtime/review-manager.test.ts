/** Faults that a review found, each held by the test that showed it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keys } from '../../runtime/host/keys.ts'
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

test('a request that was under way when the manager stops is no failure of the store', async () => {
  const client = await rig.client()
  await client.submit('abc', spec())
  rig.disk.scans.hold()
  client.stop('ab').catch(() => {})
  await rig.settle()
  const stopped = rig.host.stop()
  await rig.settle()
  await stopped
  rig.disk.fault = new Error('the store is closed')
  rig.disk.scans.release()
  await rig.settle()
  expect(rig.failures).toEqual([])
})
