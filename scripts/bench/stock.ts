/** A manager with many tasks in its store, and a worker that runs nothing: what a large cluster is to its manager. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { built } from './built.ts'
import { Child } from './child.ts'

type Troupe = Awaited<ReturnType<typeof import('../../runtime/index.ts')['connect']>>

const spec = { driver: 'process' as const, command: ['sleep', '3600'] }
const inFlight = 500
/** A look over so many tasks is itself some work. */
const askAgainMs = 500
const callMs = 300_000

export class Stock {
  readonly token = 'bench-token-of-no-worth'
  /** The data folder of the manager; its store is in `manager` below it. */
  readonly dir: string
  readonly manager: Child
  readonly #worker = new Child('idle-worker')
  #address = ''
  #troupe: Troupe | undefined
  #tasks = 0

  private constructor(dir: string, flags: readonly string[]) {
    this.dir = dir
    this.manager = new Child('manager', ['--expose-gc', ...flags])
  }

  static async open(managerFlags: readonly string[]): Promise<Stock> {
    const stock = new Stock(await mkdtemp(join(tmpdir(), 'troupe-bench-')), managerFlags)
    try {
      const { dir, token } = stock
      stock.#address = await stock.manager.ask('open', { dir, token, notes: false })
      const { connect } = await built<typeof import('../../runtime/index.ts')>('runtime/index.js')
      stock.#troupe = await connect(stock.#address, { token })
      return stock
    } catch (error) {
      await stock.remove()
      throw error
    }
  }

  /** Submits so many. They wait until there is a node. */
  async submit(count: number): Promise<void> {
    let next = this.#tasks
    this.#tasks += count
    const last = this.#tasks
    const loop = async () => {
      for (; next < last; ) {
        const id = `t${next}`
        next += 1
        await this.#troupe?.run(spec, { id, timeoutMs: callMs })
      }
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
  }

  /** Lets a worker in that starts what waits, and resolves once nothing does. `forEver`: what it starts goes on. */
  async work({ forEver }: { readonly forEver: boolean }): Promise<void> {
    const { dir, token } = this
    await this.#worker.ask('open', { address: this.#address, token, dir: join(dir, 'idle'), forEver })
    await this.#settled(forEver ? ['Pending', 'Scheduled'] : ['Pending', 'Scheduled', 'Running'])
  }

  /** Resolves once no task is in any of these states. */
  async #settled(states: readonly ('Pending' | 'Scheduled' | 'Running')[]): Promise<void> {
    while ((await this.#worker.ask<number>('started')) < this.#tasks) {
      await new Promise((wake) => setTimeout(wake, askAgainMs))
    }
    const left = async () => {
      const page = await this.#troupe?.list({ filter: { states: [...states] }, limit: 1, timeoutMs: callMs })
      return page?.tasks.length
    }
    while ((await left()) !== 0) await new Promise((wake) => setTimeout(wake, askAgainMs))
  }

  /** Ends everything; the folder stays. */
  async close(): Promise<void> {
    await this.#troupe?.close()
    await Promise.all([this.#worker.close(), this.manager.close()])
  }

  async remove(): Promise<void> {
    await this.close()
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
