/** One line of the tree of actors. */
import { StateBadge } from '../ui/state-badge.tsx'
import { Span } from '../ui/time.tsx'
import type { TreeRow } from './tree-model.ts'

export interface ActorItemProps {
  readonly row: TreeRow
  /** The one that the Tab key comes to. */
  readonly isActive: boolean
  readonly onFold: (id: string, isOpen: boolean) => void
  readonly onOpen: (row: TreeRow) => void
  /** It has the focus, however that came about. */
  readonly onFocus: (id: string) => void
}

export function ActorItem({ row, isActive, onFold, onOpen, onFocus }: ActorItemProps) {
  const { id, kind, label, state, detail, level, place, siblings, isExpandable, isExpanded, sinceMs } = row
  const onClick = (event: MouseEvent) => {
    const isTwist = event.target instanceof Element && event.target.closest('.actors-twist') !== null
    if (isTwist && isExpandable) onFold(id, !isExpanded)
    else onOpen(row)
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it takes the keys of all its items.
    <div
      role="treeitem"
      class="actors-item"
      data-actor={id}
      data-kind={kind}
      aria-level={level}
      aria-posinset={place}
      aria-setsize={siblings}
      aria-expanded={isExpandable ? isExpanded : undefined}
      tabIndex={isActive ? 0 : -1}
      style={{ '--level': level - 1 }}
      onClick={onClick}
      onFocus={() => onFocus(id)}
    >
      <svg class="actors-twist" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        {isExpandable ? (
          <path d="M6 3.5l4.5 4.5L6 12.5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
        ) : undefined}
      </svg>
      {kind === label || kind === 'tasks' || kind === 'more' || kind === 'attempt' ? undefined : (
        <span class="actors-kind">{kind}</span>
      )}
      <span class="actors-label">{label}</span>
      {state === '' ? undefined : <StateBadge state={state} detail={detail} />}
      {sinceMs === undefined || state === '' ? undefined : (
        <span class="actors-since">
          <Span fromMs={sinceMs} />
        </span>
      )}
    </div>
  )
}
