/**
 * Desired state, as this worker follows it: complete first (in parts), then deltas, each on the one before it. After a
 * gap nothing is believed until the complete state has come again. What it means for attempts is told to them here.
 */
import type { AttemptEvents, AttemptInput } from '../../actors/attempt.ts'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { DesiredAttempt, ManagerMessages } from '../../actors/protocol/session.ts'
import type { ActorHost } from '../host/actor.ts'
import { keys } from '../host/keys.ts'
import { encodeRecord } from '../host/record.ts'
import { type Attempts, contextOf } from './attempts.ts'

type Message = ManagerMessages['Desired']

export interface DesiredOptions {
  readonly host: ActorHost
  readonly attempts: Attempts
  /** A delta did not follow on `have`. */
  readonly onGap: (have: number) => void
  /** All that is desired is known now. */
  readonly onComplete: () => void
  /** False for an attempt that may have run before, and of which nothing is left to adopt; undefined while that is not known. */
  readonly mayRun: (key: AttemptKey, driver: string) => boolean | undefined
}

export class Desired {
  readonly #options: DesiredOptions
  #wanted = new Set<string>()
  /** Tasks of which the manager cannot say what is wanted. */
  #kept = new Set<string>()
  /** What is desired of attempts of which it is not known yet whether they run. */
  readonly #undecided = new Map<string, DesiredAttempt>()
  /** The parts of a complete state that have come so far. */
  #parts: { readonly seq: number; readonly set: DesiredAttempt[]; readonly keep: string[] } | undefined
  /** The newest that is believed; undefined until a complete one has come in this session. */
  #have: number | undefined
  #gapTold = false

  constructor(options: DesiredOptions) {
    this.#options = options
  }

  /** Whether a complete state of this session's epoch is known, with all deltas up to now or to the cut. */
  get isComplete(): boolean {
    return this.#have !== undefined
  }

  wants(key: AttemptKey): boolean {
    return this.#wanted.has(attemptName(key))
  }

  /** Whether it is to be left as it is, wanted or not. */
  keeps({ taskId }: AttemptKey): boolean {
    return this.#kept.has(taskId)
  }

  /** A new session: what was known may be out of date. */
  begin(): void {
    this.#parts = undefined
    this.#have = undefined
    this.#gapTold = false
    this.#undecided.clear()
  }

  /** More is known of what runs. */
  resume(): void {
    const undecided = [...this.#undecided.values()]
    this.#undecided.clear()
    for (const attempt of undecided) this.#apply(attempt)
  }

  take(message: Message): void {
    if (message.complete) this.#takePart(message)
    else if (this.#have !== undefined && this.#parts === undefined && message.seq === this.#have + 1)
      this.#delta(message)
    else this.#gap()
  }

  #takePart({ seq, set, keep, last }: Message): void {
    if (this.#parts?.seq !== seq) this.#parts = { seq, set: [], keep: [] }
    this.#parts.set.push(...set)
    this.#parts.keep.push(...(keep ?? []))
    if (!last) return
    const { set: all } = this.#parts
    this.#kept = new Set(this.#parts.keep)
    this.#parts = undefined
    this.#have = seq
    this.#gapTold = false
    this.#wanted = new Set(all.map(attemptName))
    this.#undecided.clear()
    for (const attempt of all) this.#apply(attempt)
    for (const { snapshot } of [...this.#options.attempts.all()]) {
      const { key } = snapshot.context as { key: AttemptKey }
      if (!this.wants(key) && !this.keeps(key)) this.#absent(key)
    }
    this.#options.onComplete()
  }

  #delta({ seq, set, remove }: Message): void {
    this.#have = seq
    for (const key of remove) {
      this.#wanted.delete(attemptName(key))
      this.#undecided.delete(attemptName(key))
      this.#absent(key)
    }
    for (const attempt of set) {
      this.#wanted.add(attemptName(attempt))
      this.#apply(attempt)
    }
  }

  #gap(): void {
    // Said once; everything until the complete state is part of the same gap.
    if (this.#gapTold || this.#parts !== undefined) return
    this.#gapTold = true
    const have = this.#have ?? 0
    this.#have = undefined
    this.#options.onGap(have)
  }

  #apply(desired: DesiredAttempt): void {
    const { taskId, attempt, action, graceMs } = desired
    const key = { taskId, attempt }
    if (this.#options.attempts.get(key) === undefined) this.#create(key, desired)
    else if (action === 'stop') this.#tell(key, { type: 'Stop', graceMs })
  }

  /** The intent to start is stored, with what is to be started, before anything starts. */
  #create(key: AttemptKey, desired: DesiredAttempt): void {
    const { action, graceMs, stopAfterMs, spec } = desired
    const { host, attempts } = this.#options
    const mayRun = this.#options.mayRun(key, spec.driver)
    if (mayRun === undefined) {
      this.#undecided.set(attemptName(key), desired)
      return
    }
    const runs = action === 'run' && mayRun
    if (runs) attempts.expect(key, spec)
    host.run((turn) => {
      const input: AttemptInput = { key, spec, graceMs, stopAfterMs, action: runs ? 'run' : 'stop', atMs: turn.atMs }
      if (runs) turn.put(keys.attemptSpec(key), encodeRecord(spec))
      host.create(turn, keys.attempt(key), 'attempt', input)
    })
  }

  #absent(key: AttemptKey): void {
    const actor = this.#options.attempts.get(key)
    if (actor !== undefined && !contextOf(actor).absent) this.#tell(key, { type: 'Absent' })
  }

  #tell(key: AttemptKey, event: AttemptEvents): void {
    this.#options.attempts.tell(key, event)
  }
}
