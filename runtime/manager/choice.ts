/**
 * One decision at a time: which nodes a scheduler is shown, and what is remembered from one decision to the next. Of few
 * nodes all that are fit are scored; of many a sample, together with those that were best the last time: a memory of one
 * good place is worth as much as a larger sample (Mitzenmacher, Prabhakar, Shah, "Load Balancing with Memory", FOCS 2002).
 */
import { wishOf } from '../../actors/affinity.ts'
import type { PlacementDecision } from '../../actors/model.ts'
import { type Decided, decideAmong, explainRefusal, schedulerLimits } from '../../actors/schedulers/decision.ts'
import type { Ask, Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers } from '../../actors/schedulers/schedulers.ts'
import type { Capacity, Slot } from './capacity.ts'
import {
  kindOf,
  type Prospect,
  type ProspectLimits,
  Prospects,
  prospectLimits,
  type Sample,
  sampleOf,
} from './prospects.ts'

export interface Picked {
  readonly nodeId: string
  readonly decision: PlacementDecision
}

interface Considered<State> extends Decided<State> {
  /** Where in the ring the next sample begins. */
  readonly end: number
}

export class Choice<State> {
  readonly #capacity: Capacity
  readonly #scheduler: Scheduler<State>
  readonly #limits: ProspectLimits
  readonly #prospects: Prospects
  #state: State
  #cursor = 0

  constructor(capacity: Capacity, scheduler: Scheduler<State>, limits: ProspectLimits) {
    this.#limits = limits
    this.#prospects = new Prospects(limits)
    this.#capacity = capacity
    this.#scheduler = scheduler
    this.#state = scheduler.initial
  }

  /** Anything of a node changed, its reservations included. */
  changed(slot: Slot): void {
    this.#prospects.forget(slot)
  }

  /** A node is gone for good. */
  removed(slot: Slot): void {
    this.#prospects.drop(slot)
  }

  /** A node has become fit for this kind of ask. */
  suggest(kind: string, slot: Slot): void {
    this.#prospects.suggest(kind, slot)
  }

  /** The node for this ask, which then counts as taken; undefined when none is fit. */
  pick(ask: Ask, kind: string, atMs: number): Picked | undefined {
    const prospect = this.#prospects.of(kind, ask)
    const considered = this.#consider(this.#scheduler, this.#state, prospect, ask, atMs)
    if (considered === undefined) return undefined
    const { decision, nodeId, state, end } = considered
    this.#state = state
    this.#cursor = end
    if (this.#isSampled && this.#scheduler.after === undefined) prospect.keep(this.#bestOf(decision))
    return { nodeId: nodeId as string, decision }
  }

  /** Why no node is fit; to be asked for only when that is so. */
  refusal(ask: Ask, kind: string, atMs: number): PlacementDecision {
    return this.#refusal(this.#scheduler.name, this.#prospects.of(kind, ask), ask, atMs)
  }

  /** What each known scheduler would decide, the own one first. No turn is taken; the others are as if they had never picked. */
  compare(ask: Ask, kind: string, atMs: number): PlacementDecision[] {
    const prospect = this.#prospects.of(kind, ask)
    const decided = <Any>(scheduler: Scheduler<Any>, state: Any): PlacementDecision => {
      const considered = this.#consider(scheduler, state, prospect, ask, atMs)
      return considered?.decision ?? this.#refusal(scheduler.name, prospect, ask, atMs)
    }
    const others = allSchedulers.filter(({ name }) => name !== this.#scheduler.name)
    return [decided(this.#scheduler, this.#state), ...others.map((other) => decided(other, other.initial))]
  }

  get #isSampled(): boolean {
    return this.#capacity.ring.length > this.#limits.allScoredMax
  }

  #consider<Any>(
    scheduler: Scheduler<Any>,
    state: Any,
    prospect: Prospect,
    ask: Ask,
    atMs: number,
  ): Considered<Any> | undefined {
    const { ring } = this.#capacity
    const from = this.#isSampled ? this.#beginOf(scheduler, state) : 0
    const { fit, refused, considered, end } = this.#sample(prospect, ask, from)
    const preferred = ask.prefer === undefined ? undefined : this.#capacity.slot(ask.prefer)
    if (preferred !== undefined && !fit.includes(preferred) && prospect.isFit(preferred)) fit.push(preferred)
    if (fit.length === 0) return undefined
    const find = (nodeId: string) => this.#capacity.slot(nodeId)?.node
    const looked = { fit: fit.map(({ node }) => node), refused, considered, of: ring.length, find }
    return { ...decideAmong(scheduler, ask, looked, prospect.filters, state, atMs), end }
  }

  /**
   * Of many nodes those that match an affinity may be few, and none of them in a sample: each affinity draws one of its own,
   * as if it were a constraint, and so do all of them together.
   */
  #sample(prospect: Prospect, ask: Ask, from: number): Sample {
    const { ring } = this.#capacity
    const wanted = sampleOf(ring.length, this.#limits)
    const sample = prospect.sample(ring, from, wanted)
    const wishes = this.#isSampled ? (ask.affinities ?? []).map(wishOf) : []
    let { considered } = sample
    for (const wish of wishes.length > 1 ? [wishes, ...wishes.map((one) => [one])] : [wishes]) {
      if (wish.length === 0) break
      const narrower = { ...ask, constraints: [...ask.constraints, ...wish] }
      const drawn = this.#prospects.of(kindOf(narrower), narrower).sample(ring, from, wanted)
      for (const slot of drawn.fit) if (!sample.fit.includes(slot)) sample.fit.push(slot)
      considered = Math.max(considered, drawn.considered)
    }
    return { ...sample, considered }
  }

  #beginOf<Any>(scheduler: Scheduler<Any>, state: Any): number {
    if (scheduler.after === undefined) return this.#cursor
    const after = scheduler.after(state)
    return after === null ? 0 : this.#capacity.placeAfter(after)
  }

  #refusal(scheduler: string, prospect: Prospect, ask: Ask, atMs: number): PlacementDecision {
    const { ring } = this.#capacity
    // Nodes that changed since they were refused, in a way that does not help.
    if (prospect.refused < ring.length) for (const slot of ring) prospect.isFit(slot)
    const shown = ring.slice(0, schedulerLimits.decisionNodesMax).map(({ node }) => node)
    const all = { counts: prospect.counts, shown, nodes: this.#capacity.nodes(), of: ring.length }
    return explainRefusal(scheduler, ask, all, prospect.filters, atMs)
  }

  #bestOf({ scores }: PlacementDecision): Slot[] {
    return scores.slice(0, prospectLimits.keptMax).flatMap(({ nodeId }) => this.#capacity.slot(nodeId) ?? [])
  }
}
