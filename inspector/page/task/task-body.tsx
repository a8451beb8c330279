/** A task's page, whether its history comes from the manager or from a file: heading, chart, steps, context, panels. */
import './task.css'
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { stateOf } from '../../../actors/standing.ts'
import { taskMachine } from '../../../actors/task.ts'
import { readGraph } from '../../chart/graph.ts'
import { sentence } from '../act/failure-words.ts'
import { openSendDialog } from '../act/send-dialog.tsx'
import { ChartView } from '../chart/chart-view.tsx'
import { traceOf } from '../chart/trace.ts'
import { type TaskPanel, taskPanels } from '../route.ts'
import { formatClock, formatMoment } from '../ui/format.ts'
import { useNow } from '../ui/now.ts'
import { StateBadge } from '../ui/state-badge.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { ContextView } from './context-view.tsx'
import type { PanelProps, TaskHistory } from './history.ts'
import { payloadText, stateText } from './panels/event-text.ts'
import { EventsPanel } from './panels/events.tsx'
import { LogsPanel } from './panels/logs.tsx'
import { PlacementPanel } from './panels/placement.tsx'
import { SequencePanel } from './panels/sequence.tsx'
import { SpecPanel } from './panels/spec.tsx'
import { StatsPanel } from './panels/stats.tsx'
import { TimelinePanel } from './panels/timeline.tsx'
import { Player, type PlayerProps } from './player.tsx'
import { sentenceOf } from './sentence.ts'

export interface TaskBodyProps extends PlayerProps {
  readonly panel: TaskPanel
  readonly onPanel: (panel: TaskPanel) => void
  /** Why contexts are not known, where they are not. */
  readonly unknown: string | undefined
  /** A step was asked for that is older than all that the log still has. */
  readonly isBefore?: boolean
  /** Why the manager knows nothing of it any more, where that is so. */
  readonly gone?: string | undefined
  /** What can be done with it. */
  readonly actions?: ComponentChildren
}

const panels: Readonly<Record<TaskPanel, { label: string; draw: (props: PanelProps) => ComponentChildren }>> = {
  timeline: { label: 'Timeline', draw: (props) => <TimelinePanel {...props} /> },
  events: { label: 'Events', draw: (props) => <EventsPanel {...props} /> },
  sequence: { label: 'Sequence', draw: (props) => <SequencePanel {...props} /> },
  logs: { label: 'Output', draw: (props) => <LogsPanel {...props} /> },
  stats: { label: 'Usage', draw: (props) => <StatsPanel {...props} /> },
  placement: { label: 'Placement', draw: (props) => <PlacementPanel {...props} /> },
  spec: { label: 'Spec', draw: (props) => <SpecPanel {...props} /> },
}
const tabs = taskPanels.map((id) => ({ id, label: panels[id].label }))

const graph = readGraph(taskMachine as unknown as Parameters<typeof readGraph>[0])

export function TaskBody(props: TaskBodyProps) {
  const { history, panel, at, onAt, onPanel, unknown, isBefore = false, gone, actions } = props
  return (
    <article class="task" data-task={history.task.id} data-source={history.source}>
      <Heading history={history} at={at}>
        {actions}
      </Heading>
      {gone === undefined ? undefined : (
        <p class="task-note" role="status" data-gone>
          {sentence(gone)} What this page had read of it stays here; “Save history” keeps it.
        </p>
      )}
      {isBefore ? (
        <p class="task-note" role="status">
          The log no longer has what was at that revision; this is how it stands now.
        </p>
      ) : undefined}
      {history.isTrimmed ? (
        <p class="task-note">
          {history.steps.length === 0
            ? 'The log no longer has any step of this task.'
            : 'The log no longer has what came before the first step that is shown here.'}
        </p>
      ) : undefined}
      <div class="task-halves">
        <section class="task-half" aria-label="Statechart">
          <Chart history={history} at={at} />
          <Player history={history} at={at} onAt={onAt} />
          <JustBefore history={history} at={at} onAt={onAt} />
          <ContextView history={history} at={at} unknown={unknown} />
        </section>
        <section class="task-half" aria-label="Details">
          <Tabs label="Details of the task" tabs={tabs} selected={panel} onSelect={onPanel}>
            {panels[panel].draw({ history, at, onAt })}
          </Tabs>
        </section>
      </div>
    </article>
  )
}

