/** The whole cluster of a run: the hosts that ship, on simulated ports, each at its site. */
import type { Resources } from '../../actors/model.ts'
import type { Scheduler } from '../../actors/schedulers/scheduler.ts'
import { allSchedulers, schedulers } from '../../actors/schedulers/schedulers.ts'
import type { Driver } from '../../runtime/drivers/driver.ts'
import { ManagerHost } from '../../runtime/manager/manager.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { WorkerHost } from '../../runtime/worker/worker.ts'
import { watchDrains } from './checks/drains.ts'
import { watchLeases } from './checks/leases.ts'
import { watchPorts } from './checks/ports.ts'
import { retentionOf, watchRetention } from './checks/retention.ts'
import type { LivingConnection } from './connection.ts'
import { Customer } from './customer.ts'
import { Dice } from './dice.ts'
import { Disk } from './disk.ts'
import { type DriverDefects, SimulatedDriver } from './driver.ts'
import { Engine } from './engine.ts'
import { Ledger } from './ledger.ts'
import { Life } from './life.ts'
import { Network } from './network.ts'
import { planOrders, planUpkeep } from './orders.ts'
import { type Scene, workersOf } from './scene.ts'
import { Site } from './site.ts'
import { watchWire } from './wire.ts'
import type { World } from './world.ts'

/** A defect that is built in on purpose, to see whether the checkers notice. */
export interface Variant {
  readonly name: string
  readonly storage?: (storage: Storage, site: string) => Storage
  readonly driver?: DriverDefects
  /** Disks keep the part of a batch that came before a crash. */
  readonly keepsTorn?: boolean
  /** A frame on its way into a process; what it answers is taken instead. */
  readonly frame?: (frame: unknown, to: string, connection: LivingConnection) => unknown
}

export const address = '127.0.0.1:4747'
const token = 'a token that is known to all in here'
const version = '0.0.0-simulated'

export class Cluster {
  readonly world: World
  readonly scene: Scene
  readonly network: Network
  readonly ledger: Ledger
  readonly variant: Variant | undefined
  readonly sites = new Map<string, Site>()
  readonly disks = new Map<string, Disk>()
  readonly engines = new Map<string, Engine>()
  readonly customers: Customer[] = []

  constructor(world: World, scene: Scene, variant?: Variant) {
    this.world = world
    this.scene = scene
    this.variant = variant
    this.network = new Network(world)
    this.ledger = new Ledger(world, planOrders(world.seed, scene), (name) => this.disk(name), scene.manager)
    watchWire({ world, network: this.network, disk: (name) => this.disk(name), manager: scene.manager })
    const alter = variant?.frame
    if (alter !== undefined) this.network.alter = (to, connection, frame) => alter(frame, to.name, connection)
    this.#addManager()
    for (const name of workersOf(scene)) this.#addWorker(name)
    for (const name of scene.clients) this.#addClient(name)
  }

  site(name: string): Site {
    return this.sites.get(name) as Site
  }

  disk(name: string): Disk {
    return this.disks.get(name) as Disk
  }

  start(): void {
    for (const site of this.sites.values()) site.start()
    for (const customer of this.customers) customer.start()
  }

  /** Nothing of it runs any more. */
  end(): void {
    for (const site of this.sites.values()) site.end()
  }

  /** Whether `unrest` is empty, as it is asked after each event: nothing is looked at while a client still waits. */
  get isAtRest(): boolean {
    return this.customers.every(({ done }) => done) && this.unrest().length === 0
  }

  /** What keeps it from being at rest: open tasks, containers, records; empty when all has converged. */
  unrest(): string[] {
    const waiting = this.customers.flatMap(({ done, waitsFor }, at) =>
      done ? [] : [`client-${at + 1} waits for ${waitsFor.join(', ') || 'answers'}`],
    )
    const held = [...this.engines.values()].flatMap(({ name, containers }) =>
      [...containers.keys()].map((container) => `${name} still holds ${container}`),
    )
    const records = workersOf(this.scene).flatMap((name) => {
      const disk = this.disk(name)
      const stored = [...disk.entries('attempt/'), ...disk.entries('spec/')].map(([key]) => key)
      // A record that cannot be read is set aside for people to look at, with what belongs to it.
      const owed = stored.filter((key) => !disk.damaged.has(key.replace('spec/', 'attempt/')))
      return owed.map((key) => `${name} still stores ${key}`)
    })
    return [...waiting, ...held, ...records]
  }

