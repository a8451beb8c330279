/**
 * What makes a node unfit for an ask, each a small filter that can say why. The idea of filters that explain themselves is
 * swarmkit's (`manager/scheduler/filter.go`).
 *
 * A node is refused by the first filter that does not admit it. They stand in this order so that the reason given is the one
 * that lasts: a node of the wrong zone is refused for its zone even while it is down, since its return would not help.
 */
import type { Affinity, DriverState, NodeState, Port, Resources } from '../model.ts'
import type { NodePorts } from '../ports.ts'
import { portFilters } from './port-filters.ts'
import { cpusText, memoryText, microCpus, subtractResources } from './resources.ts'

/** A node as a scheduler sees it. */
export interface CandidateNode {
  /** For ever its own. */
  readonly nodeId: string
  /** For people, unique in the cluster. */
  readonly name: string
  /** Only `Ready` ones are asked about for a cost. */
  readonly state: NodeState
  /** It gets nothing new. */
  readonly draining: boolean
  /** What it offers to tasks; may be less than `reserved` after it registered anew. */
  readonly offered: Resources
  /** What tasks hold of it already; cpus in cores. */
  readonly reserved: Resources
  /** How many attempts hold that, given-up ones included. */
  readonly attempts: number
  /** What its machine used when last told, and what was reserved on it since then; absent where nothing is known of it. */
  readonly load?: Resources
  /** As its operator set them. */
  readonly labels: Readonly<Record<string, string>>
  /** What it runs, and whether each can be asked now. */
  readonly drivers: Readonly<Record<string, DriverState>>
  /** Its ports and who holds them, as they are when they are looked at; absent: it gives none. */
  readonly ports?: NodePorts
}

/** What a task asks of a node. */
export interface Ask {
  /** The driver that the task names. */
  readonly driver: string
  /** What the task would hold; cpus in cores. */
  readonly reserved: Resources
  /** Each `label=value` or `label!=value`; all must hold. */
  readonly constraints: readonly string[]
  /** What it would rather have; absent: nothing. Costs are compared with it after the scheduler has said them. */
  readonly affinities?: readonly Affinity[]
  /** The ports that it wants of its node: each a certain one, or without `host` one that is free. Absent: none. */
  readonly ports?: readonly Pick<Port, 'host' | 'protocol'>[]
  /** A nodeId that is picked if it is fit, whatever it costs, such as that of the last attempt. */
  readonly prefer?: string
  /** A nodeId that is picked only if no other node is fit. */
  readonly avoid?: string
}

export interface Filter {
  admits(node: CandidateNode): boolean
  /** Why this node is not admitted, as what follows its name. */
  why(node: CandidateNode): string
  /** The same of `count` nodes, as a clause. */
  sum(count: number): string
}

const plural = (count: number, one: string, many: string): string =>
  count === 1 ? `1 node ${one}` : `${count} nodes ${many}`

export interface Constraint {
  readonly label: string
  readonly equal: boolean
  readonly value: string
}

/** Parses `label=value` or `label!=value`; undefined for anything else, `label==value` included. */
export function parseConstraint(text: string): Constraint | undefined {
  const match = /^([^=!\s]+)(!?=)(?!=)(.*)$/.exec(text)
  return match ? { label: match[1] as string, equal: match[2] === '=', value: match[3] as string } : undefined
}

/** `node` is a label that every node has; one registered under that name cannot hide it. */
function labelOf(node: CandidateNode, label: string): string | undefined {
  if (label === 'node') return node.name
  return Object.hasOwn(node.labels, label) ? node.labels[label] : undefined
}

/** A node without the label fails `label=value` and passes `label!=value`. */
export function matches(text: string): Filter {
  const constraint = parseConstraint(text)
  return {
    admits: (node) =>
      constraint !== undefined && (labelOf(node, constraint.label) === constraint.value) === constraint.equal,
    why(node) {
      if (!constraint) return `cannot match ${text}: a constraint is label=value or label!=value`
      const has = labelOf(node, constraint.label)
      return `does not match ${text}: ${has === undefined ? `it has no label ${constraint.label}` : `its ${constraint.label} is ${has}`}`
    },
    sum: (count) => plural(count, `does not match ${text}`, `do not match ${text}`),
  }
}

