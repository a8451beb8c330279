/**
 * The manager's nodes: registration, liveness, and what each means for placement and for the tasks on them.
 */
import type { NodeRegistration, NodeView, Resources } from '../../actors/model.ts'
import { type NodeContext, nodeStanding } from '../../actors/node.ts'
import { subtractResources } from '../../actors/schedulers/resources.ts'
import type { NodeUsage } from '../../actors/usage.ts'
import type { ActorHost, HostedActor, Stepped } from '../host/actor.ts'
import { keys, prefixes } from '../host/keys.ts'
import type { Turn } from '../host/turn.ts'
import type { Logger } from '../logger.ts'
import type { Book } from './book.ts'
import type { Liveness } from './liveness.ts'
import { Machines } from './machines.ts'
import type { Placement } from './placement.ts'
import type { Usages } from './usages.ts'

export interface NodesOptions {
  readonly host: ActorHost
  readonly book: Book
  readonly placement: Placement
  readonly liveness: Liveness
  readonly usages: Usages
  readonly logger: Logger
  /** What is shown of it has changed in this turn, by what another one did. */
  readonly onChanged: (turn: Turn, nodeId: string) => void
  /** It was forgotten, in this turn. */
  readonly onRemoved: (turn: Turn, node: HostedActor) => void
}

export class Nodes {
  readonly #options: NodesOptions
  readonly #machines: Machines

  constructor(options: NodesOptions) {
    this.#options = options
    this.#machines = new Machines(options.logger)
  }

  get(nodeId: string): HostedActor | undefined {
    return this.#options.host.actors.get(keys.nodeRecord(nodeId))
  }

