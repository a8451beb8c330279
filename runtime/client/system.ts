/** Time and chance of the machine at hand, with nothing but what Node and browsers share. */
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'

/**
 * Good enough for a client's deadlines. It may stand still while the machine is suspended, so leases of workers and
 * managers, which must not, are counted on another.
 */
export const clientClock: Clock = {
  nowMs: () => Date.now(),
  uptimeMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

export const clientRandom: Random = {
  roll: () => Math.random(),
  id(chars) {
    const bytes = crypto.getRandomValues(new Uint8Array(chars))
    return Array.from(bytes, (byte) => alphabet[byte & 31]).join('')
  },
}
