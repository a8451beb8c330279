/**
 * Shows the machines of this worker to a manager that asks: first how they stand, then each step once it is durable. While
 * nobody asks there is no observer, and nothing is made. While the manager does not keep up, steps wait in a bounded queue,
 * and of what is too much only the newest of each machine is told.
 */
import { bytesOfActor, stepOfActor, viewOfActor, whoseOf } from '../../actors/inspection.ts'
import type { ActorView } from '../../actors/protocol/inspection.ts'
import type { ManagerMessages, WorkerMessages } from '../../actors/protocol/session.ts'
import { StepQueue } from '../../actors/step-queue.ts'
import type { ActorHost, HostedActor, StepObserver, Stepped } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import type { Turn } from '../host/turn.ts'
import { contextOf } from './attempts.ts'

export const inspectionLimits = {
  /** Bytes of one message, roughly: one actor more may be in it. */
  partBytesMax: 128 * 1_024,
} as const

export interface InspectionOptions {
  readonly host: ActorHost
  readonly journal: Journal
  readonly nodeId: string
  /** False = the manager does not keep up: no more until `drained`. */
  readonly send: (message: WorkerMessages['Inspected']) => boolean
}

/** What the manager asked for. */
interface Ask {
  readonly seq: number
  readonly hosts: boolean
  readonly taskIds: ReadonlySet<string>
}

type Look = () => ActorView

export class Inspection implements StepObserver {
  readonly #options: InspectionOptions
  readonly #steps = new StepQueue()
  #ask: Ask | undefined
  /** How things stood when it began, as far as that was not told yet; undefined until that is durable. */
  #first: Look[] | undefined
  #begun = false
  #held = false
  #scheduled = false

  constructor(options: InspectionOptions) {
    this.#options = options
  }

  /** What is to be shown from now on, in place of what was shown before; it begins anew. */
  take({ seq, hosts, taskIds }: ManagerMessages['Inspect']): void {
    this.close()
    if (!hosts && taskIds.length === 0) return
    this.#ask = { seq, hosts, taskIds: new Set(taskIds) }
    this.#options.host.observer = this
    this.#begin()
  }

  /** The session has ended, or nobody watches any more. */
  close(): void {
    this.#ask = undefined
    this.#options.host.observer = undefined
    this.#first = undefined
    this.#begun = false
    this.#held = false
    this.#steps.drop()
    this.#steps.take()
  }

  /** The connection takes more again. */
  drained(): void {
    this.#held = false
    this.#schedule()
  }

  stepped(stepped: Stepped, turn: Turn): void {
    const { actor } = stepped
    if (!this.#isAskedFor(actor)) return
    const ask = this.#ask
    const { snapshot } = actor
    const whose = whoseOf(actor.kind, snapshot.context, this.#options.nodeId)
    const { step, bytes } = stepOfActor(whose, stepped, snapshot, turn.atMs)
    turn.afterwards(() => {
      if (this.#ask !== ask || !this.#begun) return
      this.#add(step, bytes)
      // It is removed from the store with its last step.
      if (snapshot.status === 'active' || actor.kind !== 'attempt') return
      this.#add({ ...step, event: { type: 'Gone' }, from: step.to, to: '' }, bytes)
    })
  }

  #isAskedFor(actor: HostedActor): boolean {
    if (this.#ask === undefined) return false
    return actor.kind === 'attempt' ? this.#ask.taskIds.has(contextOf(actor).key.taskId) : this.#ask.hosts
  }

  #add(step: Parameters<StepQueue['add']>[0], bytes: number): void {
    if (this.#steps.add(step, bytes)) this.#schedule()
    else this.#begin()
  }

  /** Told once all that is shown is durable; what is stepped until then is in it, and what comes after is told behind it. */
  #begin(): void {
    const ask = this.#ask
    const first: Look[] = []
    for (const actor of this.#options.host.actors.values()) if (this.#isAskedFor(actor)) first.push(this.#look(actor))
    this.#begun = false
    this.#first = undefined
    this.#options.journal.afterAll(() => {
      if (this.#ask !== ask) return
      this.#first = first
      this.#begun = true
      this.#schedule()
    })
  }

  /** Of the snapshot as it is now; the view is made when it is told. */
  #look({ kind, snapshot, sinceMs }: HostedActor): Look {
    return () => viewOfActor(whoseOf(kind, snapshot.context, this.#options.nodeId), snapshot, sinceMs)
  }

  #schedule(): void {
    if (!this.#begun || this.#held || this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#go()
    })
  }

  /** One message at a time: only the frame that carries it shows whether the manager keeps up. */
  #go(): void {
    const ask = this.#ask
    if (ask === undefined || !this.#begun || this.#held) return
    const message = this.#first === undefined ? this.#someSteps() : this.#page(this.#first)
    if (message === undefined) return
    this.#held = !this.#options.send({ type: 'Inspected', seq: ask.seq, ...message })
    this.#schedule()
  }

  #page(looks: Look[]): Omit<WorkerMessages['Inspected'], 'type' | 'seq'> {
    const actors: ActorView[] = []
    for (let bytes = 0; actors.length < looks.length && bytes < inspectionLimits.partBytesMax; ) {
      const view = (looks[actors.length] as Look)()
      actors.push(view)
      bytes += bytesOfActor(view)
    }
    const rest = looks.slice(actors.length)
    this.#first = rest.length > 0 ? rest : undefined
    return rest.length > 0 ? { actors, more: true } : { actors }
  }

  #someSteps(): Omit<WorkerMessages['Inspected'], 'type' | 'seq'> | undefined {
    const waiting = this.#steps.take(inspectionLimits.partBytesMax)
    if (waiting === undefined) return undefined
    const { steps, missed } = waiting
    return missed > 0 ? { steps, missed } : { steps }
  }
}
