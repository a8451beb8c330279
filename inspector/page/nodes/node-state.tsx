/** How a node stands, by glyph and word; that it is being emptied beside it. */
import type { NodeView } from '../../../actors/model.ts'
import { StateBadge } from '../ui/state-badge.tsx'

export const NodeState = ({ node }: { readonly node: Pick<NodeView, 'state' | 'draining'> }) => (
  <span class="nodes-state" data-draining={node.draining}>
    <StateBadge state={node.state} />
    {node.draining ? (
      <span class="nodes-draining">
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path
            d="M8 2v8m0 0L4.5 6.5M8 10l3.5-3.5M3 13.5h10"
            fill="none"
            stroke="currentColor"
            stroke-width="1.8"
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        </svg>
        draining
      </span>
    ) : undefined}
  </span>
)
