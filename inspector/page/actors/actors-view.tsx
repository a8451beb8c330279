/** Every state machine of the cluster, as a tree by who it belongs to. */
import './actors.css'
import { signal } from '@preact/signals'
import { useMemo, useRef, useState } from 'preact/hooks'
import { nodes } from '../nodes/live-nodes.ts'
import { taskTable } from '../tasks/live-tasks.ts'
import { announce } from '../ui/announce.ts'
import { Empty } from '../ui/empty.tsx'
import { useNow } from '../ui/now.ts'
import { ActorItem } from './actor-item.tsx'
import { bucketTasks, firstExpanded, groupIdOf, moveOf, type TreeRow, treeRows, waitingId } from './tree-model.ts'
import { useActors } from './use-actors.ts'

/** What is unfolded, for as long as the page is open; undefined: nothing was chosen yet. */
const chosen = signal<ReadonlySet<string> | undefined>(undefined)

export function ActorsView() {
  const used = useActors(undefined)
  const all = nodes.value
  const { table } = used
  const actors = table.all
  const expanded = chosen.value ?? firstExpanded(all)
  // The tasks are counted anew once a second: nobody reads faster.
  const nowMs = useNow()
  const buckets = useMemo(() => {
    const whole = all.filter(({ id }) => expanded.has(groupIdOf(id))).map(({ id }) => id)
    return bucketTasks(taskTable.newestFirst(), new Set([...whole, ...(expanded.has(waitingId) ? [waitingId] : [])]))
  }, [nowMs, expanded, all])
  const rows = treeRows({ actors, nodes: all, tasks: buckets.byNode, waiting: buckets.waiting, expanded })
  return (
    <div class="actors">
      <header class="actors-head">
        <h1>Actors</h1>
        <p class="actors-note">
          Every part of the cluster is a state machine. Open one to watch its steps as they happen.
        </p>
      </header>
      {used.failure === undefined ? (
        used.state === 'loading' && actors.length === 0 ? (
          <p class="actors-note">Looking at the machines…</p>
        ) : (
          <Tree rows={rows} expanded={expanded} />
        )
      ) : (
        <Empty title="The actors cannot be shown" failing>
          <p>{used.failure}</p>
        </Empty>
      )}
    </div>
  )
}

interface TreeProps {
  readonly rows: readonly TreeRow[]
  readonly expanded: ReadonlySet<string>
}

function Tree({ rows, expanded }: TreeProps) {
  const tree = useRef<HTMLDivElement>(null)
  const [wanted, setWanted] = useState<string>()
  const active = rows.find(({ id }) => id === wanted)?.id ?? rows[0]?.id ?? ''
  const fold = (id: string, isOpen: boolean) => {
    const next = new Set(expanded)
    if (isOpen) next.add(id)
    else next.delete(id)
    chosen.value = next
    setWanted(id)
    announce(isOpen ? 'Unfolded' : 'Folded up')
  }
  const open = (row: TreeRow) => {
    if (row.href !== undefined) location.assign(row.href)
    else if (row.isExpandable) fold(row.id, !row.isExpanded)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Enter') {
      const row = rows.find(({ id }) => id === active)
      if (row !== undefined) open(row)
      event.preventDefault()
      return
    }
    const move = moveOf(event.key, rows, active)
    if (move === undefined) return
    event.preventDefault()
    if (move.type !== 'go') return fold(move.id, move.type === 'unfold')
    setWanted(move.id)
    tree.current?.querySelector<HTMLElement>(`[data-actor="${CSS.escape(move.id)}"]`)?.focus()
  }
  return (
    <div class="actors-tree" role="tree" aria-label="Actors of the cluster" ref={tree} onKeyDown={onKeyDown}>
      {rows.map((row) => (
        <ActorItem
          key={row.id}
          row={row}
          isActive={row.id === active}
          onFold={fold}
          onOpen={open}
          onFocus={setWanted}
        />
      ))}
    </div>
  )
}
