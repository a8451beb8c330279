/**
 * Which nodes are on one machine. Each worker offers what its machine has, unless it is told less; two on one machine then
 * promise its cores and its memory twice, which nobody sees before tasks get in each other's way. So it is said, once and
 * with each of the nodes, and nothing else is done about it: the operator may have a reason.
 */
import { modelLimits, type NodeRegistration, type NodeState, type Resources } from '../../actors/model.ts'
import { addResources, isWithin } from '../../actors/schedulers/resources.ts'
import type { Logger } from '../logger.ts'

interface Machine {
  readonly id: string
  /** The newest word of what it has. */
  resources: Resources
  /** By their ids. */
  readonly nodes: Map<string, { readonly name: string; readonly offered: Resources }>
  /** Whether its nodes offer more than it has. */
  isOverbooked: boolean
  /** The ids of those that were warned of last. */
  warned: string
}

const none: readonly string[] = []

export class Machines {
  readonly #logger: Logger
  readonly #byId = new Map<string, Machine>()
  readonly #byNode = new Map<string, Machine>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Names of other nodes, the first of them, that are on the same machine, if it does not have what they all offer. */
  sharersOf(nodeId: string): string[] {
    const machine = this.#byNode.get(nodeId)
    if (machine === undefined || !machine.isOverbooked) return []
    const names: string[] = []
    for (const [id, { name }] of machine.nodes) {
      if (names.length === modelLimits.sharersNamedMax) break
      if (id !== nodeId) names.push(name)
    }
    return names.sort()
  }

  /**
   * What is true of a node now; one that is Down offers nothing. Answers the ids of all on its machine, if who shares it
   * may have changed.
   */
  set({ nodeId, name, resources, machine }: NodeRegistration, state: NodeState): readonly string[] {
    const before = this.#byNode.get(nodeId)
    if (machine === undefined || state === 'Down') return this.forget(nodeId)
    const known = before?.nodes.get(nodeId)
    const isSame = before?.id === machine.id && known?.name === name && known.offered === resources
    if (isSame) return none
    const left = before !== undefined && before.id !== machine.id ? this.forget(nodeId) : none
    const now = this.#byId.get(machine.id) ?? {
      ...{ id: machine.id, resources: machine.resources, isOverbooked: false, warned: '' },
      nodes: new Map<string, { name: string; offered: Resources }>(),
    }
    now.resources = machine.resources
    now.nodes.set(nodeId, { name, offered: resources })
    this.#byId.set(machine.id, now)
    this.#byNode.set(nodeId, now)
    return [...left, ...judge(now)]
  }

  /** It is gone. Answers as `set` does. */
  forget(nodeId: string): readonly string[] {
    const machine = this.#byNode.get(nodeId)
    if (machine === undefined) return none
    this.#byNode.delete(nodeId)
    machine.nodes.delete(nodeId)
    if (machine.nodes.size === 0) this.#byId.delete(machine.id)
    return judge(machine)
  }

  /** A node has registered: warns if it shares its machine, and that was not said of these nodes before. */
  warn(nodeId: string): void {
    const machine = this.#byNode.get(nodeId)
    if (machine === undefined || !machine.isOverbooked) return
    const ids = [...machine.nodes.keys()].sort().join(' ')
    if (machine.warned === ids) return
    machine.warned = ids
    const name = machine.nodes.get(nodeId)?.name ?? nodeId
    const what = `node ${name} runs on the same machine as ${this.sharersOf(nodeId).join(', ')}`
    const advice = 'start one of them with --cpus and --memory, or stop it'
    this.#logger.warn(`${what}, and together they offer more than it has, so that tasks share it unawares; ${advice}`)
  }
}

/** Whether it is overbooked now. Answers its nodes if that matters to what is shown of them. */
function judge(machine: Machine): readonly string[] {
  const wasOverbooked = machine.isOverbooked
  let sum: Resources = { cpus: 0, memoryBytes: 0 }
  for (const { offered } of machine.nodes.values()) sum = addResources(sum, offered)
  machine.isOverbooked = machine.nodes.size > 1 && !isWithin(sum, machine.resources)
  return wasOverbooked || machine.isOverbooked ? [...machine.nodes.keys()] : none
}
