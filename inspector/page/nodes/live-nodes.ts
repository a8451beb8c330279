/** The page's one list of nodes, kept up to date from the manager for as long as the page is open. */
import { signal } from '@preact/signals'
import type { NodeView } from '../../../actors/model.ts'
import type { NodeChange } from '../../../runtime/browser.ts'
import { LiveNews } from '../live-news.ts'
import { NodeTable } from './node-table.ts'

/** All nodes; another list with each frame that changed one. */
export const nodes = signal<readonly NodeView[]>([])

const table = new NodeTable()
const news = new LiveNews<NodeChange>({
  watch: (opened) => opened.watchNodes(),
  isEmpty: async (opened) => (await opened.nodes()).length === 0,
  idOf: (change) => (change.type === 'Changed' ? change.node.id : change.id),
  take: (changes) => {
    table.apply(changes)
    nodes.value = table.all
  },
})

/** Whether what is in the list is what there is. */
export const nodesState = news.state

/** What an act has just led to: the news of it may come a little later. */
export function nodeChanged(node: NodeView): void {
  news.put({ type: 'Changed', node })
}

/** By its id, or by the name that people know it by. */
export const nodeBy = (idOrName: string): NodeView | undefined =>
  nodes.value.find(({ id }) => id === idOrName) ?? nodes.value.find(({ name }) => name === idOrName)
