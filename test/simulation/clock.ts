/**
 * Simulated time: a queue of events, run one after the other; between two of them everything that waits only for
 * promises comes to rest. Nothing else moves the clock, so a run takes no longer than its work.
 */

interface Entry {
  readonly atMs: number
  readonly seq: number
  run: (() => void) | undefined
}

const precedes = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq)

/**
 * How many turns are asked of the real loop at once. All microtasks run between two of them, whatever chains they form,
 * and a round of the loop for each would cost as much as many an event.
 */
const turnsAtOnce = 64

export class Timeline {
  /** Milliseconds since the run began. */
  nowMs = 0
  /** Events run so far. */
  ran = 0
  readonly #heap: Entry[] = []
  #seq = 0

  /** Runs once after `delayMs`, behind everything that is due at the same moment already. Returns what calls it off. */
  at(delayMs: number, run: () => void): () => void {
    this.#seq += 1
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), seq: this.#seq, run }
    this.#push(entry)
    return () => {
      entry.run = undefined
    }
  }

  /** Runs what is due until then, or until `isOver` says so. Resolves with whether it was over. */
  runUntil(untilMs: number, isOver: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let done = false
      const turn = () => {
        if (done) return
        try {
          done = this.#turn(untilMs, isOver)
        } catch (error) {
          done = true
          reject(error as Error)
        }
        if (done) resolve(isOver())
      }
      const ask = () => {
        if (done) return
        for (let left = turnsAtOnce; left > 0; left -= 1) setImmediate(turn)
        setImmediate(ask)
      }
      ask()
    })
  }

  /** Runs what is next. True when nothing is, or it is over. */
  #turn(untilMs: number, isOver: () => boolean): boolean {
    if (isOver()) return true
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs)
        return true
      }
      this.#pop()
      if (next.run === undefined) continue
      this.nowMs = next.atMs
      this.ran += 1
      next.run()
      return false
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    heap.push(entry)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!precedes(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && precedes(heap[child + 1] as Entry, heap[child] as Entry)) child += 1
      if (!precedes(heap[child] as Entry, last)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
  }
}
