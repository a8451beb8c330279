/** One subscription of a connection: it keeps its place, and gives its reader each revision once and in order. */
import type { ClientReplies } from '../../actors/protocol/client.ts'
import type { TroupeError } from '../../actors/protocol/errors.ts'

/** A place in a manager's log; a stream can be resumed strictly after it. */
export interface LogPosition {
  /** Which log: another one begins when a store is taken over from a copy. */
  readonly logId: string
  /** Counts the commits of that log; a whole number from 0. */
  readonly revision: number
}

export interface SubscriptionHandlers {
  onSnapshot?(snapshot: ClientReplies['Snapshot']): void
  onDelta?(delta: ClientReplies['Delta']): void
  /** A task or node that fitted the filter does not any more, or is gone. */
  onRemoved?(removed: ClientReplies['Removed']): void
  /** Nothing happened up to the new position. */
  onMark?(mark: ClientReplies['Mark']): void
  /** The position asked for cannot be resumed from; a fresh snapshot follows. */
  onReset?(reason: string): void
  /** How far a start is, for people; only of the topic `events`, and only while it happens. */
  onProgress?(text: string): void
  /** What actors did; only of the topic `actors`. */
  onSteps?(steps: ClientReplies['Steps']): void
  /** What a task uses; only of the topic `stats`. */
  onStats?(stats: ClientReplies['Stats']): void
  /** The task is final, and nothing more comes; only of the topic `stats`. No `onEnd` follows. */
  onDone?(): void
  /** What nodes' machines use; only of the topic `nodes`. */
  onNodesUsed?(nodes: ClientReplies['NodesUsed']['nodes']): void
  /** It was refused, or the connection is gone. Called at most once, and never after `close()`. */
  onEnd?(error: TroupeError): void
}

/** What a manager says to a subscription. */
export type SubscriptionMessage = ClientReplies[Told]
type Told = 'Stats' | 'NodesUsed' | 'Snapshot' | 'Delta' | 'Removed' | 'Mark' | 'Reset' | 'Progress' | 'Steps'

export class Subscription {
  readonly #handlers: SubscriptionHandlers
  readonly #cancel: () => Promise<void>
  #position: LogPosition | undefined
  #open = true

  /** `from` is where it resumes; undefined for one that begins afresh. */
  constructor(handlers: SubscriptionHandlers, from: LogPosition | undefined, cancel: () => Promise<void>) {
    this.#handlers = handlers
    this.#position = from
    this.#cancel = cancel
  }

  /** The newest place seen, all of it; undefined before the first snapshot was whole. */
  get position(): LogPosition | undefined {
    return this.#position
  }

  take(message: SubscriptionMessage, logId: string): void {
    if (!this.#open) return
    if (message.type === 'Snapshot') {
      if (!message.more) this.#position = { logId: message.logId, revision: message.revision }
      this.#handlers.onSnapshot?.(message)
    } else if (message.type === 'Reset') {
      this.#position = undefined
      this.#handlers.onReset?.(message.reason)
    } else if (message.type === 'Progress') {
      this.#handlers.onProgress?.(message.text)
    } else if (message.type === 'Stats') {
      this.#handlers.onStats?.(message)
    } else if (message.type === 'NodesUsed') {
      this.#handlers.onNodesUsed?.(message.nodes)
    } else if (message.type === 'Steps') {
      this.#handlers.onSteps?.(message)
    } else if (message.type === 'Mark') {
      this.#position = { logId, revision: message.revision }
      this.#handlers.onMark?.(message)
    } else if (this.#position?.logId !== logId || message.revision > this.#position.revision) {
      // Else it is a resumed stream that begins with what was seen just before the cut.
      if (!message.more) this.#position = { logId, revision: message.revision }
      if (message.type === 'Delta') this.#handlers.onDelta?.(message)
      else this.#handlers.onRemoved?.(message)
    }
  }

  /** It has come to its own end. */
  done(): void {
    if (!this.#open) return
    this.#open = false
    this.#handlers.onDone?.()
  }

  /** The connection's side of an end. */
  end(error: TroupeError): void {
    if (!this.#open) return
    this.#open = false
    this.#handlers.onEnd?.(error)
  }

  /** No handler is called after this. Resolves when the manager has taken note, or cannot be told. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#cancel().catch(() => undefined)
  }
}
