/** Lists come in pages that fit a frame, however much there is; a waiting task says why it waits now. */
import { beforeEach, expect, test } from 'vitest'
import { Rig, spec } from './manager-rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await Rig.start()
})

test.each(['recent', 'all'] as const)('%s comes in pages, each task once and in order', async (scope) => {
  const client = await rig.client()
  const ids = Array.from({ length: 25 }, (_, at) => `t${String(at).padStart(2, '0')}`)
  for (const id of ids) await client.submit(id, spec())
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await client.query({ scope, limit: 10, ...(after === undefined ? {} : { after }) })
    expect(page.items.length).toBeLessThanOrEqual(10)
    seen.push(...page.items.map(({ id }) => id))
    after = page.next
  } while (after !== undefined)
  expect(seen).toEqual(ids)
})

test('a page holds no more than a frame can carry', async () => {
  const client = await rig.client()
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`label-${at}`, 'x'.repeat(255)]))
  const ids = Array.from({ length: 120 }, (_, at) => `t${String(at).padStart(3, '0')}`)
  for (const id of ids) await client.submit(id, spec({ labels }))
  const first = await client.query({ scope: 'recent' })
  expect(first.items.length).toBeLessThan(ids.length)
  expect(first.next).toBe(first.items.at(-1)?.id)
})

test('a waiting task says why it waits now, not why it began to', async () => {
  const client = await rig.client()
  const { task } = await client.submit('t', spec({ cpus: 64 }))
  expect(task.reason).toBe('no node has registered')
  await rig.worker()
  const { items } = await client.query({ ids: ['t'] })
  expect(items[0]?.reason).toContain('64 cpus')
})
