/** The list itself: of very many tasks, those rows are drawn that can be seen. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { EndedTasks } from './ended-control.tsx'
import { tasksVersion, taskTable } from './live-tasks.ts'
import { addressOf, rowIdOf, TaskRowView } from './task-row.tsx'
import type { TaskRow } from './task-table.ts'
import { useViewport } from './use-viewport.ts'
import { scrollTo as scrollToRow, windowOf } from './virtual-window.ts'

/** As tasks.css has them. */
const rowPx = { wide: 44, narrow: 72 } as const
const titlesPx = { wide: 36, narrow: 0 } as const

const columns = [
  { name: 'state', title: 'State' },
  { name: 'name', title: 'Task' },
  { name: 'what', title: 'Runs' },
  { name: 'node', title: 'Node' },
  { name: 'attempt', title: 'Attempt' },
  { name: 'age', title: 'Age' },
  { name: 'ran', title: 'Ran for' },
  { name: 'outcome', title: 'Outcome' },
] as const

export interface TaskListProps {
  /** Changes with the query. */
  readonly queryKey: string
  readonly onClear: () => void
}

export function TaskList({ queryKey, onClear }: TaskListProps) {
  // Read, so that it is drawn with every change.
  const version = tasksVersion.value
  const list = useRef<HTMLDivElement>(null)
  const viewport = useViewport(list)
  const size = viewport.isNarrow ? 'narrow' : 'wide'
  const { shown } = taskTable
  const input = { count: shown.count, rowPx: rowPx[size], scrollPx: viewport.scrollPx, viewPx: viewport.viewPx }
  const { first, end, originPx, totalPx } = windowOf(input)
  const active = useActiveRow()
  useSteadyScroll(list, { version, queryKey, rowPx: rowPx[size] })
  const pressed = useRef<string | undefined>(undefined)
  useKeptFocus(list, active.row)
  const goTo = (index: number) => {
    const row = shown.at(Math.min(Math.max(index, 0), shown.count - 1))
    if (row === undefined) return
    active.choose(row)
    const px = scrollToRow(shown.indexOf(row), input, titlesPx[size])
    if (px !== undefined) scrollBy(0, px - viewport.scrollPx)
    // It is drawn by then.
    requestAnimationFrame(() => focusRow(row))
  }
  const rows = shown.slice(first, end).map((row, offset) => ({ row, index: first + offset }))
  // The row that has the focus stays, however far it is scrolled away.
  if (active.row && (active.index < first || active.index >= end)) rows.push({ row: active.row, index: active.index })
  const topOf = (index: number) => originPx + index * rowPx[size]
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: see task-row.tsx. */}
      <div
        role="grid"
        class="tasks-grid"
        aria-label="Tasks"
        aria-rowcount={shown.count + 1}
        aria-colcount={columns.length}
        onKeyDown={(event) => onKey(event, active.index, viewport.viewPx / rowPx[size], goTo)}
        onFocusIn={(event) => active.chooseBy(event.target)}
        onPointerDown={(event) => {
          pressed.current = idAt(event.target)
        }}
        onClick={(event) => openClicked(event, pressed.current)}
      >
        <Titles />
        {/* biome-ignore lint/a11y/useSemanticElements: see task-row.tsx. */}
        <div
          role="rowgroup"
          class={viewport.scrollPx <= 0 ? 'tasks-rows tasks-rows-moving' : 'tasks-rows'}
          ref={list}
          style={{ height: `${totalPx}px` }}
        >
          {rows.map(({ row, index }) => (
            <TaskRowView
              key={row.id}
              task={row.task}
              changedAtMs={row.changedAtMs}
              index={index}
              topPx={topOf(index)}
              isActive={index === active.index}
            />
          ))}
        </div>
      </div>
      {shown.count === 0 ? <NothingFits onClear={onClear} /> : undefined}
      <EndedTasks />
    </>
  )
}

function Titles() {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see task-row.tsx.
    <div role="rowgroup" class="tasks-titles">
      {/* biome-ignore lint/a11y/useSemanticElements: see task-row.tsx. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: it is no row to go to. */}
      <div role="row" class="tasks-titles-row" aria-rowindex={1}>
        {columns.map(({ name, title }) => (
          // biome-ignore lint/a11y/useSemanticElements: see task-row.tsx.
          // biome-ignore lint/a11y/useFocusableInteractive: nothing can be done with it.
          <div key={name} role="columnheader" class={`tasks-cell tasks-cell-${name}`}>
            {title}
          </div>
        ))}
      </div>
    </div>
  )
}

