/**
 * Steps of actors that wait to be told. A reader that is slow misses steps, and is told how many; what it gets of each
 * actor is then the newest. What waits is bounded in bytes.
 */
import type { ActorStep } from './protocol/inspection.ts'

export const stepQueueLimits = {
  /** Steps that wait one by one; with more, of each actor only the newest waits. */
  stepsMax: 512,
  /** Bytes that wait, roughly. */
  bytesMax: 512 * 1_024,
} as const

export interface StepQueueOptions {
  /** Default 512. */
  readonly stepsMax?: number
  /** Default 524,288. */
  readonly bytesMax?: number
}

interface Waiting {
  readonly step: ActorStep
  readonly bytes: number
}

/** Some of what waited, and how many steps were left out before them. */
export interface Steps {
  readonly steps: ActorStep[]
  readonly missed: number
}

export class StepQueue {
  readonly #stepsMax: number
  readonly #bytesMax: number
  #steps: Waiting[] = []
  /** The newest of each actor, the longest waiting first, once there were too many. */
  #newest: Map<string, Waiting> | undefined
  #bytes = 0
  #missed = 0

  constructor({ stepsMax = stepQueueLimits.stepsMax, bytesMax = stepQueueLimits.bytesMax }: StepQueueOptions = {}) {
    this.#stepsMax = stepsMax
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#newest?.size ?? this.#steps.length
  }

  /** What waits, in bytes, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a step in. False: even the newest of each actor is too much; nothing waits any more, and all of it was missed. */
  add(step: ActorStep, bytes: number): boolean {
    if (this.#newest === undefined) {
      this.#steps.push({ step, bytes })
      this.#bytes += bytes
      if (this.#steps.length <= this.#stepsMax && this.#bytes <= this.#bytesMax) return true
      this.#coalesce()
    } else {
      this.#put(this.#newest, { step, bytes })
    }
    if (this.#bytes <= this.#bytesMax) return true
    this.drop()
    return false
  }

  /** What waits longest, about as much as `bytesMax`; undefined if there is nothing to tell. */
  take(bytesMax = Number.POSITIVE_INFINITY): Steps | undefined {
    if (this.size === 0 && this.#missed === 0) return undefined
    const steps: ActorStep[] = []
    let bytes = 0
    for (const waiting of this.#newest?.values() ?? this.#steps) {
      if (bytes >= bytesMax) break
      bytes += waiting.bytes
      steps.push(waiting.step)
    }
    this.#bytes -= bytes
    if (this.#newest === undefined) this.#steps = this.#steps.slice(steps.length)
    else for (const { id } of steps) this.#newest.delete(id)
    if (this.#newest?.size === 0) this.#newest = undefined
    const missed = this.#missed
    this.#missed = 0
    return { steps, missed }
  }

  /** So many that are not told at all. */
  miss(count = 1): void {
    this.#missed += count
  }

  /** Lets go of all that waits; it was missed. */
  drop(): void {
    this.#missed += this.size
    this.#steps = []
    this.#newest = undefined
    this.#bytes = 0
  }

  #coalesce(): void {
    const newest = new Map<string, Waiting>()
    this.#newest = newest
    this.#bytes = 0
    for (const waiting of this.#steps.splice(0)) this.#put(newest, waiting)
  }

  /** The newest in place of the one before, whose context it goes on with if it has none of its own. */
  #put(newest: Map<string, Waiting>, { step, bytes }: Waiting): void {
    const before = newest.get(step.id)
    let merged: Waiting = { step, bytes }
    if (before !== undefined) {
      this.#missed += 1
      this.#bytes -= before.bytes
      newest.delete(step.id)
      const { context, cut } = before.step
      if (step.context === undefined && context !== undefined) {
        const known = cut === undefined ? { context } : { context, cut }
        merged = { step: { ...step, ...known }, bytes: bytes + before.bytes }
      }
    }
    this.#bytes += merged.bytes
    newest.set(step.id, merged)
  }
}
