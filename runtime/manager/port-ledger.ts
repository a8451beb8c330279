/**
 * The ports of one node: who holds which, and which free one is next. Derived, as all of capacity is: holders are rebuilt
 * at load, and which ports turned out to be held by others is forgotten with the manager.
 */
import { type HeldPort, type HostPort, type Port, type PortRange, parseAttemptName } from '../../actors/model.ts'
import { heldName, hostPorts, type NodePorts, type Protocol, protocolOf } from '../../actors/ports.ts'

export const portLedgerLimits = {
  /** How long a port that something outside of Troupe held is given out last, in milliseconds. */
  suspectMs: 600_000,
  /** Ports of one node that are remembered so; the oldest goes first. */
  suspectsMax: 256,
} as const

const isWithin = (range: PortRange | undefined, port: number): boolean =>
  range !== undefined && port >= range.from && port <= range.to

export class PortLedger implements NodePorts {
  /** By the port's name, the attempts that hold it: one, unless workers have told of more. */
  readonly #holders = new Map<string, string[]>()
  readonly #byAttempt = new Map<string, readonly HeldPort[]>()
  /** Ports of the range that are held. */
  #used = { tcp: 0, udp: 0 }
  /** Where the next search begins: behind what was given out last, so that a port just given back is not the next. */
  readonly #next: { tcp?: number; udp?: number } = {}
  /** By the port's name, until when it is given out last. */
  readonly #suspects = new Map<string, number>()
  /** How far into the range of a node without a port the first search begins. */
  readonly #offset: number
  #range: PortRange | undefined

  /** `nodeId`: nodes of other clusters may share the machine and the range, and each begins elsewhere in it. */
  constructor(nodeId = '') {
    this.#offset = scatter(nodeId)
  }

  get range(): PortRange | undefined {
    return this.#range
  }

  /** How many are held, in the range and outside of it. */
  get held(): number {
    return this.#holders.size
  }

  setRange(range: PortRange | undefined): void {
    if (range?.from === this.#range?.from && range?.to === this.#range?.to) return
    this.#range = range
    this.#used = { tcp: 0, udp: 0 }
    for (const name of this.#holders.keys()) this.#count(parseHeldName(name), 1)
  }

  holder(port: number, protocol: Protocol): string | undefined {
    const name = this.#holders.get(heldName({ host: port, protocol }))?.[0]
    return name && parseAttemptName(name)?.taskId
  }

  free(protocol: Protocol): number {
    return this.#range === undefined ? 0 : Math.max(0, this.#range.to - this.#range.from + 1 - this.#used[protocol])
  }

  /** Counts an attempt's ports until `drop`. Whether nobody else holds one of them. */
  hold(attempt: string, ports: readonly HeldPort[]): boolean {
    this.drop(attempt)
    if (ports.length === 0) return true
    let isAlone = true
    for (const port of ports) {
      const holders = this.#holders.get(heldName(port))
      if (holders === undefined) {
        this.#holders.set(heldName(port), [attempt])
        this.#count(port, 1)
      } else {
        holders.push(attempt)
        isAlone = false
      }
    }
    this.#byAttempt.set(attempt, ports)
    return isAlone
  }

  drop(attempt: string): void {
    for (const port of this.#byAttempt.get(attempt) ?? []) {
      const left = (this.#holders.get(heldName(port)) ?? []).filter((holder) => holder !== attempt)
      if (left.length > 0) {
        this.#holders.set(heldName(port), left)
      } else {
        this.#holders.delete(heldName(port))
        this.#count(port, -1)
      }
    }
    this.#byAttempt.delete(attempt)
  }

  /** These turned out to be held by something else: they are given out last for a while. */
  suspect(ports: readonly HeldPort[], atMs: number): void {
    for (const port of ports) {
      this.#suspects.delete(heldName(port))
      this.#suspects.set(heldName(port), atMs + portLedgerLimits.suspectMs)
      if (this.#suspects.size <= portLedgerLimits.suspectsMax) continue
      this.#suspects.delete(this.#suspects.keys().next().value as string)
    }
  }

  /** What an attempt gets: the ports that it asks for by number, and free ones for the others. Throws if there are too few. */
  give(asked: readonly Port[], atMs: number): HostPort[] {
    const taken = new Set(
      asked.flatMap(({ host, ...port }) => (host ? [heldName({ host, protocol: protocolOf(port) })] : [])),
    )
    const chosen: number[] = []
    for (const { host, ...port } of asked) {
      if (host !== undefined) continue
      const found = this.#choose(protocolOf(port), taken, atMs)
      taken.add(heldName({ host: found, protocol: protocolOf(port) }))
      chosen.push(found)
    }
    return hostPorts(asked, chosen)
  }

  #choose(protocol: Protocol, taken: ReadonlySet<string>, atMs: number): number {
    const { from, to } = this.#range ?? { from: 1, to: 0 }
    const size = to - from + 1
    const start = this.#next[protocol] ?? this.#afterHighest(protocol)
    let suspected: { port: number; untilMs: number } | undefined
    for (let step = 0; step < size; step += 1) {
      const port = from + ((((start - from + step) % size) + size) % size)
      const name = heldName({ host: port, protocol })
      if (this.#holders.has(name) || taken.has(name)) continue
      const untilMs = this.#suspects.get(name)
      if (untilMs === undefined || untilMs <= atMs) {
        this.#next[protocol] = port + 1
        return port
      }
      if (suspected === undefined || untilMs < suspected.untilMs) suspected = { port, untilMs }
    }
    if (suspected === undefined) throw new Error(`the node has no free port of ${protocol}`)
    return suspected.port
  }

  /** Nobody remembers what was given out before a restart; what is held was the last that is known. */
  #afterHighest(protocol: Protocol): number {
    const { from, to } = this.#range ?? { from: 1, to: 1 }
    let next = 0
    for (const name of this.#holders.keys()) {
      const port = parseHeldName(name)
      if (port.protocol === protocol && isWithin(this.#range, port.host)) next = Math.max(next, port.host + 1)
    }
    return next === 0 ? from + (this.#offset % (to - from + 1)) : next
  }

  #count({ host, protocol }: HeldPort, change: 1 | -1): void {
    if (isWithin(this.#range, host)) this.#used[protocol] += change
  }
}

/** A whole number of up to 32 bits from a text (FNV-1a); 0 from an empty one. */
function scatter(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return text === '' ? 0 : hash >>> 0
}

function parseHeldName(name: string): HeldPort {
  const [host, protocol] = name.split('/')
  return { host: Number(host), protocol: protocol as Protocol }
}
