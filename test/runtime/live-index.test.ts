/** What is live is found by an index of its own, so that a start costs nothing for what has ended. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(() => rig.crash())

/** Makes the store what a Troupe has left that keeps no index. */
async function forgetIndex(): Promise<void> {
  const dels = [...(await rig.disk.keys('live/')), keys.indexed].map((key) => ({ type: 'del', key }) as const)
  await rig.disk.memory.batch(dels, { sync: true, epoch: 1 })
}

/** The keys of tasks that are read while the next manager starts. */
async function readAtStart(): Promise<string[]> {
  await rig.crash()
  const { memory } = rig.disk
  const read: string[] = []
  const { get, scan } = memory
  memory.get = (key) => {
    read.push(key)
    return get.call(memory, key)
  }
  memory.scan = (range) => {
    const entries = scan.call(memory, range)
    return (async function* () {
      for await (const entry of entries) {
        read.push(entry[0])
        yield entry
      }
    })()
  }
  await rig.open()
  Object.assign(memory, { get: get.bind(memory), scan: scan.bind(memory) })
  client = await rig.client()
  return read.filter((key) => key.startsWith('task/'))
}

describe('the index of what is live', () => {
  test('names a task from its submission to its end', async () => {
    await client.submit('a', spec())
    await client.submit('b', spec())
    expect(await rig.disk.keys('live/')).toEqual(['live/a', 'live/b'])
    await client.stop('a')
    expect(await rig.disk.keys('live/')).toEqual(['live/b'])
  })

  test('spares a start the reading of what has ended', async () => {
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec())
    for (const id of ['a', 'c']) await client.stop(id)
    expect(await readAtStart()).toEqual(['task/b'])
    expect(await stateOfTask(client, 'b')).toBe('Pending.Queued')
    expect(await stateOfTask(client, 'a')).toBe('Completed')
  })

  test('is made from the records of a store without one, once', async () => {
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec())
    await client.stop('a')
    await rig.crash()
    await forgetIndex()
    await rig.open()
    client = await rig.client()
    expect(await rig.disk.keys('live/')).toEqual(['live/b', 'live/c'])
    expect(await stateOfTask(client, 'c')).toBe('Pending.Queued')
    expect(await readAtStart()).toEqual(['task/b', 'task/c'])
  })

  test('is made anew after a Troupe that does not keep it was in office', async () => {
    for (const id of ['a', 'b', 'c']) await client.submit(id, spec())
    await client.stop('a')
    await rig.crash()
    // It has raised the epoch, ended nothing of the index and added nothing to it.
    const put = { type: 'put', key: keys.epoch, value: encodeRecord(7) } as const
    const stale = { type: 'put', key: keys.live('a'), value: new Uint8Array(0) } as const
    await rig.disk.memory.batch([put, stale, { type: 'del', key: keys.live('c') }], { sync: true, epoch: 7 })
    await rig.open()
    client = await rig.client()
    expect(await rig.disk.keys('live/')).toEqual(['live/b', 'live/c'])
    expect(await stateOfTask(client, 'c')).toBe('Pending.Queued')
  })

  test('of more tasks than are read at once: each is there with its own specification, in its place in the queue', async () => {
    const ids = Array.from({ length: 600 }, (_, at) => `t${599 - at}`)
    const commandOf = (id: string) => (Number(id.slice(1)) % 3 === 0 ? ['sleep', '1'] : ['sleep', id])
    await Promise.all(ids.map((id) => client.submit(id, spec({ command: commandOf(id) }))))
    for (const [key, value] of [
      ['spec/t300', new Uint8Array([1, 2, 3, 4, 5])],
      ['task/t301', new Uint8Array([1, 2, 3, 4, 5])],
    ] as const) {
      await rig.disk.memory.batch([{ type: 'put', key, value }], { sync: true, epoch: 1 })
    }
    await rig.disk.memory.batch([{ type: 'del', key: 'spec/t302' }], { sync: true, epoch: 1 })
    expect(await readAtStart()).toHaveLength(600)
    const said = rig.logged.filter((line) => line.includes('set aside')).join('\n')
    expect(said).toMatch(/set aside task\/t300: its specification cannot be read: its checksum does not match/)
    expect(said).toMatch(/set aside task\/t301, which cannot be read: its checksum does not match/)
    expect(said).toMatch(/set aside task\/t302: its specification is missing/)
    const lost = ['t300', 't301', 't302']
    for (const id of ids.filter((id) => !lost.includes(id))) {
      expect((await client.explain(id)).spec.command, id).toEqual(commandOf(id))
    }
    const worker = await rig.worker({ nodeId: 'n1', cpus: 0.3 })
    await rig.settle()
    expect([...worker.desired.keys()]).toEqual(['t599.1', 't598.1', 't597.1'])
  })

  test('that names a task without a record has it set aside and named', async () => {
    await client.submit('a', spec())
    await rig.crash()
    await rig.disk.memory.batch([{ type: 'del', key: keys.task('a') }], { sync: true, epoch: 1 })
    await rig.open()
    expect(rig.logged.join('\n')).toMatch(/set aside task\/a, which cannot be read: it is missing/)
  })
})
