/**
 * Shows the actors of a Troupe in Stately's own inspector: the same actors, events and snapshots in the shapes of messages
 * that `@statelyai/inspect` sends. How they get there (a WebSocket, a window) is up to whoever calls this.
 */
import type { AnyStateMachine, StateValue } from 'xstate'
import { attemptMachine } from '../../actors/attempt.ts'
import { viewAfter } from '../../actors/inspection.ts'
import { managerMachine } from '../../actors/manager.ts'
import { nodeMachine } from '../../actors/node.ts'
import type { ActorStep, ActorView, MachineName } from '../../actors/protocol/inspection.ts'
import { sessionMachine } from '../../actors/session.ts'
import { taskMachine } from '../../actors/task.ts'
import { workerMachine } from '../../actors/worker.ts'
import type { ActorsOptions } from './actor-stream.ts'
import type { Troupe } from './troupe.ts'

/** The version of `@statelyai/inspect` whose shapes these are. */
const inspectVersion = '0.7.2'

const machines: Readonly<Record<MachineName, AnyStateMachine>> = {
  manager: managerMachine,
  node: nodeMachine,
  worker: workerMachine,
  session: sessionMachine,
  task: taskMachine,
  attempt: attemptMachine,
}

/** Where messages for Stately's inspector go. */
export interface StatelyReceiver {
  /** Takes one message, as JSON: an object with `type` `@xstate.actor`, `@xstate.event` or `@xstate.snapshot`. */
  send(message: string): void
}

/**
 * Sends the actors of a Troupe, as `troupe.actors(options)` shows them, to Stately's inspector until `options.signal` is
 * raised; resolves then. Rejects as the iteration of `troupe.actors` throws. A lost connection begins anew by itself.
 */
export async function inspectWith(
  troupe: Pick<Troupe, 'actors'>,
  receiver: StatelyReceiver,
  options: ActorsOptions = {},
): Promise<void> {
  const stage = new Stage(receiver)
  for await (const news of troupe.actors(options)) {
    if (news.type === 'Snapshot') stage.begin(news.actors)
    else for (const step of news.steps) stage.take(step)
  }
}

class Stage {
  readonly #receiver: StatelyReceiver
  readonly #known = new Map<string, ActorView>()

  constructor(receiver: StatelyReceiver) {
    this.#receiver = receiver
  }

  /** Parents first: an inspector hangs each actor below one that it knows. */
  begin(actors: readonly ActorView[]): void {
    const gone = new Map(this.#known)
    const before = new Set(this.#known.keys())
    this.#known.clear()
    for (const actor of actors) {
      this.#known.set(actor.id, actor)
      gone.delete(actor.id)
    }
    for (const actor of [...actors].sort((a, b) => this.#depthOf(a) - this.#depthOf(b))) {
      if (before.has(actor.id)) this.#snapshot(actor, { type: 'Seen' })
      else this.#introduce(actor)
    }
    for (const actor of gone.values()) this.#stopped(actor, { type: 'Gone' })
  }

  take(step: ActorStep): void {
    const before = this.#known.get(step.id)
    const after = viewAfter(before, step)
    if (after === undefined) {
      this.#known.delete(step.id)
      if (before !== undefined) this.#stopped(before, step.event)
      return
    }
    this.#known.set(step.id, after)
    if (before === undefined) {
      this.#introduce(after)
      return
    }
    this.#send({ type: '@xstate.event', event: step.event, id: null }, after, step.atMs)
    this.#snapshot(after, step.event, step.atMs)
  }

  #introduce(actor: ActorView): void {
    const { id, machine, parent } = actor
    const parentId = parent !== undefined && this.#known.has(parent) ? parent : undefined
    const definition = definitionOf(machine)
    const message = { type: '@xstate.actor', name: id, definition, id: null, parentId, snapshot: snapshotOf(actor) }
    this.#send(message, actor, actor.atMs)
  }

  #snapshot(actor: ActorView, event: object, atMs = actor.atMs): void {
    this.#send({ type: '@xstate.snapshot', event, snapshot: snapshotOf(actor), id: null }, actor, atMs)
  }

  #stopped(actor: ActorView, event: object): void {
    const snapshot = { ...snapshotOf(actor), status: 'stopped' }
    this.#send({ type: '@xstate.snapshot', event, snapshot, id: null }, actor, undefined)
  }

  #send(message: object, actor: ActorView, atMs: number | undefined): void {
    const head = { _version: inspectVersion, createdAt: String(Math.floor(atMs ?? 0)) }
    this.#receiver.send(JSON.stringify({ ...message, ...head, sessionId: actor.id, rootId: this.#rootOf(actor).id }))
  }

  #rootOf(actor: ActorView): ActorView {
    const parent = actor.parent === undefined ? undefined : this.#known.get(actor.parent)
    return parent === undefined ? actor : this.#rootOf(parent)
  }

  #depthOf(actor: ActorView): number {
    const parent = actor.parent === undefined ? undefined : this.#known.get(actor.parent)
    return parent === undefined ? 0 : 1 + this.#depthOf(parent)
  }
}

const snapshotOf = ({ value, status, context }: ActorView) => ({ status, value: stateOf(value), context })

/** A path as XState writes a state: `Running.Up` is `{Running: 'Up'}`. */
function stateOf(path: string): StateValue {
  const regions = path.split('+')
  const [only = ''] = regions
  if (regions.length === 1 && !only.includes('.')) return only
  return Object.fromEntries(
    regions.map((region) => {
      const [name = '', ...rest] = region.split('.')
      return [name, rest.length === 0 ? {} : stateOf(rest.join('.'))]
    }),
  )
}

const definitions = new Map<MachineName, string>()

/** A machine's definition as JSON, with a name for each function in it. */
function definitionOf(machine: MachineName): string {
  let definition = definitions.get(machine)
  if (definition === undefined) {
    const named = (_key: string, value: unknown) => (typeof value === 'function' ? { type: value.name } : value)
    definition = JSON.stringify(machines[machine].config, named)
    definitions.set(machine, definition)
  }
  return definition
}
