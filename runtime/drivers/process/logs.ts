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
          const data = await reader.read()
          if (!data) continue
          isMore = true
          yield { stream: reader.stream, data }
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
  #at = 0
  /** How long the file was at the last look: what comes later is for the next one, or reading might never end. */
  #until = 0

  constructor(folder: AttemptFolder, stream: StreamName, clusterId: string) {
    this.#folder = folder
    this.#clusterId = clusterId
    this.stream = stream
  }

  /** Finds the file if need be, and how far it may be read. */
  async look(): Promise<void> {
    // It only ever moves from the one place to the other, so looking in this order misses nothing.
    this.#file ??=
      (await openIfThere(this.#folder.output(this.stream))) ??
      (await openIfThere(this.#folder.keptOutput(this.stream, this.#clusterId)))
    this.#until = (await this.#file?.stat())?.size ?? 0
    // A file that shrank was begun anew, where holes cannot be made.
    if (this.#until < this.#at) this.#at = 0
  }

  /** The next chunk, or undefined if there is no more until the next look. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#file && this.#at < this.#until) {
      const length = Math.min(logLimits.chunkBytesMax, this.#until - this.#at)
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(length), 0, length, this.#at)
      // The hole is announced before it is made: what was read from before it may be nothing but its zeros.
      const from = await this.#folder.readFrom(this.stream)
      if (from > this.#at) {
        this.#at = from
        continue
      }
      if (bytesRead === 0) return undefined
      this.#at += bytesRead
      return buffer.subarray(0, bytesRead)
    }
    return undefined
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
