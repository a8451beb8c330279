/** What whoever asks is told of records that cannot be read: what is missing, of which task, and what can be done. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TroupeError } from '../../actors/protocol/errors.ts'
import type { Client } from '../../runtime/client/client.ts'
import { keys } from '../../runtime/host/keys.ts'
import { StorageError } from '../../runtime/storage/storage.ts'
import { Rig, spec } from './manager-rig.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  for (const id of ['a', 'b']) await client.submit(id, spec({ constraints: ['zone=none'] }))
  await client.stop('a')
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  expect(rig.logged.filter((line) => line.includes('defect'))).toEqual([])
  await rig.crash()
})

const damaged = new Uint8Array([1, 2, 3, 4, 5, 6])
const blank = new Uint8Array(0)

const write = (key: string, value: Uint8Array) =>
  rig.disk.memory.batch([{ type: 'put', key, value }], { sync: true, epoch: 1 })

/** Harms the first transition of a task, as a bit that flips does, or as a repair leaves what is lost. */
async function harmHistory(id: string, value: Uint8Array): Promise<void> {
  const [past = ''] = await rig.disk.keys(`past/${id}/`)
  await write(`log/${past.split('/').at(-1)}`, value)
}

/** How a subscription to transitions from a snapshot on goes. */
async function followed(taskId?: string): Promise<TroupeError | 'told'> {
  const heard: (TroupeError | 'told')[] = []
  const asked = { topic: 'events', from: 'snapshot', ...(taskId === undefined ? {} : { taskId }) } as const
  client.subscribe(asked, { onSnapshot: () => heard.push('told'), onEnd: (error) => heard.push(error) })
  await rig.settle()
  return heard[0] ?? (expect.fail('nothing was answered') as never)
}

test.each([
  [damaged, 'its checksum does not match'],
  [blank, 'it was lost to damage before the store was repaired'],
])('a history of which a transition is lost is refused by the name of its task', async (value, why) => {
  await harmHistory('a', value)
  const sentence = `a part of the history of task a cannot be read (${why}), and so none of it is told; its state is not harmed ("troupe status"), and only a backup may still have what is missing`
  const refusal = { code: 'LostHistory', retryable: false, message: sentence }
  await expect(client.explain('a')).rejects.toMatchObject(refusal)
  expect(await followed('a')).toMatchObject(refusal)
  // Whose it was is not known of a log that is read as a whole.
  expect(await followed()).toMatchObject({
    code: 'LostHistory',
    message: `a part of what happened to tasks cannot be read (${why}), and so none of it is told; follow tasks by their ids, or from "now" on`,
  })
  // Nothing else is the worse for it.
  expect((await client.query({ ids: ['a'] })).items).toMatchObject([{ id: 'a', state: 'Completed' }])
  expect((await client.explain('b')).events).toHaveLength(2)
  expect(await followed('b')).toBe('told')
})

test('a specification that cannot be read is named, and is no defect', async () => {
  await write(keys.spec('a'), damaged)
  const message = 'the specification of task a cannot be read: its checksum does not match'
  await expect(client.explain('a')).rejects.toMatchObject({ code: 'Internal', message })
})

test.each([
  ['damaged', 'Internal', /store is damaged where this would be read; .*"troupe repair"/],
  ['io', 'Internal', /cannot read its store; its log says why/],
  ['closed', 'Unavailable', /is stopping; ask the next one/],
] as const)('a store that says %s is %s to who asks, and the log has its sentence', async (fault, code, told) => {
  const { memory } = rig.disk
  const { get } = memory
  const sentence = 'The store /var/x does not answer.'
  memory.get = async (key) => {
    if (key === keys.task('a')) throw new StorageError(fault, sentence)
    return get.call(memory, key)
  }
  const error = await client.explain('a').catch((reason: unknown) => reason as TroupeError)
  expect(error).toMatchObject({ code })
  expect((error as TroupeError).message).toMatch(told)
  expect((error as TroupeError).message).not.toContain('/var/x')
  expect(rig.logged.join('\n')).toContain(`error a request met a store that cannot be read: ${sentence}`)
})
