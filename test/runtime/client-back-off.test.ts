import { expect, test, vi } from 'vitest'
import { pause } from '../../runtime/client/back-off.ts'
import type { Clock } from '../../runtime/clock.ts'

/** A clock whose timers never ring, and that counts those that are armed. */
function stoppedClock(): Clock & { armed: number } {
  const clock = {
    armed: 0,
    nowMs: () => 0,
    uptimeMs: () => 0,
    setTimer: () => {
      clock.armed += 1
      return () => {
        clock.armed -= 1
      }
    },
  }
  return clock
}

test('many may wait on one signal without a listener each, and all wake at once when it is raised', async () => {
  const clock = stoppedClock()
  const closing = new AbortController()
  const listen = vi.spyOn(closing.signal, 'addEventListener')
  const waiting = Array.from({ length: 100 }, () => pause(clock, 1_000, closing.signal))
  expect(listen).toHaveBeenCalledTimes(1)
  expect(clock.armed).toBe(100)
  closing.abort()
  await Promise.all(waiting)
  expect(clock.armed).toBe(0)
  await pause(clock, 1_000, closing.signal)
})
