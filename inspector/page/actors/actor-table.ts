/**
 * Actors as they are inspected: how each stands, and the last steps of each since the page began to look. It is live only:
 * what was missed is counted, and nothing of the past is made up.
 */
import { viewAfter } from '../../../actors/inspection.ts'
import type { ActorStep, ActorView } from '../../../actors/protocol/inspection.ts'
import type { ActorNews } from '../../../runtime/client/actor-stream.ts'

export const actorTableLimits = {
  /** Steps kept of each actor; the oldest go first. */
  stepsMax: 500,
} as const

export class ActorTable {
  /** Steps that were left out on the way, of all actors together. */
  missed = 0
  /** How often it began anew after a lost connection: what happened meanwhile was not seen. */
  gaps = 0
  readonly #actors = new Map<string, ActorView>()
  readonly #steps = new Map<string, ActorStep[]>()
  /** As each was first seen: where its steps begin. */
  readonly #first = new Map<string, ActorView>()

  get(id: string): ActorView | undefined {
    return this.#actors.get(id)
  }

  firstOf(id: string): ActorView | undefined {
    return this.#first.get(id)
  }

  get all(): readonly ActorView[] {
    return [...this.#actors.values()]
  }

  /** Oldest first; another list after each step. */
  stepsOf(id: string): readonly ActorStep[] {
    return this.#steps.get(id) ?? []
  }

  take(news: ActorNews): void {
    if (news.type === 'Snapshot') {
      if (news.isAgain) this.gaps += 1
      this.#actors.clear()
      for (const actor of news.actors) {
        this.#actors.set(actor.id, actor)
        if (!this.#first.has(actor.id)) this.#first.set(actor.id, actor)
      }
      return
    }
    this.missed += news.missed
    for (const step of news.steps) this.#add(step)
  }

  #add(step: ActorStep): void {
    const after = viewAfter(this.#actors.get(step.id), step)
    if (after === undefined) this.#actors.delete(step.id)
    else this.#actors.set(step.id, after)
    const { stepsMax } = actorTableLimits
    this.#steps.set(step.id, [...this.stepsOf(step.id).slice(1 - stepsMax), step])
  }
}
