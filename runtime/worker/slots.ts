/** Runs jobs in the order in which they came, at most so many at once. */
export class Slots {
  readonly #busyMax: number
  readonly #waiting: (() => Promise<void>)[] = []
  #busy = 0
  #closed = false

  constructor(busyMax: number) {
    this.#busyMax = busyMax
  }

  /** The job handles its own failures; one that rejects is a defect, and nobody catches it. */
  run(job: () => Promise<void>): void {
    if (this.#closed) return
    this.#waiting.push(job)
    this.#next()
  }

  /** What waits is forgotten; what is under way goes on. */
  close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #next(): void {
    if (this.#busy >= this.#busyMax) return
    const job = this.#waiting.shift()
    if (job === undefined) return
    this.#busy += 1
    void job().finally(() => {
      this.#busy -= 1
      this.#next()
    })
  }
}
