/**
 * What is remembered of nodes, for each kind of ask, so that deciding does not look at all of them again: a node that was
 * refused stays so until anything of it changes. Borg calls asks that every node answers alike an equivalence class
 * (Verma et al., "Large-scale cluster management at Google with Borg", 3.4).
 *
 * Of a large cluster only a sample is scored, as Nomad does (`scheduler/stack.go`). Nothing is drawn by lot: the sample goes
 * round the ring of nodes, each from where the last one ended.
 */
import { schedulerLimits } from '../../actors/schedulers/decision.ts'
import { type Ask, type CandidateNode, type Filter, filtersOf } from '../../actors/schedulers/filters.ts'
import { portsKey } from '../../actors/schedulers/port-filters.ts'
import { microCpus } from '../../actors/schedulers/resources.ts'
import type { Slot } from './capacity.ts'

export const prospectLimits = {
  /** Up to so many nodes each fit one is scored; beyond, a sample. */
  allScoredMax: 100,
  /** Kinds of asks of which anything is remembered; each takes a byte per node. */
  kindsMax: 128,
  /** Refusals shown where only a sample was looked at: they are examples then. */
  sampleRefusalsMax: 5,
  /** Nodes that were good a moment ago and are looked at first next time. */
  keptMax: 4,
} as const

/** Those that a test may set otherwise, to see with few nodes what happens with many. */
export type ProspectLimits = Readonly<Record<'allScoredMax' | 'kindsMax', number>>

/** How many fit nodes are scored of so many nodes: all of few, else as many as the count has binary digits, and 2 at least. */
export const sampleOf = (nodes: number, { allScoredMax }: ProspectLimits): number =>
  nodes <= allScoredMax ? nodes : Math.max(2, Math.ceil(Math.log2(nodes)))

/** Equal for asks that the filters answer alike for every node. */
export const kindOf = (ask: Ask): string =>
  JSON.stringify([
    ask.driver,
    microCpus(ask.reserved.cpus),
    ask.reserved.memoryBytes,
    [...new Set(ask.constraints)].sort(),
    portsKey(ask.ports) ?? null,
  ])

/** What a walk along the ring has found. */
export interface Sample {
  readonly fit: Slot[]
  /** Those that were passed by and are not fit, some of them. */
  readonly refused: CandidateNode[]
  /** How many nodes are known now to be fit or not. */
  readonly considered: number
  /** Where in the ring the next walk begins. */
  readonly end: number
}

/** One kind of ask. */
export class Prospect {
  readonly filters: readonly Filter[]
  /** How many nodes each filter has refused and that have not changed since. */
  readonly counts: number[]
  /** By a slot's number: 0 = to be looked at, n = refused by the n-th filter; there are far fewer than 255 of them. */
  #verdicts = new Uint8Array(64)
  #refused = 0
  /** Looked at before all others, as long as they are there. */
  #kept: readonly Slot[] = []

  constructor(ask: Ask) {
    this.filters = filtersOf(ask)
    this.counts = this.filters.map(() => 0)
  }

  /** How many nodes are known not to be fit. */
  get refused(): number {
    return this.#refused
  }

  /** These are worth a look before the others. */
  keep(slots: readonly Slot[]): void {
    this.#kept = slots
  }

  /** This one may be fit now, which others are not. */
  suggest(slot: Slot): void {
    if (!this.#kept.includes(slot)) this.#kept = [slot, ...this.#kept.slice(0, prospectLimits.keptMax - 1)]
  }

  /** Anything of it changed. */
  forget({ number }: Slot): void {
    const verdict = this.#verdicts[number] ?? 0
    if (verdict === 0) return
    this.#verdicts[number] = 0
    this.counts[verdict - 1] = (this.counts[verdict - 1] as number) - 1
    this.#refused -= 1
  }

  /** The node is gone for good. */
  drop(slot: Slot): void {
    this.forget(slot)
    if (this.#kept.includes(slot)) this.#kept = this.#kept.filter((kept) => kept !== slot)
  }

  isFit({ number, node }: Slot): boolean {
    if ((this.#verdicts[number] ?? 0) > 0) return false
    for (let at = 0; at < this.filters.length; at += 1) {
      if ((this.filters[at] as Filter).admits(node)) continue
      if (number >= this.#verdicts.length) this.#grow(number)
      this.#verdicts[number] = at + 1
      this.counts[at] = (this.counts[at] as number) + 1
      this.#refused += 1
      return false
    }
    return true
  }

  /**
   * Walks along the ring from a place in it until so many fit nodes are found, or nobody is left who could be. What was
   * kept comes first, and on top of them.
   */
  sample(ring: readonly Slot[], from: number, wanted: number): Sample {
    const isWhole = wanted >= ring.length
    const shown = isWhole ? schedulerLimits.decisionNodesMax : prospectLimits.sampleRefusalsMax
    const fit = isWhole ? [] : this.#kept.filter((slot) => this.isFit(slot))
    const kept = fit.length
    const refused: CandidateNode[] = []
    let left = ring.length - this.#refused
    let met = 0
    let at = from < ring.length ? from : 0
    let steps = 0
    for (; steps < ring.length && (isWhole || (left > 0 && fit.length - kept < wanted)); steps += 1) {
      const slot = ring[at] as Slot
      at = at + 1 === ring.length ? 0 : at + 1
      const wasRefused = (this.#verdicts[slot.number] ?? 0) > 0
      if (!wasRefused) left -= 1
      if (wasRefused || !this.isFit(slot)) {
        if (refused.length < shown) refused.push(slot.node)
      } else if (kept > 0 && fit.includes(slot)) met += 1
      else fit.push(slot)
    }
    return { fit, refused, considered: left > 0 ? steps + kept - met : ring.length, end: at }
  }

  #grow(number: number): void {
    const grown = new Uint8Array(Math.max(number + 1, 2 * this.#verdicts.length))
    grown.set(this.#verdicts)
    this.#verdicts = grown
  }
}

/** The kinds of asks that were asked about lately. */
export class Prospects {
  readonly #kindsMax: number
  /** By kind, the one asked about last at the end. */
  readonly #prospects = new Map<string, Prospect>()

  constructor({ kindsMax }: ProspectLimits) {
    this.#kindsMax = kindsMax
  }

  of(kind: string, ask: Ask): Prospect {
    const prospect = this.#prospects.get(kind) ?? new Prospect(ask)
    this.#prospects.delete(kind)
    this.#prospects.set(kind, prospect)
    if (this.#prospects.size > this.#kindsMax) {
      this.#prospects.delete(this.#prospects.keys().next().value as string)
    }
    return prospect
  }

  /** Anything of this node changed. */
  forget(slot: Slot): void {
    for (const prospect of this.#prospects.values()) prospect.forget(slot)
  }

  /** The node is gone for good. */
  drop(slot: Slot): void {
    for (const prospect of this.#prospects.values()) prospect.drop(slot)
  }

  /** Of a kind that nobody asked about lately nothing is remembered, and so nothing is to be done. */
  suggest(kind: string, slot: Slot): void {
    this.#prospects.get(kind)?.suggest(slot)
  }
}
