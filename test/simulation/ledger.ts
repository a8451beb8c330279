/** What is remembered of a run in order to judge it: what clients were told, and what engines really did. */
import { type AttemptKey, attemptName, type TaskEvent, type TaskView } from '../../actors/model.ts'
import { checkIntent, isOpenAttempt } from './checks/durability.ts'
import { checkPorts } from './checks/ports.ts'
import type { Disk } from './disk.ts'
import type { Container, Engine, EngineObserver } from './engine.ts'
import type { Order } from './orders.ts'
import type { World } from './world.ts'

/** The part of a view that no later telling may take back. */
export interface Told {
  readonly taskId: string
  readonly revision: number
  readonly path: string
  readonly attempt: number
  readonly outcome: string | null
  readonly exitCode: number | null
}

/** What became of an attempt in its engine. */
export interface Deed {
  readonly key: AttemptKey
  readonly engine: string
  starts: number
  exitCode: number | undefined
  /** What it asks for was asked for with a signal, or by removal. */
  signalled: boolean
  /** Somebody else than its worker killed it. */
  isMeddledWith: boolean
  /** Its engine lost it without a trace. */
  isLost: boolean
  /** Health checks of it that failed. */
  failedChecks: number
}

export class Ledger implements EngineObserver {
  readonly orders = new Map<string, Order>()
  readonly acknowledged = new Set<string>()
  readonly stopsSent = new Set<string>()
  /** Nodes that were asked to be drained, by name. */
  readonly drained = new Set<string>()
  /** Nodes that a client asked to have forgotten: one of that name may be another than before. */
  readonly forgotten = new Set<string>()
  readonly told: Told[] = []
  /** By client and task: every event it was told, in order. */
  readonly events = new Map<string, TaskEvent[]>()
  /** By client and task: those that have begun in the middle, or anew, for the log was trimmed. */
  readonly resets = new Set<string>()
  /** By attempt's name, over all engines. */
  readonly deeds = new Map<string, Deed>()
  /** Attempts of which a record was damaged. */
  readonly damaged = new Set<string>()
  readonly offered = new Map<string, { readonly cpus: number; readonly memoryBytes: number }>()
  readonly #world: World
  readonly #engines: Engine[] = []
  readonly #newest = new Map<string, Told>()

  readonly #disk: (name: string) => Disk
  readonly #manager: string

  /** `disk`: of the machine that an engine belongs to, by its name, and of the manager's, by its name. */
  constructor(world: World, orders: readonly Order[], disk: (name: string) => Disk, manager: string) {
    this.#world = world
    this.#manager = manager
    this.#disk = disk
    for (const order of orders) this.orders.set(order.taskId, order)
  }

  addEngine(engine: Engine, offered: { readonly cpus: number; readonly memoryBytes: number }): void {
    this.#engines.push(engine)
    this.offered.set(engine.name, offered)
  }

  /** A client was told that its task was accepted. */
  accepted(taskId: string): void {
    this.acknowledged.add(taskId)
  }

  /** The newest revision that this client was shown of a task, by whatever it asked. */
  seen(client: string, taskId: string): number {
    return this.#newest.get(`${client} ${taskId}`)?.revision ?? 0
  }

  /**
   * A client was shown this. What it asks for later is never older than what it was shown before: `sinceRevision`, as
   * `seen` had it when it asked. Answers to what it asks at the same time may come in any order.
   */
  show(client: string, view: TaskView, sinceRevision: number): void {
    const { id: taskId, revision, state, detail, attempt, outcome, exitCode } = view
    const told: Told = { taskId, revision, path: detail ? `${state}.${detail}` : state, attempt, outcome, exitCode }
    this.told.push(told)
    if (sinceRevision > revision) {
      const how = `${client} saw ${taskId} at ${sinceRevision} and then at ${revision} (${told.path})`
      this.#world.violated('a subscriber sees no step back', how)
    }
    const before = this.#newest.get(`${client} ${taskId}`)
    if (revision > (before?.revision ?? 0)) this.#newest.set(`${client} ${taskId}`, told)
  }

  /** A client was told of a transition. */
  tell(reader: string, event: TaskEvent): void {
    const name = `${reader} ${event.taskId}`
    const events = this.events.get(name) ?? []
    this.events.set(name, events)
    const last = events.at(-1)
    // That what came before it was trimmed is seen when all is over.
    if (last === undefined && event.from !== '') {
      this.resets.add(name)
      events.push(event)
      return
    }
    if ((last?.to ?? '') !== event.from || (last?.revision ?? 0) > event.revision) {
      const how = `${reader} heard of ${event.taskId} ${event.from || 'nothing'} → ${event.to} at ${event.revision} after ${last?.to ?? 'nothing'} at ${last?.revision ?? 0}`
      this.#world.violated('a subscriber sees no gap', how)
    }
    events.push(event)
  }

