/**
 * The manager's book of its tasks: everything that follows from where they stand, kept in step with them and rebuilt at
 * load by the very same functions. Queue, reservations and desired state are never stored, so no crash can leave one of
 * them behind.
 */
import { withSecrets } from '../../actors/environment.ts'
import type { TaskEvent, TaskSpec, TaskView } from '../../actors/model.ts'
import type { DesiredAttempt } from '../../actors/protocol/session.ts'
import {
  askOf,
  noStanding,
  type OpenAttempt,
  type Standing,
  standingOf,
  stateOf,
  viewOf,
} from '../../actors/standing.ts'
import { pathOf } from '../../actors/step.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { HostedActor, Stepped } from '../host/actor.ts'
import { keys } from '../host/keys.ts'
import type { Turn } from '../host/turn.ts'
import { AlikeSpecs } from './alike-specs.ts'
import type { Desired } from './desired.ts'
import { type History, loggedEvent } from './history.ts'
import type { Placement } from './placement.ts'
import type { Place } from './stream/match.ts'
import type { Commit, News } from './stream/news.ts'

export interface BookOptions {
  readonly placement: Placement
  readonly desired: Desired
  readonly history: History
  readonly onCommit: (commit: Commit) => void
  /** What is reserved on a node has changed, in this turn. */
  readonly onReserved: (turn: Turn, nodeId: string) => void
}

export class Book {
  /** What users asked for, of the tasks that are live. */
  readonly specs = new Map<string, TaskSpec>()
  /** Has those that are equal held once. */
  readonly alikeSpecs = new AlikeSpecs()
  /** Tasks that have ended and whose records are on their way to the disk: the host has let go of them already. */
  readonly ending = new Map<string, HostedActor>()
  /** How many have ended since this manager began, by state; each once its end is durable. */
  readonly ended = { Completed: 0, Failed: 0 }
  /** Bytes that this manager has added to the log, with their keys, about. */
  loggedBytes = 0
  readonly #options: BookOptions
  /** nodeId → taskId → attempt: what is open on each node. */
  readonly #open = new Map<string, Map<string, number>>()
  /** The news of units that are being made. */
  readonly #commits = new WeakMap<Turn, Commit>()
  /** A place in the queue: grows with each arrival. */
  #queueSeq = 0

  constructor(options: BookOptions) {
    this.#options = options
  }

  /** Tasks with an open attempt on this node, with its number. */
  openOn(nodeId: string): ReadonlyMap<string, number> {
    return this.#open.get(nodeId) ?? new Map<string, number>()
  }

  /** Every node with an open attempt, whether it is known or not. */
  occupied(): string[] {
    return [...this.#open].filter(([, open]) => open.size > 0).map(([nodeId]) => nodeId)
  }

  /** One step of a task: keeps all that is derived in step with it, and writes the log. */
  onStep(stepped: Stepped, turn: Turn): void {
    const context = stepped.actor.snapshot.context as TaskContext
    const before = stepped.before === undefined ? noStanding : standingOf(stepped.before)
    const after = standingOf(stepped.actor.snapshot)
    // A pick is reserved before it leaves the queue, so that placement can hold it to its word.
    this.#moveOnNodes(before.open, after.open, stepped, turn)
    this.#moveInQueue(context, before, after)
    // Recovering changes nothing, unless the machine threw at it: that is the task's end, and is told as any other.
    if (stepped.event.type === 'Recovered' && !after.final) return
    const revision = turn.revision()
    const event: TaskEvent = {
      revision,
      taskId: context.taskId,
      atMs: turn.atMs,
      event: loggedEvent(stepped.event),
      from: stepped.from,
      to: stepped.to,
      attempt: context.attempt,
      ...(context.nodeName === undefined ? {} : { node: context.nodeName }),
    }
    this.loggedBytes += this.#options.history.write(turn, event)
    const task = viewOf(stepped.actor.snapshot, revision)
    if (stepped.before === undefined) turn.put(keys.live(context.taskId), new Uint8Array(0))
    if (after.final) {
      turn.del(keys.live(context.taskId))
      turn.put(keys.final(revision, context.taskId), new Uint8Array(0))
      this.ending.set(context.taskId, stepped.actor)
      turn.afterwards(() => {
        this.specs.delete(context.taskId)
        this.ending.delete(context.taskId)
        this.ended[task.state as keyof typeof this.ended] += 1
      })
    }
    this.#tell(turn, task, event, placeOf(stepped.before))
  }

  /** Steps of one task in one unit are one piece of news, for they have one revision. */
  #tell(turn: Turn, task: TaskView, event: TaskEvent, before: Place | undefined): void {
    const { revision } = event
    let commit = this.#commits.get(turn)
    if (commit === undefined) {
      const made: Commit = { revision, news: [] }
      commit = made
      this.#commits.set(turn, made)
      turn.afterwards(() => this.#options.onCommit(made))
    }
    const known = commit.news.find((news: News) => news.task.id === task.id)
    if (known === undefined) {
      commit.news.push({ revision, before, task, events: [event] })
    } else {
      known.task = task
      known.events.push(event)
    }
  }

  /** A stored task at load. Call in the order in which they began to wait. */
  load(actor: HostedActor, spec: TaskSpec): void {
    const context = actor.snapshot.context as TaskContext
    this.specs.set(context.taskId, spec)
    const standing = standingOf(actor.snapshot)
    this.#moveInQueue(context, noStanding, standing)
    const open = standing.open
    if (open === undefined) return
    this.#reserve(open)
    this.#options.desired.load(open.nodeId, this.#desiredOf(open))
  }

  #moveInQueue(context: TaskContext, before: Standing, after: Standing): void {
    if (before.queued === after.queued) return
    if (!after.queued) {
      this.#options.placement.dequeue(context.taskId)
      return
    }
    this.#queueSeq += 1
    const { taskId, why } = context
    this.#options.placement.enqueue(taskId, askOf(context), this.#queueSeq, why !== undefined)
  }

