/** Time and chance of the machine at hand. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/**
 * Linux counts suspended time in /proc/uptime and not in the clock that Node reads; a lease must not outlast a lid that
 * was shut. Elsewhere Node's own clock has to do.
 */
function uptimeReader(): () => number {
  let file: number
  try {
    file = openSync('/proc/uptime', 'r')
  } catch {
    return () => performance.now()
  }
  const buffer = Buffer.alloc(64)
  const read = () => {
    const bytes = readSync(file, buffer, 0, buffer.length, 0)
    return Math.round(Number.parseFloat(buffer.toString('latin1', 0, bytes)) * 1_000)
  }
  if (Number.isFinite(read())) return read
  closeSync(file)
  return () => performance.now()
}

const uptimeMs = uptimeReader()

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  uptimeMs,
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

export const systemRandom: Random = {
  roll: () => Math.random(),
  id: (chars) => Array.from(randomBytes(chars), (byte) => alphabet[byte & 31]).join(''),
}
