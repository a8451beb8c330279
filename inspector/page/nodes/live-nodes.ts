/** The page's one list of nodes, kept up to date from the manager for as long as the page is open. */
import { effect, signal } from '@preact/signals'
import type { NodeView } from '../../../actors/model.ts'
import { type NodeChange, type Troupe, TroupeError } from '../../../runtime/browser.ts'
import { refuse, troupe } from '../connection.ts'
import { NodeTable } from './node-table.ts'

const pace = {
  /** Between two looks at what came while nobody looks at the page, in milliseconds. */
  hiddenMs: 1_000,
  /** Before a subscription that failed is tried again, in milliseconds. */
  againMs: 5_000,
} as const

export type NodesState =
  | { readonly type: 'loading' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly why: string }

/** All nodes; another list with each frame that changed one. */
export const nodes = signal<readonly NodeView[]>([])
/** Whether what is in the list is what there is. */
export const nodesState = signal<NodesState>({ type: 'loading' })

const table = new NodeTable()
/** What was not taken in yet, the newest of each node. */
const waiting = new Map<string, NodeChange>()
let isScheduled = false

/** What an act has just led to: the news of it may come a little later. */
export function nodeChanged(node: NodeView): void {
  put({ type: 'Changed', node })
}

/** By its id, or by the name that people know it by. */
export const nodeBy = (idOrName: string): NodeView | undefined =>
  nodes.value.find(({ id }) => id === idOrName) ?? nodes.value.find(({ name }) => name === idOrName)

effect(() => {
  const opened = troupe.value
  if (opened === undefined) return
  void follow(opened)
  void askWhetherEmpty(opened)
})

async function follow(opened: Troupe): Promise<void> {
  while (troupe.peek() === opened) {
    try {
      for await (const change of opened.watchNodes()) put(change)
      return
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'Unauthorized') return refuse()
      nodesState.value = { type: 'failed', why: error instanceof Error ? error.message : String(error) }
      await new Promise((resolve) => setTimeout(resolve, pace.againMs))
    }
  }
}

/** Changes do not say that there are none: one question does. */
async function askWhetherEmpty(opened: Troupe): Promise<void> {
  try {
    const all = await opened.nodes()
    if (all.length === 0 && nodesState.peek().type === 'loading') nodesState.value = { type: 'ready' }
  } catch {
    // The subscription tells what is wrong.
  }
}

function put(change: NodeChange): void {
  const id = change.type === 'Changed' ? change.node.id : change.id
  waiting.delete(id)
  waiting.set(id, change)
  if (isScheduled) return
  isScheduled = true
  if (document.hidden) setTimeout(takeIn, pace.hiddenMs)
  else requestAnimationFrame(takeIn)
}

function takeIn(): void {
  isScheduled = false
  table.apply(waiting.values())
  waiting.clear()
  if (nodesState.peek().type !== 'ready') nodesState.value = { type: 'ready' }
  nodes.value = table.all
}