  *all(): Generator<HostedActor> {
    for (const actor of this.#options.host.actors.values()) if (actor.kind === 'node') yield actor
  }

  /** A worker has said Hello: its node is Ready, and the tasks on it are within reach again. */
  register(turn: Turn, registration: NodeRegistration): void {
    const { host, book, liveness } = this.#options
    const address = keys.nodeRecord(registration.nodeId)
    // In the same unit: a name is never nobody's, and the newest revision in the store is never lost with a record.
    const holder = this.#holder(registration.nodeId, registration.name)
    if (holder !== undefined) this.remove(turn, registrationOf(holder).nodeId)
    if (!host.actors.has(address)) host.create(turn, address, 'node', { registration })
    turn.tell(address, { type: 'Registered', registration } as { type: string })
    liveness.renew(registration.nodeId)
    turn.finally(() => this.#machines.warn(registration.nodeId))
    for (const taskId of book.openOn(registration.nodeId).keys()) turn.tell(keys.task(taskId), { type: 'NodeReturned' })
  }

  /** A message came from it. */
  heardFrom(nodeId: string): void {
    const { host, liveness } = this.#options
    liveness.renew(nodeId)
    const node = this.get(nodeId)
    if (node !== undefined && nodeStanding(node.snapshot.value).state === 'Suspect')
      host.tell(keys.nodeRecord(nodeId), { type: 'HeardFrom' })
  }

  /**
   * A heartbeat came, with what its machine uses if that has changed notably. It has a say in what the next task costs
   * there and in nothing else: the log does not hear of it, and no task that waits is looked at again for it.
   */
  measured(nodeId: string, used: NodeUsage | undefined): void {
    const { usages, placement } = this.#options
    if (used === undefined) {
      if (usages.isStale(nodeId)) this.#unmeasured(nodeId)
      return
    }
    usages.heard(nodeId, used)
    const node = this.get(nodeId)
    if (node !== undefined) placement.setLoad(nodeId, loadOn(registrationOf(node), used))
  }

  /** What its machine uses is known no longer. */
  #unmeasured(nodeId: string): void {
    this.#options.usages.forget(nodeId)
    this.#options.placement.setLoad(nodeId, undefined)
  }

  /** Its lease has run out. One without a record (it could not be read) has tasks that count all the same. */
  expired(nodeId: string): void {
    const { host } = this.#options
    if (this.get(nodeId) === undefined) host.run((turn) => this.#loseSight(turn, nodeId))
    else host.tell(keys.nodeRecord(nodeId), { type: 'LeaseExpired' })
  }

  #loseSight(turn: Turn, nodeId: string): void {
    for (const taskId of this.#options.book.openOn(nodeId).keys()) {
      turn.tell(keys.task(taskId), { type: 'NodeUnreachable' })
    }
  }

  /** One step of a node: what it means for placement and for its tasks. */
  onStep({ actor, before }: Stepped, turn: Turn): void {
    const { registration } = actor.snapshot.context as NodeContext
    const { state } = this.load(actor, turn)
    const wentDown = state === 'Down' && before !== undefined && nodeStanding(before.value).state !== 'Down'
    if (wentDown) {
      this.#loseSight(turn, registration.nodeId)
      this.#unmeasured(registration.nodeId)
    }
    if (before === undefined) return
    const { drainIsOver } = before.context as NodeContext
    const begins = isDraining(actor) && !nodeStanding(before.value).draining
    const ends = isDrainOver(actor) && drainIsOver !== true
    if (begins || ends) for (const [address, event] of this.#drainOf(actor)) turn.tell(address, event)
  }

  /** After a crash, once the tasks are loaded: some of those on a node may not have heard that it is drained. */
  resumeDrains(): void {
    for (const actor of this.all()) {
      if (!isDraining(actor)) continue
      for (const [address, event] of this.#drainOf(actor)) this.#options.host.tell(address, event)
    }
  }

  /** What a node's drain says to each task on it. */
  *#drainOf(node: HostedActor): Generator<[address: string, event: { type: string }]> {
    const over = isDrainOver(node) ? { isOver: true } : {}
    for (const taskId of this.#options.book.openOn(registrationOf(node).nodeId).keys()) {
      yield [keys.task(taskId), { type: 'Drain', ...over }]
    }
  }

  /** Tells placement what is true of the node now. Without a turn nobody hears yet what that means for others. */
  load(actor: HostedActor, turn?: Turn): ReturnType<typeof nodeStanding> {
    const { registration } = actor.snapshot.context as NodeContext
    const standing = nodeStanding(actor.snapshot.value)
    const sharers = this.#machines.set(registration, standing.state)
    if (turn !== undefined) for (const one of sharers) this.#options.onChanged(turn, one)
    const { nodeId, name, resources: offered, labels, drivers, ports: portRange } = registration
    this.#options.placement.setNode({ nodeId, name, ...standing, offered, labels, drivers, portRange })
    return standing
  }

  /** Why this node may not have the name it asks for. Another one that has it yields it if it is gone and holds nothing. */
  nameConflict({ nodeId, name }: NodeRegistration): string | undefined {
    const holder = this.#holder(nodeId, name)
    if (holder === undefined) return undefined
    const isGone = nodeStanding(holder.snapshot.value).state === 'Down'
    const { nodeId: holderId } = registrationOf(holder)
    if (isGone && this.#options.book.openOn(holderId).size === 0) return undefined
    return `the name ${name} belongs to another node (${holderId}); give this worker another one with --name`
  }

  /** Another node that goes by this name. */
  #holder(nodeId: string, name: string): HostedActor | undefined {
    for (const actor of this.all()) {
      const registration = registrationOf(actor)
      if (registration.name === name && registration.nodeId !== nodeId) return actor
    }
    return undefined
  }

  /** Forgets a node for good. Tasks that it may still run are waited for as before. */
  remove(turn: Turn, nodeId: string): void {
    const { host, placement, liveness, usages, onChanged, onRemoved } = this.#options
    const actor = this.get(nodeId)
    actor?.timers.cancelAll()
    host.actors.delete(keys.nodeRecord(nodeId))
    turn.del(keys.nodeRecord(nodeId))
    placement.removeNode(nodeId)
    liveness.forget(nodeId)
    usages.forget(nodeId)
    for (const one of this.#machines.forget(nodeId)) onChanged(turn, one)
    if (actor !== undefined) onRemoved(turn, actor)
  }

  views(): NodeView[] {
    return [...this.all()].map((actor) => this.#view(actor)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** By its id. */
  view(nodeId: string): NodeView | undefined {
    const actor = this.get(nodeId)
    return actor === undefined ? undefined : this.#view(actor)
  }

  #view(actor: HostedActor): NodeView {
    const { nodeId, name, resources, labels, drivers, ports } = registrationOf(actor)
    const { placement, usages } = this.#options
    const sharers = this.#machines.sharersOf(nodeId)
    const standing = nodeStanding(actor.snapshot.value)
    // Of one that is gone nobody knows what it uses.
    const usage = standing.state === 'Down' ? undefined : usages.get(nodeId)
    return {
      id: nodeId,
      name,
      ...standing,
      offered: { ...resources },
      reserved: { ...(placement.node(nodeId)?.reserved ?? { cpus: 0, memoryBytes: 0 }) },
      tasks: placement.attempts(nodeId),
      ...(ports === undefined ? {} : { portRange: { ...ports } }),
      portsHeld: placement.portsHeld(nodeId),
      labels: { ...labels },
      drivers: { ...drivers },
      ...(usage === undefined ? {} : { used: { ...usage.used }, usedAtMs: usage.atMs }),
      ...(sharers.length === 0 ? {} : { sharesMachineWith: sharers }),
    }
  }
}

export const registrationOf = (actor: HostedActor): NodeRegistration =>
  (actor.snapshot.context as NodeContext).registration

/** How much of what a node offers its machine uses: what it does not offer takes the first of it. */
function loadOn({ resources, machine }: NodeRegistration, { cpus, memoryBytes }: NodeUsage): Resources {
  const used = { cpus, memoryBytes }
  return machine === undefined ? used : subtractResources(used, subtractResources(machine.resources, resources))
}

const isDraining = (actor: HostedActor): boolean => nodeStanding(actor.snapshot.value).draining
const isDrainOver = (actor: HostedActor): boolean => (actor.snapshot.context as NodeContext).drainIsOver === true

/** The nodeId in a node's address. */
export const nodeIdOf = (address: string): string => address.slice(prefixes.node.length)
