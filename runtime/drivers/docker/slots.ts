/** How many things may happen at once: past a few concurrent starts an engine only gets slower. */
import { EngineError } from './engine.ts'

export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param count at least 1 */
  constructor(count: number) {
    this.#free = count
  }

  /** Runs `work` in a slot, first come, first served. Rejects as `aborted` if `signal` fires while it waits. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#take(signal)
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(new EngineError('aborted', 'the wait for a slot was aborted'))
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(new EngineError('aborted', 'the wait for a slot was aborted'))
      }
      this.#waiting.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}
