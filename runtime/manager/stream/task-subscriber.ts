/** A subscription to where tasks stand. Steps in between may be left out, an end never. */
import type { TaskView } from '../../../actors/model.ts'
import { bytesOfTask, type Commit, sharedOf } from './news.ts'
import { type Pages, type Piece, Subscriber, type SubscriberOptions } from './subscriber.ts'
import type { TaskPast } from './task-past.ts'

export interface TaskSubscriberOptions extends SubscriberOptions {
  readonly past: TaskPast
}

export class TaskSubscriber extends Subscriber {
  protected override readonly empty: { tasks: [] } = { tasks: [] }
  readonly #past: TaskPast

  constructor(options: TaskSubscriberOptions) {
    super(options)
    this.#past = options.past
  }

  /** Where tasks stand tells what happened since any position, but for tasks that have ended since and were trimmed. */
  protected override resetReason(): string | undefined {
    const { recent, trims } = this.options.source
    if (recent.covers(this.told) || this.told >= trims.tasks) return undefined
    return 'tasks that ended since that position were trimmed'
  }

  protected override piecesOf(commit: Commit, newest: boolean): Piece[] {
    const { match } = this
    const { recent } = this.options.source
    const pieces: Piece[] = []
    for (const news of commit.news) {
      const { task, before, revision } = news
      // What it has become meanwhile is told when its turn comes.
      if (newest && !recent.isNewest(news)) continue
      if (!match.fitsAlways(task)) continue
      if (match.fitsAt(task)) pieces.push({ revision, bytes: bytesOfTask(task), task: sharedOf(news).task })
      else if (newest ? match.mayHaveFitted(task) : before !== undefined && match.fitsAt(before)) {
        pieces.push({ revision, bytes: 64, removed: task.id })
      }
    }
    return pieces
  }

  protected override async *snapshot(): Pages {
    const { req, outlet, source } = this.options
    const pages = this.#past.pages(this.match)
    for await (const { revision, tasks, bytes, more } of pages) {
      if (this.closed) return
      const { logId } = source
      outlet.send({ type: 'Snapshot', req, logId, revision, ...(more ? { more } : {}), tasks }, bytes)
      this.shown(revision)
      yield
    }
  }

  protected override async *missed(): Pages {
    const upTo = this.options.source.published()
    const { match } = this
    for await (const task of this.#past.changed(match, this.told, upTo)) {
      // Trimmed while it was read: nobody knows whether some were missed, and it begins anew.
      if (this.closed || this.resetReason() !== undefined) return
      const { revision, id } = task
      if (match.fitsAt(task)) this.say({ revision, bytes: bytesOfTask(task), task })
      else if (match.mayHaveFitted(task)) this.say({ revision, bytes: 64, removed: id })
      if (!this.options.outlet.room) yield
    }
    if (this.resetReason() !== undefined) return
    this.flush()
    this.told = upTo
  }
}

export interface TaskPage {
  readonly revision: number
  readonly tasks: TaskView[]
  readonly bytes: number
  readonly more: boolean
}