  #addSite(site: Site): void {
    this.sites.set(site.name, site)
    this.network.addPlace(site.name, site)
  }

  #makeDisk(name: string): Disk {
    const { tearsBatches } = this.scene
    return new Disk(this.world, name, { tearsBatches, keepsTorn: this.variant?.keepsTorn ?? false })
  }

  #storage(site: string, life: Life): Storage {
    const storage = this.disk(site).open(life)
    return this.variant?.storage?.(storage, site) ?? storage
  }

  /** The same for each life of the manager. */
  #scheduler(): Scheduler<never> {
    const dice = new Dice(this.world.seed, 'scheduler')
    const scheduler = this.scene.anyScheduler ? dice.pick(allSchedulers) : schedulers['round-robin']
    this.world.sometimes(`the scheduler was ${scheduler.name}`)
    return scheduler as Scheduler<never>
  }

  #addManager(): void {
    const name = this.scene.manager
    this.disks.set(name, this.#makeDisk(name))
    const scheduler = this.#scheduler()
    const site = new Site(this.world, name, 'manager', ({ life, logger, onBoundary, onFailure }) => {
      const storage = this.#storage(name, life)
      const transports = [{ transport: this.network.transport(life), listen: address }]
      const { clock, dice: random } = life
      const retention = retentionOf(this.world.seed, this.scene)
      const ports = { storage, transports, clock, random, logger }
      return new ManagerHost({ ...ports, ...{ token, version, retention, scheduler, onBoundary, onFailure } })
    })
    this.#addSite(site)
    this.network.addPlace(address, site)
    watchLeases(this.world, this.disk(name), () => site.bornMs)
    const { onSecured } = this.disk(name)
    const checkTrimmed = watchRetention(this.world, this.disk(name))
    this.disk(name).onSecured = (ops) => {
      onSecured(ops)
      checkTrimmed(ops)
    }
    const watches = [watchDrains(this.world, this.disk(name)), watchPorts(this.world, this.disk(name))]
    this.disk(name).onApplied = (ops) => {
      for (const watch of watches) watch(ops)
    }
  }

  #addWorker(name: string): void {
    const offer = this.scene.workers[name] as Resources
    this.disks.set(name, this.#makeDisk(name))
    const engine = new Engine(this.world, name, this.ledger)
    this.engines.set(name, engine)
    this.ledger.addEngine(engine, offer)
    const registration = {
      ...{ name, resources: offer, labels: { zone: name === 'worker-1' ? 'a' : 'b' } },
      // In scenes of before there are none, so that what a seed does in them stays the same.
      ...(this.scene.portChance === 0 ? {} : { ports: { from: 9_000, to: 9_004 } }),
    }
    const site = new Site(this.world, name, 'worker', ({ life, logger, onBoundary, onFailure }) => {
      const driver: Driver = new SimulatedDriver(this.world, engine, life, this.variant?.driver)
      return new WorkerHost({
        storage: this.#storage(name, life),
        transport: this.network.transport(life),
        managerUrl: `ws://${address}`,
        token,
        drivers: new Map([['docker', driver]]),
        registration,
        clock: life.clock,
        random: life.dice,
        logger,
        version,
        onBoundary,
        onFailure,
      })
    })
    this.#addSite(site)
  }

  #addClient(name: string): void {
    const place = { name, pausedUntilMs: 0, skewMs: 0 }
    const life = new Life(this.world, place, 1)
    this.network.addPlace(name, place)
    const orders = [...this.ledger.orders.values()].filter(({ client }) => client === name)
    const transport = this.network.transport(life)
    const { world, ledger } = this
    const upkeep = planUpkeep(world.seed, this.scene).filter(({ client }) => client === name)
    const nodes = workersOf(this.scene)
    const url = `ws://${address}`
    this.customers.push(new Customer({ world, name, life, transport, url, token, ledger, orders, upkeep, nodes }))
    this.#lives.set(name, life)
  }

  readonly #lives = new Map<string, Life>()

  /** The life at a site now, or a client's only one. */
  life(name: string): Life | undefined {
    return this.sites.get(name)?.life ?? this.#lives.get(name)
  }
}
