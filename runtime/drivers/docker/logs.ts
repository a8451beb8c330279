/** The output of attempts: from the engine while the container is there, from the saved file after it. */
import type { AttemptKey } from '../../../actors/model.ts'
import type { DriverChunk } from '../driver.ts'
import { decodeFrames, outputExists, outputPath, readOutput, splitChunk } from '../output-file.ts'
import type { ContainerView } from './container.ts'
import { type Engine, EngineError, isSilence } from './engine.ts'
import { DriverClosed, type EngineWatch } from './events.ts'
import { containerName, isAttempt } from './identity.ts'
import type { Reports } from './report.ts'

/** Before a follower asks again: the engine's stream ended or broke though the container runs. */
const followAgainMs = 200

export interface LogOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
  readonly outputDir: string
}

/** Where a reader is: the time stamp of the last frame, how many frames had it, and the bytes so far. */
interface Cursor {
  stamp: string
  frames: number
  bytes: number
}

export class Logs {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
  }

  /** See `Driver.logs`. */
  async *read(key: AttemptKey, follow: boolean, signal: AbortSignal): AsyncGenerator<DriverChunk, void, undefined> {
    const { reports, outputDir } = this.#options
    const cursor: Cursor = { stamp: '', frames: 0, bytes: 0 }
    const file = outputPath(outputDir, key)
    try {
      for (;;) {
        const starting = reports.find(key)?.starting
        if (follow && starting) await orAborted(starting.done, signal)
        if (signal.aborted) return
        // Once the file is there it holds all, and needs no engine.
        const view = (await outputExists(file)) ? undefined : await this.#find(key, follow, signal)
        if (view === undefined) return yield* readOutput(file, { signal, skipBytes: cursor.bytes })
        const isWhole = yield* this.#live(view, follow && view.phase === 'running', cursor, signal)
        if (signal.aborted || (isWhole && (!follow || view.phase !== 'running'))) return
        await orAborted(this.#options.watch.pause(followAgainMs), signal)
      }
    } catch (error) {
      if (!signal.aborted && !(error instanceof DriverClosed)) throw error
    }
  }

  async #find(key: AttemptKey, follow: boolean, signal: AbortSignal): Promise<ContainerView | undefined> {
    const { engine, reports, watch } = this.#options
    const name = containerName(reports.scope, key)
    const view = await (follow ? orAborted(watch.inspect(name), signal) : engine.inspect(name))
    return view && isAttempt(reports.scope, key, view.labels) ? view : undefined
  }

  /**
   * Yields what the engine has beyond the cursor. True if the stream was whole; false if it broke and a follower must
   * ask again. Time stamps tell where it was: parts of one long line share theirs, so they are counted.
   */
  async *#live(
    view: ContainerView,
    follow: boolean,
    cursor: Cursor,
    signal: AbortSignal,
  ): AsyncGenerator<DriverChunk, boolean, undefined> {
    const from = cursor.stamp
    let skip = cursor.frames
    try {
      const since = from === '' ? undefined : secondsOf(from)
      const stream = await this.#options.engine.logs(view.id, { follow, timestamps: true, since }, signal)
      if (stream === undefined) return false
      for await (const frame of decodeFrames(stream)) {
        const { stamp, data } = splitStamp(frame.data)
        if (stamp === from && skip > 0) {
          skip--
          continue
        }
        cursor.frames = stamp === cursor.stamp ? cursor.frames + 1 : 1
        cursor.stamp = stamp
        cursor.bytes += data.length
        for (const chunk of splitChunk({ stream: frame.stream, data })) {
          yield chunk
          if (signal.aborted) return true
        }
      }
      return true
    } catch (error) {
      const isCut = isSilence(error) || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      if (isCut && follow) return false
      throw isCut && !(error instanceof EngineError)
        ? new EngineError('unreachable', `the output broke (${error})`)
        : error
    }
  }
}

/** `2026-11-22T18:05:38.444389011Z text` */
function splitStamp(data: Uint8Array): { stamp: string; data: Uint8Array } {
  const space = data.indexOf(0x20)
  return { stamp: Buffer.from(data.subarray(0, space)).toString('latin1'), data: data.subarray(space + 1) }
}

/** The engine's form of a moment: seconds and nanoseconds. */
function secondsOf(stamp: string): string {
  const [whole = '', fraction = '0Z'] = stamp.split('.')
  return `${Date.parse(`${whole}Z`) / 1_000}.${fraction.replace('Z', '').padEnd(9, '0')}`
}

/** Waits for `work`, or for the signal: then undefined. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const leave = () => resolve(undefined)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
