/** Tries what must be done in the end again and again, with a delay that doubles up to a cap. */
import type { Random } from '../random.ts'
import type { Alarms } from './alarms.ts'

export const retryLimits = {
  /** The first delay, in milliseconds. */
  retryMs: 500,
  /** The cap of its doubling, in milliseconds. */
  retryMaxMs: 30_000,
} as const

export interface RetriesOptions {
  readonly alarms: Alarms
  readonly random: Random
}

export class Retries {
  readonly #options: RetriesOptions
  readonly #failures = new Map<string, number>()

  constructor(options: RetriesOptions) {
    this.#options = options
  }

  /** It failed once more: calls back later. Returns how often it has failed by now, so that the first can be told of. */
  later(name: string, again: () => void): number {
    const { alarms, random } = this.#options
    const failures = this.#failures.get(name) ?? 0
    this.#failures.set(name, failures + 1)
    const bound = Math.min(retryLimits.retryMaxMs, retryLimits.retryMs * 2 ** Math.min(failures, 16))
    // Half of it is chance, so that many of them do not come back at the same moment.
    alarms.set(`retry ${name}`, bound * (0.5 + random.roll() / 2), again)
    return failures + 1
  }

  /** It is done, or no longer to be done. */
  done(name: string): void {
    this.#failures.delete(name)
    this.#options.alarms.cancel(`retry ${name}`)
  }
}
