/**
 * Who follows which task. News reaches subscribers after the commit that made it, in the order of revisions; a
 * subscription that is still reading the past holds back what is new until it has told what is old.
 */
import type { TaskEvent, TaskView } from '../../actors/model.ts'
import type { ClientReply } from '../../actors/protocol/client.ts'
import type { News } from './book.ts'

export type Topic = 'tasks' | 'events'

export interface SubscriberOptions {
  readonly req: number
  readonly taskId: string
  readonly topic: Topic
  readonly logId: string
  /** News up to this revision are part of what it is told first. */
  readonly revision: number
  readonly send: (reply: ClientReply) => void
}

export class Subscriber {
  readonly taskId: string
  readonly #options: SubscriberOptions
  /** News that came before the past was told; undefined once it was. */
  #held: News[] | undefined = []

  constructor(options: SubscriberOptions) {
    this.taskId = options.taskId
    this.#options = options
  }

  /** The past, as a snapshot; then everything that came meanwhile. */
  begin(past: { tasks?: TaskView[]; events?: TaskEvent[] }): void {
    const { req, logId, revision, send } = this.#options
    send({ type: 'Snapshot', req, logId, revision, ...past })
    this.#release()
  }

  /** Resumed: what was missed comes as deltas, with no snapshot. */
  resume(missed: { task?: TaskView; events?: TaskEvent[] }): void {
    const { req, send, revision } = this.#options
    const { task } = missed
    if (task !== undefined) send({ type: 'Delta', req, revision: task.revision, task })
    for (const [at, events] of byRevision(missed.events ?? [])) {
      send({ type: 'Delta', req, revision: Math.min(at, revision), events })
    }
    this.#release()
  }

  tell(news: News): void {
    const { req, topic, revision, send } = this.#options
    if (news.revision <= revision) return
    if (this.#held !== undefined) {
      this.#held.push(news)
    } else if (topic === 'tasks') {
      send({ type: 'Delta', req, revision: news.revision, task: news.task })
    } else {
      send({ type: 'Delta', req, revision: news.revision, events: [...news.events] })
    }
  }

  /** For people who watch now; the past has none of it. */
  progress(attempt: number, text: string): void {
    const { req, topic, send } = this.#options
    if (topic === 'events' && this.#held === undefined)
      send({ type: 'Progress', req, taskId: this.taskId, attempt, text })
  }

  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const news of held) this.tell(news)
  }
}

function byRevision(events: readonly TaskEvent[]): Map<number, TaskEvent[]> {
  const groups = new Map<number, TaskEvent[]>()
  for (const event of events) groups.set(event.revision, [...(groups.get(event.revision) ?? []), event])
  return groups
}

export class Subscriptions {
  readonly #byTask = new Map<string, Set<Subscriber>>()

  add(subscriber: Subscriber): void {
    const all = this.#byTask.get(subscriber.taskId) ?? new Set<Subscriber>()
    all.add(subscriber)
    this.#byTask.set(subscriber.taskId, all)
  }

  remove(subscriber: Subscriber): void {
    const all = this.#byTask.get(subscriber.taskId)
    all?.delete(subscriber)
    if (all?.size === 0) this.#byTask.delete(subscriber.taskId)
  }

  progress(taskId: string, attempt: number, text: string): void {
    for (const subscriber of this.#byTask.get(taskId) ?? []) subscriber.progress(attempt, text)
  }

  publish(news: News): void {
    for (const subscriber of this.#byTask.get(news.task.id) ?? []) subscriber.tell(news)
  }
}
