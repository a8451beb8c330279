/** Waiting between tries: exponential with full jitter, so that many clients do not come back in step. */
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'

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

/** What to wake when a signal is aborted. One listener serves all: Node takes more than ten of them for a leak. */
const sleepers = new WeakMap<AbortSignal, Set<() => void>>()

function sleepersOf(signal: AbortSignal): Set<() => void> {
  const known = sleepers.get(signal)
  if (known !== undefined) return known
  const waking = new Set<() => void>()
  sleepers.set(signal, waking)
  const wakeAll = () => {
    for (const wake of [...waking]) wake()
  }
  signal.addEventListener('abort', wakeAll, { once: true })
  return waking
}

/** Resolves after `delayMs`, or at once when aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const waking = signal === undefined ? undefined : sleepersOf(signal)
    const wake = () => {
      cancel()
      waking?.delete(wake)
      resolve()
    }
    const cancel = clock.setTimer(wake, delayMs)
    waking?.add(wake)
  })
}