  /** A client was told that a stream of transitions begins anew, and tells those again that it has not heard. */
  reset(reader: string, taskId: string): void {
    const name = `${reader} ${taskId}`
    this.resets.add(name)
    this.events.delete(name)
  }

  /** A task that has ended and was trimmed: nobody may be told of it any more. */
  isTrimmed(taskId: string): boolean {
    return this.#disk(this.#manager).isGone(`task/${taskId}`)
  }

  onStart(engine: Engine, container: Container): void {
    const name = attemptName(container.key)
    const deed = this.deeds.get(name) ?? {
      key: container.key,
      engine: engine.name,
      starts: 0,
      exitCode: undefined,
      signalled: false,
      isMeddledWith: false,
      isLost: false,
      failedChecks: 0,
    }
    this.deeds.set(name, deed)
    deed.starts += 1
    this.#world.count('attempts started')
    // Where nothing is left of it, neither in the engine nor in the store, nobody can know that it ran.
    if (deed.starts > 1 && !deed.isLost)
      this.#world.violated('an attempt never starts twice', `${name} started ${deed.starts} times`)
    if (this.deeds.has(attemptName({ ...container.key, attempt: container.key.attempt + 1 }))) {
      this.#world.violated('attempts go forward', `${name} started after the one that follows it`)
    }
    checkIntent(this.#world, this.#disk(engine.name), container.key)
    this.#checkResources(engine)
    checkPorts(this.#world, engine, container, this.damaged)
    this.#checkOverlap(container)
  }

  onEnd(_engine: Engine, container: Container): void {
    const deed = this.deeds.get(attemptName(container.key))
    if (deed === undefined) return
    deed.exitCode = container.exitCode
    deed.signalled = container.signal !== undefined
    deed.isMeddledWith = container.isMeddledWith ?? false
  }

  onRemove(_engine: Engine, container: Container): void {
    const deed = this.deeds.get(attemptName(container.key))
    if (deed === undefined || container.phase !== 'running') return
    deed.signalled = true
    // Whose record is gone, and whom nobody wants any more, is removed as it is.
    if (isOpenAttempt(this.#disk(this.#manager), container.key)) {
      this.#world.violated('nothing is removed while it runs', attemptName(container.key))
    } else this.#world.sometimes('an orphan that ran was removed')
  }

  onLost(_engine: Engine, container: Container): void {
    const deed = this.deeds.get(attemptName(container.key))
    if (deed !== undefined) deed.isLost = true
  }

  onChecked(_engine: Engine, container: Container, isWell: boolean): void {
    const deed = this.deeds.get(attemptName(container.key))
    if (deed !== undefined && !isWell) deed.failedChecks += 1
  }

  #checkResources(engine: Engine): void {
    // One whose record was damaged is not reported as held: until it is removed, nobody knows that it uses anything.
    const running = [...engine.containers.values()].filter(
      ({ key, phase }) => phase === 'running' && !this.damaged.has(attemptName(key)),
    )
    const offered = this.offered.get(engine.name) ?? { cpus: 0, memoryBytes: 0 }
    const cpus = running.reduce((sum, { reserved }) => sum + Math.round(reserved.cpus * 1e6), 0)
    const memoryBytes = running.reduce((sum, { reserved }) => sum + reserved.memoryBytes, 0)
    if (cpus <= Math.round(offered.cpus * 1e6) && memoryBytes <= offered.memoryBytes) return
    const names = running.map(({ key }) => attemptName(key)).join(', ')
    this.#world.violated('resources are never oversubscribed', `${engine.name} runs ${names}: ${cpus / 1e6} cpus`)
  }

  #checkOverlap(container: Container): void {
    const { taskId } = container.key
    const others = this.#engines.flatMap((engine) => [...engine.containers.values()])
    const rival = others.find(
      (other) => other !== container && other.key.taskId === taskId && other.phase === 'running',
    )
    if (rival === undefined) return
    this.#world.sometimes('two attempts of a task overlapped, for its node was out of reach')
    const { restart, disconnect } = container.spec
    if (disconnect?.replace ?? restart?.policy !== 'never') return
    const how = `${attemptName(container.key)} began while ${attemptName(rival.key)} ran`
    this.#world.violated('attempts overlap only if they may be replaced', how)
  }
}
