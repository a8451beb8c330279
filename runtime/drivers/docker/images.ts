/** Fetches images: one pull of an image at a time, shared by all starts that wait for it. */
import type { Readable } from 'node:stream'
import type { Clock } from '../../clock.ts'
import type { Credentials } from './credentials.ts'
import { type Engine, EngineError } from './engine.ts'
import { clean, failureOf, StartFailure, sentence, toStartFailure } from './failure.ts'
import { jsonLines } from './json-lines.ts'

/** News of a pull are for people: at most one so often, in milliseconds. */
const progressEveryMs = 1_000

interface SharedPull {
  readonly controller: AbortController
  readonly waiting: Set<(text: string) => void>
  readonly done: Promise<void>
}

interface PullLine {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
  readonly errorDetail?: { readonly message?: string }
}

export class Images {
  readonly #engine: Engine
  readonly #credentials: Credentials
  readonly #clock: Clock
  readonly #pulls = new Map<string, SharedPull>()

  constructor(options: { readonly engine: Engine; readonly credentials: Credentials; readonly clock: Clock }) {
    this.#engine = options.engine
    this.#credentials = options.credentials
    this.#clock = options.clock
  }

  /**
   * Fetches `image`, or joins the pull of it that is under way. `signal` ends the wait of this caller; the pull itself
   * ends when nobody waits any more. Rejects with StartFailure or EngineError.
   */
  async pull(image: string, onProgress: (text: string) => void, signal: AbortSignal): Promise<void> {
    const shared = this.#pulls.get(image) ?? this.#begin(image)
    shared.waiting.add(onProgress)
    try {
      await untilAborted(shared.done, signal)
    } finally {
      shared.waiting.delete(onProgress)
      if (shared.waiting.size === 0) {
        if (this.#pulls.get(image) === shared) this.#pulls.delete(image)
        shared.controller.abort()
      }
    }
  }

  #begin(image: string): SharedPull {
    const controller = new AbortController()
    const waiting = new Set<(text: string) => void>()
    const done = this.#fetch(image, waiting, controller)
    // Whoever waits hears of a failure; when nobody waits any more it must not become an unhandled rejection.
    done.catch(() => {})
    const shared = { controller, waiting, done }
    this.#pulls.set(image, shared)
    return shared
  }

  async #fetch(image: string, waiting: Set<(text: string) => void>, controller: AbortController): Promise<void> {
    const { repository, tag } = splitReference(image)
    const auth = await this.#credentials.of(image)
    const stallMs = this.#engine.deadlines.pullStallMs
    let stalled = false
    const watchdog = () =>
      this.#clock.setTimer(() => {
        stalled = true
        controller.abort()
      }, stallMs)
    let cancel = watchdog()
    try {
      const stream = await this.#engine.pull(repository, tag, auth, controller.signal)
      await this.#read(stream, waiting, () => {
        cancel()
        cancel = watchdog()
      })
    } catch (error) {
      if (!stalled) throw pullFailure(error)
      throw new StartFailure('pull-failed', true, `The pull of ${image} made no progress for ${stallMs / 1_000} s.`)
    } finally {
      cancel()
    }
  }

  /** A pull is answered with 200 before it begins: its failure is a line of the stream. */
  async #read(stream: Readable, waiting: Set<(text: string) => void>, onLine: () => void): Promise<void> {
    const layers = new Map<string, PullLine>()
    let toldAtMs = Number.NEGATIVE_INFINITY
    try {
      for await (const line of jsonLines<PullLine>(stream)) {
        onLine()
        const error = line.errorDetail?.message ?? line.error
        if (error !== undefined) throw new EngineError('refused', error, 500)
        if (line.id !== undefined) layers.set(line.id, line)
        const nowMs = this.#clock.uptimeMs()
        if (nowMs - toldAtMs < progressEveryMs) continue
        toldAtMs = nowMs
        const text = progressText(line, layers)
        for (const tell of waiting) tell(text)
      }
    } catch (error) {
      if (error instanceof EngineError) throw error
      throw new EngineError('unreachable', `the connection to the Docker engine broke during the pull (${error})`)
    }
  }
}

/** An id names what is in this engine; no registry knows it. */
export const isImageId = (image: string): boolean => /^(sha256:)?[0-9a-f]{64}$/.test(image)

/** The engine wants the tag or digest apart; a colon before a slash belongs to the registry's port. */
export function splitReference(image: string): { repository: string; tag: string } {
  const at = image.indexOf('@')
  if (at >= 0) return { repository: image.slice(0, at), tag: image.slice(at + 1) }
  const colon = image.lastIndexOf(':')
  if (colon < 0 || image.includes('/', colon)) return { repository: image, tag: 'latest' }
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
}

/** A registry that is down or busy may answer the next time; an image that is not there or not ours will not. */
function pullFailure(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.kind !== 'refused') return toStartFailure(error) ?? error
  const failure = failureOf(error.message, error.status)
  if (failure.code === 'no-such-image' || failure.code === 'bad-reference') return failure
  const text = sentence(clean(error.message))
  if (/unauthorized|authentication required|no basic auth credentials|denied|forbidden/i.test(text)) {
    const advice = 'Log in to it with "docker login" as the user of the worker.'
    return new StartFailure('pull-failed', false, `The registry refuses the worker: ${text} ${advice}`)
  }
  if (/not found/i.test(text)) return new StartFailure('no-such-image', false, `There is no such image: ${text}`)
  return new StartFailure('pull-failed', true, `The image could not be pulled: ${text}`)
}

function progressText(line: PullLine, layers: ReadonlyMap<string, PullLine>): string {
  const known = [...layers.values()].filter((layer) => !/^Pulling from/.test(layer.status ?? ''))
  if (known.length === 0) return line.status ?? 'Pulling'
  const ready = known.filter((layer) => /^(Pull complete|Already exists)$/.test(layer.status ?? '')).length
  const loading = known.filter((layer) => layer.status === 'Downloading')
  const bytes = (which: 'current' | 'total') =>
    loading.reduce((sum, layer) => sum + (layer.progressDetail?.[which] ?? 0), 0)
  const amount = loading.length === 0 ? '' : `, ${megabytes(bytes('current'))} of ${megabytes(bytes('total'))} MB`
  return `${ready} of ${known.length} layers${amount}`
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new EngineError('aborted', 'the wait for a pull was aborted'))
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
