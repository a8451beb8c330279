/** Reads the output of one attempt from its files, while it runs, after its end, and after its removal. */
import { existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { DriverChunk } from '../driver.ts'
import { AttemptFolder, type StreamName, streams } from './folder.ts'

export const logLimits = {
  /** The largest chunk, in bytes. */
  chunkBytesMax: 16 * 1_024,
  /** What is read of a file at once, in bytes: several chunks, for each reading costs a look at what is gone as well. */
  blockBytesMax: 64 * 1_024,
  /** Between two looks for more output of what runs, in milliseconds. */
  pollMs: 100,
} as const

/**
 * Yields what is kept of both streams, oldest first, each in its own order; with `follow`, until the attempt has ended
 * and all was read. An attempt that is not known yields nothing. An abort ends it quietly.
 */
export async function* readOutput(
  dir: string,
  name: string,
  options: {
    readonly clusterId: string
    readonly follow: boolean
    readonly signal: AbortSignal
    readonly clock: Clock
  },
): AsyncGenerator<DriverChunk> {
  const { signal } = options
  const folder = new AttemptFolder(dir, name)
  const readers = streams.map((stream) => new StreamReader(folder, stream, options.clusterId))
  try {
    for (;;) {
      // Asked before reading, so that what was written until the end is read after it.
      const mayGrow = options.follow && !hasEnded(folder)
      for (const reader of readers) await reader.look()
      for (let isMore = true; isMore; ) {
        isMore = false
        for (const reader of readers) {
          if (signal.aborted) return
          const chunk = await reader.read()
          if (!chunk) continue
          isMore = true
          yield chunk
        }
      }
      if (!mayGrow || signal.aborted) return
      await pause(options.clock, signal)
    }
  } finally {
    for (const reader of readers) await reader.close()
  }
}

/** Nothing is appended after the end was written; what is removed or was never there will not grow either. */
function hasEnded(folder: AttemptFolder): boolean {
  return !existsSync(folder.path) || existsSync(join(folder.path, 'end'))
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.setTimer(done, logLimits.pollMs)
    signal.addEventListener('abort', done, { once: true })
  })
}

class StreamReader {
  readonly stream: StreamName
  readonly #folder: AttemptFolder
  readonly #clusterId: string
  #file: FileHandle | undefined
  /** Where in the stream the file begins, in bytes: not at 0 if it is what was left of a long one at its removal. */
  #base = 0
  /** Where in the stream the next byte is that was not handed out yet. */
  #at = 0
  /** How far the stream went at the last look: what comes later is for the next one, or reading might never end. */
  #until = 0
  /** What is gone between the last chunk and the next; 0 = nobody knows how much. */
  #lostBytes: number | undefined
  /** Read and not yet handed out. */
  #block: Uint8Array = new Uint8Array(0)

  constructor(folder: AttemptFolder, stream: StreamName, clusterId: string) {
    this.#folder = folder
    this.#clusterId = clusterId
    this.stream = stream
  }

  /** Finds the file if need be, and how far it may be read. */
  async look(): Promise<void> {
    this.#file ??= await this.#open()
    this.#until = this.#base + ((await this.#file?.stat())?.size ?? 0)
    if (this.#until >= this.#at) return
    // A file that shrank was begun anew, where holes cannot be made: what lay between is gone without a count.
    this.#at = 0
    this.#lostBytes = 0
  }

  /** It only ever moves from the one place to the other, so looking in this order misses nothing. */
  async #open(): Promise<FileHandle | undefined> {
    const live = await openIfThere(this.#folder.output(this.stream))
    if (live) return live
    const kept = await openIfThere(this.#folder.keptOutput(this.stream, this.#clusterId))
    if (kept) this.#base = (await this.#folder.readKeptFrom(this.stream, this.#clusterId)).from
    this.#skipTo(this.#base)
    return kept
  }

  /** The next chunk, or undefined if there is no more until the next look. */
  async read(): Promise<DriverChunk | undefined> {
    if (this.#block.length === 0 && !(await this.#fill())) return undefined
    const data = this.#block.subarray(0, logLimits.chunkBytesMax)
    this.#block = this.#block.subarray(data.length)
    this.#at += data.length
    const lostBytes = this.#lostBytes
    this.#lostBytes = undefined
    return lostBytes === undefined ? { stream: this.stream, data } : { stream: this.stream, data, lostBytes }
  }

  async #fill(): Promise<boolean> {
    while (this.#file && this.#at < this.#until) {
      const length = Math.min(logLimits.blockBytesMax, this.#until - this.#at)
      const place = this.#at - this.#base
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(length), 0, length, place)
      // The hole is announced before it is made: what was read from before it may be nothing but its zeros.
      if (this.#skipTo(await this.#keptFrom())) continue
      this.#block = buffer.subarray(0, bytesRead)
      return bytesRead > 0
    }
    return false
  }

  /** Where the kept part begins, also if the attempt was removed while its file was being read. */
  async #keptFrom(): Promise<number> {
    const from = await this.#folder.readFrom(this.stream)
    return from > 0 ? from : (await this.#folder.readKeptFrom(this.stream, this.#clusterId)).holeUntil
  }

  /** False if that was reached already. */
  #skipTo(from: number): boolean {
    if (from <= this.#at) return false
    this.#lostBytes = this.#lostBytes === 0 ? 0 : (this.#lostBytes ?? 0) + from - this.#at
    this.#at = from
    return true
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
