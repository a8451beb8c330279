/** One task in the list. It is drawn anew only when it, or its place, changes. */
import { Component, type ComponentChildren } from 'preact'
import type { TaskView } from '../../../actors/model.ts'
import { formatRoute } from '../route.ts'
import { StateBadge } from '../ui/state-badge.tsx'
import { Span } from '../ui/time.tsx'
import { attemptOf, isNamed, outcomeOf, triesOf, whatOf } from './task-words.ts'

/** How long a change counts as one that just happened, in milliseconds. */
const freshMs = 1_500

export interface TaskRowProps {
  readonly task: TaskView
  readonly changedAtMs: number | undefined
  /** Its place in the list, from 0. */
  readonly index: number
  /** Where it begins, from the list's top. */
  readonly topPx: number
  /** The one that the Tab key comes to. */
  readonly isActive: boolean
}

export const rowIdOf = (taskId: string): string => `task-${taskId}`
export const addressOf = (id: string): string => formatRoute({ view: 'task', id, panel: 'timeline', at: undefined })

/** Brings the focus to the row that the Tab key would come to. */
export function focusList(): void {
  document.querySelector<HTMLElement>('.tasks-row[tabindex="0"]')?.focus()
}

export class TaskRowView extends Component<TaskRowProps> {
  override shouldComponentUpdate(next: TaskRowProps): boolean {
    const { task, index, topPx, isActive } = this.props
    return next.task !== task || next.index !== index || next.topPx !== topPx || next.isActive !== isActive
  }

  override render({ task, changedAtMs, index, topPx, isActive }: TaskRowProps) {
    const isFresh = changedAtMs !== undefined && Date.now() - changedAtMs < freshMs
    const what = whatOf(task)
    const outcome = outcomeOf(task)
    return (
      // biome-ignore lint/a11y/useSemanticElements: a table of 100,000 rows of which few are there has no element of its own.
      <div
        role="row"
        id={rowIdOf(task.id)}
        class={`tasks-row tone-${task.state.toLowerCase()}`}
        // The row of the titles is the first.
        aria-rowindex={index + 2}
        tabIndex={isActive ? 0 : -1}
        data-task={task.id}
        style={{ transform: `translateY(${topPx}px)` }}
      >
        {/* By its key it is another element after each change, so that its flash begins anew. */}
        <Cell name="state" key={`state ${changedAtMs ?? ''}`} isFresh={isFresh}>
          <StateBadge state={task.state} detail={task.detail} />
        </Cell>
        <Cell name="name">
          {/* The row itself is what the keyboard comes to; the link is for the pointer, and for another window. */}
          <a href={addressOf(task.id)} tabIndex={-1} title={task.name}>
            {isNamed(task) ? task.name : task.id}
          </a>
          {isNamed(task) ? <span class="tasks-id">{task.id}</span> : undefined}
        </Cell>
        <Cell name="what" title={what}>
          {what}
        </Cell>
        <Cell name="node" title={task.node ?? undefined}>
          {task.node ?? '–'}
        </Cell>
        <Cell name="attempt" title={triesOf(task)}>
          {attemptOf(task)}
        </Cell>
        <Cell name="age">
          <Span fromMs={task.createdAtMs} />
        </Cell>
        <Cell name="ran">{ran(task)}</Cell>
        <Cell name="outcome" title={outcome}>
          {outcome}
        </Cell>
      </div>
    )
  }
}

function ran({ startedAtMs, finishedAtMs }: TaskView) {
  return startedAtMs === null ? '–' : <Span fromMs={startedAtMs} toMs={finishedAtMs} />
}

interface CellProps {
  readonly name: string
  readonly title?: string | undefined
  readonly isFresh?: boolean
  readonly children: ComponentChildren
}

function Cell({ name, title, isFresh = false, children }: CellProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: as the row.
    // biome-ignore lint/a11y/useFocusableInteractive: the rows are what is gone through.
    <div role="gridcell" class={`tasks-cell tasks-cell-${name}${isFresh ? ' tasks-fresh' : ''}`} title={title}>
      {children}
    </div>
  )
}
