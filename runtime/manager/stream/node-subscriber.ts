/** A subscription to where nodes stand. Nodes have no history, and are few: who is behind keeps the newest of each. */
import type { NodeView } from '../../../actors/model.ts'
import type { ClientReply, TaskFilter } from '../../../actors/protocol/client.ts'
import type { NodeUsed } from '../usages.ts'
import type { Outlet, Teller } from './outlet.ts'

/** What a commit did to a node. */
export interface NodeNews {
  readonly revision: number
  readonly id: string
  /** Undefined: it is gone. */
  readonly node: NodeView | undefined
  readonly name: string
}

export interface NodeSubscriberOptions {
  readonly req: number
  readonly filter: TaskFilter
  readonly logId: string
  readonly outlet: Outlet
  readonly pageBytes: number
  readonly published: () => number
}

/** Of a node's usage once encoded, roughly. */
const usageBytes = 160

export const bytesOfNode = ({ labels, drivers, sharesMachineWith = [] }: NodeView): number =>
  420 +
  24 * sharesMachineWith.length +
  24 * Object.keys(drivers).length +
  Object.entries(labels).reduce((sum, [a, b]) => sum + a.length + b.length + 8, 0)

export class NodeSubscriber implements Teller {
  told = 0
  readonly #options: NodeSubscriberOptions
  /** What is told first and was not yet; undefined once it was. */
  #first: NodeView[] | undefined
  /** By node, in the order of their revisions. */
  readonly #waiting = new Map<string, NodeNews>()
  /** What machines use and was not told yet: the newest of each. */
  readonly #used = new Map<string, NodeUsed>()
  /** Ids of the nodes that it has told of and that are not gone. */
  readonly #followed = new Set<string>()
  #begun = false

  constructor(options: NodeSubscriberOptions) {
    this.#options = options
  }

  fits(id: string, name: string): boolean {
    const { nodes } = this.#options.filter
    return nodes === undefined || nodes.includes(id) || nodes.includes(name)
  }

  /** As of this revision, and durable. */
  begin(nodes: readonly NodeView[], revision: number): void {
    this.told = revision
    this.#begun = true
    this.#first = nodes.filter(({ id, name }) => this.fits(id, name))
    for (const [id, news] of this.#waiting) if (news.revision <= revision) this.#waiting.delete(id)
    this.#options.outlet.wait(this)
  }

  tell(news: NodeNews): void {
    if (!this.fits(news.id, news.name) || (this.#begun && news.revision <= this.told)) return
    this.#waiting.delete(news.id)
    this.#waiting.set(news.id, news)
    if (this.#begun) this.#options.outlet.wait(this)
  }

  /** Of nodes that it has not told of yet it says nothing: their usage comes with them. */
  use(nodes: readonly NodeUsed[]): void {
    if (!this.#begun) return
    for (const news of nodes) if (this.#followed.has(news.id)) this.#used.set(news.id, news)
    if (this.#used.size > 0) this.#options.outlet.wait(this)
  }

  mark(): void {
    const { req, outlet, published } = this.#options
    const revision = published()
    if (!this.#begun || this.#first !== undefined || this.#waiting.size > 0 || !outlet.room) return
    if (revision <= this.told) return
    this.told = revision
    outlet.send({ type: 'Mark', req, revision }, 16)
  }

  close(): void {
    this.#begun = false
    this.#options.outlet.forget(this)
  }

  async advance(): Promise<void> {
    if (!this.#begun) return
    if (this.#first !== undefined) this.#page(this.#first)
    else this.#flush()
    if (this.#first === undefined && this.#waiting.size === 0) this.#tellUsage()
    if (this.#first !== undefined || this.#waiting.size + this.#used.size > 0) this.#options.outlet.wait(this)
  }

  #page(nodes: NodeView[]): void {
    const { req, logId, outlet, pageBytes } = this.#options
    let bytes = 0
    let count = 0
    for (; count < nodes.length && bytes < pageBytes; count += 1) bytes += bytesOfNode(nodes[count] as NodeView)
    const rest = nodes.slice(count)
    this.#first = rest.length > 0 ? rest : undefined
    const more = rest.length > 0 ? { more: true } : {}
    for (const { id } of nodes.slice(0, count)) this.#followed.add(id)
    outlet.send({ type: 'Snapshot', req, logId, revision: this.told, ...more, nodes: nodes.slice(0, count) }, bytes)
  }

  #tellUsage(): void {
    const { req, outlet, pageBytes } = this.#options
    const most = Math.max(1, Math.floor(pageBytes / usageBytes))
    while (this.#used.size > 0 && outlet.room) {
      const nodes = [...this.#used.values()].slice(0, most)
      for (const { id } of nodes) this.#used.delete(id)
      outlet.send({ type: 'NodesUsed', req, nodes: nodes.map((news) => ({ ...news })) }, nodes.length * usageBytes)
    }
  }

  #flush(): void {
    const { req, outlet } = this.#options
    const all = [...this.#waiting.values()]
    for (const [at, { revision, id, node }] of all.entries()) {
      if (!outlet.room) return
      this.#waiting.delete(id)
      const isFollowed = all[at + 1]?.revision === revision
      const head = { req, revision, ...(isFollowed ? { more: true } : {}) }
      const reply: ClientReply =
        node === undefined ? { type: 'Removed', ...head, id, why: 'gone' } : { type: 'Delta', ...head, node }
      if (!isFollowed) this.told = revision
      // Of one that is gone nobody knows what it uses, whatever was heard of it before.
      if (node === undefined || node.state === 'Down') this.#used.delete(id)
      if (node === undefined) this.#followed.delete(id)
      else this.#followed.add(id)
      outlet.send(reply, node === undefined ? 64 : bytesOfNode(node))
    }
  }
}
