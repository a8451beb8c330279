/** A manager and a worker as people start them, and a client, each in a process of its own. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskSpec } from '../../actors/model.ts'
import type { Size } from './bench.ts'
import { Child } from './child.ts'
import { Program } from './program.ts'
import type { Lives } from './tasks-main.ts'

export interface Cpu {
  readonly manager: number
  readonly worker: number
  readonly client: number
}

export class Cluster {
  readonly #dir: string
  readonly #parts: { close(): Promise<void> }[] = []
  #manager: Program | undefined
  #worker: Program | undefined
  #client: Child | undefined

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** With one worker of this driver, once it can take tasks. */
  static async open(driver: 'docker' | 'process', size: Size): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), 'troupe-bench-')))
    try {
      await cluster.#open(driver, size)
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  async #open(driver: string, { managerFlags, workerFlags }: Size): Promise<void> {
    const dir = (name: string) => join(this.#dir, name)
    this.#manager = this.#keep(
      new Program(['manager', '--listen', '127.0.0.1:0', '--data-dir', dir('manager')], managerFlags),
    )
    const address = await this.#manager.said('manager')
    const token = readFileSync(await this.#manager.said('token'), 'utf8').trim()
    const offer = ['--driver', driver, '--cpus', '4096', '--memory', '1000g']
    this.#worker = this.#keep(
      new Program(
        ['worker', '--manager', address, '--token', token, '--data-dir', dir('worker'), ...offer],
        workerFlags,
      ),
    )
    this.#client = this.#keep(new Child('tasks'))
    await this.#client.ask('open', { address, token })
    await this.#worker.said('manager')
    while ((await this.#client.ask<number>('ready')) === 0) await new Promise((wake) => setTimeout(wake, 20))
  }

  #keep<T extends { close(): Promise<void> }>(part: T): T {
    this.#parts.push(part)
    return part
  }

  /** Runs so many tasks, so many at once. `stops`: each is stopped once it runs. Throws if one failed. */
  async run(spec: TaskSpec, count: number, inFlight: number, stops = false): Promise<Lives> {
    const lives = await (this.#client as Child).ask<Lives>('run', { spec, count, inFlight, stops })
    const failed = Object.keys(lives.ends).find((end) => !end.startsWith('Completed'))
    if (failed !== undefined) throw new Error(`tasks of the bench ended as ${JSON.stringify(lives.ends)}`)
    return lives
  }

  /** Processor milliseconds so far, of each. */
  cpuMs(): Cpu {
    const of = (part: Program | Child | undefined) => part?.usage().cpuMs ?? 0
    return { manager: of(this.#manager), worker: of(this.#worker), client: of(this.#client) }
  }

  async close(): Promise<void> {
    for (const part of this.#parts.reverse()) await part.close()
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
