/**
 * How a task stood after each of its recorded transitions: its machine, the very one that the manager steps, takes them
 * once more. Where that does not lead to the state that was recorded (the log has lost its beginning, or another version
 * wrote it) nothing is guessed: from there on only what was recorded is known.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { PlacementDecision, TaskEvent, TaskSpec } from '../../../actors/model.ts'
import { initialStep, pathOf, step } from '../../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../../actors/task.ts'
import type { HistoryStep } from './history.ts'

export interface ReplayInput {
  /** Values of `env` may be masked: the machine does not look at them. */
  readonly spec: TaskSpec | undefined
  /** The newest decision that is known; it belongs to the newest attempt, if it picked a node. */
  readonly decision: PlacementDecision | undefined
}

/** Why contexts are not known from some step on. */
export type Divergence =
  /** The log begins later than the task. */
  | { readonly why: 'trimmed'; readonly from: number }
  /** The machine came to another state than the manager's. */
  | { readonly why: 'differs'; readonly from: number; readonly expected: string; readonly got: string }
  /** Without the spec there is nothing to begin with. */
  | { readonly why: 'no-spec'; readonly from: number }

/** The log keeps no decisions; the machine takes any, for it decides nothing by them. */
const unknownDecision: PlacementDecision = { scheduler: '', atMs: 0, scores: [], refusals: [], considered: 0 }

/** Steps the machine along the log, as far as that goes. One is fed in order; it never goes back. */
export class Replay {
  readonly #spec: TaskSpec | undefined
  readonly #steps: HistoryStep[] = []
  /** Those that are known, by when they were made, which is when their attempt was scheduled. */
  readonly #decisions = new Map<number, PlacementDecision>()
  #snapshot: AnyMachineSnapshot | undefined
  #divergence: Divergence | undefined

  constructor({ spec, decision }: ReplayInput) {
    this.#spec = spec
    if (decision !== undefined) this.decide(decision)
  }

  get steps(): readonly HistoryStep[] {
    return this.#steps
  }

  /** Undefined as long as every step came out as it was recorded. */
  get divergence(): Divergence | undefined {
    return this.#divergence
  }

  /** A decision has become known. It comes after the step of its attempt, whose contexts get it now. */
  decide(decision: PlacementDecision): void {
    const { atMs } = decision
    if (decision.picked === undefined || this.#decisions.has(atMs)) return
    this.#decisions.set(atMs, decision)
    for (let index = this.#steps.length - 1; index >= 0; index -= 1) {
      const step = this.#steps[index] as HistoryStep
      if (step.event.atMs < atMs) return
      if (step.context?.scheduledAtMs !== atMs) continue
      this.#steps[index] = { ...step, context: this.#withDecision(step.context) }
    }
  }

  push(event: TaskEvent): void {
    const index = this.#steps.length
    if (this.#divergence === undefined) this.#advance(event, index)
    const isKnown = this.#divergence === undefined
    const context = isKnown ? this.#withDecision(this.#snapshot?.context as TaskContext) : undefined
    this.#steps.push({ index, event, context })
  }

  #advance(event: TaskEvent, index: number): void {
    const before = this.#snapshot
    if (before === undefined && event.event.type !== 'Created') {
      this.#divergence = { why: 'trimmed', from: index }
      return
    }
    if (this.#spec === undefined) {
      this.#divergence = { why: 'no-spec', from: index }
      return
    }
    const { snapshot, note } = before === undefined ? this.#first(event, this.#spec) : next(before, event)
    const got = snapshot === undefined ? note : pathOf(snapshot.value)
    const attempt = (snapshot?.context as TaskContext | undefined)?.attempt
    if (got === event.to && attempt === event.attempt) this.#snapshot = snapshot
    else this.#divergence = { why: 'differs', from: index, expected: event.to, got }
  }

  #first({ taskId, atMs }: TaskEvent, spec: TaskSpec): Taken {
    try {
      return { snapshot: initialStep(taskMachine, { taskId, spec, atMs }).snapshot, note: '' }
    } catch (error) {
      return { snapshot: undefined, note: (error as Error).message }
    }
  }

  /** The context, with the decision only where it is known to be that attempt's. */
  #withDecision(context: TaskContext): TaskContext {
    const decision = this.#decisions.get(context.scheduledAtMs ?? -1)
    return { ...context, decision: decision?.picked === context.nodeId ? decision : undefined }
  }
}

interface Taken {
  readonly snapshot: AnyMachineSnapshot | undefined
  readonly note: string
}

function next(before: AnyMachineSnapshot, { event, atMs }: TaskEvent): Taken {
  const decision = event.type === 'Placed' ? { decision: unknownDecision } : {}
  try {
    // Chance only says how long a delay is, and when that was over is in the log.
    return { snapshot: step(taskMachine, before, { ...event, ...decision, atMs, roll: 0 }).snapshot, note: '' }
  } catch (error) {
    return { snapshot: undefined, note: (error as Error).message }
  }
}

/** All steps of a log at once. */
export function replayed(
  input: ReplayInput,
  events: readonly TaskEvent[],
): { readonly steps: readonly HistoryStep[]; readonly divergence: Divergence | undefined } {
  const replay = new Replay(input)
  for (const event of events) replay.push(event)
  return { steps: replay.steps, divergence: replay.divergence }
}

/** One sentence for people about what is not known. */
export function divergenceText(divergence: Divergence): string {
  switch (divergence.why) {
    case 'trimmed':
      return 'The log no longer has what came before its first step here, so what the task knew then cannot be worked out.'
    case 'no-spec':
      return 'The specification of the task is not known, so what it knew at each step cannot be worked out.'
    case 'differs':
      return `From step ${divergence.from + 1} on, what the task knew cannot be worked out: stepping its machine again leads to ${divergence.got || 'nothing'}, and the log says ${divergence.expected}. Another version may have written it.`
  }
}
