/**
 * What each node offers, and what is reserved on it by which attempts. Derived: rebuilt at load from the nodes and the
 * tasks, and nothing of it is stored. Reservations are kept for nodes that are not (or no longer) known as well, so that
 * the order of loading does not matter and a node that returns finds its attempts accounted for.
 */
import { type AttemptKey, attemptName, parseAttemptName, type Resources } from '../../actors/model.ts'
import { addResources, subtractResources } from '../../actors/schedulers/resources.ts'
import type { CandidateNode } from '../../actors/schedulers/scheduler.ts'

/** A node without its reservations, which are counted here. */
export type CapacityNode = Omit<CandidateNode, 'reserved'>

interface Ledger {
  readonly attempts: Map<string, Resources>
  sum: Resources
}

const none: Resources = { cpus: 0, memoryBytes: 0 }

export class Capacity {
  readonly #ledgers = new Map<string, Ledger>()
  /** In the order of their ids; a node is replaced, never edited. */
  readonly #nodes: CandidateNode[] = []

  get nodes(): readonly CandidateNode[] {
    return this.#nodes
  }

  node(nodeId: string): CandidateNode | undefined {
    const node = this.#nodes[this.#find(nodeId)]
    return node?.nodeId === nodeId ? node : undefined
  }

  setNode(node: CapacityNode): void {
    const at = this.#find(node.nodeId)
    const known = this.#nodes[at]?.nodeId === node.nodeId
    this.#nodes.splice(at, known ? 1 : 0, { ...node, reserved: this.reserved(node.nodeId) })
  }

  /** Forgets the node, not the attempts that hold something on it. */
  removeNode(nodeId: string): void {
    if (this.node(nodeId)) this.#nodes.splice(this.#find(nodeId), 1)
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

  /** Idempotent by the attempt's identity: of two amounts for the same attempt the newer one counts. */
  reserve(nodeId: string, taskId: string, attempt: number, resources: Resources): void {
    this.release(nodeId, taskId, attempt)
    const ledger = this.#ledgers.get(nodeId) ?? { attempts: new Map<string, Resources>(), sum: none }
    ledger.attempts.set(attemptName({ taskId, attempt }), resources)
    ledger.sum = addResources(ledger.sum, resources)
    this.#ledgers.set(nodeId, ledger)
    this.#refresh(nodeId)
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
    this.#refresh(nodeId)
    return true
  }

  #refresh(nodeId: string): void {
    const node = this.node(nodeId)
    if (node) this.#nodes[this.#find(nodeId)] = { ...node, reserved: this.reserved(nodeId) }
  }

  /** Where the node is, or would be inserted. */
  #find(nodeId: string): number {
    let low = 0
    let high = this.#nodes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#nodes[middle] as CandidateNode).nodeId < nodeId) low = middle + 1
      else high = middle
    }
    return low
  }
}
