/** Requests that wait: each until its own turn's deadline, and with as few timers as there are turns. */
import { expect, test } from 'vitest'
import type { ClientReply } from '../../actors/protocol/client.ts'
import { PendingRequests } from '../../runtime/client/pending.ts'
import type { Clock } from '../../runtime/clock.ts'

const traits = { reply: 'Ok', what: 'something', changes: false } as const
const ok = (req: number): ClientReply => ({ type: 'Ok', req })
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function world() {
  const timers = new Map<() => void, number>()
  const clock: Clock = {
    nowMs: () => 0,
    uptimeMs: () => 0,
    setTimer(callback, delayMs) {
      const timer = () => callback()
      timers.set(timer, delayMs)
      return () => timers.delete(timer)
    },
  }
  const fireFirst = () => {
    const [timer] = timers.keys()
    if (timer === undefined) throw new Error('no timer is set')
    timers.delete(timer)
    timer()
  }
  return { pending: new PendingRequests(clock, 10_000), timers, fireFirst }
}

test('what is asked in one turn shares a timer, which goes with the last answer', async () => {
  const { pending, timers } = world()
  const replies = [1, 2, 3].map((req) => pending.add(req, traits))
  expect([...timers.values()]).toEqual([10_000])
  for (const req of [2, 1]) expect(pending.settle(req, ok(req))).toBe(true)
  expect(timers.size).toBe(1)
  expect(pending.settle(3, ok(3))).toBe(true)
  expect(timers.size).toBe(0)
  expect(await Promise.all(replies)).toEqual([ok(1), ok(2), ok(3)])
})

test('at a deadline those of its turn that were not answered are given up, and no others', async () => {
  const { pending, timers, fireFirst } = world()
  const [answered, late] = [pending.add(1, traits), pending.add(2, traits)]
  await nextTurn()
  const later = pending.add(3, traits)
  expect(timers.size).toBe(2)
  pending.settle(1, ok(1))
  fireFirst()
  await expect(late).rejects.toMatchObject({ code: 'Unavailable', message: expect.stringContaining('within 10 s') })
  expect(await answered).toEqual(ok(1))
  expect(pending.settle(2, ok(2))).toBe(false)
  expect(timers.size).toBe(1)
  fireFirst()
  await expect(later).rejects.toMatchObject({ code: 'Unavailable' })
})

test('one that may take longer has a timer of its own, in the same turn', async () => {
  const { pending, timers, fireFirst } = world()
  const usual = pending.add(1, traits)
  const long = pending.add(2, { ...traits, limitMs: 60_000 })
  expect([...timers.values()]).toEqual([10_000, 60_000])
  fireFirst()
  await expect(usual).rejects.toMatchObject({ code: 'Unavailable' })
  pending.settle(2, ok(2))
  expect(await long).toEqual(ok(2))
  expect(timers.size).toBe(0)
})

test('one that is asked in the turn in which all before it were answered is guarded as well', async () => {
  const { pending, timers, fireFirst } = world()
  void pending.add(1, traits)
  pending.settle(1, ok(1))
  const next = pending.add(2, traits)
  expect(timers.size).toBe(1)
  fireFirst()
  await expect(next).rejects.toMatchObject({ code: 'Unavailable' })
})

test('a lost connection gives all of them up, and leaves no timer', async () => {
  const { pending, timers } = world()
  const asked = [pending.add(1, traits), pending.add(2, { ...traits, changes: true })]
  pending.failAll('it was lost')
  const codes = await Promise.all(asked.map((one) => one.catch(({ code }) => code)))
  expect(codes).toEqual(['Unavailable', 'OutcomeUnknown'])
  expect(timers.size).toBe(0)
})
