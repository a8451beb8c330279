/**
 * Which waiting task goes where, and when: the queue over the scheduler. First in, first out by `seq`, but a task that
 * does not fit blocks no other. No clock, no I/O; all of it is derived and rebuilt at load.
 *
 * Tasks with equal asks form a group and share one verdict. A refused group is asked about again only once the node that
 * changed is fit for it: filters look at one node at a time, so no other change can help. A change thus costs one cheap
 * look per refused group, and one decision per group that it can help, however many tasks wait. What a decision costs does
 * not grow with the nodes (`Choice`); a refusal is only said after each of them was looked at, and put into words only when
 * somebody is to hear it.
 *
 *   placement.enqueue(…)
 *   for (let placed = placement.next(atMs); placed; placed = placement.next(atMs)) placement.reserve(placed.nodeId, …)
 *   for (const refused of placement.newlyRefused(atMs)) …
 */
import type { AttemptKey, HeldPort, HostPort, PlacementDecision, Port, Resources } from '../../actors/model.ts'
import { isWithin } from '../../actors/schedulers/resources.ts'
import { type Ask, type CandidateNode, fitnessOf, type Scheduler } from '../../actors/schedulers/scheduler.ts'
import { Capacity, type CapacityNode } from './capacity.ts'
import { Choice } from './choice.ts'
import { Heap } from './heap.ts'
import { kindOf, type ProspectLimits, prospectLimits } from './prospects.ts'

export interface Placed {
  readonly taskId: string
  readonly nodeId: string
  readonly decision: PlacementDecision
}

export interface Refused {
  readonly taskId: string
  /** Its `why` is the sentence for people. */
  readonly decision: PlacementDecision
}

interface Entry {
  readonly taskId: string
  readonly seq: number
  readonly group: Group
}

interface Group {
  readonly key: string
  readonly ask: Ask
  /** What the filters make of it. */
  readonly kind: string
  /** Made when first needed: most groups are placed before they are ever refused. */
  fits?: (node: CandidateNode) => boolean
  readonly waiting: Heap<Entry>
  /** Those that wait and were not told of a refusal. */
  readonly untold: Set<Entry>
  /** Present while the group is refused, with the version of the capacity that it speaks of. */
  refusal: { readonly atMs: number; readonly version: number; decision?: PlacementDecision } | undefined
}

const entryPrecedes = (a: Entry, b: Entry): boolean => a.seq < b.seq || (a.seq === b.seq && a.taskId < b.taskId)
const groupPrecedes = (a: Group, b: Group): boolean =>
  entryPrecedes(a.waiting.peek() as Entry, b.waiting.peek() as Entry)

/** Equal for asks that get the same answer from every node, and of the same scheduler the same pick. */
const keyOf = ({ prefer, avoid, affinities }: Ask, kind: string): string =>
  JSON.stringify([
    kind,
    prefer ?? null,
    avoid ?? null,
    affinities?.map((each) => [each.expression, each.weight]) ?? null,
  ])

export class Placement<State = unknown> {
  readonly #capacity = new Capacity()
  readonly #choice: Choice<State>
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Group>()
  /** Groups that may have a fit node, by their first task. */
  readonly #open = new Heap<Group>(groupPrecedes)
  readonly #refused = new Set<Group>()
  /** Counts the changes of nodes and reservations. */
  #version = 0
  #decisions = 0
  /** What `next` gave out and the caller has not reserved yet. */
  #pick: { taskId: string; nodeId: string; reserved: Resources } | undefined

  constructor(scheduler: Scheduler<State>, limits: ProspectLimits = prospectLimits) {
    this.#choice = new Choice(this.#capacity, scheduler, limits)
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#entries.size
  }

