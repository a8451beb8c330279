/**
 * The Docker engine as this driver asks it: one dockerode client for everything, a deadline of our own on every
 * request (the engine accepts a request, sends its headers and dies: then no promise of dockerode ever settles), and
 * one kind of error.
 */
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Clock } from '../../clock.ts'
import { type ContainerView, viewOf } from './container.ts'
import { createRequests, type Requests } from './requests.ts'
import type { ContainerStats } from './usage.ts'

/** How long the engine may take for one thing, in milliseconds. */
export interface EngineDeadlines {
  /** `probe`, and the ping that decides whether a broken event stream means a dead engine. */
  readonly probeMs: number
  /** Inspect, list, kill, and the headers of a stream. */
  readonly requestMs: number
  readonly createMs: number
  readonly startMs: number
  readonly removeMs: number
  /** A pull without any news for so long is given up. */
  readonly pullStallMs: number
  /** A credential helper's answer. */
  readonly credentialsMs: number
}

export const defaultDeadlines: EngineDeadlines = {
  probeMs: 4_000,
  requestMs: 15_000,
  createMs: 60_000,
  startMs: 120_000,
  removeMs: 60_000,
  pullStallMs: 120_000,
  credentialsMs: 10_000,
}

/**
 * - `unreachable`: no connection, or it broke; the engine may or may not have done what was asked.
 * - `deadline`: no answer in time; the same holds.
 * - `aborted`: our own signal; the same holds.
 * - `refused`: the engine answered, with `status` and a sentence.
 */
export type EngineErrorKind = 'unreachable' | 'deadline' | 'aborted' | 'refused'

export class EngineError extends Error {
  readonly kind: EngineErrorKind
  /** HTTP status when refused, else 0. */
  readonly status: number

  constructor(kind: EngineErrorKind, message: string, status = 0) {
    super(message)
    this.name = 'EngineError'
    this.kind = kind
    this.status = status
  }
}

/** Whether the engine refused with this status. */
export const isRefusal = (error: unknown, status: number): boolean =>
  error instanceof EngineError && error.kind === 'refused' && error.status === status

/** Whether the engine could not be asked, so that what was asked may have been done or not. */
export const isSilence = (error: unknown): boolean => error instanceof EngineError && error.kind !== 'refused'

/** Whether the engine failed at what was asked, so that asking again may help. */
export const isInnerError = (error: unknown): boolean =>
  error instanceof EngineError && error.kind === 'refused' && error.status >= 500

type Filters = Record<string, string[]>
/** What dockerode can and its types do not know: without the signal a hanging engine would collect our connections. */
interface Abortable {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>
  version(options: { abortSignal: AbortSignal }): Promise<{ Version: string }>
}
interface Dialled {
  readonly path: string
  readonly options: Record<string, unknown>
}

export class Engine {
  /** Where the engine is, for people. */
  readonly address: string
  readonly deadlines: EngineDeadlines
  readonly #docker: Docker
  readonly #requests: Requests
  readonly #clock: Clock

  constructor(options: {
    readonly socketPath?: string | undefined
    readonly clock: Clock
    readonly deadlines: EngineDeadlines
  }) {
    this.#clock = options.clock
    this.deadlines = options.deadlines
    this.address = options.socketPath ?? process.env.DOCKER_HOST ?? '/var/run/docker.sock'
    this.#requests = createRequests(options.socketPath)
    this.#docker = this.#requests.docker
  }

  /** Cuts every connection. */
  close(): void {
    this.#requests.close()
  }

  async ping(): Promise<void> {
    const docker = this.#docker as unknown as Abortable
    await this.#call('ping', this.deadlines.probeMs, (abortSignal) => docker.ping({ abortSignal }))
  }

