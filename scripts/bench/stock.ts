/** A manager with many tasks in its store, and a worker that runs nothing: what a large cluster is to its manager. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { built } from './built.ts'
import { Child } from './child.ts'

type Troupe = Awaited<ReturnType<typeof import('../../runtime/index.ts')['connect']>>

/** Little of a processor: 100,000 of them, each with the tenth that is the default, are more than one node can offer. */
const spec = { driver: 'process' as const, command: ['sleep', '3600'], cpus: 0.01 }
const inFlight = 2_000
/** Asking how much was started costs nothing; a look over so many tasks is itself some work. */
const askAgainMs = { started: 100, list: 500 } as const
const callMs = 300_000
/** Nothing more was started for so long: nothing more will be. */
const stuckMs = 60_000

export class Stock {
  readonly token = 'bench-token-of-no-worth'
  /** The data folder of the manager; its store is in `manager` below it. */
  readonly dir: string
  readonly manager: Child
  readonly #worker = new Child('idle-worker')
  #address = ''
  #troupe: Troupe | undefined
  #tasks = 0
  /** States in which a task does not stay. */
  #passing: readonly ('Pending' | 'Scheduled' | 'Running')[] = []

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

  /** Submits so many. They wait until there is a worker. */
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

  /** Lets a worker in that starts what waits and what comes. `forEver`: what it starts goes on. */
  async work({ forEver }: { readonly forEver: boolean }): Promise<void> {
    const { dir, token } = this
    await this.#worker.ask('open', { address: this.#address, token, dir: join(dir, 'idle'), forEver })
    this.#passing = forEver ? ['Pending', 'Scheduled'] : ['Pending', 'Scheduled', 'Running']
  }

  /** Resolves once each task is Running for ever, or has ended. */
  async settled(): Promise<void> {
    const wait = (ms: number) => new Promise((wake) => setTimeout(wake, ms))
    let [started, sinceMs] = [0, performance.now()]
    while (started < this.#tasks) {
      await wait(askAgainMs.started)
      const now = await this.#worker.ask<number>('started')
      if (now > started) sinceMs = performance.now()
      else if (performance.now() - sinceMs > stuckMs)
        throw new Error(`${now} of ${this.#tasks} tasks have started, and no more do`)
      started = now
    }
    const left = async () => {
      const filter = { states: [...this.#passing] }
      const page = await this.#troupe?.list({ filter, limit: 1, timeoutMs: callMs })
      return page?.tasks.length
    }
    while ((await left()) !== 0) await wait(askAgainMs.list)
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
