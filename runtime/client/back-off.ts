/** Waiting between tries: exponential with full jitter, so that many clients do not come back in step. */
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import { onAbort } from './abort.ts'

export const backOffLimits = {
  /** The upper bound of the first delay, in milliseconds; doubled with each try. */
  firstMs: 100,
  /** The cap of that doubling, in milliseconds. */
  mostMs: 2_000,
} as const

/** The delay before try `tries` (from 0), in milliseconds. */
export function backOffMs(tries: number, random: Random): number {
  const bound = Math.min(backOffLimits.mostMs, backOffLimits.firstMs * 2 ** Math.min(tries, 20))
  return Math.ceil(random.roll() * bound)
}

/** Resolves after `delayMs`, or at once when aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const wake = () => {
      cancel()
      forget()
      resolve()
    }
    const cancel = clock.setTimer(wake, delayMs)
    const forget = onAbort(signal, wake)
  })
}
