/** A process of a bench, as the one that started it sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { commandFlags, root } from './built.ts'
import { type Usage, usageOf } from './usage.ts'
import { type Answered, type Asked, readyId } from './verbs.ts'

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Those that stand for a `troupe` that goes on, and are started with its flags. */
const hosts = new Set(['manager', 'idle-worker'])

export class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<void>
  readonly #ready: Promise<unknown>
  #lastId: number = readyId

  /** `name`: of a file `scripts/bench/<name>-main.ts`. `flags`: for Node. */
  constructor(name: string, flags: readonly string[] = []) {
    const execArgv = [...(hosts.has(name) ? commandFlags() : []), ...flags, '--import', 'tsx']
    this.#process = fork(join(import.meta.dirname, `${name}-main.ts`), [], { cwd: root, execArgv })
    this.#process.on('message', ({ id, value, error }: Answered) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(value)
      else waiting?.reject(new Error(`${name}: ${error}`))
    })
    this.#ready = new Promise((resolve, reject) => this.#waiting.set(readyId, { resolve, reject }))
    // Whoever asks is told.
    this.#ready.catch(() => {})
    this.#ended = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended: ${signal ?? code}`))
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /** Rejects with what the verb threw there, or when the process ends before it has answered. */
  async ask<T>(verb: string, argument?: unknown): Promise<T> {
    await this.#ready
    this.#lastId += 1
    const asked: Asked = { id: this.#lastId, verb, argument }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(asked.id, { resolve: resolve as (value: unknown) => void, reject })
      this.#process.send(asked, (error) => error && reject(error))
    })
  }

  usage(): Usage {
    return usageOf(this.#process.pid as number)
  }

  /** It ends by itself once nobody is there to ask it, and writes its profile if it makes one. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#ended
  }
}