  /** The engine's version, such as `20.10.24`. */
  async version(): Promise<string> {
    const docker = this.#docker as unknown as Abortable
    return (await this.#call('version', this.deadlines.probeMs, (abortSignal) => docker.version({ abortSignal })))
      .Version
  }

  /** Creates a container and gives its id. */
  async create(options: Docker.ContainerCreateOptions, signal: AbortSignal): Promise<string> {
    const { name, ...body } = options
    // Told apart, or dockerode writes all of it into the address as well: secrets where they are logged, and it has a limit.
    const parts = { _query: { name }, _body: body }
    const create = (abortSignal: AbortSignal) => this.#docker.createContainer({ ...parts, abortSignal } as object)
    return (await this.#call('create', this.deadlines.createMs, create, signal)).id
  }

  /** Starts a container. One that runs already is fine. Takes no signal: an abort would leave the outcome unknown. */
  async start(id: string): Promise<void> {
    const container = this.#docker.getContainer(id)
    await this.#call('start', this.deadlines.startMs, (abortSignal) => container.start({ abortSignal })).catch(
      (error: unknown) => {
        if (!isRefusal(error, 304)) throw error
      },
    )
  }

  /** By id or name; undefined if there is none. */
  async inspect(idOrName: string): Promise<ContainerView | undefined> {
    const container = this.#docker.getContainer(idOrName)
    try {
      return viewOf(
        await this.#call('inspect', this.deadlines.requestMs, (abortSignal) => container.inspect({ abortSignal })),
      )
    } catch (error) {
      if (isRefusal(error, 404)) return undefined
      throw error
    }
  }

  /** Every container that bears all `labels`, running or not. */
  async list(labels: readonly string[]): Promise<Docker.ContainerInfo[]> {
    return this.#call('list', this.deadlines.requestMs, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters: { label: [...labels] }, abortSignal }),
    )
  }

  /** Sends a signal. False if it did not run (any more). */
  async kill(id: string, signal: string): Promise<boolean> {
    const container = this.#docker.getContainer(id)
    try {
      await this.#call('kill', this.deadlines.requestMs, (abortSignal) => container.kill({ signal, abortSignal }))
      return true
    } catch (error) {
      if (isRefusal(error, 409) || isRefusal(error, 404)) return false
      throw error
    }
  }