interface HeadingProps {
  readonly history: TaskHistory
  readonly at: number | undefined
  readonly children?: ComponentChildren
}

function Heading({ history, at, children }: HeadingProps) {
  const { task, steps } = history
  const past = at === undefined ? undefined : steps[at]?.event
  const { state, detail } = past === undefined ? task : stateOf(past.to)
  return (
    <header class="task-head">
      <div class="task-title">
        <h1>{task.name}</h1>
        <StateBadge state={state} detail={detail} />
        {task.name === task.id ? undefined : <code class="task-id">{task.id}</code>}
      </div>
      <p class={task.state === 'Failed' && past === undefined ? 'task-sentence task-failed' : 'task-sentence'}>
        {past === undefined
          ? sentenceOf(task)
          : `As it stood at ${formatMoment(past.atMs)}, after ${past.event.type}. Now: ${sentenceOf(task)}`}
      </p>
      {children === undefined ? undefined : <div class="task-actions">{children}</div>}
    </header>
  )
}

function Chart({ history, at }: { readonly history: TaskHistory; readonly at: number | undefined }) {
  const { steps, task, source, nowMs } = history
  const isGoing = at === undefined && source === 'live' && task.finishedAtMs === null
  const clockMs = isGoing ? useNow() : 0
  const upTo = at ?? steps.length - 1
  const untilMs = at === undefined ? Math.max(nowMs, clockMs) : (steps[at]?.event.atMs ?? nowMs)
  const traced = useMemo(
    () =>
      steps.slice(0, upTo + 1).map(({ event }) => {
        const { from, to, atMs } = event
        return { type: event.event.type, from, to, atMs }
      }),
    [steps, upTo],
  )
  const trace = useMemo(() => traceOf(graph, traced, untilMs), [traced, untilMs])
  // What may be sent, and what would come of it, is asked of how it stands now.
  const onTransition = isGoing ? ({ event }: { event: string }) => openSendDialog(task.id, event) : undefined
  return (
    <ChartView
      machine="task"
      step={upTo}
      {...trace}
      value={trace.value || pathOfView(task)}
      onTransition={onTransition}
    />
  )
}

/** Where the log says nothing, the task itself says where it is. */
const pathOfView = ({ state, detail }: TaskHistory['task']): string => {
  if (state === 'Completed' || state === 'Failed') return state
  return `${state}.${detail || (state === 'Running' ? 'Up' : state === 'Pending' ? 'Queued' : 'Starting')}`
}

const shownBefore = 3

/** What happened just before: the newest transitions up to where one looks. */
function JustBefore({ history, at, onAt }: PlayerProps) {
  const { steps } = history
  const here = at ?? steps.length - 1
  const shown = steps.slice(Math.max(0, here + 1 - shownBefore), here + 1).reverse()
  if (shown.length === 0) return undefined
  return (
    <div class="task-before">
      <h2>What happened just before</h2>
      <ol>
        {shown.map(({ index, event }) => (
          <li key={index}>
            <button type="button" class="task-step" onClick={() => onAt(index)}>
              <time dateTime={new Date(event.atMs).toISOString()} title={formatMoment(event.atMs)}>
                {formatClock(event.atMs, { fine: true })}
              </time>
              <span class="task-event">{event.event.type}</span>
              <span class="task-to">
                <span aria-hidden="true">→ </span>
                <span class="visually-hidden">to </span>
                {stateText(event.to)}
              </span>
              <span class="task-payload">{payloadText(event)}</span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  )
}
