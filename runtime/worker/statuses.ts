/**
 * What is reported of the attempts: the newest status of each that is durable. All of them go with or right after every
 * Hello, so that a cut loses nothing; within a session each change goes once, those of one moment together. While the
 * manager does not keep up they wait here, where each attempt has only its newest, however often it changes.
 */
import { type AttemptKey, type AttemptStatus, attemptName } from '../../actors/model.ts'

export const statusLimits = {
  /** Statuses in one message, and ends in a Hello: with a long reason each they still fit a frame. */
  statusesMax: 250,
} as const

export interface StatusesOptions {
  /** False = the manager does not keep up: no more until `drained`. */
  readonly send: (attempts: AttemptStatus[]) => boolean
}

/**
 * Whether it says no more than that the attempt is there. Its manager has asked for it, so that this would only wake both of
 * them; it goes with the next Hello, which says all that there is.
 */
const saysNothing = ({ pullingAtMs, startedAtMs, stoppingAtMs, health, end }: AttemptStatus): boolean =>
  (pullingAtMs ?? startedAtMs ?? stoppingAtMs ?? health ?? end) === undefined

export class Statuses {
  readonly #options: StatusesOptions
  readonly #newest = new Map<string, AttemptStatus>()
  /** The `seq` that this session's manager was told of each. */
  readonly #sent = new Map<string, number>()
  readonly #changed = new Set<string>()
  #open = false
  #held = false
  #scheduled = false

  constructor(options: StatusesOptions) {
    this.#options = options
  }

  get(key: AttemptKey): AttemptStatus | undefined {
    return this.#newest.get(attemptName(key))
  }

  /** This status is durable. */
  note(status: AttemptStatus): void {
    const name = attemptName(status)
    if ((this.#newest.get(name)?.seq ?? -1) >= status.seq) return
    this.#newest.set(name, status)
    if (saysNothing(status)) return
    this.#changed.add(name)
    this.#schedule()
  }

  /** It was removed. */
  forget(key: AttemptKey): void {
    const name = attemptName(key)
    this.#newest.delete(name)
    this.#changed.delete(name)
    this.#sent.delete(name)
  }

  /**
   * What the Hello says that is sent now: all that have not ended, and of the others as many as a frame is sure to carry.
   * The rest follows as soon as the Hello was taken.
   */
  greet(): AttemptStatus[] {
    this.#open = false
    this.#changed.clear()
    this.#sent.clear()
    const greeted: AttemptStatus[] = []
    let ends = 0
    for (const [name, status] of this.#newest) {
      if (status.end !== undefined) ends += 1
      if (status.end !== undefined && ends > statusLimits.statusesMax) {
        this.#changed.add(name)
      } else {
        this.#sent.set(name, status.seq)
        greeted.push(status)
      }
    }
    return greeted
  }

  /** The manager has taken the Hello; what changed since follows. */
  open(): void {
    this.#open = true
    this.#held = false
    this.#schedule()
  }

  /** The connection takes more again. */
  drained(): void {
    this.#held = false
    this.#schedule()
  }

  close(): void {
    this.#open = false
  }

  #schedule(): void {
    if (!this.#open || this.#held || this.#scheduled || this.#changed.size === 0) return
    this.#scheduled = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (!this.#open || this.#held) return
    const statuses: AttemptStatus[] = []
    for (const name of this.#changed) {
      if (statuses.length === statusLimits.statusesMax) break
      this.#changed.delete(name)
      const status = this.#newest.get(name)
      if (status === undefined || (this.#sent.get(name) ?? -1) >= status.seq) continue
      this.#sent.set(name, status.seq)
      statuses.push(status)
    }
    if (statuses.length > 0) this.#held = !this.#options.send(statuses)
    this.#schedule()
  }
}
