/** A `troupe` that goes on (`manager`, `worker`, `up`), as people start it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { commandFlags, commandPath } from './built.ts'
import { childrenOf, type Usage, usageOf } from './usage.ts'

export class Program {
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  readonly #waiting = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #hasEnded = false

  /** `flags`: for Node. */
  constructor(args: readonly string[], flags: readonly string[] = []) {
    // What somebody's shell says of another cluster is not meant here.
    const { TROUPE_ADDR: _addr, TROUPE_TOKEN: _token, TROUPE_DATA_DIR: _dir, ...env } = process.env
    this.#process = spawn(process.execPath, [...commandFlags(), ...flags, commandPath(), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const hear = (text: string, which: 'out' | 'err') => {
      if (which === 'out') this.#stdout += text
      else this.#stderr += text
      for (const look of this.#waiting) look()
    }
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => hear(text, 'out'))
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => hear(text, 'err'))
    this.#ended = new Promise((resolve) => {
      this.#process.on('close', () => {
        this.#hasEnded = true
        for (const look of this.#waiting) look()
        resolve()
      })
    })
  }

  get pid(): number {
    return this.#process.pid as number
  }

  /** What follows on `name:` in a line of its output, once it is there. Rejects with its last words if it ends before. */
  said(name: string): Promise<string> {
    const line = new RegExp(`^${name}: +(.+)$`, 'm')
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = line.exec(this.#stdout)?.[1]
        if (found === undefined && !this.#hasEnded) return
        this.#waiting.delete(look)
        if (found === undefined) reject(new Error(`it ended without a word on "${name}": ${this.#stderr}`))
        else resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Its own and that of the processes that it keeps for its work. */
  usage(): Usage {
    const all = [this.pid, ...childrenOf(this.pid)].map(usageOf)
    return {
      cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      rssBytes: all.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    }
  }

  async close(): Promise<void> {
    this.#process.kill('SIGTERM')
    await this.#ended
  }
}