  #moveOnNodes(before: OpenAttempt | undefined, after: OpenAttempt | undefined, stepped: Stepped, turn: Turn): void {
    const { desired, placement, onReserved } = this.#options
    const isSame = before !== undefined && before.attempt === after?.attempt
    if (before !== undefined && !isSame) {
      this.#openFor(before.nodeId).delete(before.taskId)
      // A task that was only given up may still be using what it reserved, until its worker says otherwise.
      if (!isGivenUp(stepped.event)) placement.release(before.nodeId, before.taskId, before.attempt)
      const taken = takenPorts(before, stepped.event)
      if (taken.length > 0) placement.suspectPorts(before.nodeId, taken, turn.atMs)
      desired.remove(turn, before.nodeId, before)
      onReserved(turn, before.nodeId)
    }
    if (after === undefined) return
    if (!isSame) {
      this.#reserve(after)
      onReserved(turn, after.nodeId)
    }
    if (!isSame || before.action !== after.action || before.graceMs !== after.graceMs) {
      desired.set(turn, after.nodeId, this.#desiredOf(after))
    }
  }

  #reserve(open: OpenAttempt): void {
    this.#openFor(open.nodeId).set(open.taskId, open.attempt)
    this.#options.placement.reserve(open.nodeId, open.taskId, open.attempt, open.reserved, open.ports)
  }

  #openFor(nodeId: string): Map<string, number> {
    const open = this.#open.get(nodeId) ?? new Map<string, number>()
    this.#open.set(nodeId, open)
    return open
  }

  #desiredOf(open: OpenAttempt): DesiredAttempt {
    const known = this.specs.get(open.taskId)
    if (known === undefined) throw new Error(`${open.taskId} is live and its spec is not loaded`)
    const { taskId, attempt, action, graceMs, stopAfterMs } = open
    // The driver gets the ports that were given, not those that were asked for.
    const spec = withSecrets(open.ports.length === 0 ? known : { ...known, ports: [...open.ports] })
    return { taskId, attempt, action, graceMs, spec, ...(stopAfterMs === undefined ? {} : { stopAfterMs }) }
  }
}

/** Where a task stood, as a filter asks of it. */
function placeOf(before: Stepped['before']): Place | undefined {
  if (before === undefined) return undefined
  const { nodeName, nodeId } = before.context as TaskContext
  return { state: stateOf(pathOf(before.value)).state, node: nodeName ?? null, nodeId: nodeId ?? null }
}

/** A loss that its worker reported has a message; one that was only waited for has none. */
const isGivenUp = (event: { readonly type: string; readonly message?: string }): boolean =>
  event.type === 'Lost' && event.message === undefined

/** The ports that something else was found to hold: those that the reason names, or else any of them. */
function takenPorts(
  open: OpenAttempt,
  event: { readonly type: string; readonly code?: string; readonly message?: string },
) {
  if (event.type !== 'StartFailed' || event.code !== 'port-taken') return []
  const words = new Set(event.message?.match(/\d+/g))
  const named = open.ports.filter(({ host }) => words.has(String(host)))
  return named.length > 0 ? named : open.ports
}
