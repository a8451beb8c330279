/** All nodes that the page knows, as they were last told. */
import type { NodeView } from '../../../actors/model.ts'
import type { NodeChange } from '../../../runtime/client/node-changes.ts'

export class NodeTable {
  #nodes = new Map<string, NodeView>()

  /** In the order in which they were first told. A list that changed is another one. */
  get all(): readonly NodeView[] {
    return [...this.#nodes.values()]
  }

  apply(changes: Iterable<NodeChange>): void {
    for (const change of changes) {
      if (change.type === 'Changed') this.#nodes.set(change.node.id, change.node)
      else this.#nodes.delete(change.id)
    }
  }
}