function NothingFits({ onClear }: { readonly onClear: () => void }) {
  return (
    <Empty title="No task fits">
      <p>None of the tasks that this page knows has all of that.</p>
      <Button onClick={onClear}>Show all tasks</Button>
    </Empty>
  )
}

/** Of the list as it was last seen: who comes back to it goes on from there. */
let lastActive: string | undefined

/** The row that the Tab key comes to: the one that was chosen, or what stands in its place once it is gone. */
function useActiveRow() {
  const [id, setState] = useState(lastActive)
  const setId = (next: string) => {
    lastActive = next
    setState(next)
  }
  const place = useRef(0)
  const { shown } = taskTable
  const chosen = id === undefined ? undefined : taskTable.get(id)
  const found = chosen === undefined ? -1 : shown.indexOf(chosen)
  const index = Math.min(found < 0 ? place.current : found, Math.max(0, shown.count - 1))
  place.current = id === undefined ? 0 : index
  return {
    index,
    row: shown.at(index),
    choose: (row: TaskRow) => setId(row.id),
    chooseBy: (target: EventTarget | null) => {
      const found = idAt(target)
      if (found !== undefined) setId(found)
    },
  }
}

interface Steady {
  readonly version: number
  readonly queryKey: string
  readonly rowPx: number
}

/** What is looked at stays where it is while rows come and go above it; another query begins at its top. */
function useSteadyScroll(list: RefObject<HTMLElement | null>, { version, queryKey, rowPx: px }: Steady): void {
  const seen = useRef<{ row: TaskRow; index: number; queryKey: string } | undefined>(undefined)
  const { shown } = taskTable
  useLayoutEffect(() => {
    const before = seen.current
    const aboveNow = -(list.current?.getBoundingClientRect().top ?? 0)
    if (before !== undefined && aboveNow > 0) {
      const index = shown.indexOf(before.row)
      if (before.queryKey !== queryKey) scrollBy(0, -aboveNow)
      else if (index >= 0 && index !== before.index) scrollBy(0, (index - before.index) * px)
    }
  }, [version, queryKey])
  useLayoutEffect(() => {
    const above = -(list.current?.getBoundingClientRect().top ?? 0)
    const index = Math.max(0, Math.floor(above / px))
    const row = shown.at(index)
    seen.current = row && { row, index, queryKey }
  })
}

/** A row that was moved in the document has lost the focus by that. */
function useKeptFocus(list: RefObject<HTMLElement | null>, row: TaskRow | undefined): void {
  const hadFocus = list.current?.contains(document.activeElement) ?? false
  useLayoutEffect(() => {
    if (hadFocus && !list.current?.contains(document.activeElement)) focusRow(row)
  })
}

function focusRow(row: TaskRow | undefined): void {
  if (row !== undefined) document.getElementById(rowIdOf(row.id))?.focus({ preventScroll: true })
}

function onKey(event: KeyboardEvent, at: number, pageRows: number, goTo: (index: number) => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const page = Math.max(1, Math.floor(pageRows) - 2)
  const index = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: Number.MAX_SAFE_INTEGER,
  }[event.key]
  if (index !== undefined) {
    event.preventDefault()
    goTo(index)
  } else if (event.key === 'Enter') {
    const id = idAt(event.target)
    if (id !== undefined) location.assign(addressOf(id))
  }
}

/** The task whose row it is, or is in. */
const idAt = (target: EventTarget | null): string | undefined =>
  target instanceof Element ? target.closest<HTMLElement>('[data-task]')?.dataset.task : undefined

/**
 * Anywhere in a row is as good as its link; but not while one chooses a text in it. The row that was pressed is meant: it
 * may have moved on before the button was let go.
 */
function openClicked(event: MouseEvent, id: string | undefined): void {
  const { target } = event
  if (id === undefined || event.button !== 0 || (target instanceof Element && target.closest('a') !== null)) return
  if (getSelection()?.isCollapsed === false) return
  if (event.ctrlKey || event.metaKey) open(addressOf(id), '_blank')
  else location.assign(addressOf(id))
}
