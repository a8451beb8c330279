/** The life of a task: one bar per attempt, along one axis of time. */
import './timeline.css'
import { useMemo, useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { formatMoment, plural } from '../../ui/format.ts'
import { useNow } from '../../ui/now.ts'
import type { PanelProps, TaskHistory } from '../history.ts'
import { type AttemptBar, barsOf, phaseKinds, phaseWords } from './phases.ts'
import { TimelineChart } from './timeline-chart.tsx'
import { TimelineTable } from './timeline-table.tsx'
import { useWidth } from './use-width.ts'

/** Attempts that are drawn at first; a task that restarts for ever has more. */
const attemptsShownMax = 20

export function TimelinePanel(props: PanelProps) {
  return props.history.steps.length === 0 ? (
    <Empty title="No step of this task is known yet." />
  ) : (
    <Timeline key={props.history.task.id} {...props} />
  )
}

function Timeline({ history, at, onAt }: PanelProps) {
  const [element, width] = useWidth<HTMLDivElement>()
  const [isWhole, setWhole] = useState(false)
  const [hasTable, setTable] = useState(false)
  const nowMs = useNowOf(history)
  const all = useMemo(() => barsOf(history.steps, nowMs), [history.steps, nowMs])
  const upTo = useMemo(() => barsUpTo(history, at), [history.steps, at])
  const hidden = isWhole ? 0 : Math.max(0, all.length - attemptsShownMax)
  const bars = all.slice(hidden)
  const shown = upTo?.slice(hidden)
  const fromMs = bars[0]?.phases[0]?.fromMs ?? nowMs
  return (
    <section class="timeline" aria-label="Timeline" data-panel="timeline">
      <div class="timeline-head">
        <p class="timeline-note">
          From {formatMoment(fromMs)}
          {history.isTrimmed ? '; the log no longer has what came before' : ''}
        </p>
        <Button kind="quiet" aria-pressed={hasTable} onClick={() => setTable(!hasTable)}>
          Numbers
        </Button>
      </div>
      {hidden > 0 ? (
        <Button class="timeline-more" onClick={() => setWhole(true)}>
          Show {plural(hidden, 'earlier attempt')}
        </Button>
      ) : undefined}
      <div class="timeline-chart" ref={element}>
        {width > 0 ? (
          <TimelineChart bars={bars} {...(shown === undefined ? {} : { shown })} width={width} at={at} onAt={onAt} />
        ) : undefined}
      </div>
      <Legend bars={bars} />
      <TimelineTable bars={shown ?? bars} isVisible={hasTable} />
    </section>
  )
}

/** What is live goes on with the page's clock; clocks differ, and nothing ends before its newest step. */
function useNowOf({ source, steps, nowMs, task }: TaskHistory): number {
  const isGoing = source === 'live' && task.finishedAtMs === null
  const clockMs = isGoing ? useNow() : 0
  return Math.max(nowMs, clockMs, steps.at(-1)?.event.atMs ?? 0)
}

function barsUpTo({ steps }: TaskHistory, at: number | undefined): AttemptBar[] | undefined {
  const step = at === undefined ? undefined : steps[at]
  return step === undefined ? undefined : barsOf(steps.slice(0, step.index + 1), step.event.atMs)
}

function Legend({ bars }: { readonly bars: readonly AttemptBar[] }) {
  const used = new Set(bars.flatMap(({ phases }) => phases.map(({ kind }) => kind)))
  return (
    <ul class="timeline-legend" aria-label="What the bars mean">
      {phaseKinds
        .filter((kind) => used.has(kind))
        .map((kind) => (
          <li key={kind}>
            <span class={`timeline-swatch timeline-swatch-${kind}`} aria-hidden="true" />
            {phaseWords[kind]}
          </li>
        ))}
    </ul>
  )
}
