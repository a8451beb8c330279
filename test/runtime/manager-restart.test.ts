/** Where the next attempt goes: the node of the last one within the policy's window, then another. Decision 6. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { keys } from '../../runtime/host/keys.ts'
import { type ActorRecord, decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
let workers: ScriptedWorker[]

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  workers = [await rig.worker({ nodeId: 'n1', cpus: 1 }), await rig.worker({ nodeId: 'n2', cpus: 1 })]
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const again = (more: Partial<TaskSpec> = {}): TaskSpec =>
  spec({ cpus: 1, restart: { policy: 'on-failure', sameNode: 1 }, ...more })

/** Which worker has this attempt, by its node. */
const holderOf = (name: string): string | undefined => workers.find(({ desired }) => desired.has(name))?.nodeId

const worker = (nodeId: string): ScriptedWorker => workers.find((each) => each.nodeId === nodeId) as ScriptedWorker

/** The attempt fails, and what delays its restart passes. Where the next one is, and why. */
async function fail(
  taskId: string,
  attempt: number,
): Promise<{ nodeId: string | undefined; note: string | undefined }> {
  const held = worker(holderOf(`${taskId}.${attempt}`) as string)
  held.started(`${taskId}.${attempt}`)
  held.exited(`${taskId}.${attempt}`, 1)
  await rig.settle()
  await rig.advance(60_000)
  const { decision } = await client.explain(taskId)
  return { nodeId: holderOf(`${taskId}.${attempt + 1}`), note: decision?.note }
}

async function submit(taskId: string, more?: Partial<TaskSpec>): Promise<string> {
  await client.submit(taskId, again(more))
  await rig.settle()
  return holderOf(`${taskId}.1`) as string
}

const otherThan = (nodeId: string): string => (nodeId === 'n1' ? 'n2' : 'n1')

test('a task that fails is restarted on its node, then elsewhere, and each is explained', async () => {
  const first = await submit('a')
  const second = await fail('a', 1)
  expect(second.nodeId).toBe(first)
  expect(second.note).toBe(
    `the one restart that stays on name-${first} within 30 min: that node is preferred, and it is fit`,
  )
  const third = await fail('a', 2)
  expect(third.nodeId).toBe(otherThan(first))
  expect(third.note).toBe(
    `the one restart that stays on name-${first} within 30 min is used up: that node is avoided, and another was fit`,
  )
  expect((await fail('a', 3)).nodeId).toBe(otherThan(first))
  expect((await fail('a', 4)).nodeId).toBe(first)
})

test('the turns of other tasks are not disturbed by a restart in place', async () => {
  const first = await submit('a', { cpus: 0.1 })
  expect((await fail('a', 1)).nodeId).toBe(first)
  expect(await submit('b', { cpus: 0.1 })).toBe(otherThan(first))
})

test('a preferred node that has no room is passed over, and that is said', async () => {
  const first = await submit('a')
  const held = worker(first)
  held.started('a.1')
  held.exited('a.1', 1)
  await rig.settle()
  // It takes the room while the other backs off; the other node is full at first.
  for (const id of ['b', 'c']) await client.submit(id, spec({ cpus: 1 }))
  await rig.advance(60_000)
  expect(holderOf('a.2')).toBeUndefined()
  const elsewhere = otherThan(first)
  for (const id of ['b', 'c']) if (holderOf(`${id}.1`) === elsewhere) worker(elsewhere).exited(`${id}.1`)
  await rig.settle()
  expect(holderOf('a.2')).toBe(elsewhere)
  expect((await client.explain('a')).decision?.note).toMatch(/preferred, but it is not fit \(lacks 1 cpu now/)
})

test('where there is no other node it runs on the avoided one rather than wait', async () => {
  const first = await submit('a')
  await client.submit('b', spec({ cpus: 1 }))
  await rig.settle()
  await fail('a', 1)
  const third = await fail('a', 2)
  expect(third).toMatchObject({ nodeId: first, note: expect.stringMatching(/should be avoided, but no other is fit$/) })
  // The other one is free now: it leaves at the next failure, without new restarts in place.
  worker(otherThan(first)).exited('b.1')
  await rig.settle()
  expect((await fail('a', 3)).nodeId).toBe(otherThan(first))
})

test('one that waits for its avoided node alone gets it as soon as it is fit', async () => {
  const first = await submit('a', { restart: { policy: 'on-failure', sameNode: 0 } })
  const held = worker(first)
  held.exited('a.1', 1)
  await rig.settle()
  for (const id of ['b', 'c']) await client.submit(id, spec({ cpus: 1 }))
  await rig.advance(60_000)
  expect(holderOf('a.2')).toBeUndefined()
  for (const id of ['b', 'c']) if (holderOf(`${id}.1`) === first) held.exited(`${id}.1`)
  await rig.settle()
  expect(holderOf('a.2')).toBe(first)
})

test('a task that was lost is replaced elsewhere at once, although its node is fit, and uses up no restart', async () => {
  const first = await submit('a')
  worker(first).started('a.1')
  await rig.settle()
  const end = { kind: 'lost', message: 'its process is gone' } as const
  worker(first).report('a.1', { endedAtMs: 1, end })
  await rig.settle()
  expect(holderOf('a.2')).toBe(otherThan(first))
  const { decision, task } = await client.explain('a')
  expect(task.restarts).toBe(0)
  expect(decision?.note).toBe(`its last attempt was lost on name-${first}: that node is avoided, and another was fit`)
})

test('where it is to go outlives a restart of the manager', async () => {
  const first = await submit('a', { restart: { policy: 'on-failure', sameNode: 0, backOffMs: 10_000 } })
  // Whose turn it is begins anew with the manager: without its wish it would go to the very node that it failed on.
  expect(first).toBe('n1')
  worker(first).exited('a.1', 1)
  await rig.settle()
  await rig.restart()
  client = await rig.client()
  for (const each of workers) await rig.join(each)
  expect(holderOf('a.2')).toBeUndefined()
  await rig.advance(60_000)
  expect(holderOf('a.2')).toBe(otherThan(first))
})

test('the record of a task from before there were windows is read, and goes on with the defaults', async () => {
  const first = await submit('a', { restart: { policy: 'on-failure' } })
  worker(first).started('a.1')
  await rig.settle()
  await rig.crash()
  const key = keys.task('a')
  const record = decodeRecord((await rig.disk.memory.get(key)) as Uint8Array) as ActorRecord
  const snapshot = record.snapshot as unknown as { context: Record<string, Record<string, Record<string, unknown>>> }
  for (const field of ['window', 'aim']) delete snapshot.context[field]
  for (const field of ['sameNode', 'windowMs']) delete snapshot.context.policies?.restart?.[field]
  await rig.disk.memory.batch([{ type: 'put', key, value: encodeRecord(record) }], { sync: true, epoch: 1 })
  await rig.open()
  client = await rig.client()
  for (const each of workers) await rig.join(each)
  expect((await fail('a', 1)).nodeId).toBe(first)
  const third = await fail('a', 2)
  expect(third).toMatchObject({ nodeId: first, note: expect.stringMatching(/^restart 2 of the 2 that stay /) })
  expect((await fail('a', 3)).nodeId).toBe(otherThan(first))
})
