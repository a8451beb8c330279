/** What of a node's ports makes it unfit for an ask: one of them is taken, there are too few, or its worker knows of none. */
import { type NodePorts, type Port, type Protocol, portName, protocolOf, rangeText } from '../ports.ts'
import type { CandidateNode, Filter } from './filters.ts'

const plural = (count: number, one: string, many: string): string =>
  count === 1 ? `1 node ${one}` : `${count} nodes ${many}`

const sizeOf = ({ range }: NodePorts): number => (range === undefined ? 0 : Math.max(0, range.to - range.from + 1))

const portsText = (count: number, protocol: Protocol): string =>
  `${count} free ${protocol === 'udp' ? 'udp ' : ''}${count === 1 ? 'port' : 'ports'}`

/** A worker of before would run the task without its ports. */
const knowsPorts: Filter = {
  admits: ({ ports }) => ports?.range !== undefined,
  why: () => 'knows nothing of ports: its worker is older than its manager; update it',
  sum: (count) => plural(count, 'knows nothing of ports', 'know nothing of ports'),
}

const isFree = (port: number, protocol: Protocol): Filter => ({
  admits: ({ ports }) => ports?.holder(port, protocol) === undefined,
  why: ({ ports }) => `port ${portName(port, protocol)} is taken by task ${ports?.holder(port, protocol)}`,
  sum(count) {
    const name = portName(port, protocol)
    return plural(count, `has port ${name} taken`, `have port ${name} taken`)
  },
})

/** `fixed`: ports that the same task asks for by number, of which some may lie in the range. */
function hasFree(wanted: number, protocol: Protocol, fixed: readonly number[]): Filter {
  const left = (node: CandidateNode, count: number): number => {
    const range = node.ports?.range
    const own = range === undefined ? 0 : fixed.filter((port) => port >= range.from && port <= range.to).length
    return Math.max(0, count - own)
  }
  return {
    admits: (node) => node.ports !== undefined && left(node, node.ports.free(protocol)) >= wanted,
    why(node) {
      const ports = node.ports as NodePorts
      const range = ports.range === undefined ? '' : ` ${rangeText(ports.range)}`
      if (left(node, sizeOf(ports)) < wanted)
        return `has a range of ports${range}, less than ${portsText(wanted, protocol)}`
      return `lacks ${portsText(wanted, protocol)} now: ${left(node, ports.free(protocol))} of its range${range} left`
    },
    sum: (count) => plural(count, `lacks ${portsText(wanted, protocol)}`, `lack ${portsText(wanted, protocol)}`),
  }
}

/** The filters of an ask for ports; none where it asks for none. The first of them lasts, the others may change. */
export function portFilters(asked: readonly Pick<Port, 'host' | 'protocol'>[] = []): {
  readonly lasting: readonly Filter[]
  readonly passing: readonly Filter[]
} {
  if (asked.length === 0) return { lasting: [], passing: [] }
  const passing: Filter[] = []
  for (const port of asked) if (port.host !== undefined) passing.push(isFree(port.host, protocolOf(port)))
  for (const protocol of ['tcp', 'udp'] as const) {
    const ofProtocol = asked.filter((port) => protocolOf(port) === protocol)
    const fixed = ofProtocol.flatMap(({ host }) => host ?? [])
    const wanted = ofProtocol.length - fixed.length
    if (wanted > 0) passing.push(hasFree(wanted, protocol, fixed))
  }
  return { lasting: [knowsPorts], passing }
}

/** Equal for asks that these filters answer alike for every node; undefined where nothing is asked. */
export function portsKey(asked: readonly Pick<Port, 'host' | 'protocol'>[] = []): string | undefined {
  if (asked.length === 0) return undefined
  return asked
    .map((port) => `${port.host ?? ''}/${protocolOf(port)}`)
    .sort()
    .join()
}
