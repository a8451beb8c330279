/** One node on the map. It is drawn anew only when it, or its place, changes. */
import { Component } from 'preact'
import type { NodeView } from '../../../actors/model.ts'
import { formatRoute } from '../route.ts'
import { formatCount } from '../ui/format.ts'
import { AmountBar } from './amount-bar.tsx'
import { NodeState } from './node-state.tsx'
import { busynessOf, cpuOf, memoryOf, type Resource, shortAmount, usedWords } from './node-sums.ts'

export interface NodeTileProps {
  readonly node: NodeView
  /** The one that the Tab key comes to. */
  readonly isActive: boolean
  readonly isBusiest: boolean
}

export class NodeTile extends Component<NodeTileProps> {
  override shouldComponentUpdate(next: NodeTileProps): boolean {
    const { node, isActive, isBusiest } = this.props
    return next.node !== node || next.isActive !== isActive || next.isBusiest !== isBusiest
  }

  override render({ node, isActive, isBusiest }: NodeTileProps) {
    const tasks = `${formatCount(node.tasks)} ${node.tasks === 1 ? 'task' : 'tasks'}`
    return (
      <li>
        <a
          class="nodes-tile"
          href={formatRoute({ view: 'node', id: node.id })}
          tabIndex={isActive ? 0 : -1}
          style={{ '--heat': Math.min(1, busynessOf(node).share).toFixed(3) }}
          data-node={node.id}
          data-state={node.state}
          data-busiest={isBusiest ? '' : undefined}
        >
          <span class="nodes-tile-head">
            <span class="nodes-tile-name" title={node.name}>
              {node.name}
            </span>
            <span class="nodes-tile-tasks">{tasks}</span>
          </span>
          <NodeState node={node} />
          <TileAmount resource="cpu" node={node} />
          <TileAmount resource="memory" node={node} />
        </a>
      </li>
    )
  }
}

function TileAmount({ resource, node }: { readonly resource: Resource; readonly node: NodeView }) {
  const amount = resource === 'cpu' ? cpuOf(node) : memoryOf(node)
  return (
    <span class="nodes-tile-amount">
      <span class="nodes-tile-label">{resource}</span>
      <span class="nodes-tile-numbers">{shortAmount(resource, amount)}</span>
      <span class="visually-hidden">reserved, {usedWords(resource, amount)}</span>
      <AmountBar amount={amount} />
    </span>
  )
}
