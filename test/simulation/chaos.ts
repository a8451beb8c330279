/** Brings a plan of faults upon a cluster, and in the end takes all of them away. */
import { attemptName } from '../../actors/model.ts'
import type { Cluster } from './cluster.ts'
import { type Fault, faultTimes } from './faults.ts'
import type { Life } from './life.ts'
import type { World } from './world.ts'

type TimedFault = Exclude<Fault, { type: 'ambush' }>
type LivingFault = Extract<Fault, { type: 'crash' | 'stop' | 'pause' | 'break' | 'record-damaged' | 'old-epoch' }>

export class Chaos {
  readonly #cluster: Cluster
  readonly #world: World
  #over = false
  /** How many faults really came about. */
  fired = 0

  constructor(cluster: Cluster, faults: readonly Fault[]) {
    this.#cluster = cluster
    this.#world = cluster.world
    for (const fault of faults) this.#plan(fault)
    this.#world.timeline.at(faultTimes.phaseMs, () => this.#topUp())
  }

  /** Where what was planned had no effect, as on a process that was dead already, there is more. */
  #topUp(): void {
    if (this.#over || this.fired >= this.#cluster.scene.firedMin) return
    const site = this.#world.dice.pick([...this.#cluster.sites.keys()])
    this.#bring({ type: 'break', site, atMs: this.#world.timeline.nowMs })
    this.#world.timeline.at(faultTimes.topUpMs, () => this.#topUp())
  }

  #came(name: string): void {
    this.fired += 1
    this.#world.count(`fault ${name}`)
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
      disk.failNext = undefined
    }
    for (const engine of engines.values()) engine.setAway(false)
  }

  #plan(fault: Fault): void {
    if (fault.type === 'ambush') {
      this.#cluster.site(fault.site).ambush(fault.boundary, fault.nth, () => this.#came('ambush'))
      return
    }
    this.#world.timeline.at(fault.atMs, () => {
      if (this.#over) return
      this.#world.trace('world', `brings ${JSON.stringify(fault)}`)
      this.#bring(fault)
    })
  }

  #bring(fault: TimedFault): void {
    const life = 'site' in fault ? this.#cluster.life(fault.site) : undefined
    if (fault.type === 'cut') this.#cut(fault)
    else if (fault.type === 'disk-stall' || fault.type === 'disk-error') this.#hinderDisk(fault)
    else if (fault.type === 'container-killed' || fault.type === 'container-lost') this.#meddle(fault)
    else if (fault.type === 'engine-away') this.#takeEngine(fault.site, fault.forMs)
    else if (fault.type === 'clock-jump') this.#setClock(fault.site, fault.byMs)
    else if (life !== undefined) this.#trouble(fault, life)
  }

  /** What only a process that lives has trouble with. */
  #trouble(fault: LivingFault, life: Life): void {
    const site = this.#cluster.sites.get(fault.site)
    switch (fault.type) {
      case 'crash':
        this.#came(fault.type)
        site?.crash('it was killed', fault.forMs)
        break
      case 'stop':
        this.#came(fault.type)
        site?.stop()
        break
      case 'pause':
        if (site === undefined) return
        this.#came(fault.type)
        site.pausedUntilMs = this.#world.timeline.nowMs + fault.forMs
        break
      case 'break':
        if (this.#cluster.network.connectionsOf(life).length > 0) this.#came(fault.type)
        this.#cluster.network.breakOf(life)
        break
      case 'record-damaged':
        this.#damage(fault)
        break
      case 'old-epoch':
        if (this.#speakOfOld(fault.site)) this.#came(fault.type)
    }
  }

  #hinderDisk(fault: Extract<Fault, { type: 'disk-stall' | 'disk-error' }>): void {
    const disk = this.#cluster.disks.get(fault.site)
    if (disk === undefined) return
    if (fault.type === 'disk-error') {
      disk.failNext = () => this.#came(fault.type)
      return
    }
    disk.stalledUntilMs = this.#world.timeline.nowMs + fault.forMs
    disk.onStalled = () => {
      disk.onStalled = () => {}
      this.#came(fault.type)
    }
  }

  #takeEngine(site: string, forMs: number): void {
    const engine = this.#cluster.engines.get(site)
    if (engine === undefined || engine.isAway) return
    this.#came('engine-away')
    engine.setAway(true)
    this.#world.timeline.at(forMs, () => engine.setAway(false))
  }

  #setClock(site: string, byMs: number): void {
    this.#came('clock-jump')
    this.#cluster.site(site).skewMs += byMs
  }

  #meddle(fault: Extract<Fault, { type: 'container-killed' | 'container-lost' }>): void {
    const engine = this.#cluster.engines.get(fault.site)
    if (engine === undefined) return
    if (fault.type === 'container-killed') {
      if (engine.killAny()) this.#came(fault.type)
    } else if (!engine.isAway && engine.loseAny()) {
      this.#came(fault.type)
      engine.setAway(true)
      this.#world.timeline.at(fault.forMs, () => engine.setAway(false))
    }
  }

  /** Of an attempt that runs, or did: what nobody remembers may not be started again, or be taken for a stranger's. */
  #damage({ site, forMs }: Extract<Fault, { type: 'record-damaged' }>): void {
    const { disks, engines, ledger } = this.#cluster
    const disk = disks.get(site)
    const containers = [...(engines.get(site)?.containers.values() ?? [])]
    const stored = containers.filter(({ key }) => disk?.get(`attempt/${attemptName(key)}`) !== undefined)
    if (disk === undefined || stored.length === 0) return
    const running = stored.filter(({ phase }) => phase === 'running')
    const { key } = this.#world.dice.pick(running.length > 0 ? running : stored)
    this.#came('record-damaged')
    this.#cluster.site(site).crash('a record of it is damaged', forMs)
    disk.damage(`attempt/${attemptName(key)}`)
    ledger.damaged.add(attemptName(key))
  }

  #cut({ from, to, bothWays, forMs }: Extract<Fault, { type: 'cut' }>): void {
    const { network } = this.#cluster
    let isFelt = false
    const onHeld = () => {
      if (!isFelt) this.#came(bothWays ? 'cut both ways' : 'cut one way')
      isFelt = true
    }
    network.cutWay(from, to, onHeld)
    if (bothWays) network.cutWay(to, from, onHeld)
    this.#world.timeline.at(forMs, () => {
      network.openWay(from, to)
      network.openWay(to, from)
    })
  }

  /** The manager of a former term wants nothing of this worker's attempts any more. Heeded, it would end all of them. */
  #speakOfOld(site: string): boolean {
    const { network } = this.#cluster
    const life = this.#cluster.life(site)
    const connection = life === undefined ? undefined : network.connectionsOf(life).at(-1)
    const epoch = connection?.heardEpoch ?? 0
    if (connection === undefined || epoch < 1) return false
    const message = { type: 'Desired', seq: 1, complete: true, last: true, set: [], remove: [] }
    connection.take({ e: epoch - 1, m: [message] })
    return true
  }
}