  /** Removes a container with its anonymous volumes; false if there was none. Without `force`, 409 when it runs. */
  async remove(id: string, options: { readonly force: boolean }): Promise<boolean> {
    const container = this.#docker.getContainer(id)
    try {
      await this.#call('remove', this.deadlines.removeMs, (abortSignal) =>
        container.remove({ v: true, force: options.force, abortSignal }),
      )
      return true
    } catch (error) {
      if (isRefusal(error, 404)) return false
      throw error
    }
  }

  /** Begins a pull: a stream of JSON lines, in which also its failure comes. Its end is the pull's end. */
  async pull(repository: string, tag: string, auth: object | undefined, signal: AbortSignal): Promise<Readable> {
    const pull = async (abortSignal: AbortSignal) => {
      const options = { fromImage: repository, tag, abortSignal, ...(auth === undefined ? {} : { authconfig: auth }) }
      return (await this.#docker.createImage(options as object)) as unknown as Readable
    }
    return this.#stream('pull', this.deadlines.pullStallMs, pull, signal)
  }

  /** The engine's own events, as JSON lines; with `until` (seconds) those of the past, else from now on. */
  async events(filters: Filters, signal: AbortSignal, span?: { since: number; until: number }): Promise<Readable> {
    const events = async (abortSignal: AbortSignal) =>
      (await this.#docker.getEvents({ filters, abortSignal, ...span })) as Readable
    return this.#stream('events', this.deadlines.requestMs, events, signal)
  }

  /** The output as a stream of 8-byte frames. Undefined if there is no such container, or it is being removed. */
  async logs(
    id: string,
    options: { follow: boolean; timestamps: boolean; since?: string | undefined; tail?: number },
    signal: AbortSignal,
  ): Promise<Readable | undefined> {
    const query: Record<string, unknown> = { stdout: true, stderr: true, ...options }
    if (options.since === undefined) delete query.since
    try {
      // dockerode's own `logs` gathers everything in memory unless it follows.
      return await this.#stream(
        'logs',
        this.deadlines.requestMs,
        (abortSignal) => this.#dial({ path: `/containers/${id}/logs?`, options: query }, abortSignal),
        signal,
      )
    } catch (error) {
      if (isRefusal(error, 404) || isRefusal(error, 409)) return undefined
      throw error
    }
  }

  /** What a container uses now, as the engine says it; undefined if there is none. Without waiting for a second sample. */
  async stats(id: string): Promise<ContainerStats | undefined> {
    const container = this.#docker.getContainer(id)
    const options = { stream: false, 'one-shot': true } as const
    try {
      return (await this.#call('stats', this.deadlines.requestMs, (abortSignal) =>
        container.stats({ ...options, abortSignal } as { stream: false }),
      )) as ContainerStats
    } catch (error) {
      if (isRefusal(error, 404) || isRefusal(error, 409)) return undefined
      throw error
    }
  }

  /** Prepares a command in a running container, and gives the id by which it is started. */
  async createExec(id: string, command: readonly string[]): Promise<string> {
    const options = { Cmd: [...command], AttachStdout: true, AttachStderr: true, Tty: false }
    const create = (abortSignal: AbortSignal) => this.#docker.getContainer(id).exec({ ...options, abortSignal })
    return (await this.#call('exec', this.deadlines.requestMs, create)).id
  }

  /** Starts it: its output as a stream of 8-byte frames, which ends with it. */
  async startExec(execId: string, signal: AbortSignal): Promise<Readable> {
    const start = async (abortSignal: AbortSignal) =>
      (await this.#docker.getExec(execId).start({ hijack: false, stdin: false, abortSignal })) as Readable
    return this.#stream('exec', this.deadlines.requestMs, start, signal)
  }

  /** `pid` is the engine's machine's own number of the process. */
  async inspectExec(execId: string): Promise<{ isRunning: boolean; exitCode?: number; pid?: number }> {
    const inspect = (abortSignal: AbortSignal) => this.#docker.getExec(execId).inspect({ abortSignal })
    const { Running, ExitCode, Pid } = await this.#call('exec', this.deadlines.requestMs, inspect)
    return {
      isRunning: Running,
      ...(ExitCode === null ? {} : { exitCode: ExitCode }),
      ...(Pid > 0 ? { pid: Pid } : {}),
    }
  }

  #dial(request: Dialled, abortSignal: AbortSignal): Promise<Readable> {
    const { modem } = this.#docker as {
      modem: { dial(options: object, done: (e: unknown, r: Readable) => void): void }
    }
    return new Promise((resolve, reject) => {
      const statusCodes = { 200: true, 404: 'not found', 409: 'conflict', 500: 'server error' }
      modem.dial({ ...request, method: 'GET', isStream: true, statusCodes, abortSignal }, (error, response) =>
        error ? reject(error) : resolve(response),
      )
    })
  }

  /** Runs `work` with a signal that fires after `deadlineMs`: for streams that must come to an end. */
  async within<T>(what: string, deadlineMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#call(what, deadlineMs, work)
  }

  /** A stream whose headers have a deadline, and which `signal` cuts at any time. */
  async #stream(
    what: string,
    deadlineMs: number,
    run: (signal: AbortSignal) => Promise<Readable>,
    signal: AbortSignal,
  ): Promise<Readable> {
    const stream = await this.#call(what, deadlineMs, run, signal)
    // Without a listener an error that nobody iterates over yet would kill the process.
    stream.on('error', () => {})
    const cut = () => stream.destroy(new EngineError('aborted', `${what} was aborted`))
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut)
    stream.once('close', () => signal.removeEventListener('abort', cut))
    return stream
  }

  #call<T>(
    what: string,
    deadlineMs: number,
    run: (signal: AbortSignal) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (outer?.aborted) return reject(new EngineError('aborted', `${what} was aborted`))
      const controller = new AbortController()
      const settle = (then: () => void) => {
        cancel()
        outer?.removeEventListener('abort', onAbort)
        then()
      }
      const giveUp = (error: EngineError) => {
        settle(() => reject(error))
        controller.abort()
      }
      const onAbort = () => giveUp(new EngineError('aborted', `${what} was aborted`))
      const cancel = this.#clock.setTimer(() => {
        giveUp(new EngineError('deadline', `the Docker engine did not answer "${what}" within ${deadlineMs / 1_000} s`))
      }, deadlineMs)
      outer?.addEventListener('abort', onAbort)
      run(controller.signal).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(this.#error(error))),
      )
    })
  }

  #error(error: unknown): EngineError {
    if (error instanceof EngineError) return error
    const failure = error as { statusCode?: number; json?: { message?: unknown } | null; code?: string }
    const text = error instanceof Error ? error.message : String(error)
    if (typeof failure.statusCode === 'number') {
      // dockerode's own sentence is misleading (a missing image is "no such container"): the engine's is in the JSON.
      const message = failure.json?.message ?? text.replace(/^\(HTTP code \d+\) .*? - /, '').trim()
      return new EngineError('refused', String(message) || `HTTP code ${failure.statusCode}`, failure.statusCode)
    }
    const advice =
      failure.code === 'EACCES'
        ? `no permission to use the Docker engine at ${this.address}: add this user to the group "docker"`
        : failure.code === 'ENOENT' || failure.code === 'ECONNREFUSED'
          ? `no Docker engine answers at ${this.address}: start it`
          : `the connection to the Docker engine at ${this.address} broke (${text})`
    return new EngineError('unreachable', advice)
  }
}
