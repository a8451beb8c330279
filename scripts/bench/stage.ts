/** A manager on a store of its own, a worker that runs nothing, and processes full of subscribers. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'
import type { Following } from './crowd-main.ts'
import { type Counts, Histogram } from './histogram.ts'
import type { Usage } from './usage.ts'

export type Commits = readonly (readonly [revision: number, atMs: number])[]

export interface Measured {
  /** Processor time that the manager took, as a part of one core. */
  readonly cpu: number
  /** The same in milliseconds. */
  readonly cpuMs: number
  readonly commits: Commits
  readonly ended: readonly string[]
}

export class Stage {
  readonly token = 'bench-token-of-no-worth'
  readonly manager: Child
  readonly #dir: string
  readonly #load = new Child('load')
  readonly #crowds: Child[] = []
  #address = ''
  #commitsSeen = 0

  private constructor(dir: string, flags: readonly string[]) {
    this.#dir = dir
    this.manager = new Child('manager', ['--expose-gc', ...flags])
  }

  static async open(tasks: number, managerFlags: readonly string[]): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'troupe-bench-')), managerFlags)
    try {
      const { token } = stage
      stage.#address = await stage.manager.ask('open', { dir: stage.#dir, token })
      await stage.#load.ask('open', { address: stage.#address, token, tasks })
      await stage.newCommits()
      return stage
    } catch (error) {
      await stage.close()
      throw error
    }
  }

  get address(): string {
    return this.#address
  }

  /** A process with these subscribers; resolves when all of them hear. */
  async crowd(all: readonly Following[]): Promise<Child> {
    const crowd = new Child('crowd')
    this.#crowds.push(crowd)
    await crowd.ask('open', { address: this.address, token: this.token, all })
    return crowd
  }

  async newCommits(): Promise<Commits> {
    const all = await this.manager.ask<Commits>('commits')
    const fresh = all.slice(this.#commitsSeen)
    this.#commitsSeen = all.length
    return fresh
  }

  /** Lets so many transitions happen, and everyone hear of them. */
  async run(transitions: number, perSecond: number): Promise<Measured> {
    const before: Usage = this.manager.usage()
    const beganMs = performance.now()
    const ended = await this.#load.ask<string[]>('run', { transitions, perSecond })
    await this.#quiet()
    const after = this.manager.usage()
    const cpuMs = after.cpuMs - before.cpuMs
    return { cpuMs, cpu: cpuMs / (performance.now() - beganMs), commits: await this.newCommits(), ended }
  }

  /** Nothing more was heard for a while. */
  async #quiet(): Promise<void> {
    const heard = async () => (await this.heard()).deltas
    for (let last = -1, now = await heard(); now !== last; last = now, now = await heard()) {
      await new Promise((wake) => setTimeout(wake, 300))
    }
  }

  async heard(): Promise<{ deltas: number; ends: number }> {
    const each = await Promise.all(this.#crowds.map((one) => one.ask<{ deltas: number; ends: number }>('heard')))
    return {
      deltas: each.reduce((sum, { deltas }) => sum + deltas, 0),
      ends: each.reduce((sum, { ends }) => sum + ends, 0),
    }
  }

  /** From these commits to those who heard of them. */
  async spans(commits: Commits): Promise<Histogram> {
    const spans = new Histogram()
    for (const crowd of this.#crowds) spans.addAll(await crowd.ask<Counts>('spans', commits))
    return spans
  }

  async close(): Promise<void> {
    await Promise.all([...this.#crowds, this.#load, this.manager].map((child) => child.close()))
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
