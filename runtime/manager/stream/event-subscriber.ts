/** A subscription to transitions: each of them, in order. Who falls too far behind begins anew, and is told so. */
import type { TaskEvent } from '../../../actors/model.ts'
import type { EventPast } from './event-past.ts'
import { bytesOfEvents, type Commit, sharedOf } from './news.ts'
import { type Pages, type Piece, Subscriber, type SubscriberOptions } from './subscriber.ts'

export interface EventSubscriberOptions extends SubscriberOptions {
  readonly past: EventPast
}

export class EventSubscriber extends Subscriber {
  protected override readonly empty: { events: [] } = { events: [] }
  readonly #past: EventPast

  constructor(options: EventSubscriberOptions) {
    super(options)
    this.#past = options.past
  }

  protected override resetReason(): string | undefined {
    const { limits, published } = this.options.source
    const behind = published() - this.told
    if (this.#isTrimmed()) return 'transitions since that position were trimmed'
    if (behind <= limits.behindCommitsMax) return undefined
    return `${behind} commits have come since that position, and at most ${limits.behindCommitsMax} are told again`
  }

  #isTrimmed(): boolean {
    const { recent, trims } = this.options.source
    return this.told < trims.log && !recent.covers(this.told)
  }

  protected override piecesOf(commit: Commit): Piece[] {
    const pieces: Piece[] = []
    for (const news of commit.news) {
      const { task, events, revision } = news
      if (!this.match.fitsAlways(task)) continue
      const fitting = events.filter((event) => this.match.fitsEvent(event))
      if (fitting.length === 0) continue
      const told = fitting.length === events.length ? sharedOf(news).events : fitting
      pieces.push({ revision, bytes: bytesOfEvents(fitting), events: told })
    }
    return pieces
  }

  protected override async *snapshot(): Pages {
    const { req, outlet, source } = this.options
    for await (const { revision, events, more } of this.#past.pages(this.match)) {
      if (this.closed) return
      const { logId } = source
      const bytes = bytesOfEvents(events)
      outlet.send({ type: 'Snapshot', req, logId, revision, ...(more ? { more } : {}), events }, bytes)
      this.shown(revision)
      yield
    }
  }

  protected override async *missed(): Pages {
    const upTo = this.options.source.published()
    let group: TaskEvent[] = []
    const sayGroup = () => {
      const [first] = group
      if (first !== undefined) this.say({ revision: first.revision, bytes: bytesOfEvents(group), events: group })
      group = []
    }
    for await (const event of this.#past.after(this.match, this.told, upTo)) {
      // Trimmed while it was read: nobody knows whether some were missed, and it begins anew.
      if (this.closed || this.#isTrimmed()) return
      const [first] = group
      if (first !== undefined && (first.revision !== event.revision || first.taskId !== event.taskId)) sayGroup()
      group.push(event)
      if (!this.options.outlet.room) yield
    }
    if (this.#isTrimmed()) return
    sayGroup()
    this.flush()
    this.told = upTo
  }
}
