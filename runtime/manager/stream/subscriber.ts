/**
 * One subscription to tasks or their transitions.
 *
 *   past ──▶ behind ◀──▶ live
 *
 * It is live while its connection keeps up: news goes out as it becomes durable. Once it does not, the subscription holds
 * nothing but the revision up to which it has told everything, and goes on from there when there is room, from what is
 * recent in memory or from the store; to a reader that is slow that is the same as resuming.
 */
import type { TaskEvent, TaskView } from '../../../actors/model.ts'
import type { ClientReplies, ClientReply } from '../../../actors/protocol/client.ts'
import type { Trims } from '../trims.ts'
import type { StreamLimits } from './limits.ts'
import type { Match } from './match.ts'
import type { Commit, Recent } from './news.ts'
import type { Outlet, Teller } from './outlet.ts'

/** What one commit means to one subscription: a message but for what is its own. */
export type Piece = { readonly revision: number; readonly bytes: number } & (
  | { readonly task: TaskView }
  | { readonly events: readonly TaskEvent[] }
  | { readonly removed: string }
)

/** Where everyone is told from. */
export interface Source {
  readonly logId: string
  readonly recent: Recent
  readonly limits: StreamLimits
  /** What the store cannot tell any more. */
  readonly trims: Trims
  /** Everything up to here is durable and was handed to those who are live. */
  readonly published: () => number
}

export interface SubscriberOptions {
  readonly req: number
  readonly match: Match
  readonly source: Source
  readonly outlet: Outlet
  /** It cannot go on: its source failed. */
  readonly onError: (error: unknown) => void
}

/** Pages of what was; each is sent when it is asked for. */
export type Pages = AsyncGenerator<void, void, void>

export abstract class Subscriber implements Teller {
  readonly match: Match
  /** What its connection and its source are. */
  protected readonly options: SubscriberOptions
  /** It has told everything up to this revision. */
  told = 0
  /** The newest revision that its reader has heard of. */
  #heard = 0
  #live = false
  #closed = false
  #past: Pages | undefined
  /** Sent as soon as it is known whether the next is of the same commit. */
  #pending: Piece | undefined
  /** It has resumed, and says so once it has told what was missed. */
  #owesMark = false

  constructor(options: SubscriberOptions) {
    this.options = options
    this.match = options.match
  }

  /** What a commit means to it. `newest`: tasks that have moved on since may be left out. */
  protected abstract piecesOf(commit: Commit, newest: boolean): Piece[]
  /** What is there now, ending with `told` at the revision that it shows. */
  protected abstract snapshot(): Pages
  /** The snapshot of nothing. */
  protected abstract readonly empty: { tasks: [] } | { events: [] }
  /** What came after `told`, from the store. */
  protected abstract missed(): Pages
  /** Why it cannot go on from where it stands. */
  protected abstract resetReason(): string | undefined

  get closed(): boolean {
    return this.#closed
  }

  /** Begins with what is there now. */
  beginWithSnapshot(): void {
    this.#past = this.snapshot()
    this.options.outlet.wait(this)
  }

  /** Goes on with what comes after this revision, and says so once it has told what was missed. */
  beginAfter(revision: number): void {
    this.told = revision
    this.#owesMark = true
    this.options.outlet.wait(this)
  }

  /** Begins with what comes from now on. */
  beginNow(revision: number): void {
    this.#past = this.#nothing(revision)
    this.options.outlet.wait(this)
  }

  async *#nothing(revision: number): Pages {
    this.shown(revision)
    const { req, outlet, source } = this.options
    outlet.send({ type: 'Snapshot', req, logId: source.logId, revision, ...this.empty }, 64)
    yield
  }

  reset(reason: string): void {
    const { req, outlet } = this.options
    outlet.send({ type: 'Reset', req, reason }, reason.length)
    this.#pending = undefined
    this.#owesMark = false
    this.beginWithSnapshot()
  }

  /** A commit that is durable now. */
  tell(commit: Commit): void {
    if (!this.#live || commit.revision <= this.told) return
    if (!this.options.outlet.room) {
      this.#live = false
      this.options.outlet.wait(this)
      return
    }
    this.#sayCommit(commit, false)
  }

  /** Nothing was told for a while: the reader's place moves on with the log. */
  mark(): void {
    const revision = this.options.source.published()
    if (!this.#live || this.#heard >= revision || !this.options.outlet.room) return
    this.#mark(revision)
  }

  /** For people who watch now; the past has none of it. */
  progress(message: Omit<ClientReplies['Progress'], 'type' | 'req'>): void {
    const { req, outlet } = this.options
    if (this.#live && outlet.room) outlet.send({ type: 'Progress', req, ...message }, message.text.length)
  }

  close(): void {
    this.#closed = true
    this.#live = false
    this.options.outlet.forget(this)
    // That a page of the past could not be let go of concerns nobody any more: whoever it was for is gone.
    this.#past?.return().catch(() => {})
  }

  /** A snapshot has told everything up to this revision. */
  protected shown(revision: number): void {
    this.told = revision
    this.#heard = revision
  }

  async advance(): Promise<void> {
    if (this.#closed) return
    try {
      if (this.#past === undefined) this.#catchUp()
      else if ((await this.#past.next()).done === true) this.#past = undefined
    } catch (error) {
      if (!this.#closed) this.options.onError(error)
      return
    }
    if (!this.#live && !this.#closed) this.options.outlet.wait(this)
  }

  /** From what is recent in memory, if it reaches back far enough. */
  #catchUp(): void {
    const { source, outlet } = this.options
    const reason = this.resetReason()
    if (reason !== undefined) {
      this.reset(reason)
      return
    }
    if (!source.recent.covers(this.told)) {
      this.#past = this.missed()
      return
    }
    for (let commit = source.recent.next(this.told); commit !== undefined; commit = source.recent.next(this.told)) {
      if (!outlet.room) return
      this.#sayCommit(commit, true)
    }
    this.#live = true
    if (this.#owesMark) this.#mark(Math.max(this.told, source.published()))
    this.#owesMark = false
  }

  #mark(revision: number): void {
    const { req, outlet } = this.options
    this.told = revision
    this.#heard = revision
    outlet.send({ type: 'Mark', req, revision }, 16)
  }

  #sayCommit(commit: Commit, newest: boolean): void {
    for (const piece of this.piecesOf(commit, newest)) this.say(piece)
    this.flush()
    this.told = commit.revision
  }

  /** In the order of revisions. The last one waits for `flush`, or for the next. */
  protected say(piece: Piece): void {
    const before = this.#pending
    this.#pending = piece
    if (before !== undefined) this.#send(before, before.revision === piece.revision)
  }

  protected flush(): void {
    const last = this.#pending
    this.#pending = undefined
    if (last !== undefined) this.#send(last, false)
  }

  #send(piece: Piece, isFollowed: boolean): void {
    const { req, outlet } = this.options
    const { revision, bytes } = piece
    this.#heard = revision
    const more = isFollowed ? { more: true } : {}
    let reply: ClientReply
    if ('task' in piece) reply = { type: 'Delta', req, revision, ...more, task: piece.task }
    else if ('events' in piece) reply = { type: 'Delta', req, revision, ...more, events: piece.events as TaskEvent[] }
    else reply = { type: 'Removed', req, revision, ...more, id: piece.removed, why: 'unfit' }
    outlet.send(reply, bytes)
  }
}
