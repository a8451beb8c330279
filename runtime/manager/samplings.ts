/**
 * What tasks use, on its way from their workers to those who watch. A task is measured once however many watch it, and
 * not at all while nobody does; the manager keeps the newest sample only, and none when the last watcher has gone.
 */
import type { TaskView } from '../../actors/model.ts'
import { type ErrorCode, errorCodes, TroupeError } from '../../actors/protocol/errors.ts'
import type { WorkerMessages } from '../../actors/protocol/session.ts'
import type { AttemptStats } from '../../actors/usage.ts'
import type { Clock } from '../clock.ts'
import type { WorkerSession } from './worker-session.ts'

export const samplingLimits = {
  /** Between two samples, in milliseconds. */
  everyMs: 1_000,
  /** How long a worker may take to say anything at all to a request for samples, in milliseconds: one of before says nothing. */
  answerMs: 10_000,
} as const

/** Somebody who watches what a task uses. */
export interface StatsReader {
  readonly taskId: string
  readonly onSample: (attempt: number, sample: AttemptStats) => void
  /** Called once, as the last. */
  readonly onEnd: (error?: TroupeError) => void
}

/** One task that is watched. */
interface Sampling {
  /** Of the stream that its worker sends; another one for each that is opened, so that none is taken for the next. */
  stream: string
  readonly taskId: string
  readonly readers: Set<StatsReader>
  view: TaskView
  /** Whom it is measured by now. */
  session: WorkerSession | undefined
  /** The attempt that is measured or was last; 0 before the first. */
  attempt: number
  /** Its worker has said that it has ended: only the next one is worth asking for. */
  over: boolean
  newest: AttemptStats | undefined
  cancelAnswer: () => void
}

export interface SamplingsOptions {
  readonly clock: Clock
  readonly sessionOf: (nodeId: string) => WorkerSession | undefined
}

export class Samplings {
  readonly #options: SamplingsOptions
  readonly #byTask = new Map<string, Sampling>()
  readonly #byStream = new Map<string, Sampling>()
  #count = 0

  constructor(options: SamplingsOptions) {
    this.#options = options
  }

  /** Tasks that are watched. */
  get count(): number {
    return this.#byTask.size
  }

  /** Begins to watch; answers what ends it. `view` is where the task stands, durably. */
  open(reader: StatsReader, view: TaskView): () => void {
    let sampling = this.#byTask.get(reader.taskId)
    if (sampling === undefined) {
      sampling = {
        ...{ stream: '', taskId: reader.taskId, readers: new Set(), view, session: undefined },
        ...{ attempt: 0, over: false, newest: undefined, cancelAnswer: () => {} },
      }
      this.#byTask.set(sampling.taskId, sampling)
    }
    sampling.readers.add(reader)
    if (sampling.newest !== undefined) reader.onSample(sampling.attempt, sampling.newest)
    this.#advance(sampling, view)
    const watched = sampling
    return () => {
      watched.readers.delete(reader)
      if (watched.readers.size === 0) this.#forget(watched)
    }
  }

  /** A task has changed. */
  onNews(view: TaskView): void {
    const sampling = this.#byTask.get(view.id)
    if (sampling !== undefined) this.#advance(sampling, view)
  }

  onWorker(session: WorkerSession, message: WorkerMessages['StatsData'] | WorkerMessages['StatsEnded']): void {
    const sampling = this.#byStream.get(message.stream)
    if (sampling === undefined || sampling.session !== session) return
    sampling.cancelAnswer()
    if (message.type === 'StatsData') {
      const { sample } = message
      if (sample === undefined) return
      sampling.newest = sample
      for (const reader of [...sampling.readers]) reader.onSample(sampling.attempt, sample)
    } else if (message.error !== undefined) {
      const { code = 'Unavailable', error } = message
      this.#end(sampling, new TroupeError(Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'Unavailable', error))
    } else {
      this.#stop(sampling)
      sampling.over = true
    }
  }

  /** A worker was welcomed: what was measured by it before, or waits for it, goes on. */
  onWelcome({ nodeId }: WorkerSession): void {
    for (const sampling of [...this.#byTask.values()]) {
      if (sampling.view.nodeId === nodeId) this.#advance(sampling, sampling.view)
    }
  }

  onWorkerGone(session: WorkerSession): void {
    for (const sampling of [...this.#byTask.values()]) {
      if (sampling.session !== session) continue
      this.#stop(sampling)
      // Another session may have taken its place already.
      this.#advance(sampling, sampling.view)
    }
  }

  /** Nothing goes on by itself any more. */
  close(): void {
    for (const sampling of [...this.#byTask.values()]) this.#forget(sampling)
  }

  /** Measures the newest attempt once it runs, or ends with the task. */
  #advance(sampling: Sampling, view: TaskView): void {
    sampling.view = view
    if (view.state === 'Completed' || view.state === 'Failed') {
      this.#end(sampling)
      return
    }
    if (view.attempt > sampling.attempt) {
      this.#close(sampling)
      sampling.attempt = view.attempt
      sampling.over = false
    }
    if (sampling.session !== undefined || sampling.over || view.state !== 'Running' || view.nodeId === null) return
    const session = this.#options.sessionOf(view.nodeId)
    // Out of reach: it goes on when the worker is back.
    if (session?.channel.closed === false) this.#begin(sampling, session)
  }

  #begin(sampling: Sampling, session: WorkerSession): void {
    const { everyMs, answerMs } = samplingLimits
    const { taskId, attempt } = sampling
    this.#count += 1
    const stream = String(this.#count)
    sampling.stream = stream
    sampling.session = session
    this.#byStream.set(stream, sampling)
    session.channel.send({ type: 'OpenStats', stream, taskId, attempt, everyMs })
    const message = `node ${session.name} does not say what its tasks use; its worker may be of an older version: start it with a newer one`
    sampling.cancelAnswer = this.#options.clock.setTimer(() => {
      this.#end(sampling, new TroupeError('Invalid', message))
    }, answerMs)
  }

  #end(sampling: Sampling, error?: TroupeError): void {
    this.#forget(sampling)
    for (const reader of sampling.readers) reader.onEnd(error)
  }

  #forget(sampling: Sampling): void {
    this.#close(sampling)
    if (this.#byTask.get(sampling.taskId) === sampling) this.#byTask.delete(sampling.taskId)
  }

  /** Tells the worker, if one measures it, that nobody watches. */
  #close(sampling: Sampling): void {
    sampling.session?.channel.send({ type: 'CloseStats', stream: sampling.stream })
    this.#stop(sampling)
  }

  #stop(sampling: Sampling): void {
    sampling.cancelAnswer()
    this.#byStream.delete(sampling.stream)
    sampling.session = undefined
    sampling.newest = undefined
  }
}
