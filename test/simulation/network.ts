/**
 * The simulated network: the memory transport, whose every delivery comes after a delay by the dice, or waits for as
 * long as the way between two places is cut. What a dead process had sent may still arrive, or be lost with it.
 */
import { frameLimits } from '../../actors/protocol/frame.ts'
import { createMemoryTransport, type MemoryLink, type MemoryTransport } from '../../transport/memory.ts'
import type { Connection, ConnectOptions, Listener, ListenOptions, Transport } from '../../transport/transport.ts'
import { LivingConnection } from './connection.ts'
import type { Dice } from './dice.ts'
import { type Life, never, type Place } from './life.ts'
import type { World } from './world.ts'

const networkTimes = {
  /** A frame is under way for up to this long, in milliseconds. */
  delayMsMax: 3,
  /** And a slow one for up to this long. */
  slowMsMax: 250,
  slowChance: 0.02,
} as const

const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 }

/** A frame as it is handed to a living process. */
export type OnFrame = (to: Life, connection: LivingConnection, frame: unknown) => void

/** How a dead process's connections end for those at the other end. */
type Death = 'lost' | 'flushed' | 'silent'

export class Network {
  readonly #world: World
  readonly #dice: Dice
  readonly #memory: MemoryTransport
  readonly #places = new Map<string, Place>()
  /** By a life's name or an address: its place's name. */
  readonly #names = new Map<string, string>()
  /** By `from>to`: what waits for the way to be open again. */
  readonly #cuts = new Map<string, (() => void)[]>()
  /** Told once that a cut holds something back. */
  readonly #held = new Map<string, () => void>()
  readonly #connections = new Map<Life, Set<LivingConnection>>()
  readonly #listeners = new Map<Life, { readonly address: string; readonly listener: Listener }>()
  onFrame: OnFrame = () => {}
  /** What a process hears instead; undefined = nothing. For defects that are built in on purpose. */
  alter: (to: Life, connection: LivingConnection, frame: unknown) => unknown = (_to, _connection, frame) => frame

  constructor(world: World) {
    this.#world = world
    this.#dice = world.dice.fork('network')
    const clock = { setTimer: (callback: () => void, delayMs: number) => world.timeline.at(delayMs, callback) }
    this.#memory = createMemoryTransport({ limits, clock, schedule: (deliver, link) => this.#schedule(deliver, link) })
  }

  /** An address, or a name with all its lives, belongs to a place. */
  addPlace(name: string, place: Place): void {
    this.#places.set(name, place)
  }

  /** The transport of one life. */
  transport(life: Life): Transport {
    const own = this.#memory.as(life.name, limits)
    this.#connections.set(life, new Set())
    life.onDeath(() => this.#bury(life))
    return {
      listen: (address, options) => this.#listen(own, life, address, options),
      connect: (url, options) => this.#connect(own, life, url, options),
    }
  }

  /** The live connections of one life, oldest first. */
  connectionsOf(life: Life): LivingConnection[] {
    return [...(this.#connections.get(life) ?? [])]
  }

  /** Nothing comes through from one place to another until `open`. Names of places. */
  cutWay(from: string, to: string, onHeld: () => void = () => {}): void {
    const way = `${from}>${to}`
    if (this.#cuts.has(way)) return
    this.#cuts.set(way, [])
    this.#held.set(way, onHeld)
  }

  /** What was held back comes now. */
  openWay(from: string, to: string): void {
    const way = `${from}>${to}`
    const held = this.#cuts.get(way) ?? []
    this.#cuts.delete(way)
    for (const deliver of held) this.#deliver(deliver, to, this.#delayMs())
  }

  openAll(): void {
    for (const way of [...this.#cuts.keys()]) {
      const [from, to] = way.split('>') as [string, string]
      this.openWay(from, to)
    }
  }

  /** Cuts every connection of a life, with all that is under way. */
  breakOf(life: Life): void {
    for (const connection of this.connectionsOf(life)) connection.inner.close(1006, '')
  }

  async #listen(own: Transport, life: Life, address: string, options: ListenOptions): Promise<Listener> {
    if (!life.alive) return never()
    const listener = await own.listen(address, {
      ...options,
      onConnection: (inner) => {
        if (life.alive) options.onConnection(this.#guard(life, inner))
      },
    })
    if (!life.alive) {
      void listener.close()
      return never()
    }
    this.#listeners.set(life, { address, listener })
    return { address: listener.address, close: () => (life.alive ? listener.close() : never()) }
  }

  async #connect(own: Transport, life: Life, url: string, options: ConnectOptions): Promise<Connection> {
    if (!life.alive) return never()
    try {
      const inner = await own.connect(url, options)
      if (life.alive) return this.#guard(life, inner)
      inner.close(1006, '')
    } catch (error) {
      if (life.alive) throw error
    }
    return never()
  }

  #guard(life: Life, inner: Connection): LivingConnection {
    const connections = this.#connections.get(life) as Set<LivingConnection>
    const connection = new LivingConnection(inner, life, {
      onFrame: (frame) => {
        const heard = this.alter(life, connection, frame)
        if (heard !== undefined) this.onFrame(life, connection, heard)
        return heard
      },
      onOver: () => connections.delete(connection),
    })
    connections.add(connection)
    return connection
  }

  #bury(life: Life): void {
    const connections = this.connectionsOf(life)
    const door = this.#listeners.get(life)
    this.#connections.delete(life)
    this.#listeners.delete(life)
    // Its machine says at once that nobody is there any more; or a dialler's machine is gone altogether.
    const death: Death = this.#dice.pick(['lost', 'flushed', 'flushed', door === undefined ? 'silent' : 'lost'])
    if (connections.length > 0) {
      this.#world.trace(life.name, `its connections are ${death}`)
      this.#world.sometimes(`connections of a dead process were ${death}`)
    }
    if (death === 'lost') this.#memory.cut(door?.address ?? life.name)
    for (const { inner } of connections) {
      if (death !== 'silent') inner.close(1006, '')
      else this.#world.timeline.at(this.#dice.between(500, 20_000), () => inner.close(1006, ''))
    }
    void door?.listener.close()
  }

  #schedule(deliver: () => void, { from, to }: MemoryLink): void {
    const [source, target] = [this.#nameOf(from), this.#nameOf(to)]
    if (source === target) {
      this.#world.timeline.at(0, deliver)
      return
    }
    const held = this.#cuts.get(`${source}>${target}`)
    if (held !== undefined) this.#hold(`${source}>${target}`, held, deliver)
    else this.#deliver(deliver, target, this.#delayMs())
  }

  #hold(way: string, held: (() => void)[], deliver: () => void): void {
    if (held.length === 0) this.#held.get(way)?.()
    held.push(deliver)
  }

  /** To a process that stands still it comes once that goes on. */
  #deliver(deliver: () => void, target: string, delayMs: number): void {
    const { timeline } = this.#world
    const arrive = () => {
      const pauseMs = (this.#places.get(target)?.pausedUntilMs ?? 0) - timeline.nowMs
      if (pauseMs > 0) timeline.at(pauseMs, arrive)
      else deliver()
    }
    timeline.at(delayMs, arrive)
  }

  #delayMs(): number {
    const { delayMsMax, slowMsMax, slowChance } = networkTimes
    return this.#dice.roll() * (this.#dice.chance(slowChance) ? slowMsMax : delayMsMax)
  }

  /** The place's name behind a life's name or an address. */
  #nameOf(end: string): string {
    const known = this.#names.get(end) ?? this.#places.get(end)?.name ?? (end.split('~')[0] as string)
    this.#names.set(end, known)
    return known
  }
}
