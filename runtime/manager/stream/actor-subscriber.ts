/**
 * A subscription to actors: how they stand, then each step. Who reads slowly misses steps, and gets the newest of each
 * actor; if even that is too much to hold, it begins anew with how they stand then.
 */
import { bytesOfActor, type Whose } from '../../../actors/inspection.ts'
import type { TaskFilter } from '../../../actors/protocol/client.ts'
import type { ActorStep, ActorView } from '../../../actors/protocol/inspection.ts'
import { StepQueue } from '../../../actors/step-queue.ts'
import type { Outlet, Teller } from './outlet.ts'

/** Makes a view when it is told. */
export type Look = () => ActorView

export interface ActorSubscriberOptions {
  readonly req: number
  /** Whole ids of tasks; undefined: it is about the manager, nodes and workers. */
  readonly ids: ReadonlySet<string> | undefined
  readonly nodes: TaskFilter['nodes']
  readonly logId: string
  readonly outlet: Outlet
  readonly pageBytes: number
  /** More has come than may be held: it is to begin anew. */
  readonly onLost: (subscriber: ActorSubscriber) => void
}

export class ActorSubscriber implements Teller {
  readonly ids: ReadonlySet<string> | undefined
  readonly #options: ActorSubscriberOptions
  readonly #steps = new StepQueue()
  /** What is told first and was not yet; undefined once it was. */
  #first: Look[] | undefined
  #revision = 0
  #begun = false
  #beginnings = 0
  #closed = false

  constructor(options: ActorSubscriberOptions) {
    this.#options = options
    this.ids = options.ids
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether it follows the machines of this node. */
  fitsNode(nodeId: string, name: string): boolean {
    const { nodes } = this.#options
    return this.ids === undefined && (nodes === undefined || nodes.includes(nodeId) || nodes.includes(name))
  }

  /** `name`: of its node, if it has one. */
  fits({ machine, taskId, nodeId }: Whose, name: string): boolean {
    if (machine === 'task' || machine === 'attempt') return taskId !== undefined && this.ids?.has(taskId) === true
    if (nodeId === undefined) return this.ids === undefined && this.#options.nodes === undefined
    return this.fitsNode(nodeId, name)
  }

  /** These are durable, and whatever is told from now on comes after them. */
  begin(first: Look[], revision: number): void {
    if (this.#closed) return
    this.#first = first
    this.#revision = revision
    this.#begun = true
    this.#beginnings += 1
    this.#options.outlet.wait(this)
  }

  tell(step: ActorStep, bytes: number): void {
    if (this.#closed) return
    if (!this.#begun) {
      // What it begins with tells of it; but to one that begins anew this was a step like any other.
      if (this.#beginnings > 0) this.#steps.miss()
      return
    }
    if (this.#steps.add(step, bytes)) {
      this.#options.outlet.wait(this)
      return
    }
    this.#begun = false
    this.#first = undefined
    this.#options.onLost(this)
  }

  /** So many steps were left out on their way here. */
  miss(count: number): void {
    if (this.#beginnings === 0) return
    this.#steps.miss(count)
    if (this.#begun) this.#options.outlet.wait(this)
  }

  close(): void {
    this.#closed = true
    this.#begun = false
    this.#first = undefined
    this.#steps.drop()
    this.#options.outlet.forget(this)
  }

  async advance(): Promise<void> {
    if (!this.#begun) return
    if (this.#first === undefined) this.#flush()
    else this.#page(this.#first)
    if (this.#first !== undefined || this.#steps.size > 0) this.#options.outlet.wait(this)
  }

  #page(looks: Look[]): void {
    const { req, logId, outlet, pageBytes } = this.#options
    const actors: ActorView[] = []
    let bytes = 0
    while (actors.length < looks.length && bytes < pageBytes) {
      const view = (looks[actors.length] as Look)()
      actors.push(view)
      bytes += bytesOfActor(view)
    }
    const rest = looks.slice(actors.length)
    this.#first = rest.length > 0 ? rest : undefined
    const more = rest.length > 0 ? { more: true } : {}
    outlet.send({ type: 'Snapshot', req, logId, revision: this.#revision, ...more, actors }, bytes)
  }

  #flush(): void {
    const { req, outlet, pageBytes } = this.#options
    const { bytes } = this.#steps
    const waiting = this.#steps.take(pageBytes)
    if (waiting === undefined) return
    const { steps, missed } = waiting
    outlet.send({ type: 'Steps', req, steps, ...(missed > 0 ? { missed } : {}) }, bytes - this.#steps.bytes)
  }
}
