/** The lines of a task's output that the page holds: bounded, filtered and searched as they come, so that no frame goes over all of them. */
import { plainOf } from './ansi.ts'

export const logLimits = {
  /** Lines kept; the oldest go first, and that is said. */
  linesMax: 50_000,
} as const

export type StreamName = 'stdout' | 'stderr'

export interface LogText {
  readonly kind: 'line'
  /** As it was written, escapes and all. */
  readonly raw: string
  /** As it is read and searched. */
  readonly text: string
  readonly stream: StreamName
  readonly attempt: number
  /** When it was received here; a saved one may not say. */
  readonly atMs: number | undefined
}

/** What is said between the lines: a gap, another attempt. */
export interface LogNotice {
  readonly kind: 'notice'
  readonly text: string
}

export type LogRow = (LogText | LogNotice) & {
  /** Its number since the beginning, from 0; it stays when older ones go. */
  readonly seq: number
}

/** What a line is made of; `LogLine` of the API is one. */
export interface LineGiven {
  readonly text: string
  readonly stream: StreamName
  readonly attempt: number
  readonly atMs?: number
  readonly lostBytes?: number
}

export class LogStore {
  readonly #linesMax: number
  #all: LogRow[] = []
  #shown: LogRow[] = []
  #hidden: StreamName | undefined
  #query = ''
  #matches: number[] = []
  #next = 0
  #dropped = 0
  #attempt: number | undefined

  constructor({ linesMax = logLimits.linesMax as number } = {}) {
    this.#linesMax = linesMax
  }

  /** What is to be drawn, in order: without the stream that is hidden. */
  get shown(): readonly LogRow[] {
    return this.#shown
  }

  /** Everything that is held. */
  get all(): readonly LogRow[] {
    return this.#all
  }

  /** How many of the oldest were let go of. */
  get dropped(): number {
    return this.#dropped
  }

  /** How many there ever were. */
  get count(): number {
    return this.#next
  }

  /** The numbers (`seq`) of shown lines that the search fits, in order. */
  get matches(): readonly number[] {
    return this.#matches
  }

  /** Adds lines, newest last. A gap and a change of attempts are said in rows of their own. */
  push(lines: readonly LineGiven[]): void {
    for (const line of lines) {
      if (this.#attempt !== undefined && line.attempt !== this.#attempt) this.#add(notice(`attempt ${line.attempt}`))
      this.#attempt = line.attempt
      if (line.lostBytes !== undefined) this.#add(notice(lostText(line.lostBytes, line.stream)))
      // A gap at the end of an output comes with an empty line.
      if (line.text === '' && line.lostBytes !== undefined) continue
      const { text: raw, stream, attempt, atMs } = line
      this.#add({ kind: 'line', raw, text: plainOf(raw), stream, attempt, atMs })
    }
    this.#trim()
  }

  /** Says something between the lines. */
  note(text: string): void {
    this.#add(notice(text))
    this.#trim()
  }

  /** Hides one of the two streams, or none. */
  hide(stream: StreamName | undefined): void {
    if (stream === this.#hidden) return
    this.#hidden = stream
    this.#shown = stream === undefined ? this.#all : this.#all.filter((row) => this.#isShown(row))
    this.#search()
  }

  /** Searches the lines that are shown, and those that come, whatever their case; '' ends it. */
  search(query: string): void {
    const wanted = query.toLowerCase()
    if (wanted === this.#query) return
    this.#query = wanted
    this.#search()
  }

  /** Where a row stands among those that are shown: its index, or that of the next one after it. */
  indexOf(seq: number): number {
    let low = 0
    let high = this.#shown.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#shown[middle] as LogRow).seq < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  #add(row: LogText | LogNotice): void {
    const added = { ...row, seq: this.#next } as LogRow
    this.#next += 1
    this.#all.push(added)
    if (this.#shown !== this.#all && this.#isShown(added)) this.#shown.push(added)
    else if (this.#hidden === undefined) this.#shown = this.#all
    if (this.#fits(added)) this.#matches.push(added.seq)
  }

  #trim(): void {
    const over = this.#all.length - this.#linesMax
    if (over <= 0) return
    this.#dropped += over
    this.#all.splice(0, over)
    const first = (this.#all[0] as LogRow).seq
    if (this.#shown !== this.#all) this.#shown.splice(0, this.indexOf(first))
    const kept = this.#matches.findIndex((seq) => seq >= first)
    this.#matches.splice(0, kept < 0 ? this.#matches.length : kept)
  }

  #search(): void {
    this.#matches = []
    if (this.#query === '') return
    for (const row of this.#shown) if (this.#fits(row)) this.#matches.push(row.seq)
  }

  #isShown(row: LogRow): boolean {
    return row.kind === 'notice' || row.stream !== this.#hidden
  }

  #fits(row: LogRow): boolean {
    if (this.#query === '' || row.kind === 'notice' || row.stream === this.#hidden) return false
    return row.text.toLowerCase().includes(this.#query)
  }
}

const notice = (text: string): LogNotice => ({ kind: 'notice', text })

const lostText = (bytes: number, stream: StreamName): string =>
  bytes === 0
    ? `some of ${stream} is missing here: the worker keeps only the newest part`
    : `at least ${bytes.toLocaleString('en-US')} bytes of ${stream} are missing here: the worker keeps only the newest part`

/** The next match after `current` (a `seq`), or before it with `back`, round and round; undefined if there is none. */
export function nextMatch(
  matches: readonly number[],
  current: number | undefined,
  { back = false } = {},
): number | undefined {
  if (current === undefined) return back ? matches.at(-1) : matches[0]
  const found = back ? matches.findLast((seq) => seq < current) : matches.find((seq) => seq > current)
  return found ?? (back ? matches.at(-1) : matches[0])
}

/** A text cut where a search fits, in pieces that alternate: not fitting, fitting, not fitting, … */
export function cutAt(text: string, query: string): string[] {
  const wanted = query.toLowerCase()
  const low = text.toLowerCase()
  // Some letters are longer in small ones: then nothing can be said of places.
  if (wanted === '' || low.length !== text.length) return [text]
  const pieces: string[] = []
  let from = 0
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + wanted.length))
    from = at + wanted.length
  }
  pieces.push(text.slice(from))
  return pieces
}