  /** How many tasks wait for which the nodes are as fit as for this ask. */
  waitingLike(ask: Ask): number {
    const kind = kindOf(ask)
    let count = 0
    for (const group of this.#groups.values()) if (group.kind === kind) count += group.waiting.size
    return count
  }

  /** How many decisions were made so far: what the work of placing grows with. */
  get decisions(): number {
    return this.#decisions
  }

  /** The nodes with their reservations, by nodeId; a copy. */
  get nodes(): readonly CandidateNode[] {
    return [...this.#capacity.nodes()]
  }

  node(nodeId: string): CandidateNode | undefined {
    return this.#capacity.node(nodeId)
  }

  /** How many attempts hold a reservation on a node, given-up ones included. */
  attempts(nodeId: string): number {
    return this.#capacity.attempts(nodeId)
  }

  /** Which attempts hold one, given-up ones included. */
  attemptsOn(nodeId: string): AttemptKey[] {
    return this.#capacity.attemptsOn(nodeId)
  }

  /** How many ports attempts hold on a node, given-up ones included. */
  portsHeld(nodeId: string): number {
    return this.#capacity.ports(nodeId)?.held ?? 0
  }

  /**
   * The ports that the attempt which `next` has just given out gets on its node: those asked for by number, and of the
   * others free ones, each time another. Throws if the node is not fit for them.
   */
  givePorts(nodeId: string, asked: readonly Port[], atMs: number): HostPort[] {
    return asked.length === 0 ? [] : (this.#capacity.ports(nodeId)?.give(asked, atMs) ?? [])
  }

  /** These ports of a node turned out to be held by something else: for a while they are given out last. */
  suspectPorts(nodeId: string, ports: readonly HeldPort[], atMs: number): void {
    this.#capacity.ports(nodeId)?.suspect(ports, atMs)
  }

  /**
   * Has a task wait. `seq` is its place: the lower one first. Once more for the same task: the newer call counts. `told`:
   * it knows of a refusal already, from before a restart.
   */
  enqueue(taskId: string, ask: Ask, seq: number, told = false): void {
    this.dequeue(taskId)
    const group = this.#groupOf(ask)
    const entry: Entry = { taskId, seq, group }
    this.#entries.set(taskId, entry)
    this.#reorder(group, () => group.waiting.push(entry))
    if (!told) group.untold.add(entry)
  }

  /** Has a task wait no longer; also takes back a pick that was not reserved. Unknown: nothing happens. */
  dequeue(taskId: string): void {
    if (this.#pick?.taskId === taskId) this.#pick = undefined
    const entry = this.#entries.get(taskId)
    if (entry) this.#leave(entry)
  }

  /** A node joined, or anything of it changed. */
  setNode(node: CapacityNode): void {
    this.#capacity.setNode(node)
    this.#changed(node.nodeId)
  }

  /** A node is gone for good. What attempts hold on it stays counted until released. Unknown: nothing happens. */
  removeNode(nodeId: string): void {
    const slot = this.#capacity.removeNode(nodeId)
    if (slot !== undefined) this.#choice.removed(slot)
    this.#version += 1
  }

  /**
   * What a node's machine uses now, by its own measure, in cores and bytes; undefined: that is no longer known. Only a
   * scheduler's costs follow it: it makes no node unfit, and no waiting task is asked about again for it. Unknown node:
   * nothing happens.
   */
  setLoad(nodeId: string, load: Resources | undefined): void {
    this.#capacity.setLoad(nodeId, load)
  }

  /**
   * What each known scheduler would decide for such a task now, this cluster's own first; a refusal where no node is fit.
   * Nothing is changed by it, and no turn is taken.
   */
  compare(ask: Ask, atMs: number): PlacementDecision[] {
    return this.#choice.compare(ask, kindOf(ask), atMs)
  }

  /**
   * Counts an attempt's resources and ports on a node until `release`; of two amounts for one attempt the newer counts. For
   * a task that `next` gave out it must name that node and fit, or it throws. Other reservations are facts (found at load, or
   * reported by a worker) and count even beyond what the node offers: it then gets nothing new.
   */
  reserve(
    nodeId: string,
    taskId: string,
    attempt: number,
    resources: Resources,
    ports: readonly HeldPort[] = [],
  ): void {
    const pick = this.#pick?.taskId === taskId ? this.#pick : undefined
    if (pick && pick.nodeId !== nodeId) throw new Error(`${taskId} was placed on ${pick.nodeId}, not on ${nodeId}`)
    const isAlone = this.#capacity.reserve(nodeId, taskId, attempt, resources, ports)
    if (pick && !isAlone) throw new Error(`a port of ${taskId} is taken on ${nodeId}`)
    const slot = this.#capacity.slot(nodeId)
    if (pick && !(slot && isWithin(slot.node.reserved, slot.node.offered)))
      throw new Error(`${nodeId} is oversubscribed`)
    if (!pick || !slot) {
      this.#changed(nodeId)
      return
    }
    this.#pick = undefined
    // What was picked only takes capacity away, so that nobody who waits can be helped by it.
    this.#version += 1
    this.#choice.changed(slot)
  }

  /** Gives an attempt's resources and ports back. Nothing reserved: nothing happens. */
  release(nodeId: string, taskId: string, attempt: number): void {
    if (this.#capacity.release(nodeId, taskId, attempt)) this.#changed(nodeId)
  }

  /**
   * Takes the first task that fits somewhere out of the queue, with its node; undefined when none does. The caller then
   * calls `reserve`, or gives it back by `enqueue`, or drops it by `dequeue`; before that, another call throws.
   */
  next(atMs: number): Placed | undefined {
    if (this.#pick) throw new Error(`${this.#pick.taskId} was placed and not reserved`)
    for (let group = this.#open.peek(); group; group = this.#open.peek()) {
      this.#decisions += 1
      const picked = this.#choice.pick(group.ask, group.kind, atMs)
      if (picked === undefined) {
        this.#open.remove(group)
        this.#refused.add(group)
        group.refusal = { atMs, version: this.#version }
        continue
      }
      const entry = group.waiting.peek() as Entry
      this.#leave(entry)
      this.#pick = { taskId: entry.taskId, nodeId: picked.nodeId, reserved: group.ask.reserved }
      return { taskId: entry.taskId, ...picked }
    }
    return undefined
  }

  /**
   * The newest refusal of a waiting task; undefined if it does not wait, or `next` has yet to decide. When nodes changed
   * since, though none in a way that helps, it is worked out afresh as of `atMs`, so that `explain` never speaks of the past.
   */
  verdict(taskId: string, atMs: number): PlacementDecision | undefined {
    const group = this.#entries.get(taskId)?.group
    return group && this.#refusalOf(group, atMs)
  }

  /** Waiting tasks that were refused and not yet given out here, at most `max`; each once per `enqueue`. */
  newlyRefused(atMs: number, max = Number.POSITIVE_INFINITY): Refused[] {
    const refused: Refused[] = []
    for (const group of this.#refused) {
      for (const entry of group.untold) {
        if (refused.length >= max) return refused
        const decision = this.#refusalOf(group, atMs)
        if (!decision) break
        group.untold.delete(entry)
        refused.push({ taskId: entry.taskId, decision })
      }
    }
    return refused
  }

  #refusalOf(group: Group, atMs: number): PlacementDecision | undefined {
    const { refusal } = group
    if (refusal === undefined) return undefined
    if (refusal.version !== this.#version) {
      this.#decisions += 1
      group.refusal = { atMs, version: this.#version }
    }
    const current = group.refusal as NonNullable<Group['refusal']>
    current.decision ??= this.#choice.refusal(group.ask, group.kind, current.atMs)
    return current.decision
  }

  #groupOf(ask: Ask): Group {
    const kind = kindOf(ask)
    const key = keyOf(ask, kind)
    const known = this.#groups.get(key)
    if (known) return known
    const group: Group = {
      key,
      ask,
      kind,
      waiting: new Heap(entryPrecedes),
      untold: new Set(),
      refusal: undefined,
    }
    this.#groups.set(key, group)
    return group
  }

  #leave(entry: Entry): void {
    const { group } = entry
    this.#entries.delete(entry.taskId)
    group.untold.delete(entry)
    this.#reorder(group, () => group.waiting.remove(entry))
    if (group.waiting.size > 0) return
    this.#groups.delete(group.key)
    this.#refused.delete(group)
  }

  /** Changes a group's queue and, since its first task may be another then, its place among the open ones. */
  #reorder(group: Group, change: () => void): void {
    if (!group.refusal) this.#open.remove(group)
    change()
    if (!group.refusal && group.waiting.size > 0) this.#open.push(group)
  }

  /** Opens the refused groups that the changed node is now fit for. */
  #changed(nodeId: string): void {
    this.#version += 1
    const slot = this.#capacity.slot(nodeId)
    if (!slot) return
    this.#choice.changed(slot)
    for (const group of this.#refused) {
      group.fits ??= fitnessOf(group.ask)
      if (!group.fits(slot.node)) continue
      this.#refused.delete(group)
      group.refusal = undefined
      this.#choice.suggest(group.kind, slot)
      this.#open.push(group)
    }
  }
}
