/** The output of attempts: from the engine while the container is there, from the saved file after it. */
import type { AttemptKey } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { DriverChunk } from '../driver.ts'
import { decodeBlocks, joinChunks, outputExists, outputPath, readOutput } from '../output-file.ts'
import type { ContainerView } from './container.ts'
import { type Engine, EngineError, isSilence } from './engine.ts'
import { DriverClosed, type EngineWatch } from './events.ts'
import { containerName, isAttempt } from './identity.ts'
import type { Reports } from './report.ts'

/** Before a follower asks again: the engine's stream ended or broke though the container runs. */
const followAgainMs = 200
/**
 * A follower of the engine's that falls behind goes on with the engine's newest file, without a word on those between.
 * One reading without following opens all files at its start and misses none. So a reader that is later than this does
 * that until it is on time again: well before a container fills two files.
 */
const behindMs = 500

export interface LogOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
  readonly clock: Clock
  readonly outputDir: string
}

/** Where a reader is: the time stamp of the last frame, how many frames had it, and the bytes so far. */
interface Cursor {
  stamp: string
  frames: number
  readonly bytes: Record<DriverChunk['stream'], number>
  /** The streams of which something may be missing before their next chunk. */
  readonly gaps: Set<DriverChunk['stream']>
  /** Something may be missing before where it is, so `bytes` tells no place. */
  isUnsure: boolean
}

const newCursor = (): Cursor => ({
  stamp: '',
  frames: 0,
  bytes: { stdout: 0, stderr: 0 },
  gaps: new Set(),
  isUnsure: false,
})

/** What is read: what there is now; the same, of one that runs and is followed on; or what comes as well. */
type Mode = 'once' | 'catch-up' | 'follow'

/** How a reading ended: all was read, it broke and must be asked for again, or its reader fell behind. */
type Reading = 'whole' | 'broken' | 'behind'

export class Logs {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
  }

  /** See `Driver.logs`. */
  async *read(key: AttemptKey, follow: boolean, signal: AbortSignal): AsyncGenerator<DriverChunk, void, undefined> {
    const { reports, outputDir } = this.#options
    const cursor = newCursor()
    let isBehind = false
    const file = outputPath(outputDir, key)
    try {
      for (;;) {
        const starting = reports.find(key)?.starting
        if (follow && starting) await orAborted(starting.done, signal)
        if (signal.aborted) return
        // Once the file is there it holds all, and needs no engine.
        const view = (await outputExists(file)) ? undefined : await this.#find(key, follow, signal)
        if (view === undefined) return yield* this.#saved(file, cursor, signal)
        const mode: Mode = !follow || view.phase !== 'running' ? 'once' : isBehind ? 'catch-up' : 'follow'
        const reading: Reading = yield* this.#live(view, mode, cursor, signal)
        if (signal.aborted || (reading === 'whole' && mode === 'once')) return
        isBehind = reading === 'behind'
        if (isBehind || (mode === 'catch-up' && reading === 'whole')) continue
        await orAborted(this.#options.watch.pause(followAgainMs), signal)
      }
    } catch (error) {
      if (!signal.aborted && !(error instanceof DriverClosed)) throw error
    }
  }

  /** Whether there is anything to be read, be it empty. Rejects if the engine cannot be asked. */
  async exists(key: AttemptKey): Promise<boolean> {
    if (await outputExists(outputPath(this.#options.outputDir, key))) return true
    return (await this.#find(key, false, new AbortController().signal)) !== undefined
  }

  async #find(key: AttemptKey, follow: boolean, signal: AbortSignal): Promise<ContainerView | undefined> {
    const { engine, reports, watch } = this.#options
    const name = containerName(reports.scope, key)
    const view = await (follow ? orAborted(watch.inspect(name), signal) : engine.inspect(name))
    return view && isAttempt(reports.scope, key, view.labels) ? view : undefined
  }

  /** What was saved at the removal, beyond the cursor; all of it if nobody knows where that is. */
  async *#saved(file: string, cursor: Cursor, signal: AbortSignal): AsyncGenerator<DriverChunk, void, undefined> {
    const skip = cursor.isUnsure ? {} : { skipBytes: cursor.bytes }
    for await (const chunk of readOutput(file, { signal, ...skip })) {
      const isGap = cursor.isUnsure && cursor.bytes[chunk.stream] > 0
      if (isGap) cursor.bytes[chunk.stream] = 0
      yield isGap ? { ...chunk, lostBytes: 0 } : chunk
    }
  }

  /**
   * Yields what the engine has beyond the cursor. Time stamps tell where it was: parts of one long line share theirs,
   * so they are counted. If the engine has not even the last frame any more, others may be gone with it.
   */
  async *#live(
    view: ContainerView,
    mode: Mode,
    cursor: Cursor,
    signal: AbortSignal,
  ): AsyncGenerator<DriverChunk, Reading, undefined> {
    const from = cursor.stamp
    let skip = cursor.frames
    const isLate = lateness(this.#options.clock)
    try {
      const since = from === '' ? undefined : secondsOf(from)
      const stream = await this.#options.engine.logs(
        view.id,
        { follow: mode === 'follow', timestamps: true, since },
        signal,
      )
      if (stream === undefined) return 'broken'
      for await (const frames of decodeBlocks(stream)) {
        const ready: DriverChunk[] = []
        let isBehind = false
        for (const frame of frames) {
          const { stamp, data } = splitStamp(frame.data)
          if (stamp === from && skip > 0) {
            skip--
            continue
          }
          isBehind = mode === 'follow' && isLate(stamp)
          if (isBehind) break
          if (from !== '' && cursor.stamp === from && skip === cursor.frames) markGap(cursor)
          cursor.frames = stamp === cursor.stamp ? cursor.frames + 1 : 1
          cursor.stamp = stamp
          cursor.bytes[frame.stream] += data.length
          ready.push({ stream: frame.stream, data, ...gapBefore(frame.stream, cursor) })
        }
        // Lines are short, and what came together goes on together.
        for (const chunk of joinChunks(ready)) {
          yield chunk
          if (signal.aborted) return 'whole'
        }
        if (isBehind) return 'behind'
      }
      return 'whole'
    } catch (error) {
      const isCut = isSilence(error) || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      if (isCut && mode !== 'once') return 'broken'
      throw isCut && !(error instanceof EngineError)
        ? new EngineError('unreachable', `the output broke (${error})`)
        : error
    }
  }
}

/** Compared with the least late frame that there was, for the engine may have another machine's clock. */
function lateness(clock: Clock): (stamp: string) => boolean {
  let leastMs = Number.POSITIVE_INFINITY
  return (stamp) => {
    const lateMs = clock.nowMs() - Date.parse(stamp)
    leastMs = Math.min(leastMs, lateMs)
    return lateMs - leastMs > behindMs
  }
}

function markGap(cursor: Cursor): void {
  cursor.isUnsure = true
  cursor.gaps.add('stdout').add('stderr')
}

/** Both streams are in one file, and nobody knows whose lines were in it. */
function gapBefore(stream: DriverChunk['stream'], cursor: Cursor): { lostBytes?: 0 } {
  return cursor.gaps.delete(stream) ? { lostBytes: 0 } : {}
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
