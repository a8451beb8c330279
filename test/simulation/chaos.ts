/** Brings a plan of faults upon a cluster, and in the end takes all of them away. */
import type { Cluster } from './cluster.ts'
import type { Fault } from './faults.ts'
import type { World } from './world.ts'

export class Chaos {
  readonly #cluster: Cluster
  readonly #world: World
  #over = false

  constructor(cluster: Cluster, faults: readonly Fault[]) {
    this.#cluster = cluster
    this.#world = cluster.world
    for (const fault of faults) this.#plan(fault)
  }

  /** From now on nothing fails, and what failed works again. */
  heal(): void {
    this.#over = true
    this.#world.trace('world', 'heals')
    const { network, sites, disks, engines } = this.#cluster
    network.openAll()
    for (const site of sites.values()) {
      site.disarm()
      site.pausedUntilMs = 0
    }
    for (const disk of disks.values()) {
      disk.stalledUntilMs = 0
      disk.failNext = false
    }
    for (const engine of engines.values()) engine.setAway(false)
  }

  #plan(fault: Fault): void {
    if (fault.type === 'ambush') {
      this.#cluster.site(fault.site).ambush(fault.boundary, fault.nth)
      return
    }
    this.#world.timeline.at(fault.atMs, () => {
      if (this.#over) return
      this.#world.trace('world', `brings ${JSON.stringify(fault)}`)
      if (this.#bring(fault)) this.#world.count(`fault ${fault.type}`)
    })
  }

  /** Whether it really came about. */
  #bring(fault: Exclude<Fault, { type: 'ambush' }>): boolean {
    const { network } = this.#cluster
    const life = 'site' in fault ? this.#cluster.life(fault.site) : undefined
    switch (fault.type) {
      case 'crash':
        this.#cluster.site(fault.site).crash('it was killed', fault.forMs)
        return life !== undefined
      case 'stop':
        this.#cluster.site(fault.site).stop()
        return life !== undefined
      case 'cut':
        return this.#cut(fault)
      case 'break':
        if (life !== undefined) network.breakOf(life)
        return life !== undefined
      case 'old-epoch':
        return this.#speakOfOld(fault.site)
      default:
        return this.#hinder(fault)
    }
  }

  #hinder(
    fault: Extract<Fault, { type: 'disk-stall' | 'disk-error' | 'engine-away' | 'pause' | 'clock-jump' }>,
  ): boolean {
    const { disks, engines } = this.#cluster
    const { timeline } = this.#world
    const site = this.#cluster.site(fault.site)
    const disk = disks.get(fault.site)
    switch (fault.type) {
      case 'disk-stall':
        if (disk !== undefined) disk.stalledUntilMs = timeline.nowMs + fault.forMs
        return disk !== undefined
      case 'disk-error':
        if (disk !== undefined) disk.failNext = true
        return disk !== undefined
      case 'engine-away':
        engines.get(fault.site)?.setAway(true)
        timeline.at(fault.forMs, () => engines.get(fault.site)?.setAway(false))
        return true
      case 'pause':
        site.pausedUntilMs = timeline.nowMs + fault.forMs
        return true
      case 'clock-jump':
        site.skewMs += fault.byMs
        return true
    }
  }

  #cut({ from, to, bothWays, forMs }: Extract<Fault, { type: 'cut' }>): boolean {
    const { network } = this.#cluster
    network.cutWay(from, to)
    if (bothWays) network.cutWay(to, from)
    this.#world.count(bothWays ? 'fault cut both ways' : 'fault cut one way')
    this.#world.timeline.at(forMs, () => {
      network.openWay(from, to)
      network.openWay(to, from)
    })
    return true
  }

  /** The manager of a former term wants nothing of this worker's attempts any more. Heeded, it would end all of them. */
  #speakOfOld(site: string): boolean {
    const { network, variant } = this.#cluster
    const life = this.#cluster.life(site)
    const connection = life === undefined ? undefined : network.connectionsOf(life).at(-1)
    const epoch = connection?.heardEpoch ?? 0
    if (connection === undefined || epoch < 1) return false
    const message = { type: 'Desired', seq: 1, complete: true, last: true, set: [], remove: [] }
    connection.take({ e: variant?.forgedEpoch?.(epoch) ?? epoch - 1, m: [message] })
    return true
  }
}
