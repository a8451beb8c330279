import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { formatVersion, keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { Disk } from './manager-disk.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(() => rig.crash())

const write = (disk: Disk, key: string, value: Uint8Array) =>
  disk.memory.batch([{ type: 'put', key, value }], { sync: true, epoch: 1 })

describe('stopping', () => {
  test('saves what is under way, tells who waits, and writes nothing any more', async () => {
    const worker = await rig.worker()
    await client.submit('a', spec({ waitTimeoutMs: 60_000, constraints: ['zone=none'] }))
    await client.submit('b', spec({ timeoutMs: 60_000 }))
    await rig.settle()
    worker.started('b.1')
    await rig.settle()
    rig.disk.writes.hold()
    const submitted = client.submit('c', spec())
    await rig.settle()
    const stopped = rig.host.stop()
    await rig.settle()
    rig.disk.writes.release()
    await stopped
    expect(await submitted).toMatchObject({ existing: false })
    await rig.clock.advance(600_000)
    expect(rig.failures).toEqual([])
    expect(await rig.disk.keys('task/')).toEqual(['task/a', 'task/b', 'task/c'])
  })

  test('during a contest over a node leaves nothing behind', async () => {
    const worker = await rig.worker()
    await rig.dial(worker)
    worker.incarnation = 'other'
    worker.hello()
    await rig.settle()
    const stopped = rig.host.stop()
    await rig.settle()
    await stopped
    await rig.clock.advance(60_000)
    expect(rig.failures).toEqual([])
  })
})

describe('a start that fails', () => {
  test('for want of its address says so, and leaves nothing running', async () => {
    const disk = new Disk()
    const before = new Rig()
    const first = before.prepare(disk)
    await first.host.start()
    const user = await before.client()
    await user.submit('a', spec({ waitTimeoutMs: 60_000 }))
    await before.settle()
    first.alive = false
    const second = rig.prepare(disk)
    await expect(second.host.start()).rejects.toMatchObject({ code: 'address-in-use' })
    const batches = disk.batches
    await rig.clock.advance(600_000)
    expect(disk.batches).toBe(batches)
    expect(rig.failures).toEqual([])
    expect(await stateOfTask(client, 'none').catch(({ code }) => code)).toBe('NotFound')
  })

  test('because a newer Troupe wrote the folder says which to run', async () => {
    const disk = new Disk()
    await write(disk, keys.format, encodeRecord(formatVersion + 1))
    const start = rig.prepare(disk).host.start()
    await expect(start).rejects.toMatchObject({ code: 'newer-format' })
    await expect(start).rejects.toThrow(/run the newer version/)
    expect(await disk.keys('meta/epoch')).toEqual([])
  })

  test('because the disk takes nothing rejects with its reason', async () => {
    const disk = new Disk()
    disk.fault = new Error('no space left')
    await expect(rig.prepare(disk).host.start()).rejects.toThrow('no space left')
  })
})

describe('a record that cannot be read', () => {
  test('is set aside and named, and costs no other task', async () => {
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec())
    await rig.crash()
    await write(rig.disk, keys.task('b'), new Uint8Array([1, 2, 3, 4, 5, 6]))
    await rig.disk.memory.batch([{ type: 'del', key: keys.spec('c') }], { sync: true, epoch: 1 })
    await rig.open()
    client = await rig.client()
    const log = rig.logged.join('\n')
    expect(log).toMatch(/set aside task\/b, which cannot be read: its checksum does not match/)
    expect(log).toMatch(/set aside task\/c: its specification is missing/)
    const worker = await rig.worker()
    expect(worker.wishes).toEqual(['a.1 run'])
    await expect(client.query({ ids: ['b'] })).rejects.toMatchObject({ code: 'Internal' })
    await expect(client.explain('b')).rejects.toThrow(/the record of task b cannot be read/)
    expect((await client.query()).items.map(({ id }) => id)).toEqual(['a'])
    const { items } = await client.query({ scope: 'all' })
    expect(items.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(rig.failures).toEqual([])
  })

  test('leaves what runs of its task alone, and its end with its worker', async () => {
    let worker = await rig.worker()
    for (const id of ['a', 'b', 'c']) {
      await client.submit(id, spec())
      await rig.settle()
      worker.started(`${id}.1`)
    }
    await rig.crash()
    await write(rig.disk, keys.task('b'), new Uint8Array([1, 2, 3, 4, 5, 6]))
    await rig.disk.memory.batch([{ type: 'del', key: keys.spec('c') }], { sync: true, epoch: 1 })
    await rig.open()
    await rig.join(worker)
    expect(worker.wishes).toEqual(['a.1 run'])
    expect(worker.all('Desired').flatMap(({ keep }) => keep ?? [])).toEqual(['b', 'c'])
    // What it uses stays reserved for as long as it runs.
    client = await rig.client()
    expect((await client.nodes()).items[0]).toMatchObject({ tasks: 3 })
    for (const id of ['a', 'b', 'c']) worker.exited(`${id}.1`)
    await rig.settle()
    expect(worker.acknowledged.at(-1)).toBe('a.1:2')
    expect(worker.all('StatusAck').flatMap(({ attempts }) => attempts.filter(({ ended }) => ended))).toHaveLength(1)
    expect((await client.nodes()).items[0]).toMatchObject({ tasks: 0 })
    // And so it goes for a worker that asks for the complete state once more.
    worker.received = []
    worker.send({ type: 'DesiredGap', have: 0 })
    await rig.settle()
    expect(worker.all('Desired').flatMap(({ keep }) => keep ?? [])).toEqual(['b', 'c'])
    worker = await rig.worker({ nodeId: 'n2' })
    expect(worker.all('Desired').at(-1)).toMatchObject({ complete: true, last: true, keep: ['b', 'c'] })
  })

  test('costs no revision, also if it was the only one that bore the last', async () => {
    await client.submit('a', spec())
    for (const nodeId of ['n1', 'n2']) await rig.worker({ nodeId })
    const damaged = new Uint8Array([1, 2, 3, 4, 5, 6])
    let last = (await client.query()).revision
    // The last is a node's; then what says so goes too.
    for (const lost of [
      ['node/n1', 'node/n2'],
      [keys.revision, 'node/n3'],
    ]) {
      await rig.crash()
      const ops = lost.map((key) => ({ type: 'put', key, value: damaged }) as const)
      await rig.disk.memory.batch(ops, { sync: true, epoch: client.welcome.epoch })
      await rig.open()
      client = await rig.client()
      expect((await client.query()).revision).toBeGreaterThanOrEqual(last)
      await rig.worker({ nodeId: 'n3', node: { labels: { at: `${last}` } } })
      const { revision } = await client.query()
      expect(revision).toBeGreaterThan(last)
      last = revision
    }
  })

  test('among those that have ended costs no list of the recent ones', async () => {
    for (const id of ['a', 'b']) {
      await client.submit(id, spec())
      await client.stop(id)
    }
    await rig.crash()
    await write(rig.disk, keys.task('b'), new Uint8Array([1, 2, 3, 4, 5, 6]))
    await rig.open()
    client = await rig.client()
    expect((await client.query()).items.map(({ id }) => id)).toEqual(['a'])
  })
})

test('the second manager on one store takes office, and the first ends at its next write', async () => {
  await client.submit('a', spec())
  await rig
    .prepare(rig.disk)
    .host.start()
    .catch(() => undefined)
  const answer = await client.stop('a').catch(({ code }) => code)
  expect(answer).toBe('StorageFailed')
  expect(rig.failures).toMatchObject([{ code: 'stale-epoch' }])
})

test('a unit is stepped, then flushed, then heard of', async () => {
  rig.boundaries.length = 0
  await client.submit('a', spec())
  const order = rig.boundaries.filter((boundary, at) => boundary !== rig.boundaries[at - 1])
  expect(order.slice(0, 3)).toEqual(['stepped', 'flush', 'flushed'])
})
