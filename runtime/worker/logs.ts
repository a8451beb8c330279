/**
 * Streams of attempts' output to the manager. Each sends as many bytes as it has credit for, behind everything that is
 * more urgent, and ends with its session.
 */
import type { AttemptKey } from '../../actors/model.ts'
import type { ManagerMessages, OutputChunk, WorkerMessage } from '../../actors/protocol/session.ts'
import type { Driver, DriverChunk } from '../drivers/driver.ts'
import type { Logger } from '../logger.ts'
import { type Attempts, contextOf, stateOf } from './attempts.ts'

export const logLimits = {
  /** Streams open at once. */
  logStreamsMax: 256,
  /** Bytes in one message: two of them, or one in base64, fit a frame of `logFrameBytesMax`. */
  chunkBytesMax: 15 * 1_024,
  /** Characters of an error that the wire takes. */
  errorCharsMax: 4_096,
} as const

interface Stream {
  readonly id: string
  readonly key: AttemptKey
  readonly follow: boolean
  readonly controller: AbortController
  creditBytes: number
  /** Called when there may be something to go on with: credit, room, a start, or the end of it all. */
  wake: () => void
}

export interface LogsOptions {
  readonly attempts: Attempts
  readonly drivers: ReadonlyMap<string, Driver>
  /** False = held back, until `drained`. */
  readonly send: (message: WorkerMessage) => boolean
  readonly logger: Logger
}

export class Logs {
  readonly #options: LogsOptions
  readonly #streams = new Map<string, Stream>()
  #held = false

  constructor(options: LogsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#streams.size
  }

  open({ stream: id, taskId, attempt, follow, creditBytes }: ManagerMessages['OpenLog']): void {
    if (this.#streams.has(id)) {
      this.#options.logger.warn(`a log stream ${id} is open already; the second is ignored`)
      return
    }
    if (this.#streams.size >= logLimits.logStreamsMax) {
      const error = `this worker has ${logLimits.logStreamsMax} log streams open; close one, or try again later`
      this.#options.send({ type: 'LogEnded', stream: id, error })
      return
    }
    const controller = new AbortController()
    const stream = { id, key: { taskId, attempt }, follow, controller, creditBytes, wake: () => {} }
    this.#streams.set(id, stream)
    void this.#run(stream)
  }

  credit({ stream: id, bytes }: ManagerMessages['CreditLog']): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    stream.creditBytes += bytes
    stream.wake()
  }

  /** Nothing more of it is sent, not even its end. */
  close(id: string): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    this.#streams.delete(id)
    stream.controller.abort()
    stream.wake()
  }

  closeAll(): void {
    this.#held = false
    for (const id of [...this.#streams.keys()]) this.close(id)
  }

  /** The connection takes more again. */
  drained(): void {
    this.#held = false
    this.#wakeAll()
  }

  /** An attempt has changed; who waits for its start looks again. */
  changed(): void {
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const stream of this.#streams.values()) stream.wake()
  }

  async #run(stream: Stream): Promise<void> {
    let error: string | undefined
    let isMissing = false
    try {
      await this.#until(stream, () => !stream.follow || this.#hasBegun(stream.key))
      isMissing = !(await this.#read(stream)) && (await this.#isMissing(stream.key))
    } catch (thrown) {
      error = `reading the output failed: ${(thrown as Error).message}`.slice(0, logLimits.errorCharsMax)
    }
    if (this.#streams.get(stream.id) !== stream) return
    this.#streams.delete(stream.id)
    const how = { ...(error === undefined ? {} : { error }), ...(isMissing ? { missing: true } : {}) }
    this.#options.send({ type: 'LogEnded', stream: stream.id, ...how })
  }

  /** Whether no driver keeps output of it any more. Of what has not ended here nobody asks. */
  async #isMissing(key: AttemptKey): Promise<boolean> {
    if (this.#options.attempts.get(key) !== undefined) return false
    for (const driver of this.#driversOf(key)) if ((await driver.keeps?.(key)) !== false) return false
    return true
  }

  /** A driver knows nothing yet of an attempt that is still to be started. */
  #hasBegun(key: AttemptKey): boolean {
    const actor = this.#options.attempts.get(key)
    return actor === undefined || !['Starting', 'Pulling'].includes(stateOf(actor))
  }

  /** Whether there was anything. */
  async #read(stream: Stream): Promise<boolean> {
    const { signal } = stream.controller
    for (const driver of this.#driversOf(stream.key)) {
      if (signal.aborted) return true
      let found = false
      for await (const chunk of driver.logs(stream.key, { follow: stream.follow, signal })) {
        found = true
        await this.#send(stream, chunk)
        if (signal.aborted) return true
      }
      if (found) return true
    }
    return false
  }

  /** The one that runs it; or, when it was removed and only its output is left, whichever has it. */
  #driversOf(key: AttemptKey): Driver[] {
    const actor = this.#options.attempts.get(key)
    const own = actor === undefined ? undefined : contextOf(actor).driver
    return [...this.#options.drivers]
      .filter(([name, { supports }]) => supports.logs && (own === undefined || own === name))
      .map(([, driver]) => driver)
  }

  async #send(stream: Stream, { stream: source, data, lostBytes }: DriverChunk): Promise<void> {
    let at = 0
    do {
      await this.#until(stream, () => stream.creditBytes > 0 && !this.#held)
      if (stream.controller.signal.aborted) return
      const bytes = Math.min(data.length - at, stream.creditBytes, logLimits.chunkBytesMax)
      // A copy: the message may wait its turn, and the bytes are the driver's.
      const chunk: OutputChunk = { stream: source, data: data.slice(at, at + bytes) }
      if (at === 0 && lostBytes !== undefined) chunk.lostBytes = lostBytes
      at += bytes
      stream.creditBytes -= bytes
      this.#held = !this.#options.send({ type: 'LogData', stream: stream.id, chunks: [chunk] })
    } while (at < data.length)
  }

  /** Waits until it holds or the stream is closed. */
  async #until(stream: Stream, holds: () => boolean): Promise<void> {
    while (!holds() && !stream.controller.signal.aborted) {
      await new Promise<void>((resolve) => {
        stream.wake = resolve
      })
    }
  }
}
