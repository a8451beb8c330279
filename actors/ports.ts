/**
 * Ports of a task that others can reach: what a user asks for, and what an attempt is given. A host port is a resource of
 * its node: the manager reserves it with the placement, so that two attempts never hold the same one there.
 */
import { type Static, Type } from 'typebox'
import type { TaskSpec } from './model.ts'

export const portLimits = {
  /** Ports of one task. */
  portsMax: 64,
  portMax: 65_535,
  addressCharsMax: 45,
} as const

/** Where free ports are taken from unless a worker says otherwise: below those that Linux gives to outgoing connections. */
export const portRangeDefault = { from: 20_000, to: 32_767 } as const

const PortNumber = Type.Integer({ minimum: 1, maximum: portLimits.portMax })
const Protocol = Type.Union([Type.Literal('tcp'), Type.Literal('udp')])
export type Protocol = Static<typeof Protocol>
const Address = Type.String({ pattern: '^[0-9A-Fa-f:.]+$', maxLength: portLimits.addressCharsMax })

/** A port that a task wants to be reached at. */
export const Port = Type.Object({
  /** Where the task listens: inside its container, or by that name in `TROUPE_PORT_…` for a process. 1 to 65,535. */
  target: PortNumber,
  /** The port of its node, 1 to 65,535. Absent: a free one of the node's range, another for each attempt. */
  host: Type.Optional(PortNumber),
  /** Default `tcp`. */
  protocol: Type.Optional(Protocol),
  /** docker only: the IP address of the node to publish it on. Default: all of them. */
  address: Type.Optional(Address),
})
export type Port = Static<typeof Port>

/** A port that an attempt has: nothing of it is left open. */
export const HostPort = Type.Object({
  /** Where the task listens, as it was asked for. */
  target: PortNumber,
  /** The port of its node. */
  host: PortNumber,
  /** `tcp` or `udp`. */
  protocol: Protocol,
  /** The address that it is published on; absent: all of the node's. */
  address: Type.Optional(Address),
})
export type HostPort = Static<typeof HostPort>

/** A port of a node that an attempt keeps from all others there. */
export const HeldPort = Type.Object({ host: PortNumber, protocol: Protocol })
export type HeldPort = Static<typeof HeldPort>

/** From which port to which a node gives out free ones, both included. */
export const PortRange = Type.Object({
  /** The first, 1 to 65,535. */
  from: PortNumber,
  /** The last, not below `from`. */
  to: PortNumber,
})
export type PortRange = Static<typeof PortRange>

/** The ports of a node as they are now. */
export interface NodePorts {
  /** Where its free ones are taken from; absent: its worker knows nothing of ports. */
  readonly range: PortRange | undefined
  /** The task that an attempt holds it for; undefined: nobody does. */
  holder(port: number, protocol: Protocol): string | undefined
  /** How many of the range nobody holds. */
  free(protocol: Protocol): number
}

/** As people write a range: `20000-32767`. */
export const rangeText = ({ from, to }: PortRange): string => `${from}-${to}`

export const protocolOf = ({ protocol = 'tcp' }: Pick<Port, 'protocol'>): Protocol => protocol

/** The one textual form of a port of a node, `8080/tcp`. */
export const heldName = ({ host, protocol }: HeldPort): string => `${host}/${protocol}`

/** For people: `8080`, or `53/udp`. */
export const portName = (port: number, protocol: Protocol): string => (protocol === 'tcp' ? `${port}` : `${port}/udp`)

/** For people: `8080→80`, `127.0.0.1:5300→53/udp`, and `any→80` for a free one that was not given yet. */
export function portText({ target, host, protocol = 'tcp', address }: Port): string {
  const on = address === undefined ? '' : `${address.includes(':') ? `[${address}]` : address}:`
  return `${on}${host ?? 'any'}→${portName(target, protocol)}`
}

/** The ports of an attempt: those that were asked for by number, and for the others the next of `chosen`, in order. */
export function hostPorts(asked: readonly Port[], chosen: readonly number[] = []): HostPort[] {
  let next = 0
  return asked.map(({ target, host, address, ...port }) => {
    const given = host ?? chosen[next++]
    if (given === undefined) throw new Error(`no port was chosen for ${target}`)
    return { target, host: given, protocol: protocolOf(port), ...(address === undefined ? {} : { address }) }
  })
}

/** The ports that are held on account of a specification whose every `host` is filled in. */
export const heldPorts = (ports: readonly Port[] | undefined): HeldPort[] =>
  (ports ?? []).flatMap(({ host, ...port }) => (host === undefined ? [] : [{ host, protocol: protocolOf(port) }]))

/** What an attempt is told of its ports: `TROUPE_PORT_80=8080`, and `TROUPE_PORT_53_UDP=20001` for udp. */
export const portVariables = (ports: readonly Port[] | undefined): Record<string, string> =>
  Object.fromEntries(
    (ports ?? []).flatMap(({ target, host, ...port }) => {
      if (host === undefined) return []
      return [[`TROUPE_PORT_${target}${protocolOf(port) === 'udp' ? '_UDP' : ''}`, String(host)] as const]
    }),
  )

/** Whether a variable is one of those, also of a port that the task does not ask for. */
export const isPortVariable = (name: string): boolean => /^TROUPE_PORT_\d+(_UDP)?$/.test(name)

const isVersion4 = (text: string): boolean =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255)

/** As RFC 4291, section 2.2, writes one: eight groups, or fewer around one `::`; the last two may be a version 4 address. */
function isVersion6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const isMapped = last.includes('.') && !text.endsWith('::')
  const plain = isMapped ? groups.slice(0, -1) : groups
  const count = plain.length + (isMapped ? 2 : 0)
  const isWhole = plain.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group)) && (!isMapped || isVersion4(last))
  return isWhole && (halves.length === 2 ? count < 8 : count === 8)
}

/** Whether it is an IP address, of either version. */
export const isIpAddress = (text: string): boolean => isVersion4(text) || (text.includes(':') && isVersion6(text))

const twice = (names: readonly string[]): string | undefined => names.find((name, at) => names.indexOf(name) !== at)

/** What is wrong with the ports of a specification that its schema accepts, as one sentence. */
export function faultOfPorts({ driver, network, ports = [] }: TaskSpec): string | undefined {
  if (ports.length === 0) return undefined
  if (driver === 'docker' && network === 'none') {
    return 'A container without a network has no ports: leave ports out, or give it a network.'
  }
  const target = twice(ports.map((port) => portName(port.target, protocolOf(port))))
  if (target !== undefined) return `The port ${target} of the task is named twice: name each once.`
  const fixed = ports.flatMap((port) => (port.host === undefined ? [] : [portName(port.host, protocolOf(port))]))
  const host = twice(fixed)
  if (host !== undefined) return `The host port ${host} is asked for twice: a port has one holder, so choose another.`
  const on = ports.find(({ address }) => address !== undefined)?.address
  if (on === undefined) return undefined
  if (!isIpAddress(on)) return `${on} is no IP address: write one as 127.0.0.1 or ::1, or leave it out.`
  if (driver === 'process') return `A process listens where it wants, so its ports take no address: leave ${on} out.`
  if (network === 'host') {
    return `With the network host nothing is published, so ports take no address: leave ${on} out, or choose bridge.`
  }
  return undefined
}
