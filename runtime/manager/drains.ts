/**
 * What operators do to nodes: drain one, take that back, forget one. What it means for the tasks on it is told by the
 * node's own steps (`nodes.ts`), in the same unit.
 */
import type { NodeView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import type { Turn } from '../host/turn.ts'
import type { Nodes } from './nodes.ts'
import { registrationOf } from './nodes.ts'

export interface DrainsOptions {
  readonly host: ActorHost
  readonly journal: Journal
  readonly nodes: Nodes
  /** Whether the node's worker is connected just now. */
  readonly isConnected: (nodeId: string) => boolean
}

export class Drains {
  readonly #options: DrainsOptions

  constructor(options: DrainsOptions) {
    this.#options = options
  }

  /** By the node's name or id. Once more with a deadline: the new one counts. Throws `NotFound`, `StorageFailed`. */
  async drain(name: string, deadlineMs: number | undefined): Promise<NodeView> {
    const { address } = this.#find(name)
    const limit = deadlineMs === undefined ? {} : { deadlineMs }
    await this.#commit((turn) => turn.tell(address, { type: 'Drain', ...limit } as { type: string }))
    return this.#viewOf(name)
  }

  /** It takes tasks again; what has left it does not come back. Throws `NotFound`, `StorageFailed`. */
  async undrain(name: string): Promise<NodeView> {
    const { address } = this.#find(name)
    await this.#commit((turn) => turn.tell(address, { type: 'Undrain' }))
    return this.#viewOf(name)
  }

  /** Forgets a node that is Down, or drained, empty and gone. Throws `NotFound`, `Conflict`, `StorageFailed`. */
  async remove(name: string): Promise<void> {
    const { nodeId } = registrationOf(this.#find(name))
    const view = this.#viewOf(name)
    const why = refusalOf(view, this.#options.isConnected(nodeId))
    if (why !== undefined) throw new TroupeError('Conflict', why)
    await this.#commit((turn) => this.#options.nodes.remove(turn, nodeId))
  }

  #find(name: string): HostedActor {
    const byId = this.#options.nodes.get(name)
    for (const actor of this.#options.nodes.all()) if (registrationOf(actor).name === name) return actor
    if (byId !== undefined) return byId
    throw new TroupeError('NotFound', `there is no node ${name}; "troupe node" lists them`)
  }

  #viewOf(name: string): NodeView {
    const { nodeId } = registrationOf(this.#find(name))
    return this.#options.nodes.views().find(({ id }) => id === nodeId) as NodeView
  }

  /** Resolves once all that the turn led to is durable. */
  #commit(body: (turn: Turn) => void): Promise<void> {
    const { host, journal } = this.#options
    journal.admit()
    return new Promise((resolve, reject) => {
      const forget = journal.onFailed(() => {
        const message = 'the store could not save, and whether it was done is not known; "troupe node" says so shortly'
        reject(new TroupeError('StorageFailed', message))
      })
      host.run((turn) => {
        turn.finally(() => {
          forget()
          resolve()
        })
        body(turn)
      })
    })
  }
}

/** Why a node may not be forgotten, with the next step; undefined if it may. */
function refusalOf({ name, state, draining, tasks }: NodeView, isConnected: boolean): string | undefined {
  if (state === 'Down') return undefined
  if (!draining)
    return `node ${name} is ${state}: drain it first ("troupe node drain ${name}"), stop its worker, then remove it`
  if (tasks > 0) {
    return `node ${name} still has ${tasks} task${tasks === 1 ? '' : 's'}: wait until it is drained, or give it a deadline ("troupe node drain ${name} --deadline 5m")`
  }
  if (isConnected) return `the worker of node ${name} is connected and would register it again: stop that worker first`
  return undefined
}
