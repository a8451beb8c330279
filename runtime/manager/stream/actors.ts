/**
 * All subscriptions to actors. The first makes this an observer of the manager's host and asks the workers; the last one
 * ends both: while nobody watches, a step costs a test and makes nothing.
 */
import type { AnyMachineSnapshot } from 'xstate'
import { gone, stepOfActor, viewOfActor, whoseOf } from '../../../actors/inspection.ts'
import { clientLimits } from '../../../actors/protocol/client.ts'
import { TroupeError } from '../../../actors/protocol/errors.ts'
import { type ActorStep, inspectionLimits } from '../../../actors/protocol/inspection.ts'
import type { TaskContext } from '../../../actors/task.ts'
import type { Clock } from '../../clock.ts'
import type { ActorHost, HostedActor, StepObserver, Stepped } from '../../host/actor.ts'
import type { Journal } from '../../host/journal.ts'
import { keys } from '../../host/keys.ts'
import type { Turn } from '../../host/turn.ts'
import { registrationOf } from '../nodes.ts'
import type { Tasks } from '../tasks.ts'
import type { WorkerSession } from '../worker-session.ts'
import type { ActorSubscriber, Look } from './actor-subscriber.ts'
import type { Reader, Streams } from './streams.ts'
import { type Ask, WorkerViews } from './worker-views.ts'

export interface ActorsOptions {
  readonly host: ActorHost
  readonly journal: Journal
  readonly tasks: () => Tasks
  readonly streams: Streams
  readonly clock: Clock
  /** Workers that were welcomed and stand. */
  readonly sessions: () => Iterable<WorkerSession>
}

export class Actors implements StepObserver {
  readonly workers: WorkerViews
  readonly #options: ActorsOptions
  readonly #subscribers = new Map<ActorSubscriber, Reader>()
  /** How many follow each task. */
  readonly #tasks = new Map<string, number>()
  /** How many follow the manager, nodes and workers. */
  #general = 0

  constructor(options: ActorsOptions) {
    this.#options = options
    this.workers = new WorkerViews({
      clock: options.clock,
      sessions: options.sessions,
      askOf: (session) => this.#askOf(session),
      tell: (step, bytes) => this.#publish(step, bytes),
      miss: (session, count) => this.#missed(session, count),
    })
  }

  /** Throws `Overloaded`. Resolves once it has begun, which it does with how everything stands. */
  async open(subscriber: ActorSubscriber, reader: Reader): Promise<void> {
    this.#admit(subscriber, reader)
    this.#subscribers.set(subscriber, reader)
    for (const id of subscriber.ids ?? []) this.#tasks.set(id, (this.#tasks.get(id) ?? 0) + 1)
    if (subscriber.ids === undefined) this.#general += 1
    this.#options.host.observer = this
    this.#options.streams.enter(reader)
    this.workers.ask()
    await this.workers.answered()
    await this.begin(subscriber)
  }

