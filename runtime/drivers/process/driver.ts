/**
 * The process driver: attempts are processes of the worker's machine. A spawner forks and waits for them, so that they
 * and their exit codes outlive the worker; this is the worker's side, which asks the spawner and reads the output files.
 */
import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AttemptKey, attemptName, parseAttemptName, type TaskSpec } from '../../../actors/model.ts'
import { heldPorts } from '../../../actors/ports.ts'
import type { AttemptStats } from '../../../actors/usage.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { OutputRetention } from '../../options.ts'
import type { Driver, DriverChunk, DriverEvent, DriverProbe, DriverScope, ExecRequest, ExecResult } from '../driver.ts'
import { outputRetentionDefaults } from '../kept-output.ts'
import { execBeside } from './exec.ts'
import { AttemptFolder, streams } from './folder.ts'
import { lackOfMachine } from './launch.ts'
import { readOutput } from './logs.ts'
import { isRunning, readBootId } from './proc.ts'
import type { AttemptSeen } from './protocol.ts'
import { SpawnerLine, SpawnerUnreachable } from './spawner.ts'
import { ProcessTable } from './usage.ts'

export interface ProcessDriverOptions {
  /** The driver's own folder, one per worker, made if it is missing. All that is kept is in there. */
  readonly dir: string
  readonly clock: Clock
  readonly logger: Logger
  /** The compiled spawner-main.js. Default: the one beside this file, which a build has put there. */
  readonly spawnerPath?: string
  /** The Node.js that runs the spawner. Default: the one that runs this. */
  readonly node?: string
  /** Where a task without `workdir` runs; absolute. Default `/`. */
  readonly defaultWorkdir?: string
  /** What is kept of each stream of an attempt, in bytes. Default 10 MiB. The oldest is dropped first. */
  readonly outputBytesMax?: number
  /** What is kept of the output of removed attempts; a spawner that runs already goes on with what it was started with. */
  readonly retention?: Partial<OutputRetention> | undefined
  /** With no task and no worker for this long, in milliseconds, the spawner ends by itself. Default 10,000. */
  readonly spawnerIdleMs?: number
}

export const processDriverDefaults = {
  outputBytesMax: 10 * 1_024 * 1_024,
  spawnerIdleMs: 10_000,
} as const

/** How long a request may wait for a spawner, in milliseconds, before it is given up as never sent. */
const sendWithinMs = 10_000
/** How long `probe` and `watch` wait for a spawner, in milliseconds. */
const answerWithinMs = 4_500

/** Creates a driver; nothing is started before its first verb. It needs Linux, `flock` and, to drop old output, `fallocate`. */
export function createProcessDriver(options: ProcessDriverOptions): Driver {
  return new ProcessDriver(options)
}

class ProcessDriver implements Driver {
  readonly name = 'process'
  readonly supports = { logs: true, stats: true, exec: true }
  readonly #dir: string
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #defaultWorkdir: string
  readonly #line: SpawnerLine
  #scope: DriverScope | undefined
  #listener: (event: DriverEvent) => void = () => undefined
  #isUnavailable = false
  /** What was told of each attempt, so that a new connection does not tell it all again. */
  readonly #told = new Map<string, 'running' | 'ended'>()
  /** When KILL is due for what is being stopped, in `uptimeMs`: a spawner that died took its own timers along. */
  readonly #killDue = new Map<string, number>()
  readonly #processes: ProcessTable
  /** The CPU time that was told of each attempt last. */
  readonly #cpuMs = new Map<string, number>()

