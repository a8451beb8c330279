/** A client of the simulated cluster: the shipped library, asked as an application would, and every answer noted. */
import type { NodeView, TaskSpec } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { type Link, openLink } from '../../runtime/client/link.ts'
import { TaskWatch } from '../../runtime/client/watch.ts'
import { silentLogger } from '../../runtime/logger.ts'
import type { Transport } from '../../transport/transport.ts'
import { Keeper } from './keeper.ts'
import type { Ledger } from './ledger.ts'
import type { Life } from './life.ts'
import type { Order, Upkeep } from './orders.ts'
import type { World } from './world.ts'

export interface CustomerOptions {
  readonly world: World
  readonly name: string
  readonly life: Life
  readonly transport: Transport
  readonly url: string
  readonly token: string
  readonly ledger: Ledger
  readonly orders: readonly Order[]
  readonly upkeep: readonly Upkeep[]
  /** The names of all nodes. */
  readonly nodes: readonly string[]
}

/** A link that is not given up before the run is over, in milliseconds. */
const patienceMs = 3_600_000

export class Customer {
  readonly #options: CustomerOptions
  /** Tasks that were not seen to their end yet. */
  readonly #open = new Set<string>()
  readonly #keeper: Keeper
  readonly #asking: Promise<unknown>[] = []
  #link: Promise<Link> | undefined
  #done = false

  constructor(options: CustomerOptions) {
    this.#options = options
    for (const { taskId } of options.orders) this.#open.add(taskId)
    const { world, life, ledger } = options
    this.#keeper = new Keeper({ world, life, ledger, persist: (action) => this.#persist(action) })
  }

  /** Everything that it asked for has ended, and was asked for once more. */
  get done(): boolean {
    return this.#done
  }

  /** What it still waits for. */
  get waitsFor(): string[] {
    return [...this.#open]
  }

  start(): void {
    const { orders, upkeep, name, world } = this.#options
    for (const one of upkeep) this.#note(this.#keeper.keep(one))
    const all = orders.map((order) => this.#follow(order))
    Promise.all(all)
      .then(() => Promise.all(this.#asking))
      .then(() => this.#askAgain())
      .then(
        () => {
          this.#done = true
        },
        (error: Error) => world.violated('a client is answered', `${name}: ${error.message}`),
      )
  }

  async #follow(order: Order): Promise<void> {
    const { life, ledger, name, world } = this.#options
    const { taskId, spec } = order
    await this.#until(order.submitAtMs)
    if (order.isHasty) this.#note(this.#rush(taskId))
    const { existing } = await this.#submit(taskId, spec)
    if (existing) world.sometimes('a submission whose outcome was unknown turned out to be done')
    this.#plan(order)
    let watched = ledger.seen(name, taskId)
    const watch = new TaskWatch(await this.#linked(), taskId, {
      onView: (view) => {
        ledger.show(name, view, watched)
        watched = view.revision
      },
      onEvent: (event) => ledger.tell(name, event),
      onReset: (reason) => {
        if (!/trimmed/.test(reason)) world.violated('a subscriber sees no gap', `${taskId} was reset: ${reason}`)
        world.sometimes('a subscriber began anew, for the log was trimmed')
        ledger.reset(name, taskId)
      },
    })
    const view = await this.#unlessTrimmed(taskId, () => watch.final)
    world.trace(life.name, `${taskId} is ${view?.state ?? 'trimmed'}, ${view?.outcome}`)
    this.#open.delete(taskId)
  }

  /** Undefined for a task that was trimmed: that is said to be so, of none but such a one. */
  async #unlessTrimmed<T>(taskId: string, ask: () => Promise<T>): Promise<T | undefined> {
    const { ledger, world } = this.#options
    try {
      return await ask()
    } catch (error) {
      const isGone = error instanceof TroupeError && error.code === 'NotFound' && ledger.isTrimmed(taskId)
      if (!isGone) throw error
      world.sometimes('a task was asked for that was trimmed')
      return undefined
    }
  }

  /** Asks of a task that may not be there yet. Stopped or not, it must come to an end. */
  async #rush(taskId: string): Promise<void> {
    const { ledger, life, world } = this.#options
    await life.sleep(life.dice.roll() * 8)
    ledger.stopsSent.add(taskId)
    const hurried = async (verb: (onSend: () => void) => Promise<void>) => {
      // As it was when the question was sent: what is accepted while the answer is on its way proves nothing.
      let wasAccepted = false
      try {
        await verb(() => {
          wasAccepted = ledger.acknowledged.has(taskId)
        })
      } catch (error) {
        if (!(error instanceof TroupeError) || error.code !== 'NotFound') throw error
        if (wasAccepted) world.violated('an acknowledged submission is never lost', `${taskId} was unknown`)
        world.sometimes('a task was asked for before it was there')
      }
    }
    await Promise.all([
      hurried((onSend) => this.#ask(taskId, onSend)),
      hurried((onSend) => this.#stop(taskId, undefined, onSend)),
    ])
  }

  /** What is done to it while it lives, or after. */
  #plan(order: Order): void {
    const { taskId, spec, stopAtMs, stopGraceMs } = order
    for (const atMs of order.againAtMs) this.#later(atMs, () => this.#submitAgain(taskId, spec))
    for (const atMs of order.askAtMs) this.#later(atMs, () => this.#ask(taskId))
    if (order.conflictAtMs !== undefined) this.#later(order.conflictAtMs, () => this.#submitOther(taskId, spec))
    if (stopAtMs !== undefined) this.#later(stopAtMs, () => this.#stop(taskId, stopGraceMs))
  }

  #later(atMs: number, act: () => Promise<void>): void {
    this.#note(this.#until(atMs).then(act))
  }

  #note(asking: Promise<void>): void {
    const { world, name } = this.#options
    const answered = asking.catch((error: Error) => world.violated('a client is answered', `${name}: ${error.message}`))
    this.#asking.push(answered)
  }

