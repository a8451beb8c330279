/**
 * What the nodes' machines use, as their heartbeats tell it: the newest of each, in memory only. Those who follow nodes
 * are told of it in batches and outside the order of revisions, so that no heartbeat costs the log anything.
 */
import type { NodeUsage } from '../../actors/usage.ts'
import type { Clock } from '../clock.ts'

export const usageLimits = {
  /** What came within this time goes to subscribers together, in milliseconds. */
  tellMs: 2_000,
  /** What is older says nothing of now, in milliseconds. A worker repeats what has not changed once a minute. */
  staleMs: 150_000,
} as const

/** What a node's machine uses, and when that was heard; wall clock. */
export interface NodeUsed {
  readonly id: string
  readonly used: NodeUsage
  readonly atMs: number
}

export interface UsagesOptions {
  readonly clock: Clock
  /** Whether anybody follows nodes; else nothing is gathered. */
  readonly isFollowed: () => boolean
  readonly tell: (nodes: readonly NodeUsed[]) => void
}

export class Usages {
  readonly #options: UsagesOptions
  readonly #newest = new Map<string, { readonly news: NodeUsed; readonly heardMs: number }>()
  /** Heard since the last time that subscribers were told. */
  readonly #news = new Map<string, NodeUsed>()
  #cancel: (() => void) | undefined

  constructor(options: UsagesOptions) {
    this.#options = options
  }

  get(nodeId: string): NodeUsed | undefined {
    return this.#newest.get(nodeId)?.news
  }

  heard(id: string, used: NodeUsage): void {
    const { clock, isFollowed } = this.#options
    const news: NodeUsed = { id, used, atMs: clock.nowMs() }
    this.#newest.set(id, { news, heardMs: clock.uptimeMs() })
    if (!isFollowed()) return
    this.#news.set(id, news)
    this.#cancel ??= clock.setTimer(() => this.#tell(), usageLimits.tellMs)
  }

  /** Whether the newest is too old to speak of now. */
  isStale(nodeId: string): boolean {
    const newest = this.#newest.get(nodeId)
    return newest !== undefined && this.#options.clock.uptimeMs() - newest.heardMs > usageLimits.staleMs
  }

  forget(nodeId: string): void {
    this.#newest.delete(nodeId)
    this.#news.delete(nodeId)
  }

  /** Nothing goes on by itself any more. */
  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #tell(): void {
    this.#cancel = undefined
    const nodes = [...this.#news.values()]
    this.#news.clear()
    if (nodes.length > 0) this.#options.tell(nodes)
  }
}
