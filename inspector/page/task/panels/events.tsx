/** The steps of a task's log, one per row; each can be looked at, and its payload opened. */
import './events.css'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { formatClock, formatDuration, formatMoment, plural } from '../../ui/format.ts'
import type { HistoryStep, PanelProps } from '../history.ts'
import { payloadOf, payloadText, stateText } from './event-text.ts'
import { useArrows } from './use-arrows.ts'
import { useRows } from './use-rows.ts'
import { useWidth } from './use-width.ts'

const widePx = 720
const rowWidePx = 34
const rowNarrowPx = 58
/** Of a payload that is open: a line of its text, and the room around it. */
const payloadLinePx = 18
const payloadEdgePx = 32
const payloadLinesMax = 16

export function EventsPanel(props: PanelProps) {
  return props.history.steps.length === 0 ? (
    <Empty title="No step of this task is known yet." />
  ) : (
    <Events key={props.history.task.id} {...props} />
  )
}

function Events({ history, at, onAt }: PanelProps) {
  const { steps, isTrimmed } = history
  const [frame, width] = useWidth<HTMLElement>()
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set())
  const rowPx = width >= widePx ? rowWidePx : rowNarrowPx
  const extras = useMemo(
    () => new Map([...opened].sort((a, b) => a - b).map((index) => [index, heightOf(steps[index])])),
    [opened],
  )
  const rows = useRows({ count: steps.length, rowPx, extras, fromEnd: at === undefined })
  const arrows = useArrows(rows, steps.length, at ?? steps.length - 1)
  useEffect(() => {
    if (at !== undefined) rows.reveal(at)
  }, [at])
  const toggle = (index: number) => {
    const next = new Set(opened)
    if (!next.delete(index)) next.add(index)
    setOpened(next)
  }
  const { from, to, topPx, totalPx } = rows.window
  return (
    <section
      class={width >= widePx ? 'events events-wide' : 'events'}
      aria-label="Events"
      ref={frame}
      data-panel="events"
    >
      <div class="events-head">
        <p class="events-note">
          {plural(steps.length, 'step')}
          {isTrimmed ? '; the log no longer has those before' : ''}
        </p>
        {rows.isFollowing ? undefined : (
          <Button kind="quiet" onClick={rows.toEnd}>
            Go to the newest
          </Button>
        )}
      </div>
      <div class="events-titles" aria-hidden="true">
        {titles.map((title) => (
          <span key={title}>{title}</span>
        ))}
      </div>
      <div class="events-box" ref={rows.box} onScroll={rows.onScroll}>
        <ol class="events-list" style={{ height: `${totalPx}px` }} onKeyDown={arrows.onKeyDown}>
          {steps.slice(from, to).map((step, place) => (
            <Row
              key={step.index}
              step={step}
              before={steps[step.index - 1]}
              topPx={place === 0 ? topPx : topPx + place * rowPx + extraOf(extras, from, step.index)}
              isChosen={at === step.index}
              isFocusable={arrows.focused === step.index}
              isOpen={opened.has(step.index)}
              onChoose={() => onAt(step.index)}
              onToggle={() => toggle(step.index)}
            />
          ))}
        </ol>
      </div>
    </section>
  )
}

function extraOf(extras: ReadonlyMap<number, number>, from: number, index: number): number {
  let px = 0
  for (const [at, extra] of extras) if (at >= from && at < index) px += extra
  return px
}

const titles = ['Time', 'Since', 'Event', 'From → to', 'Attempt', 'Node', 'Payload']

const jsonOf = (step: HistoryStep) => JSON.stringify(payloadOf(step.event), null, 2) ?? ''

function heightOf(step: HistoryStep | undefined): number {
  if (step === undefined) return 0
  return Math.min(payloadLinesMax, jsonOf(step).split('\n').length) * payloadLinePx + payloadEdgePx
}

interface RowProps {
  readonly step: HistoryStep
  readonly before: HistoryStep | undefined
  readonly topPx: number
  readonly isChosen: boolean
  readonly isFocusable: boolean
  readonly isOpen: boolean
  readonly onChoose: () => void
  readonly onToggle: () => void
}

function Row({ step, before, topPx, isChosen, isFocusable, isOpen, onChoose, onToggle }: RowProps) {
  const { event, index } = step
  const hasPayload = payloadOf(event) !== undefined
  const since = before === undefined ? '' : `+${formatDuration(Math.max(0, event.atMs - before.event.atMs))}`
  return (
    <li class="events-row" style={{ top: `${topPx}px` }} data-step={index}>
      <button
        type="button"
        class="events-choose"
        data-row={index}
        tabIndex={isFocusable ? 0 : -1}
        aria-current={isChosen ? 'step' : undefined}
        onClick={onChoose}
      >
        <time class="events-time" dateTime={new Date(event.atMs).toISOString()} title={formatMoment(event.atMs)}>
          {formatClock(event.atMs, { fine: true })}
        </time>
        <span class="events-since">{since}</span>
        <span class="events-type">{event.event.type}</span>
        <span class="events-path">
          {event.from === event.to ? 'stays ' : `${stateText(event.from)} `}
          {event.from === event.to ? undefined : <span aria-hidden="true">→ </span>}
          {stateText(event.to)}
        </span>
        <span class="events-attempt">
          {event.attempt > 0 ? <span class="events-word">attempt </span> : undefined}
          {event.attempt > 0 ? event.attempt : ''}
        </span>
        <span class="events-node">{event.node}</span>
        <span class="events-short">{payloadText(event)}</span>
      </button>
      {hasPayload ? (
        <button
          type="button"
          class="events-toggle"
          aria-expanded={isOpen}
          aria-label={`Payload of ${event.event.type}, step ${index + 1}`}
          tabIndex={isFocusable ? 0 : -1}
          onClick={onToggle}
        >
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="M6 4l4 4-4 4" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
          </svg>
        </button>
      ) : undefined}
      {isOpen ? (
        <pre
          class="events-payload"
          style={{ height: `${heightOf(step)}px` }}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
          tabIndex={0}
        >
          {jsonOf(step)}
        </pre>
      ) : undefined}
    </li>
  )
}
