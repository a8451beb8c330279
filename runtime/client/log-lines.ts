/** The output of a task as lines of text. Bytes come in pieces that end anywhere, even within a character. */
import type { OutputPiece } from './output.ts'
import type { StreamOptions } from './time-limit.ts'

export const lineLimits = {
  /** Characters of one line; a longer one is told in parts. */
  lineCharsMax: 64 * 1_024,
} as const

/** One line that a task wrote. */
export interface LogLine {
  /** Without its line end. Bytes that are no UTF-8 are U+FFFD. */
  readonly text: string
  /** Where the task wrote it. Order between the two is roughly kept. */
  readonly stream: 'stdout' | 'stderr'
  /** Of this attempt; from 1. */
  readonly attempt: number
  /** When its end was received here, in milliseconds since 1970: a worker does not say when it was written. */
  readonly atMs: number
  /** The line goes on in the next of its stream: it was too long, or the output ends without a line end. */
  readonly partial?: true
  /** At least so many bytes of this stream are missing just before; 0 = nobody knows how many. */
  readonly lostBytes?: number
}

/** Which output of a task, and how far. */
export interface LogsOptions extends StreamOptions {
  /** Go on until the task has ended, through all attempts that follow. Default false: what there is now. */
  readonly follow?: boolean
  /** Of this attempt only, from 1. Default: the newest, and with `follow` those after it. */
  readonly attempt?: number
  /**
   * The output of an attempt is not complete, and why; the iteration goes on with the next. Default: it throws
   * TroupeError `Unavailable` there.
   */
  readonly onIncomplete?: (attempt: number, why: string) => void
}

interface Open {
  readonly decoder: InstanceType<typeof TextDecoder>
  text: string
  lostBytes: number | undefined
}

/** Makes lines of the pieces of one attempt. */
export class LineSplitter {
  readonly #attempt: number
  readonly #nowMs: () => number
  readonly #open = { stdout: open(), stderr: open() }

  constructor(attempt: number, nowMs: () => number) {
    this.#attempt = attempt
    this.#nowMs = nowMs
  }

  /** The lines that end in this piece. */
  push({ stream, data, lostBytes }: OutputPiece): LogLine[] {
    const lines: LogLine[] = []
    const of = this.#open[stream]
    if (lostBytes !== undefined) {
      // What came before the gap is no part of the line after it.
      of.text += of.decoder.decode()
      if (of.text !== '') lines.push(this.#line(stream, of.text, true))
      of.text = ''
      of.lostBytes = lostBytes
    }
    const parts = (of.text + of.decoder.decode(data, { stream: true })).split('\n')
    of.text = parts.pop() ?? ''
    for (const part of parts) lines.push(...this.#whole(stream, part))
    while (of.text.length > lineLimits.lineCharsMax) {
      lines.push(this.#line(stream, of.text.slice(0, lineLimits.lineCharsMax), true))
      of.text = of.text.slice(lineLimits.lineCharsMax)
    }
    return lines
  }

  /** What is left when no more comes. */
  end(): LogLine[] {
    const lines: LogLine[] = []
    for (const stream of ['stdout', 'stderr'] as const) {
      const of = this.#open[stream]
      of.text += of.decoder.decode()
      if (of.text !== '' || of.lostBytes !== undefined) lines.push(this.#line(stream, of.text, true))
      of.text = ''
    }
    return lines
  }

  #whole(stream: 'stdout' | 'stderr', text: string): LogLine[] {
    const lines: LogLine[] = []
    let rest = text
    for (; rest.length > lineLimits.lineCharsMax; rest = rest.slice(lineLimits.lineCharsMax)) {
      lines.push(this.#line(stream, rest.slice(0, lineLimits.lineCharsMax), true))
    }
    lines.push(this.#line(stream, rest.endsWith('\r') ? rest.slice(0, -1) : rest, false))
    return lines
  }

  #line(stream: 'stdout' | 'stderr', text: string, partial: boolean): LogLine {
    const of = this.#open[stream]
    const { lostBytes } = of
    of.lostBytes = undefined
    return {
      text,
      stream,
      attempt: this.#attempt,
      atMs: this.#nowMs(),
      ...(partial ? { partial: true as const } : {}),
      ...(lostBytes === undefined ? {} : { lostBytes }),
    }
  }
}

const open = (): Open => ({ decoder: new TextDecoder(), text: '', lostBytes: undefined })
