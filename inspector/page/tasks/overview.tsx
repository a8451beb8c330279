/** How the whole of it stands, in two lines: counts of the states, which filter, the nodes, and why tasks wait. */
import { taskStates } from '../../../actors/model.ts'
import { nodes, nodesState } from '../nodes/live-nodes.ts'
import { everyTask, formatRoute, type TasksQuery } from '../route.ts'
import { formatCount, plural } from '../ui/format.ts'
import { StateGlyph, toneOfState } from '../ui/state-badge.tsx'
import { tasksVersion, taskTable } from './live-tasks.ts'
import { toggled } from './task-filter.ts'
import { focusList } from './task-row.tsx'

export interface OverviewProps {
  readonly query: TasksQuery
  readonly onQuery: (change: Partial<TasksQuery>) => void
}

export function Overview({ query, onQuery }: OverviewProps) {
  // Read, so that it is drawn with every change.
  void tasksVersion.value
  return (
    <section class="tasks-overview" aria-label="Overview">
      <div class="tasks-title">
        <h1 onKeyDown={onHeadingKey}>Tasks</h1>
        <Nodes />
        <Waiting />
      </div>
      <fieldset class="tasks-chips">
        <legend class="visually-hidden">States that are shown</legend>
        {taskStates.map((state) => (
          <button
            key={state}
            type="button"
            class={`tasks-chip tone-${toneOfState(state)}`}
            aria-pressed={query.states.includes(state)}
            data-state={state}
            data-count={taskTable.countedStates.of(state)}
            onClick={() => onQuery({ states: toggled(query.states, state) })}
          >
            <StateGlyph state={state} />
            <span class="tasks-chip-word">{state}</span>
            <span class="tasks-chip-count">{formatCount(taskTable.countedStates.of(state))}</span>
          </button>
        ))}
      </fieldset>
    </section>
  )
}

/** Who comes to the view has the focus here, and goes on into the list. */
function onHeadingKey(event: KeyboardEvent): void {
  if (event.key !== 'ArrowDown' || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  focusList()
}

function Nodes() {
  if (nodesState.value.type !== 'ready') return null
  const total = nodes.value.length
  const ready = nodes.value.filter(({ state, draining }) => state === 'Ready' && !draining).length
  return (
    <a class={ready === total && total > 0 ? 'tasks-nodes' : 'tasks-nodes tasks-nodes-lacking'} href="#/nodes">
      {total === 0 ? 'No node is there' : `${ready} of ${plural(total, 'node')} ready`}
    </a>
  )
}

/** `12 wait: no node fits`, with the reason that most of them have. */
function Waiting() {
  void tasksVersion.value
  const [first] = taskTable.waiting.top(1)
  if (first === undefined) return null
  const [reason, count] = first
  const others = taskTable.waiting.values - 1
  const more = others === 0 ? '' : `, and ${plural(others, 'other reason')}`
  const address = formatRoute({ view: 'tasks', query: { ...everyTask, states: ['Pending'] } })
  return (
    <a class="tasks-waiting" href={address} title={reason}>
      {formatCount(count)} waiting{reason === '' ? '' : `: ${reason}`}
      {more}
    </a>
  )
}
