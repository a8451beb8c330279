/**
 * What a command writes. Results go to stdout; notes, transitions and errors to stderr. A reader that went away (a
 * pipe into `head`, a terminal that was closed) is no error: what it would have read is dropped.
 */
import type { Writable } from 'node:stream'
import { harmless } from './harmless.ts'

export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim'
const escapes: Readonly<Record<Colour, string>> = { red: '31', green: '32', yellow: '33', cyan: '36', dim: '2' }

const goneCodes = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'])

export class Output {
  readonly #stdout: TerminalStream
  readonly #stderr: TerminalStream
  readonly #colours: boolean
  readonly #gone = new Set<TerminalStream>()
  /** One wait per stream for all who write: a long table would add listeners for each of its lines. */
  readonly #full = new Map<TerminalStream, Promise<void>>()
  #writeError: Error | undefined

  constructor(stdout: TerminalStream, stderr: TerminalStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stdout = stdout
    this.#stderr = stderr
    // https://no-color.org: any value that is not empty.
    this.#colours = !env.NO_COLOR && env.TERM !== 'dumb'
    for (const stream of [stdout, stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        this.#gone.add(stream)
        if (stream === stdout && !goneCodes.has(error.code ?? '')) this.#writeError ??= error
      })
    }
  }

  /** Columns of the terminal that results go to; undefined when they go to a file or a pipe. */
  get columns(): number | undefined {
    return this.#stdout.isTTY ? this.#stdout.columns : undefined
  }

  /** Lines of that terminal. */
  get rows(): number | undefined {
    return this.#stdout.isTTY ? this.#stdout.rows : undefined
  }

  /** Nobody reads results any more. */
  get stdoutGone(): boolean {
    return this.#gone.has(this.#stdout)
  }

  /** What went wrong with stdout beyond a reader that went away: a full disk. */
  get writeError(): Error | undefined {
    return this.#writeError
  }

  /** Raw bytes; resolves when more may be written. */
  async write(target: 'stdout' | 'stderr', data: Uint8Array | string): Promise<void> {
    const stream = target === 'stdout' ? this.#stdout : this.#stderr
    if (this.#gone.has(stream) || stream.write(data)) return
    let room = this.#full.get(stream)
    if (!room) {
      room = settled(stream).then(() => void this.#full.delete(stream))
      this.#full.set(stream, room)
    }
    await room
  }

  /** One line of a result, or several. */
  line(text: string): void {
    void this.write('stdout', `${harmless(text)}\n`)
  }

  /** One line for whoever watches; never part of a result. */
  note(text: string): void {
    void this.write('stderr', `${harmless(text).replace(/\s*\n\s*/g, ' ')}\n`)
  }

  paint(colour: Colour, text: string, target: 'stdout' | 'stderr' = 'stdout'): string {
    const stream = target === 'stdout' ? this.#stdout : this.#stderr
    return this.#colours && stream.isTTY ? `\u001b[${escapes[colour]}m${text}\u001b[0m` : text
  }

  /** Resolves when all was handed to the system, so that the process may end. */
  async flush(): Promise<void> {
    for (const stream of [this.#stdout, this.#stderr]) {
      if (this.#gone.has(stream)) continue
      await new Promise<void>((resolve) => {
        stream.once('error', () => resolve())
        stream.write('', () => resolve())
      })
    }
  }
}

/** Resolves when the stream takes more, or never will. */
function settled(stream: TerminalStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'error', 'close']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'error', 'close']) stream.on(event, done)
  })
}
