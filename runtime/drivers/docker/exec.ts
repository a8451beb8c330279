/**
 * What is asked about a container that runs: where it is, what its own check says, what it uses, and a command beside its
 * main one.
 */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { AttemptKey } from '../../../actors/model.ts'
import type { AttemptStats } from '../../../actors/usage.ts'
import type { Clock } from '../../clock.ts'
import type { ContainerHealth, DriverScope, ExecRequest, ExecResult } from '../driver.ts'
import { ExecOutput } from '../exec-output.ts'
import { decodeFrames } from '../output-file.ts'
import type { ContainerView } from './container.ts'
import type { Engine } from './engine.ts'
import { containerName, isAttempt } from './identity.ts'
import { usageOf } from './usage.ts'

/** The engine learns of the end of a command a little after its output has ended: how often and how soon to look again. */
const lookAgainTimes = 20
const lookAgainMs = 25

export class Inside {
  readonly #engine: Engine
  readonly #scope: DriverScope
  readonly #clock: Clock

  constructor(options: { readonly engine: Engine; readonly scope: DriverScope; readonly clock: Clock }) {
    this.#engine = options.engine
    this.#scope = options.scope
    this.#clock = options.clock
  }

  /** See `Driver.address`. */
  async address(key: AttemptKey): Promise<string | undefined> {
    return (await this.#running(key)).address
  }

  /** See `Driver.health`. */
  async health(key: AttemptKey): Promise<ContainerHealth | undefined> {
    return (await this.#running(key)).health
  }

  /** See `Driver.stats`. */
  async stats(key: AttemptKey): Promise<AttemptStats | undefined> {
    const view = await this.#find(key)
    const stats = view && (await this.#engine.stats(view.id))
    return stats && usageOf(stats, this.#clock.nowMs())
  }

  /** See `Driver.exec`. */
  async exec(key: AttemptKey, request: ExecRequest): Promise<ExecResult> {
    const { command, timeoutMs, signal } = request
    const { id } = await this.#running(key)
    const execId = await this.#engine.createExec(id, command)
    const cut = new AbortController()
    const giveUp = () => cut.abort()
    const cancel = this.#clock.setTimer(giveUp, timeoutMs)
    signal.addEventListener('abort', giveUp)
    const output = new ExecOutput()
    try {
      await read(await this.#engine.startExec(execId, cut.signal), output)
    } catch (error) {
      if (!cut.signal.aborted) throw error
    } finally {
      cancel()
      signal.removeEventListener('abort', giveUp)
    }
    if (!cut.signal.aborted) return this.#ended(execId, output.text)
    await this.#kill(execId, id)
    return { exitCode: undefined, output: `took longer than ${timeoutMs} ms` }
  }

  async #ended(execId: string, output: string): Promise<ExecResult> {
    for (let times = 0; times < lookAgainTimes; times++) {
      const { isRunning, exitCode } = await this.#engine.inspectExec(execId)
      if (!isRunning && exitCode !== undefined) return { exitCode: exitCode & 255, output }
      await new Promise<void>((resolve) => this.#clock.setTimer(resolve, lookAgainMs))
    }
    return { exitCode: undefined, output: 'closed its output and went on' }
  }

  /**
   * The engine has no verb that ends such a command. On the engine's own machine the kernel can, once it has said that
   * the process is of this container; elsewhere the command ends with its container at the latest.
   */
  async #kill(execId: string, containerId: string): Promise<void> {
    const { isRunning, pid } = await this.#engine.inspectExec(execId)
    if (!isRunning || pid === undefined) return
    try {
      if (readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)) process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended, or the engine is on another machine.
    }
  }

  async #running(key: AttemptKey): Promise<ContainerView> {
    const view = await this.#find(key)
    if (view === undefined) throw new Error(`the container ${containerName(this.#scope, key)} does not run`)
    return view
  }

  /** Undefined if it does not run. */
  async #find(key: AttemptKey): Promise<ContainerView | undefined> {
    const view = await this.#engine.inspect(containerName(this.#scope, key))
    return view?.phase === 'running' && isAttempt(this.#scope, key, view.labels) ? view : undefined
  }
}

async function read(stream: Readable, output: ExecOutput): Promise<void> {
  try {
    for await (const { data } of decodeFrames(stream)) output.add(data)
  } finally {
    stream.destroy()
  }
}
