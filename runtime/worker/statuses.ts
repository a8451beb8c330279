/**
 * What is reported of the attempts: the newest status of each that is durable. All of them go with every Hello, so that
 * a cut loses nothing; within a session each change goes once, those of one moment together.
 */
import { type AttemptKey, type AttemptStatus, attemptName } from '../../actors/model.ts'

export const statusLimits = {
  /** Statuses in one message. */
  statusesMax: 1_000,
} as const

export interface StatusesOptions {
  readonly send: (attempts: AttemptStatus[]) => void
}

export class Statuses {
  readonly #options: StatusesOptions
  readonly #newest = new Map<string, AttemptStatus>()
  /** The `seq` that this session's manager was told of each. */
  #sent = new Map<string, number>()
  readonly #changed = new Set<string>()
  #open = false
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

  /** All of them, for a Hello that is sent now. */
  greet(): AttemptStatus[] {
    this.#open = false
    this.#changed.clear()
    this.#sent = new Map([...this.#newest].map(([name, { seq }]) => [name, seq]))
    return [...this.#newest.values()]
  }

  /** The manager has taken the Hello; what changed since follows. */
  open(): void {
    this.#open = true
    this.#schedule()
  }

  close(): void {
    this.#open = false
  }

  #schedule(): void {
    if (!this.#open || this.#scheduled || this.#changed.size === 0) return
    this.#scheduled = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (!this.#open) return
    const statuses: AttemptStatus[] = []
    for (const name of this.#changed) {
      const status = this.#newest.get(name)
      if (status === undefined || (this.#sent.get(name) ?? -1) >= status.seq) continue
      this.#sent.set(name, status.seq)
      statuses.push(status)
    }
    this.#changed.clear()
    const { statusesMax } = statusLimits
    for (let i = 0; i < statuses.length; i += statusesMax) this.#options.send(statuses.slice(i, i + statusesMax))
  }
}
