/** What commits did, as subscribers are told of it, and the newest of them in memory for those who are a little behind. */
import type { TaskEvent, TaskView } from '../../../actors/model.ts'
import { Shared } from '../../../transport/shared.ts'
import type { StreamLimits } from './limits.ts'
import type { Place } from './match.ts'

/** What one commit did to one task: where it stands after it, and each step on the way. */
export interface News {
  readonly revision: number
  /** Undefined: it was made by this commit. */
  readonly before: Place | undefined
  task: TaskView
  readonly events: TaskEvent[]
  /** The same for everyone who is told, once it was told to someone. */
  shared?: { readonly task: TaskView; readonly events: TaskEvent[] }
}

/** All news of one commit. */
export interface Commit {
  readonly revision: number
  readonly news: News[]
}

/** What is encoded once for all who are told. Only on its way out: whoever reads it gets what is shared. */
export function sharedOf(news: News): { readonly task: TaskView; readonly events: TaskEvent[] } {
  news.shared ??= {
    task: new Shared(news.task) as unknown as TaskView,
    events: new Shared(news.events) as unknown as TaskEvent[],
  }
  return news.shared
}

/** Bytes of a view once encoded, roughly. What is long in it is the user's own. */
export function bytesOfTask({ command, labels, reason, name }: TaskView): number {
  let bytes = 700 + name.length + (reason?.length ?? 0)
  for (const arg of command) bytes += arg.length + 4
  for (const [label, value] of Object.entries(labels)) bytes += label.length + value.length + 8
  return bytes
}

const bytesOfValue = (value: unknown): number => {
  if (typeof value === 'string') return value.length + 4
  if (typeof value !== 'object' || value === null) return 8
  let bytes = 4
  for (const [key, field] of Object.entries(value)) bytes += key.length + 4 + bytesOfValue(field)
  return bytes
}

/** The same of transitions. */
export const bytesOfEvents = (events: readonly TaskEvent[]): number =>
  events.reduce((bytes, { event }) => bytes + 160 + bytesOfValue(event), 0)

/** It may be there three times: as values, and as bytes in both subprotocols. */
const bytesOf = (commit: Commit): number =>
  commit.news.reduce((bytes, news) => bytes + 256 + 3 * (bytesOfTask(news.task) + bytesOfEvents(news.events)), 64)

export class Recent {
  readonly #limits: Pick<StreamLimits, 'recentCommitsMax' | 'recentBytesMax'>
  /** A ring would do with less copying; this one is cut in halves, so that each commit is moved about once. */
  #commits: Commit[] = []
  #first = 0
  #bytes = 0
  /** The newest revision of each task that is in here. */
  readonly #newest = new Map<string, number>()
  /** Commits after this revision are all in here. */
  #floor: number

  constructor(floor: number, limits: Pick<StreamLimits, 'recentCommitsMax' | 'recentBytesMax'>) {
    this.#floor = floor
    this.#limits = limits
  }

  add(commit: Commit): void {
    this.#commits.push(commit)
    this.#bytes += bytesOf(commit)
    for (const { task, revision } of commit.news) this.#newest.set(task.id, revision)
    const { recentCommitsMax, recentBytesMax } = this.#limits
    while (this.#commits.length - this.#first > recentCommitsMax || this.#bytes > recentBytesMax) this.#dropFirst()
  }

  /** Whether everything after this revision is in here. */
  covers(revision: number): boolean {
    return revision >= this.#floor
  }

  /** Whether this is where the task stands now, as far as was told. */
  isNewest({ task, revision }: News): boolean {
    return this.#newest.get(task.id) === revision
  }

  /** The first commit after this revision. */
  next(revision: number): Commit | undefined {
    let low = this.#first
    let high = this.#commits.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#commits[middle] as Commit).revision > revision) high = middle
      else low = middle + 1
    }
    return this.#commits[low]
  }

  #dropFirst(): void {
    const commit = this.#commits[this.#first]
    if (commit === undefined) return
    this.#first += 1
    this.#bytes -= bytesOf(commit)
    this.#floor = commit.revision
    for (const news of commit.news) if (this.isNewest(news)) this.#newest.delete(news.task.id)
    if (this.#first < this.#commits.length / 2) return
    this.#commits = this.#commits.slice(this.#first)
    this.#first = 0
  }
}