  async #submit(taskId: string, spec: TaskSpec) {
    const { ledger, name } = this.#options
    const seen = ledger.seen(name, taskId)
    const reply = await this.#persist((client) => client.submit(taskId, spec))
    ledger.accepted(taskId)
    ledger.show(name, reply.task, seen)
    return reply
  }

  async #submitAgain(taskId: string, spec: TaskSpec): Promise<void> {
    const { world } = this.#options
    const { existing } = await this.#submit(taskId, spec)
    if (existing) world.sometimes('a repeated submission changed nothing')
    else world.violated('sending a submission again is harmless', `${taskId} was made a second time`)
  }

  async #submitOther(taskId: string, spec: TaskSpec): Promise<void> {
    const { world } = this.#options
    try {
      await this.#persist((client) => client.submit(taskId, { ...spec, name: 'another' }))
      world.violated('an id is taken once', `${taskId} was accepted with another specification`)
    } catch (error) {
      if (!(error instanceof TroupeError) || error.code !== 'Conflict') throw error
      world.sometimes('another specification for a known id was refused')
    }
  }

  async #stop(taskId: string, graceMs: number | undefined, onSend = () => {}): Promise<void> {
    const { ledger, name, world } = this.#options
    ledger.stopsSent.add(taskId)
    const options = graceMs === undefined ? {} : { graceMs }
    const seen = ledger.seen(name, taskId)
    const stopped = await this.#unlessTrimmed(taskId, () =>
      this.#persist((client) => {
        onSend()
        return client.stop(taskId, options)
      }),
    )
    if (stopped === undefined) return
    const { alreadyFinal, task } = stopped
    ledger.show(name, task, seen)
    if (alreadyFinal && task.finishedAtMs === null) {
      world.violated('a final task is shown as final', `${taskId} was too late to stop, and ${task.state}`)
    }
    world.sometimes(alreadyFinal ? 'a stop came too late' : 'a stop was accepted')
  }

  async #ask(taskId: string, onSend = () => {}): Promise<void> {
    const { ledger, name } = this.#options
    const seen = ledger.seen(name, taskId)
    const found = await this.#unlessTrimmed(taskId, () =>
      this.#persist((client) => {
        onSend()
        return client.query({ ids: [taskId] })
      }),
    )
    for (const view of found?.items ?? []) ledger.show(name, view, seen)
  }

  /** After the end: what was accepted is still there. */
  async #askAgain(): Promise<void> {
    for (const { taskId } of this.#options.orders) await this.#ask(taskId)
    for (const one of this.#options.upkeep) await this.#keeper.open(one)
  }

  /** What is wrong with the nodes when all is over: each is to be there, and nothing held on it. */
  async audit(): Promise<string[]> {
    const { items } = await this.#persist((client) => client.nodes())
    const missing = this.#options.nodes.filter((node) => items.filter(({ name }) => name === node).length !== 1)
    const unready = items.filter(({ state, draining, tasks, reserved, portsHeld = 0 }) => {
      return state !== 'Ready' || draining || tasks + portsHeld + reserved.cpus + reserved.memoryBytes > 0
    })
    const describe = ({ name, state, draining, tasks, reserved, portsHeld }: NodeView) =>
      `${name} is ${state}${draining ? ', draining' : ''}, with ${tasks} tasks, ${portsHeld} ports and ${JSON.stringify(reserved)} reserved`
    return [...missing.map((name) => `${name} is not there once`), ...unready.map(describe)]
  }

  #until(atMs: number): Promise<void> {
    const { life, world } = this.#options
    return life.sleep(Math.max(0, atMs - world.timeline.nowMs))
  }

  async #persist<T>(action: (client: Client) => Promise<T>): Promise<T> {
    return (await this.#linked()).persist(action)
  }

  #linked(): Promise<Link> {
    this.#link ??= this.#dial()
    return this.#link
  }

  /** The first connection is not tried again by the library: that is up to whoever uses it. */
  async #dial(): Promise<Link> {
    const { life, transport, url, token, world } = this.#options
    const { clock, dice: random } = life
    const connect = () => connectClient({ transport, url, token, clock, random, logger: silentLogger })
    const onBack = () => world.sometimes('a client came back')
    for (;;) {
      try {
        return await openLink({ connect, clock, random, giveUpMs: patienceMs, onBack })
      } catch (error) {
        if (!(error instanceof TroupeError) || !error.retryable) throw error
        await life.sleep(200)
      }
    }
  }
}
