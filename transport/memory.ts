/**
 * A network within the process, keyed by address: it joins manager and worker in `up`, and carries the simulated
 * cluster. Each frame still goes through the codec, so the two ends share nothing and the limits hold as they do on
 * a wire. Nothing here reads a clock or rolls dice: when things arrive is the affair of `schedule`.
 */
import { formatHostAndPort, parseDialUrl, parseHostAndPort } from './address.ts'
import { closes, subprotocolReason } from './close.ts'
import { joinedPair, type MemoryConnection } from './memory/connection.ts'
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Transport,
  TransportError,
  type TransportLimits,
} from './transport.ts'

/** From whom to whom something travels: names of diallers (`as`) and addresses of listeners, as `host:port`. */
export interface MemoryLink {
  readonly from: string
  readonly to: string
}

/**
 * Calls `deliver` in a later turn, never in this one or in a microtask of it. Each call lets one thing more arrive on
 * that link, oldest first, so delays never change the order; a call withheld is a partition in that direction.
 * What an end tells itself has `from` and `to` the same.
 */
export type MemorySchedule = (deliver: () => void, link: MemoryLink) => void

export interface MemoryTransportOptions {
  readonly limits: TransportLimits
  /**
   * Default: `setImmediate`. A microtask would be sooner, but then two ends that answer each other could keep timers
   * and sockets from ever being served, and messages of one turn would not gather into one frame.
   */
  readonly schedule?: MemorySchedule
  /** Only for `timeoutMs` of `connect`, which is ignored without it. */
  readonly clock?: { setTimer(callback: () => void, delayMs: number): () => void }
}

export interface MemoryTransport extends Transport {
  /** The same network, dialled under this name, which the other end sees as `peer`; limits of its own if given. */
  as(name: string, limits?: TransportLimits): Transport
  /** Cuts every connection that has `name` (or a listener's address) at one end; all of them without a name. */
  cut(name?: string): void
}

/** A network within this process, for tests and for a manager that only this process may dial. */
export function createMemoryTransport(options: MemoryTransportOptions): MemoryTransport {
  const network = new MemoryNetwork(options)
  const transportAs = (name: string, limits = options.limits): Transport => ({
    listen: (address, listenOptions) => network.listen(address, listenOptions, limits),
    connect: (url, connectOptions) => network.connect(url, connectOptions, name, limits),
  })
  return { ...transportAs('memory'), as: transportAs, cut: (name) => network.cut(name) }
}

interface Door {
  readonly key: string
  readonly options: ListenOptions
  readonly limits: TransportLimits
}

/** Where port 0 begins to look, as systems do. */
const firstFreePort = 49_152
const connectTimeoutMs = 5_000

class MemoryNetwork {
  readonly #schedule: MemorySchedule
  readonly #clock: MemoryTransportOptions['clock']
  readonly #doors = new Map<string, Door>()
  readonly #connections = new Set<MemoryConnection>()

  constructor(options: MemoryTransportOptions) {
    this.#schedule = options.schedule ?? ((deliver) => void setImmediate(deliver))
    this.#clock = options.clock
  }

  async listen(address: string, options: ListenOptions, limits: TransportLimits): Promise<Listener> {
    const key = this.#free(address)
    this.#doors.set(key, { key, options, limits })
    return { address: `memory://${key}`, close: () => this.#close(key) }
  }

  #free(address: string): string {
    const { host, port } = parseHostAndPort(address)
    if (port !== 0) {
      const key = formatHostAndPort({ host, port })
      if (!this.#doors.has(key)) return key
      const why = `Port ${port} is taken: something listens at ${key} already.`
      throw new TransportError('address-in-use', `${why} Stop it, or choose another port.`)
    }
    let candidate = firstFreePort
    while (this.#doors.has(formatHostAndPort({ host, port: candidate }))) candidate++
    return formatHostAndPort({ host, port: candidate })
  }

  #close(key: string): Promise<void> {
    this.#doors.delete(key)
    for (const connection of this.#connections) {
      if (connection.isAt(key)) connection.close(closes.goingAway, 'The listener is closing.')
    }
    return new Promise((resolve) => this.#schedule(resolve, { from: key, to: key }))
  }

  cut(name?: string): void {
    for (const connection of this.#connections) {
      if (name === undefined || connection.isAt(name) || connection.peer === name) connection.cut()
    }
  }

  async connect(url: string, options: ConnectOptions, name: string, limits: TransportLimits): Promise<Connection> {
    // `ws://` too, so that a worker's settings are the same in a simulation as in earnest.
    const target = parseDialUrl(url, ['memory:', 'ws:', 'wss:'])
    const { timeoutMs = connectTimeoutMs, signal } = options
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      let tooLate = false
      const giveUp = (error: unknown): void => {
        tooLate = true
        settled()
        reject(error)
      }
      const onAbort = (): void => giveUp(signal?.reason)
      signal?.addEventListener('abort', onAbort)
      const settled = (): void => {
        cancelTimer?.()
        signal?.removeEventListener('abort', onAbort)
      }
      const cancelTimer = this.#clock?.setTimer(() => {
        const advice = 'Check the address, and that the other end is running.'
        giveUp(new TransportError('timeout', `${url} did not answer within ${timeoutMs} ms. ${advice}`))
      }, timeoutMs)
      const arrive = (): void => {
        try {
          const connection = this.#enter(target, options, name, limits)
          const handOver = (): void => {
            settled()
            if (tooLate) connection.cut()
            else resolve(connection)
            // Whoever awaits it sets its handlers some microtasks from now; nothing is told to it before.
            this.#schedule(() => connection.begin(), { from: name, to: name })
          }
          this.#schedule(handOver, { from: target.host, to: name })
        } catch (error) {
          settled()
          reject(error)
        }
      }
      this.#schedule(arrive, { from: name, to: target.host })
    })
  }

  /** The listener's side of a dial: admits it, joins two ends, hands one to the listener and answers the other. */
  #enter(target: URL, options: ConnectOptions, name: string, limits: TransportLimits): MemoryConnection {
    const door = this.#doors.get(target.host)
    if (door === undefined) {
      throw new TransportError('unreachable', `Nothing listens at ${target.href}. Start it, or check the address.`)
    }
    const refusal = door.options.admit?.({ peer: name, origin: undefined, host: door.key })
    if (refusal !== undefined) {
      const why = `${target.href} refused the connection (HTTP ${refusal.status}): ${refusal.message}`
      throw new TransportError('refused', why)
    }
    const protocol = door.options.protocols.find((spoken) => options.protocols.includes(spoken))
    if (protocol === undefined) {
      const why = `${target.href} speaks none of ${options.protocols.join(', ')}.`
      throw new TransportError('subprotocol', `${why} ${subprotocolReason(door.options.protocols)}`)
    }
    const [dialled, accepted] = joinedPair({
      protocol,
      dialler: { name, limits },
      listener: { name: door.key, limits: door.limits },
      schedule: this.#schedule,
      onOver: (connection) => this.#connections.delete(connection),
    })
    this.#connections.add(dialled).add(accepted)
    accepted.begin()
    door.options.onConnection(accepted)
    return dialled
  }
}