  #admit({ ids = new Set() }: ActorSubscriber, reader: Reader): void {
    const { actorStreamsMax } = clientLimits
    const { inspectedTasksMax } = inspectionLimits
    const streams = [...this.#subscribers.values()].filter((other) => other === reader).length
    if (streams >= actorStreamsMax) {
      const message = `this connection has ${actorStreamsMax} subscriptions to actors; end one, or open another connection`
      throw new TroupeError('Overloaded', message)
    }
    const more = [...ids].filter((id) => !this.#tasks.has(id)).length
    if (this.#tasks.size + more > inspectedTasksMax) {
      const message = `the actors of ${inspectedTasksMax} tasks can be followed at once, by all clients together; name fewer`
      throw new TroupeError('Overloaded', message)
    }
  }

  close(subscriber: ActorSubscriber): void {
    subscriber.close()
    const reader = this.#subscribers.get(subscriber)
    if (reader === undefined) return
    this.#subscribers.delete(subscriber)
    this.#options.streams.leave(reader)
    if (subscriber.ids === undefined) this.#general -= 1
    for (const id of subscriber.ids ?? []) {
      const others = (this.#tasks.get(id) ?? 1) - 1
      if (others > 0) this.#tasks.set(id, others)
      else this.#tasks.delete(id)
    }
    if (this.#subscribers.size > 0) {
      this.workers.ask()
      return
    }
    this.#options.host.observer = undefined
    this.workers.end()
  }

  /** How everything that it follows stands, once that is durable; what is stepped from here on is told after it. */
  async begin(subscriber: ActorSubscriber): Promise<void> {
    const { journal } = this.#options
    const ended = await this.#endedOf(subscriber)
    if (subscriber.closed) return
    const looks = this.#looks(subscriber)
    for (const [id, snapshot] of ended) if (!this.#options.tasks().hosted(id)) looks.push(lookAtEnded(snapshot))
    const { revision } = journal
    await new Promise<void>((resolve) => {
      journal.afterAll(() => {
        // Workers tell what is durable with them, and were heard up to this moment.
        for (const [{ name }, view] of this.workers.all()) if (subscriber.fits(view, name)) looks.push(() => view)
        subscriber.begin(looks, revision)
        resolve()
      })
    })
  }

  /** Those of its tasks that have ended. One that ends while others are read is read as well. */
  async #endedOf({ ids = new Set() }: ActorSubscriber): Promise<Map<string, AnyMachineSnapshot>> {
    const tasks = this.#options.tasks()
    const ended = new Map<string, AnyMachineSnapshot>()
    for (;;) {
      const unread = [...ids].filter((id) => tasks.hosted(id) === undefined && !ended.has(id))
      if (unread.length === 0) return ended
      for (const id of unread) ended.set(id, await tasks.stored(id))
    }
  }

  #looks(subscriber: ActorSubscriber): Look[] {
    const { host, tasks } = this.#options
    const looks: Look[] = []
    const { ids } = subscriber
    if (ids === undefined) {
      for (const actor of host.actors.values()) {
        if (actor.kind !== 'task' && subscriber.fits(...this.#whose(actor))) looks.push(lookAt(actor))
      }
    }
    for (const id of ids ?? []) {
      const actor = tasks().hosted(id)
      if (actor !== undefined) looks.push(lookAt(actor))
    }
    return looks
  }

  #whose(actor: HostedActor): [whose: ReturnType<typeof whoseOf>, nodeName: string] {
    const whose = whoseOf(actor.kind, actor.snapshot.context)
    return [whose, actor.kind === 'node' ? registrationOf(actor).name : '']
  }

  stepped(stepped: Stepped, turn: Turn): void {
    const { actor } = stepped
    const { snapshot } = actor
    if (actor.kind !== 'task') {
      if (this.#general === 0) return
    } else if (!this.#tasks.has((snapshot.context as TaskContext).taskId)) return
    const { step, bytes } = stepOfActor(whoseOf(actor.kind, snapshot.context), stepped, snapshot, turn.atMs)
    turn.afterwards(() => this.#publish(step, bytes))
  }

  /** It was forgotten in this turn. */
  nodeRemoved(turn: Turn, actor: HostedActor): void {
    if (this.#general === 0) return
    const step = gone(lookAt(actor)(), turn.atMs)
    const { name } = registrationOf(actor)
    turn.afterwards(() => this.#publish(step, 256, name))
  }

  #publish(step: ActorStep, bytes: number, name = this.#nameOf(step.nodeId)): void {
    for (const subscriber of this.#subscribers.keys()) if (subscriber.fits(step, name)) subscriber.tell(step, bytes)
  }

  #nameOf(nodeId: string | undefined): string {
    const actor = nodeId === undefined ? undefined : this.#options.host.actors.get(keys.nodeRecord(nodeId))
    return actor === undefined ? '' : registrationOf(actor).name
  }

  #askOf({ nodeId, name }: WorkerSession): Ask {
    const hosts = [...this.#subscribers.keys()].some((subscriber) => subscriber.fitsNode(nodeId, name))
    return { hosts, taskIds: [...this.#tasks.keys()].sort() }
  }

  #missed({ nodeId, name }: WorkerSession, count: number): void {
    for (const subscriber of this.#subscribers.keys()) {
      if (subscriber.ids !== undefined || subscriber.fitsNode(nodeId, name)) subscriber.miss(count)
    }
  }

  /** A worker was welcomed. */
  onWelcome(session: WorkerSession): void {
    if (this.#subscribers.size > 0) this.workers.onWelcome(session)
  }
}

/** Of the snapshot as it is now; the view is made when it is told. */
function lookAt({ kind, snapshot, sinceMs }: HostedActor): Look {
  return () => viewOfActor(whoseOf(kind, snapshot.context), snapshot, sinceMs)
}

function lookAtEnded(snapshot: AnyMachineSnapshot): Look {
  const { finishedAtMs } = snapshot.context as TaskContext
  return () => viewOfActor(whoseOf('task', snapshot.context), snapshot, finishedAtMs)
}
