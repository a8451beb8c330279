/**
 * One attempt as its spawner knows it. What is true of it is in its folder first and here second, so that a spawner
 * that was killed leaves nothing untold but the exit codes of what it was waiting for.
 */
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import type { AttemptEnded, AttemptFolder, Intent, Started } from './folder.ts'
import { isRunning, killMarked, type MarkFinder, readBootId, readStat, signalGroup } from './proc.ts'
import type { AttemptSeen } from './protocol.ts'

export const attemptLimits = {
  /** Between two looks at a process that is not the spawner's own child, in milliseconds. */
  adoptedPollMs: 200,
  /** How long a killed process may take to be gone, in milliseconds, before a removal gives up. */
  killedGoneMs: 10_000,
} as const

/** What an attempt asks of the spawner around it. */
export interface AttemptContext {
  readonly finder: MarkFinder
  /** Called whenever its view has changed. */
  readonly announce: (attempt: Attempt) => void
  /** A line for the operator. */
  readonly complain: (text: string) => void
}

export class Attempt {
  readonly folder: AttemptFolder
  readonly intent: Intent
  readonly #context: AttemptContext
  #started: Started | undefined
  #end: AttemptEnded | undefined
  /** Set at the first stop: when KILL is due, by the clock of `performance.now()`. */
  #killDue: { readonly atMs: number; readonly timer: NodeJS.Timeout } | undefined
  #poll: NodeJS.Timeout | undefined
  #tellGone: () => void = () => undefined
  /** Resolves once the end is known. */
  readonly gone: Promise<void>

  constructor(folder: AttemptFolder, intent: Intent, context: AttemptContext) {
    this.folder = folder
    this.intent = intent
    this.#context = context
    this.gone = new Promise((resolve) => {
      this.#tellGone = resolve
    })
  }

  get ref(): string {
    return `${this.intent.clusterId}/${this.intent.nodeId}/${this.folder.name}`
  }

  get isRunning(): boolean {
    return this.#started !== undefined && this.#end === undefined
  }

  /** Undefined until its outcome is known. */
  get view(): AttemptSeen | undefined {
    if (!this.#started && !this.#end) return undefined
    return {
      name: this.folder.name,
      ...(this.#started ? { startedAtMs: this.#started.atMs } : {}),
      ...(this.#end ? { end: this.#end } : {}),
    }
  }

  /** Takes on the child that was just forked for it. */
  own(child: ChildProcess): void {
    child.once('exit', (code, signal) => this.#childEnded(code, signal))
    const pid = child.pid as number
    // The child cannot be reaped before this turn is over, so its line in /proc is there even if it has ended.
    const startTicks = readStat(pid)?.startTicks ?? 0
    this.#started = { bootId: readBootId(), pid, startTicks, atMs: Date.now() }
    try {
      this.folder.writeStarted(this.#started)
    } catch (error) {
      // It runs and is waited for; only a spawner that comes after this one will have to end it.
      this.#context.complain(`The start of ${this.folder.name} could not be saved: ${(error as Error).message}`)
    }
    this.#context.announce(this)
  }

  /** Says that it never began. */
  async refuse(code: string, message: string, retryable: boolean): Promise<void> {
    await this.#finish({ kind: 'startFailed', code, message, retryable, atMs: Date.now() })
  }

  /** Finds out what is true of it after another spawner left it behind. */
  async recover(): Promise<void> {
    this.#started = await this.folder.readStarted()
    const end = await this.folder.readEnd()
    if (end) {
      this.#end = end
      this.#tellGone()
    } else if (this.#started?.bootId === readBootId() && isRunning(this.#started)) {
      this.#poll = setInterval(() => this.#lookAtAdopted(), attemptLimits.adoptedPollMs)
    } else {
      await this.#lose(this.#whyLost())
    }
  }

  /** TERM now, KILL when the grace is over; a later call only ever brings KILL nearer. */
  stop(graceMs: number): void {
    if (!this.isRunning) return
    const atMs = performance.now() + graceMs
    if (this.#killDue === undefined) {
      this.#signal('SIGTERM')
      // A process that was halted would see TERM only when somebody lets it go on.
      this.#signal('SIGCONT')
    } else if (atMs >= this.#killDue.atMs) return
    clearTimeout(this.#killDue?.timer)
    this.#killDue = { atMs, timer: setTimeout(() => this.kill(), graceMs) }
  }

  /** KILL now, to the whole group; strays follow when the main process has ended. */
  kill(): void {
    this.#signal('SIGKILL')
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.isRunning || !this.#started) return
    try {
      signalGroup(this.#started, signal)
    } catch (error) {
      this.#context.complain(`${this.folder.name} could not be sent ${signal}: ${(error as Error).message}`)
    }
  }

  /** Ends it if need be, and whatever bears its mark. Rejects if something cannot be killed. */
  async makeGone(): Promise<void> {
    this.kill()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const message = `Process ${this.#started?.pid} of ${this.folder.name} is still there after KILL; see what it hangs in.`
      timer = setTimeout(() => reject(new Error(message)), attemptLimits.killedGoneMs)
    })
    await Promise.race([this.gone, late]).finally(() => clearTimeout(timer))
    await killMarked(this.#context.finder, this.ref)
  }

  #childEnded(code: number | null, signal: NodeJS.Signals | null): void {
    const atMs = Date.now()
    const exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
    void this.#bury({ kind: 'exited', exitCode, ...(signal ? { signal } : {}), atMs })
  }

  #lookAtAdopted(): void {
    try {
      if (this.#started && isRunning(this.#started)) return
    } catch (error) {
      this.#context.complain(`${this.folder.name} could not be looked at: ${(error as Error).message}`)
      return
    }
    clearInterval(this.#poll)
    void this.#lose('It ended, but its exit code is not known, because the spawner that waited for it had been killed.')
  }

  #whyLost(): string {
    if (this.intent.bootId !== readBootId()) return 'The machine was restarted while it ran.'
    return this.#started
      ? 'It ended while no spawner ran, so its exit code is not known.'
      : 'Its spawner was killed while it started it, so whether it ran is not known; it was not started again.'
  }

  #lose(message: string): Promise<void> {
    return this.#bury({ kind: 'lost', message, atMs: Date.now() })
  }

  /** What the main process left behind goes before the end is told, so that the end is the end. */
  async #bury(end: AttemptEnded): Promise<void> {
    try {
      if (this.#started?.bootId === readBootId()) signalGroup(this.#started, 'SIGKILL')
      await killMarked(this.#context.finder, this.ref)
    } catch (error) {
      this.#context.complain(`${this.folder.name}: ${(error as Error).message}`)
    }
    await this.#finish(end)
  }

  async #finish(end: AttemptEnded): Promise<void> {
    clearTimeout(this.#killDue?.timer)
    try {
      await this.folder.writeEnd(end)
    } catch (error) {
      // It is told all the same: the worker keeps what it hears, and only a second crash could lose it.
      this.#context.complain(`The end of ${this.folder.name} could not be saved: ${(error as Error).message}`)
    }
    this.#end = end
    this.#tellGone()
    this.#context.announce(this)
  }
}
