/** Faults that a review found, each held by the test that showed it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noBoundary } from '../../runtime/host/boundary.ts'
import { Journal } from '../../runtime/host/journal.ts'
import { keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { clientSessionLimits } from '../../runtime/manager/client-session.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import type { StorageOp } from '../../runtime/storage/storage.ts'
import { Rig, spec, stateOfTask, token } from './manager-rig.ts'

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

describe('a task with a longer history than a frame can carry', () => {
  const large = (revision: number) => encodeRecord({ ...eventOf(revision), note: 'x'.repeat(100_000) })
  const eventOf = (revision: number) => ({
    ...{ revision, taskId: 'a', atMs: 1, from: 'Running', to: 'Running', attempt: 1 },
    event: { type: 'Unplaceable' },
  })

  async function subscribe(from: 'snapshot' | { logId: string; revision: number }) {
    const client = await rig.client()
    const heard: string[] = []
    const ends: string[] = []
    const snapshots: number[] = []
    client.subscribe(
      { topic: 'events', taskId: 'a', from },
      {
        onSnapshot: ({ events = [] }) => {
          heard.push('snapshot')
          snapshots.push(...events.map(({ revision }) => revision))
        },
        onDelta: () => heard.push('delta'),
        onReset: () => heard.push('reset'),
        onEnd: (error) => ends.push(error.code),
      },
    )
    await rig.settle()
    return { heard, ends, snapshots }
  }

  beforeEach(async () => {
    const client = await rig.client()
    await client.submit('a', spec())
    const ops: StorageOp[] = []
    for (let revision = 100; revision < 150; revision += 1) {
      ops.push({ type: 'put', key: keys.log(revision, 0), value: large(revision) })
      ops.push({ type: 'put', key: keys.past('a', revision, 0), value: new Uint8Array(0) })
    }
    await rig.disk.memory.batch(ops, { sync: true, epoch: 1 })
    await rig.restart()
  })

  test('tells a new subscriber its newest part', async () => {
    const { heard, ends, snapshots } = await subscribe('snapshot')
    expect({ heard, ends }).toEqual({ heard: ['snapshot'], ends: [] })
    expect(snapshots.at(-1)).toBeGreaterThanOrEqual(149)
    expect(snapshots.length).toBeGreaterThan(10)
    expect(snapshots).not.toContain(100)
  })

  test('tells one that resumes from before that part all that it missed', async () => {
    const client = await rig.client()
    const { logId } = client.welcome
    expect((await subscribe({ logId, revision: 99 })).heard.slice(0, 50)).toEqual(Array(50).fill('delta'))
    expect((await subscribe({ logId, revision: 145 })).heard.slice(0, 4)).toEqual(Array(4).fill('delta'))
  })
})

test('a client that asks faster than it is answered is read no further, and is answered in the end', async () => {
  const busy = await rig.client()
  const raw = await rig.raw()
  raw.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  await rig.settle()
  rig.disk.writes.hold()
  void busy.submit('a', spec())
  await rig.settle()
  const perFrame = 100
  const frames = (3 * clientSessionLimits.unansweredMax) / perFrame
  let asked = 0
  for (let frame = 0; frame < frames; frame += 1) {
    const queries = [...Array(perFrame).keys()].map((at) => ({ type: 'QueryNodes', req: asked + at }))
    asked += perFrame
    raw.connection.send({ m: queries })
  }
  await rig.settle()
  expect(raw.connection.bufferedBytes).toBeGreaterThan(0)
  rig.disk.writes.release()
  await rig.settle()
  expect(raw.connection.bufferedBytes).toBe(0)
  expect(raw.received.filter(({ type }) => type === 'Nodes')).toHaveLength(asked)
})
