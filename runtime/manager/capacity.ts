/**
 * What each node offers, and what is reserved on it by which attempts. Derived: rebuilt at load from the nodes and the
 * tasks, and nothing of it is stored. Reservations are kept for nodes that are not (or no longer) known as well, so that
 * the order of loading does not matter and a node that returns finds its attempts accounted for.
 */
import {
  type AttemptKey,
  attemptName,
  type HeldPort,
  type PortRange,
  parseAttemptName,
  type Resources,
} from '../../actors/model.ts'
import { addResources, subtractResources } from '../../actors/schedulers/resources.ts'
import type { CandidateNode } from '../../actors/schedulers/scheduler.ts'
import { PortLedger } from './port-ledger.ts'

/** A node without what is counted here. */
export interface CapacityNode extends Omit<CandidateNode, 'reserved' | 'attempts' | 'load' | 'ports'> {
  /** Where its free ports are taken from; absent: its worker knows nothing of ports. */
  readonly portRange?: PortRange | undefined
}

/** The place of a node, for as long as the node is known; what stands there is replaced, never edited. */
export interface Slot {
  /** Small, and another node's once this one is gone. */
  readonly number: number
  node: CandidateNode
}

interface Ledger {
  readonly attempts: Map<string, Resources>
  sum: Resources
}

/** What a machine used when it was last told, and what was reserved on it at that moment. */
interface Load {
  readonly used: Resources
  readonly reserved: Resources
}

const none: Resources = { cpus: 0, memoryBytes: 0 }

export class Capacity {
  readonly #ledgers = new Map<string, Ledger>()
  readonly #loads = new Map<string, Load>()
  readonly #slots = new Map<string, Slot>()
  /** Of nodes that are known, and of those on which ports are held. */
  readonly #ports = new Map<string, PortLedger>()
  /** In the order of their ids. */
  readonly #ring: Slot[] = []
  /** Numbers of slots that are gone. */
  readonly #free: number[] = []

  /** The nodes in the order of their ids. */
  get ring(): readonly Slot[] {
    return this.#ring
  }

  slot(nodeId: string): Slot | undefined {
    return this.#slots.get(nodeId)
  }

  node(nodeId: string): CandidateNode | undefined {
    return this.#slots.get(nodeId)?.node
  }

  *nodes(): Generator<CandidateNode> {
    for (const { node } of this.#ring) yield node
  }

  setNode(node: CapacityNode): void {
    const { nodeId } = node
    this.#portsOf(nodeId).setRange(node.portRange)
    const slot = this.#slots.get(nodeId)
    if (slot !== undefined) {
      slot.node = this.#candidate(node)
      return
    }
    const made: Slot = { number: this.#free.pop() ?? this.#slots.size, node: this.#candidate(node) }
    this.#slots.set(nodeId, made)
    this.#ring.splice(this.placeAfter(nodeId), 0, made)
  }

  /** Forgets the node, not the attempts that hold something on it. Its slot, if there was one. */
  removeNode(nodeId: string): Slot | undefined {
    const slot = this.#slots.get(nodeId)
    if (slot === undefined) return undefined
    this.#ring.splice(this.placeAfter(nodeId) - 1, 1)
    this.#slots.delete(nodeId)
    this.#loads.delete(nodeId)
    if (this.#ports.get(nodeId)?.held === 0) this.#ports.delete(nodeId)
    this.#free.push(slot.number)
    return slot
  }

  /** Where in the ring the first node stands whose id is higher than this one; its length, if there is none. */
  placeAfter(nodeId: string): number {
    let low = 0
    let high = this.#ring.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ring[middle] as Slot).node.nodeId <= nodeId) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * What a node's machine uses now, by its own measure; undefined: that is no longer known. What is reserved on it from now
   * on is counted on top of it until the next measure comes, which then contains what those tasks really use.
   */
  setLoad(nodeId: string, used: Resources | undefined): void {
    const slot = this.#slots.get(nodeId)
    if (slot === undefined) return
    if (used === undefined) this.#loads.delete(nodeId)
    else this.#loads.set(nodeId, { used, reserved: this.reserved(nodeId) })
    slot.node = this.#candidate(slot.node)
  }

  reserved(nodeId: string): Resources {
    return this.#ledgers.get(nodeId)?.sum ?? none
  }

  /** How many attempts hold something on a node, given-up ones included. */
  attempts(nodeId: string): number {
    return this.#ledgers.get(nodeId)?.attempts.size ?? 0
  }

  attemptsOn(nodeId: string): AttemptKey[] {
    return [...(this.#ledgers.get(nodeId)?.attempts.keys() ?? [])].map((name) => parseAttemptName(name) as AttemptKey)
  }

  /** Its ports; undefined for a node that is not known and has nothing held on it. */
  ports(nodeId: string): PortLedger | undefined {
    return this.#ports.get(nodeId)
  }

  #portsOf(nodeId: string): PortLedger {
    const ports = this.#ports.get(nodeId) ?? new PortLedger(nodeId)
    this.#ports.set(nodeId, ports)
    return ports
  }

  /**
   * Idempotent by the attempt's identity: of two amounts for the same attempt the newer one counts. Whether nobody else holds
   * one of its ports.
   */
  reserve(
    nodeId: string,
    taskId: string,
    attempt: number,
    resources: Resources,
    ports: readonly HeldPort[] = [],
  ): boolean {
    const ledger = this.#ledgers.get(nodeId) ?? { attempts: new Map<string, Resources>(), sum: none }
    const name = attemptName({ taskId, attempt })
    const before = ledger.attempts.get(name)
    ledger.attempts.set(name, resources)
    ledger.sum = addResources(before === undefined ? ledger.sum : subtractResources(ledger.sum, before), resources)
    this.#ledgers.set(nodeId, ledger)
    const portsOf = ports.length > 0 ? this.#portsOf(nodeId) : this.#ports.get(nodeId)
    const isAlone = portsOf?.hold(name, ports) ?? true
    this.#refresh(nodeId)
    return isAlone
  }

  /** Whether there was anything to release. */
  release(nodeId: string, taskId: string, attempt: number): boolean {
    const ledger = this.#ledgers.get(nodeId)
    const name = attemptName({ taskId, attempt })
    const resources = ledger?.attempts.get(name)
    if (!ledger || !resources) return false
    ledger.attempts.delete(name)
    ledger.sum = subtractResources(ledger.sum, resources)
    if (ledger.attempts.size === 0) this.#ledgers.delete(nodeId)
    const ports = this.#ports.get(nodeId)
    ports?.drop(name)
    if (ports?.held === 0 && !this.#slots.has(nodeId)) this.#ports.delete(nodeId)
    this.#refresh(nodeId)
    return true
  }

  #refresh(nodeId: string): void {
    const slot = this.#slots.get(nodeId)
    if (slot !== undefined) slot.node = this.#candidate(slot.node)
  }

  /** Every node is made of its fields in one order, which keeps the many looks at them fast. */
  #candidate({ nodeId, name, state, draining, offered, labels, drivers }: CapacityNode): CandidateNode {
    const ledger = this.#ledgers.get(nodeId)
    const reserved = ledger?.sum ?? none
    const load = this.#loads.get(nodeId)
    const node = {
      nodeId,
      name,
      state,
      draining,
      offered,
      labels,
      drivers,
      reserved,
      attempts: ledger?.attempts.size ?? 0,
      ports: this.#portsOf(nodeId),
    }
    if (load === undefined) return node
    return { ...node, load: addResources(load.used, subtractResources(reserved, load.reserved)) }
  }
}
