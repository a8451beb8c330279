/**
 * All nodes, as they are now and as they change, with what their machines use: what a map of them that stays up to date is
 * made of. A reader that is slow misses steps in between and holds one state per node, never more.
 */
import type { NodeView } from '../../actors/model.ts'
import type { ClientReplies, TaskFilter } from '../../actors/protocol/client.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { Subscription } from './subscription.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

/** Which nodes are watched. */
export interface WatchNodesOptions extends StreamOptions {
  /** Only these nodes, by name or id, 1 to 64. Default: all. */
  readonly filter?: Pick<TaskFilter, 'nodes'>
}

/** What is new of one node. */
export type NodeChange =
  | { readonly type: 'Changed'; readonly node: NodeView }
  /** It was forgotten, or does not fit the filter any more. */
  | { readonly type: 'Removed'; readonly id: string }

/** To be read once. */
export interface NodeChanges extends AsyncIterable<NodeChange> {
  /** Ends the iteration quietly. */
  close(): void
}

export interface NodeSource extends WatchNodesOptions {
  readonly link: Link
  readonly onClosed: (reader: NodeReader) => void
}

export class NodeReader implements NodeChanges {
  readonly #source: NodeSource
  /** The newest of each node that was not read yet, the longest waiting first. */
  readonly #waiting = new Map<string, NodeChange>()
  /** As they were last told. */
  readonly #known = new Map<string, NodeView>()
  readonly #closing = new AbortController()
  #forget: () => void = () => {}
  #snapshots = 0
  #error: unknown
  #wake: (() => void) | undefined

  constructor(source: NodeSource) {
    this.#source = source
    const ends = { onAbort: () => this.close(), onLate: (error: unknown) => this.fail(error) }
    this.#forget = limitTime(source.link.clock, 'the end of the changes', source, ends)
    void this.#hear()
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  close(): void {
    this.#waiting.clear()
    this.fail(undefined)
  }

  /** What waits is still read, then it throws. */
  fail(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#error = error
    this.#closing.abort()
    this.#forget()
    this.#source.onClosed(this)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<NodeChange, void> {
    try {
      for (;;) {
        const [next] = this.#waiting
        if (next !== undefined) {
          this.#waiting.delete(next[0])
          yield next[1]
        } else if (this.#error !== undefined) throw this.#error
        else if (this.#closing.signal.aborted) return
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.close()
    }
  }

  async #hear(): Promise<void> {
    const { link } = this.#source
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries += 1) {
      const before = this.#snapshots
      try {
        const client = await link.client()
        if (!signal.aborted) await this.#hearOn(client)
      } catch (error) {
        if (!isRetryable(error)) return this.fail(error)
      }
      if (this.#snapshots !== before) tries = 0
      await pause(link.clock, backOffMs(tries, link.random), signal)
    }
  }

  /** Resolves when it was closed. Rejects with what ended the subscription. Nodes have no history to go on from. */
  #hearOn(client: Client): Promise<void> {
    const { filter } = this.#source
    const seen = new Set<string>()
    return new Promise((resolve, reject) => {
      const stream: Subscription = client.subscribe(
        { topic: 'nodes', from: 'snapshot', ...(filter === undefined ? {} : { filter }) },
        {
          onSnapshot: ({ nodes = [], more }) => {
            for (const node of nodes) {
              seen.add(node.id)
              this.#changed(node)
            }
            if (more) return
            // What was forgotten while nobody could tell.
            for (const id of [...this.#known.keys()]) if (!seen.has(id)) this.#removed(id)
            seen.clear()
            this.#snapshots += 1
          },
          onDelta: ({ node }) => {
            if (node) this.#changed(node)
          },
          onRemoved: ({ id }) => this.#removed(id),
          onNodesUsed: (nodes) => this.#used(nodes),
          onReset: () => seen.clear(),
          onEnd: (error) => {
            forget()
            reject(error)
          },
        },
      )
      const forget = onAbort(this.#closing.signal, () => {
        void stream.close()
        resolve()
      })
    })
  }

  #changed(node: NodeView): void {
    this.#known.set(node.id, node)
    this.#put(node.id, { type: 'Changed', node })
  }

  /** It comes beside the order of the rest: only of nodes that are known does it say anything. */
  #used(nodes: ClientReplies['NodesUsed']['nodes']): void {
    for (const { id, used, atMs } of nodes) {
      const known = this.#known.get(id)
      if (known !== undefined) this.#changed({ ...known, used, usedAtMs: atMs })
    }
  }

  #removed(id: string): void {
    this.#known.delete(id)
    this.#put(id, { type: 'Removed', id })
  }

  #put(id: string, change: NodeChange): void {
    if (this.#closing.signal.aborted) return
    this.#waiting.set(id, change)
    this.#wake?.()
  }
}