  constructor(options: ProcessDriverOptions) {
    this.#dir = resolve(options.dir)
    this.#clock = options.clock
    this.#processes = new ProcessTable(options.clock)
    this.#logger = options.logger
    this.#defaultWorkdir = options.defaultWorkdir ?? '/'
    this.#line = new SpawnerLine({
      dir: this.#dir,
      clock: options.clock,
      spawnerPath: options.spawnerPath ?? fileURLToPath(new URL('./spawner-main.js', import.meta.url)),
      node: options.node ?? process.execPath,
      settings: {
        outputBytesMax: options.outputBytesMax ?? processDriverDefaults.outputBytesMax,
        retention: finite({ ...outputRetentionDefaults, ...options.retention }),
        idleMs: options.spawnerIdleMs ?? processDriverDefaults.spawnerIdleMs,
      },
      scope: () => this.#scope,
      onSeen: (view) => this.#tell(view),
      onUp: (views) => this.#up(views),
      onDown: (why) => this.#down(why),
    })
  }

  async probe(): Promise<DriverProbe> {
    const lack = lackOfMachine()
    if (lack) return { state: 'unavailable', detail: lack }
    const isUp = await this.#line.reach(answerWithinMs)
    return isUp
      ? { state: 'complete', detail: `Processes of Linux ${release()}, spawner ${this.#line.spawnerPid}.` }
      : { state: 'unavailable', detail: this.#line.why }
  }

  async watch(scope: DriverScope, listener: (event: DriverEvent) => void): Promise<void> {
    this.#listener = listener
    this.#scope = scope
    const lack = lackOfMachine()
    if (lack) return this.#down(lack)
    try {
      if (this.#line.spawnerPid === undefined) {
        if (!(await this.#line.reach(answerWithinMs))) this.#down(this.#line.why)
      } else {
        for (const view of await this.#line.request({ verb: 'watch', scope }, { sendWithinMs: answerWithinMs })) {
          this.#tell(view)
        }
      }
    } catch (error) {
      this.#down((error as Error).message)
    }
  }

  async start(key: AttemptKey, spec: TaskSpec, signal: AbortSignal): Promise<void> {
    const name = attemptName(key)
    const { command, env, user, workdir = this.#defaultWorkdir } = spec
    const ports = heldPorts(spec.ports)
    const request = {
      verb: 'start',
      scope: this.#bound(),
      name,
      ...key,
      spec: { workdir, ...(command ? { command } : {}), ...(env ? { env } : {}), ...(user ? { user } : {}) },
      ...(ports.length > 0 ? { ports } : {}),
    } as const
    while (!signal.aborted) {
      try {
        for (const view of await this.#line.request(request, { sendWithinMs, signal })) this.#tell(view, true)
        return
      } catch (error) {
        if (signal.aborted) break
        if (!(error instanceof SpawnerUnreachable)) throw error
        // An earlier worker may have started it: only who has no folder is known to have never begun.
        if (existsSync(new AttemptFolder(this.#dir, name).path)) continue
        return this.#refuse(key, 'engine-unreachable', error.message)
      }
    }
    this.#refuse(key, 'start-failed', 'The start was called off before it began.')
  }

  async stop(key: AttemptKey, graceMs: number): Promise<void> {
    const name = attemptName(key)
    const scope = this.#bound()
    const dueMs = Math.min(this.#killDue.get(name) ?? Number.POSITIVE_INFINITY, this.#clock.uptimeMs() + graceMs)
    if (this.#told.get(name) === 'running') this.#killDue.set(name, dueMs)
    await this.#line.request({ verb: 'stop', scope, name, graceMs }, { sendWithinMs })
  }

  async remove(key: AttemptKey): Promise<void> {
    const name = attemptName(key)
    await this.#line.request({ verb: 'remove', scope: this.#bound(), name }, { sendWithinMs })
    this.#told.delete(name)
    this.#killDue.delete(name)
    this.#cpuMs.delete(name)
  }

  async list(): Promise<AttemptKey[]> {
    const views = await this.#line.request({ verb: 'list', scope: this.#bound() }, { sendWithinMs })
    return views.flatMap(({ name }) => parseAttemptName(name) ?? [])
  }

  logs(
    key: AttemptKey,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<DriverChunk> {
    return readOutput(this.#dir, attemptName(key), {
      ...options,
      clusterId: this.#bound().clusterId,
      clock: this.#clock,
    })
  }

  async keeps(key: AttemptKey): Promise<boolean> {
    const folder = new AttemptFolder(this.#dir, attemptName(key))
    const { clusterId } = this.#bound()
    return existsSync(folder.path) || streams.some((stream) => existsSync(folder.keptOutput(stream, clusterId)))
  }

  async exec(key: AttemptKey, request: ExecRequest): Promise<ExecResult> {
    const name = attemptName(key)
    const { clusterId, nodeId } = this.#bound()
    if (this.#told.get(name) !== 'running') throw new Error(`${name} does not run`)
    const { env, user, workdir = this.#defaultWorkdir } = request.spec
    const spec = { command: [...request.command], workdir, ...(env ? { env } : {}), ...(user ? { user } : {}) }
    return execBeside({ ref: `${clusterId}/${nodeId}/${name}`, spec }, request, this.#clock)
  }

  async stats(key: AttemptKey): Promise<AttemptStats | undefined> {
    const name = attemptName(key)
    const { clusterId, nodeId } = this.#bound()
    const folder = new AttemptFolder(this.#dir, name)
    const [intent, started] = await Promise.all([folder.readIntent(), folder.readStarted()])
    const isOurs = intent?.clusterId === clusterId && intent.nodeId === nodeId
    const runs = isOurs && started !== undefined && started.bootId === readBootId() && isRunning(started)
    const usage = runs ? await this.#processes.usageOf(started.pid) : undefined
    if (usage === undefined) {
      this.#cpuMs.delete(name)
      return undefined
    }
    // Of a process that ends as an orphan nobody keeps the time: what was told is never taken back.
    const cpuMs = Math.max(usage.cpuMs, this.#cpuMs.get(name) ?? 0)
    this.#cpuMs.set(name, cpuMs)
    return { ...usage, cpuMs }
  }

  async close(): Promise<void> {
    this.#listener = () => undefined
    await this.#line.close()
  }

  #bound(): DriverScope {
    if (!this.#scope) throw new Error('The driver was not bound to a scope: call watch first.')
    return this.#scope
  }

  #up(views: readonly AttemptSeen[]): void {
    for (const view of views) this.#tell(view)
    const scope = this.#scope
    if (!scope) return
    for (const [name, dueMs] of this.#killDue) {
      const graceMs = Math.max(0, dueMs - this.#clock.uptimeMs())
      this.#line.request({ verb: 'stop', scope, name, graceMs }, { sendWithinMs }).catch((error) => {
        this.#logger.warn('A stop could not be repeated to a new spawner.', { name, why: (error as Error).message })
      })
    }
    if (!this.#isUnavailable) return
    this.#isUnavailable = false
    this.#listener({ type: 'Availability', state: 'complete', detail: 'The spawner answers again.' })
  }

  #down(why: string): void {
    if (this.#isUnavailable) return
    this.#logger.warn('The process driver has no spawner.', { why })
    if (!this.#scope) return
    this.#isUnavailable = true
    this.#listener({ type: 'Availability', state: 'unavailable', detail: why })
  }

  #refuse(key: AttemptKey, code: string, message: string): void {
    this.#listener({ type: 'StartFailed', key, atMs: this.#clock.nowMs(), code, message, retryable: true })
  }

  /** Tells what is new of an attempt, or all again if somebody asked to start it once more. */
  #tell(view: AttemptSeen, again = false): void {
    const key = parseAttemptName(view.name)
    if (!key) return
    const now = view.end ? 'ended' : 'running'
    if (this.#told.get(view.name) === now && !again) return
    this.#told.set(view.name, now)
    if (view.end) this.#killDue.delete(view.name)
    this.#listener(toEvent(key, view))
  }
}

/** JSON knows no infinity. */
const finite = ({ ageMs, attemptsMax, bytesMax }: OutputRetention): OutputRetention => ({
  ageMs: Math.min(ageMs, Number.MAX_VALUE),
  attemptsMax: Math.min(attemptsMax, Number.MAX_VALUE),
  bytesMax: Math.min(bytesMax, Number.MAX_VALUE),
})

function toEvent(key: AttemptKey, { startedAtMs, end }: AttemptSeen): DriverEvent {
  if (!end) return { type: 'Started', key, atMs: startedAtMs ?? 0 }
  const { atMs } = end
  switch (end.kind) {
    case 'exited': {
      const signal = end.signal === undefined ? {} : { signal: end.signal }
      const started = startedAtMs === undefined ? {} : { startedAtMs }
      return { type: 'Exited', key, atMs, exitCode: end.exitCode, ...signal, ...started }
    }
    case 'startFailed':
      return { type: 'StartFailed', key, atMs, code: end.code, message: end.message, retryable: end.retryable }
    case 'lost':
      return { type: 'Lost', key, atMs, message: end.message }
  }
}
