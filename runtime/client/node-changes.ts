/**
 * All nodes, as they are now and as they change, with what their machines use: what a map of them that stays up to date is
 * made of. A reader that is slow misses steps in between and holds one state per node, never more.
 */
import type { NodeView } from '../../actors/model.ts'
import type { ClientReplies, TaskFilter } from '../../actors/protocol/client.ts'
import { type Hearing, NewsReader, type NewsSource } from './news-reader.ts'
import type { StreamOptions } from './time-limit.ts'

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

export type NodeSource = NewsSource & WatchNodesOptions

export class NodeReader extends NewsReader<NodeChange> implements NodeChanges {
  readonly #source: NodeSource
  /** The newest of each node that was not read yet, the longest waiting first. */
  readonly #waiting = new Map<string, NodeChange>()
  /** As they were last told. */
  readonly #known = new Map<string, NodeView>()
  #snapshots = 0

  constructor(source: NodeSource) {
    super(source)
    this.#source = source
    this.begin('the end of the changes')
  }

  protected next(): NodeChange | undefined {
    const [first] = this.#waiting
    if (first !== undefined) this.#waiting.delete(first[0])
    return first?.[1]
  }

  protected drop(): void {
    this.#waiting.clear()
  }

  protected progress(): unknown {
    return this.#snapshots
  }

  /** Nodes have no history to go on from. */
  protected hearing(): Hearing {
    const { filter } = this.#source
    const seen = new Set<string>()
    return {
      ask: { topic: 'nodes', from: 'snapshot', ...(filter === undefined ? {} : { filter }) },
      handlers: {
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
      },
    }
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
    if (this.isClosed) return
    this.#waiting.set(id, change)
    this.wake()
  }
}
