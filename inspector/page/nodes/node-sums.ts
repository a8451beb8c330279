/** What nodes offer, what is reserved of it and what is used, as sums, shares, an order and words. */
import type { NodeView } from '../../../actors/model.ts'
import { formatBytes, formatCpus } from '../ui/format.ts'

export const nodeOrders = ['busiest', 'name', 'state'] as const
export type NodeOrder = (typeof nodeOrders)[number]

/** One resource of a node, or of all together. */
export interface Amount {
  readonly offered: number
  readonly reserved: number
  /** By the whole machine, tasks and everything else; undefined where it does not say. */
  readonly used: number | undefined
}

export type Resource = 'cpu' | 'memory'

export interface NodeSums {
  readonly nodes: number
  readonly ready: number
  readonly draining: number
  readonly down: number
  readonly tasks: number
  readonly cpu: Amount
  readonly memory: Amount
}

export const cpuOf = ({ offered, reserved, used }: NodeView): Amount => ({
  offered: offered.cpus,
  reserved: reserved.cpus,
  used: used?.cpus,
})

export const memoryOf = ({ offered, reserved, used }: NodeView): Amount => ({
  offered: offered.memoryBytes,
  reserved: reserved.memoryBytes,
  used: used?.memoryBytes,
})

/** A part of what is offered; of nothing offered all is taken. */
export function shareOf(part: number | undefined, offered: number): number {
  if (part === undefined || part <= 0) return 0
  return offered > 0 ? part / offered : 1
}

/**
 * How busy a node is, from 0: the greatest of what is reserved and of the cores that are really busy. What a machine uses of
 * its memory says little, for much of it stays in use without anybody's doing anything.
 */
export function busynessOf(node: NodeView): { share: number; by: Resource } {
  if (node.state === 'Down') return { share: 0, by: 'cpu' }
  const { offered, reserved, used } = node
  const cpu = Math.max(shareOf(reserved.cpus, offered.cpus), shareOf(used?.cpus, offered.cpus))
  const memory = shareOf(reserved.memoryBytes, offered.memoryBytes)
  return memory > cpu ? { share: memory, by: 'memory' } : { share: cpu, by: 'cpu' }
}

const stateRank: Readonly<Record<NodeView['state'], number>> = { Down: 0, Suspect: 1, Unknown: 2, Ready: 3 }

const byName = (one: NodeView, other: NodeView): number =>
  one.name.localeCompare(other.name, 'en', { numeric: true }) || (one.id < other.id ? -1 : 1)

/** Steps of a share that count as the same, so that nodes do not change places at every breath of their machines. */
const rankSteps = 10

/** A machine that does more than its node offers is no busier than one that does all of it. */
const rankOf = (node: NodeView): number => Math.round(Math.min(1, busynessOf(node).share) * rankSteps)

const reservedShare = ({ offered, reserved, state }: NodeView): number =>
  state === 'Down'
    ? 0
    : Math.max(shareOf(reserved.cpus, offered.cpus), shareOf(reserved.memoryBytes, offered.memoryBytes))

const orders: Readonly<Record<NodeOrder, (one: NodeView, other: NodeView) => number>> = {
  busiest: (one, other) =>
    rankOf(other) - rankOf(one) || reservedShare(other) - reservedShare(one) || other.tasks - one.tasks,
  name: () => 0,
  // What is in trouble comes first, and what is being emptied before what is not.
  state: (one, other) => stateRank[one.state] - stateRank[other.state] || Number(other.draining) - Number(one.draining),
}

export const sortNodes = (nodes: readonly NodeView[], order: NodeOrder): NodeView[] =>
  [...nodes].sort((one, other) => orders[order](one, other) || byName(one, other))

/** The node that is busiest; undefined where none has anything to do. */
export function busiestOf(nodes: readonly NodeView[]): NodeView | undefined {
  const [first] = sortNodes(nodes, 'busiest')
  return first === undefined || (busynessOf(first).share === 0 && first.tasks === 0) ? undefined : first
}

export function sumNodes(nodes: readonly NodeView[]): NodeSums {
  const there = nodes.filter(({ state }) => state !== 'Down')
  return {
    nodes: nodes.length,
    ready: nodes.filter(({ state, draining }) => state === 'Ready' && !draining).length,
    draining: nodes.filter(({ draining }) => draining).length,
    down: nodes.length - there.length,
    tasks: nodes.reduce((sum, { tasks }) => sum + tasks, 0),
    cpu: sumOf(there.map(cpuOf)),
    memory: sumOf(there.map(memoryOf)),
  }
}

/** What is used is known only if every one of them says so. */
function sumOf(amounts: readonly Amount[]): Amount {
  const sum = (part: (amount: Amount) => number) => amounts.reduce((total, amount) => total + part(amount), 0)
  const isKnown = amounts.length > 0 && amounts.every(({ used }) => used !== undefined)
  const used = isKnown ? sum((amount) => amount.used ?? 0) : undefined
  return { offered: sum(({ offered }) => offered), reserved: sum(({ reserved }) => reserved), used }
}

const formatOf = (resource: Resource) => (resource === 'cpu' ? formatCpus : formatBytes)

/** `3.4 of 4 cores reserved, 2.9 used by its whole machine`. */
export function wordsOfAmount(resource: Resource, { offered, reserved, used }: Amount, by = oneMachine): string {
  const format = formatOf(resource)
  const unit = resource === 'cpu' ? (offered === 1 ? ' core' : ' cores') : ' of memory'
  return `${format(reserved)} of ${format(offered)}${unit} reserved, ${usedWords(resource, { used }, by)}`
}

/** What is used is used by tasks and everything else there. */
const oneMachine = 'its whole machine'
export const allMachines = 'their whole machines'

/** `2.9 used by its whole machine`. */
export const usedWords = (resource: Resource, { used }: Pick<Amount, 'used'>, by = oneMachine): string =>
  used === undefined ? 'use not told' : `${formatOf(resource)(used)} used by ${by}`

/** `3.4 / 4`. */
export const shortAmount = (resource: Resource, { offered, reserved }: Amount): string =>
  `${formatOf(resource)(reserved)} / ${formatOf(resource)(offered)}`

/** `Busiest: n2, 3.4 of 4 cores reserved, 2.9 used by its whole machine`: by the resource that makes it so. */
export function wordsOfBusiest(node: NodeView): string {
  const { by } = busynessOf(node)
  return wordsOfAmount(by, by === 'cpu' ? cpuOf(node) : memoryOf(node))
}
