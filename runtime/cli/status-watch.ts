/** `status --watch`: a table that is drawn anew on a terminal, and a line for each change in a file or a pipe. */
import type { TaskView } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { AddressFlags } from './address.ts'
import type { Cli } from './command.ts'
import { openCliLink } from './connection.ts'
import { followStream, type Told } from './following.ts'
import { jsonText } from './harmless.ts'
import { tableLines } from './table.ts'
import { summaryOf, taskColumns, taskJson } from './task-row.ts'

const watchViewLimits = {
  /** Between two drawings of a table, at least, in milliseconds. */
  redrawMs: 250,
  /** A table is drawn again after this long, for ages grow, in milliseconds. */
  refreshMs: 5_000,
  /** Tasks that have ended in a table, unless all are wanted: the newest, as in one that is printed once. */
  endedMax: 50,
} as const

export interface WatchFlags extends AddressFlags {
  readonly all?: boolean
  readonly json?: boolean
}

/** Goes on until it is interrupted, or nobody reads it any more. */
export async function watchStatus(cli: Cli, filter: TaskFilter, flags: WatchFlags): Promise<void> {
  const { io, output } = cli
  const link = await openCliLink(cli, flags)
  const left = new AbortController()
  const leave = () => left.abort()
  io.stdout.once('error', leave)
  const undo = (['SIGINT', 'SIGTERM'] as const).map((name) => io.onSignal(name, leave))
  const isTable = output.columns !== undefined && flags.json !== true
  const view = isTable ? new Table(cli, flags.all === true) : new Lines(cli, flags.json === true)
  try {
    await followStream({
      link,
      topic: 'tasks',
      filter,
      from: 'snapshot',
      signal: left.signal,
      take: (told) => view.take(told),
    })
  } finally {
    view.close()
    for (const forget of undo) forget()
    io.stdout.off('error', leave)
    await link.close()
  }
}

const inOrder = (tasks: readonly TaskView[]): TaskView[] => [...tasks].sort((a, b) => a.createdAtMs - b.createdAtMs)

/** Each state that a task comes to, as it comes to it. */
class Lines {
  readonly #cli: Cli
  readonly #json: boolean

  constructor(cli: Cli, json: boolean) {
    this.#cli = cli
    this.#json = json
  }

  async take(told: Told): Promise<void> {
    if (told.type === 'Snapshot') for (const task of inOrder(told.tasks ?? [])) await this.#line(task)
    else if (told.type === 'Delta' && told.task !== undefined) await this.#line(told.task)
    else if (told.type === 'Removed') await this.#removed(told.id)
    else if (told.type === 'Reset') this.#cli.output.note(`troupe: begins anew: ${told.reason}`)
  }

  close(): void {}

  async #line(task: TaskView): Promise<void> {
    await this.#write(this.#json ? jsonText(taskJson(task)) : summaryOf(task))
  }

  async #removed(id: string): Promise<void> {
    await this.#write(this.#json ? JSON.stringify({ id, removed: true }) : `${id} is not among these any more`)
  }

  async #write(line: string): Promise<void> {
    await this.#cli.output.write('stdout', `${line}\n`)
  }
}

/** All that fits, newest first, as it stands now. */
class Table {
  readonly #cli: Cli
  readonly #all: boolean
  readonly #tasks = new Map<string, TaskView>()
  /** The first page of a snapshot replaces what there is. */
  #isFresh = true
  #cancel: (() => void) | undefined
  #drawnAtMs = Number.NEGATIVE_INFINITY
  #isDue = false
  #closed = false

  constructor(cli: Cli, all: boolean) {
    this.#cli = cli
    this.#all = all
  }

  take(told: Told): void {
    if (told.type === 'Snapshot') {
      if (this.#isFresh) this.#tasks.clear()
      this.#isFresh = told.more !== true
      for (const task of told.tasks ?? []) this.#tasks.set(task.id, task)
    } else if (told.type === 'Delta' && told.task !== undefined) this.#tasks.set(told.task.id, told.task)
    else if (told.type === 'Removed') this.#tasks.delete(told.id)
    else return
    this.#forgetOldest()
    if (told.type !== 'Snapshot' || this.#isFresh) this.#plan(watchViewLimits.redrawMs)
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #forgetOldest(): void {
    if (this.#all) return
    const ended = [...this.#tasks.values()].filter(({ finishedAtMs }) => finishedAtMs !== null)
    if (ended.length <= watchViewLimits.endedMax) return
    ended.sort((a, b) => b.revision - a.revision)
    for (const { id } of ended.slice(watchViewLimits.endedMax)) this.#tasks.delete(id)
  }

  /** At once if the last drawing was long enough ago. */
  #plan(delayMs: number): void {
    const { clock } = this.#cli.io
    const isChange = delayMs === watchViewLimits.redrawMs
    if (this.#closed || (this.#isDue && isChange)) return
    this.#isDue = isChange
    this.#cancel?.()
    const leftMs = Math.max(0, this.#drawnAtMs + delayMs - clock.uptimeMs())
    this.#cancel = clock.setTimer(() => void this.#draw(), leftMs)
  }

  async #draw(): Promise<void> {
    const { io, output } = this.#cli
    this.#isDue = false
    const tasks = [...this.#tasks.values()].sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))
    const lines = tableLines(taskColumns(io.clock.nowMs(), output, tasks), tasks, output.columns)
    const rows = Math.max(2, (output.rows ?? lines.length + 2) - 1)
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… and ${lines.length - rows + 1} more`]
    // Home, then each line over what stood there, then nothing below: a screen that was emptied first would flicker.
    const text = shown.map((line) => `${line}\u001b[K\n`).join('')
    const isFirst = this.#drawnAtMs === Number.NEGATIVE_INFINITY
    await output.write('stdout', `${isFirst ? '\u001b[2J' : ''}\u001b[H${text}\u001b[J`)
    this.#drawnAtMs = io.clock.uptimeMs()
    this.#plan(watchViewLimits.refreshMs)
  }
}