export const offersCpus = (asked: number, micro = microCpus(asked)): Filter => ({
  admits: (node) => micro <= microCpus(node.offered.cpus),
  why: (node) => `offers ${cpusText(node.offered.cpus)}, less than the ${cpusText(asked)} asked`,
  sum: (count) => plural(count, `offers less than ${cpusText(asked)}`, `offer less than ${cpusText(asked)}`),
})

export const offersMemory = (asked: number): Filter => ({
  admits: (node) => asked <= node.offered.memoryBytes,
  why: (node) =>
    `offers ${memoryText(node.offered.memoryBytes, 'down')} of memory, less than the ${memoryText(asked, 'up')} asked`,
  sum(count) {
    const amount = `${memoryText(asked, 'up')} of memory`
    return plural(count, `offers less than ${amount}`, `offer less than ${amount}`)
  },
})

const driverOf = (node: CandidateNode, driver: string): DriverState | undefined =>
  Object.hasOwn(node.drivers, driver) ? node.drivers[driver] : undefined

export const hasDriver = (driver: string): Filter => ({
  admits: (node) => driverOf(node, driver) !== undefined,
  why: () => `has no driver ${driver}`,
  sum: (count) => plural(count, `has no driver ${driver}`, `have no driver ${driver}`),
})

export const ready: Filter = {
  admits: (node) => node.state === 'Ready',
  why: (node) => `not ready (${node.state})`,
  sum: (count) => plural(count, 'not ready', 'not ready'),
}

export const notDraining: Filter = {
  admits: (node) => !node.draining,
  why: () => 'draining: it takes no new tasks',
  sum: (count) => plural(count, 'draining', 'draining'),
}

/** A driver that cannot be asked (its engine is down) takes nothing new. */
export const driverComplete = (driver: string): Filter => ({
  admits: (node) => driverOf(node, driver) === 'complete',
  why: () => `its driver ${driver} is unavailable`,
  sum: (count) => plural(count, `with driver ${driver} unavailable`, `with driver ${driver} unavailable`),
})

export const freeCpus = (asked: Resources, micro = microCpus(asked.cpus)): Filter => ({
  admits: (node) => microCpus(node.reserved.cpus) + micro <= microCpus(node.offered.cpus),
  why(node) {
    const free = subtractResources(node.offered, node.reserved)
    return `lacks ${cpusText(asked.cpus)} now: ${cpusText(free.cpus)} of ${cpusText(node.offered.cpus)} free`
  },
  sum: (count) => plural(count, `lacks ${cpusText(asked.cpus)}`, `lack ${cpusText(asked.cpus)}`),
})

export const freeMemory = (asked: Resources): Filter => ({
  admits: (node) => node.reserved.memoryBytes + asked.memoryBytes <= node.offered.memoryBytes,
  why(node) {
    const free = memoryText(subtractResources(node.offered, node.reserved).memoryBytes, 'down')
    const offered = memoryText(node.offered.memoryBytes, 'down')
    return `lacks ${memoryText(asked.memoryBytes, 'up')} of memory now: ${free} of ${offered} free`
  },
  sum(count) {
    const amount = `${memoryText(asked.memoryBytes, 'up')} of memory`
    return plural(count, `lacks ${amount}`, `lack ${amount}`)
  },
})

/** Every filter of an ask, in the order in which they refuse. */
export function filtersOf(ask: Ask): Filter[] {
  const ports = portFilters(ask.ports)
  return [
    ...ask.constraints.map(matches),
    offersCpus(ask.reserved.cpus),
    offersMemory(ask.reserved.memoryBytes),
    hasDriver(ask.driver),
    ...ports.lasting,
    ready,
    notDraining,
    driverComplete(ask.driver),
    freeCpus(ask.reserved),
    freeMemory(ask.reserved),
    ...ports.passing,
  ]
}
