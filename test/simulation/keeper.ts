/** A client that looks after nodes: drains them, opens them again, has them forgotten, and says what came of it. */
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Client } from '../../runtime/client/client.ts'
import type { Ledger } from './ledger.ts'
import type { Life } from './life.ts'
import type { Upkeep } from './orders.ts'
import type { World } from './world.ts'

const keeperTimes = {
  /** From one look at a node to the next, in milliseconds. */
  lookAgainMs: 700,
} as const

export interface KeeperOptions {
  readonly world: World
  readonly life: Life
  readonly ledger: Ledger
  /** Asks until there is an answer. */
  readonly persist: <T>(action: (client: Client) => Promise<T>) => Promise<T>
}

export class Keeper {
  readonly #options: KeeperOptions

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  async keep(upkeep: Upkeep): Promise<void> {
    const { life, world } = this.#options
    await life.sleep(Math.max(0, upkeep.atMs - world.timeline.nowMs))
    await (upkeep.type === 'drain' ? this.#drain(upkeep) : this.#remove(upkeep))
  }

  /** Takes a drain back once more: a request on a connection that broke may have come last. */
  async open({ node, type }: Upkeep): Promise<void> {
    if (type === 'drain') await this.#known((client) => client.undrainNode(node))
  }

  async #drain({ node, deadlineMs, forMs, untilEmpty }: Upkeep): Promise<void> {
    const { persist, life, ledger, world } = this.#options
    ledger.drained.add(node)
    const drained = await this.#known((client) =>
      client.drainNode(node, deadlineMs === undefined ? {} : { deadlineMs }),
    )
    if (drained === undefined) return
    // An answer shows the node as it stands when it is written: one that was forgotten meanwhile, and came back, is open.
    const isDrained = drained.draining || ledger.forgotten.has(node)
    if (!isDrained) world.violated('a drain is stored when it is answered', `${node} is not draining`)
    world.sometimes(drained.tasks > 0 ? 'a node with tasks was drained' : 'a node without tasks was drained')
    await life.sleep(forMs)
    while (untilEmpty) {
      const { items } = await persist((client) => client.nodes())
      const view = items.find(({ name }) => name === node)
      if (view?.tasks === 0) world.sometimes('a drained node was empty in the end')
      // One that was forgotten meanwhile, and has come back, is a new one.
      if (view === undefined || view.tasks === 0 || !view.draining) break
      await life.sleep(keeperTimes.lookAgainMs)
    }
    const opened = await this.#known((client) => client.undrainNode(node))
    if (opened?.draining) world.violated('a drain is taken back when that is answered', `${node} is draining`)
  }

  async #remove({ node, forMs }: Upkeep): Promise<void> {
    const { persist, life, ledger, world } = this.#options
    const untilMs = world.timeline.nowMs + forMs
    while (world.timeline.nowMs < untilMs) {
      const { items } = await persist((client) => client.nodes())
      const tasks = items.find(({ name }) => name === node)?.tasks
      ledger.forgotten.add(node)
      try {
        const removed = await this.#known((client) => client.removeNode(node).then(() => true))
        if (removed === undefined) world.sometimes('there was no node to be forgotten')
        else world.sometimes(tasks === 0 ? 'a node without tasks was forgotten' : 'a node with tasks was forgotten')
        return
      } catch (error) {
        if (!(error instanceof TroupeError) || error.code !== 'Conflict') throw error
        world.sometimes('a node of use was not forgotten')
      }
      await life.sleep(keeperTimes.lookAgainMs)
    }
  }

  /** Undefined where there is no such node: it has not registered yet, or was forgotten. */
  async #known<T>(action: (client: Client) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#options.persist(action)
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'NotFound') return undefined
      throw error
    }
  }
}
