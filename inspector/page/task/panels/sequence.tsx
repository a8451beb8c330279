/** Who said what to whom: client, manager, worker, attempt. Each row draws its piece of the lifelines, so that only rows in sight are drawn. */
import './sequence.css'
import { useEffect, useMemo } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { formatClock, formatMoment } from '../../ui/format.ts'
import type { PanelProps } from '../history.ts'
import { type Lane, lanes, type SequenceMessage, type SequenceRow, sequenceOf } from './sequence-model.ts'
import { useArrows } from './use-arrows.ts'
import { useRows } from './use-rows.ts'
import { useWidth } from './use-width.ts'

const rowPx = 38
/** Below this the diagram scrolls sideways in its own box, in pixels. */
const widthMinPx = 540
/** What the times need, with and without their milliseconds. */
const timeWidePx = 96
const timeNarrowPx = 66
/** About the width of a letter of a label. */
const letterPx = 6.6

export function SequencePanel(props: PanelProps) {
  return props.history.steps.length === 0 ? (
    <Empty title="No step of this task is known yet." />
  ) : (
    <Sequence key={props.history.task.id} {...props} />
  )
}

function Sequence({ history, at, onAt }: PanelProps) {
  const { steps, isTrimmed } = history
  const [frame, given] = useWidth<HTMLElement>()
  const all = useMemo(() => sequenceOf(steps, { isTrimmed }), [steps, isTrimmed])
  const first =
    at === undefined ? -1 : all.findIndex((row) => row.kind === 'message' && row.step === at && row.isRecorded)
  const rows = useRows({ count: all.length, rowPx, fromEnd: at === undefined })
  const arrows = useArrows(rows, all.length, first >= 0 ? first : all.length - 1)
  useEffect(() => {
    if (first >= 0) rows.reveal(first)
  }, [first])
  const width = Math.max(widthMinPx, given - 2)
  const { from, to, topPx, totalPx } = rows.window
  return (
    <section class="sequence" aria-label="Sequence" ref={frame} data-panel="sequence">
      <div class="sequence-head-line">
        <Key />
        {rows.isFollowing ? undefined : (
          <Button kind="quiet" onClick={rows.toEnd}>
            Go to the newest
          </Button>
        )}
      </div>
      <div class="sequence-box" ref={rows.box} onScroll={rows.onScroll}>
        <div class="sequence-lanes" style={{ width: `${width}px` }} aria-hidden="true">
          {lanes.map((lane) => (
            <span key={lane} class="sequence-lane" style={{ left: `${xOf(lane, width)}px` }}>
              {lane}
            </span>
          ))}
        </div>
        <ol class="sequence-list" style={{ height: `${totalPx}px`, width: `${width}px` }} onKeyDown={arrows.onKeyDown}>
          {all.slice(from, to).map((row, place) => (
            <Row
              key={from + place}
              row={row}
              index={from + place}
              width={width}
              topPx={topPx + place * rowPx}
              hasTime={all[from + place - 1]?.step !== row.step || all[from + place - 1]?.kind === 'divider'}
              isLater={at !== undefined && row.step > at}
              isChosen={row.step === at}
              isFocusable={arrows.focused === from + place}
              onChoose={() => onAt(row.step)}
            />
          ))}
        </ol>
      </div>
    </section>
  )
}

const isNarrow = (width: number) => width <= widthMinPx
const timePxOf = (width: number) => (isNarrow(width) ? timeNarrowPx : timeWidePx)

const xOf = (lane: Lane, width: number): number => {
  const timePx = timePxOf(width)
  const room = width - timePx
  return timePx + (room * (lanes.indexOf(lane) + 0.5)) / lanes.length
}

function Key() {
  return (
    <p class="sequence-key">
      <svg width="28" height="10" aria-hidden="true">
        <path class="sequence-arrow" d="M0 5H27" />
      </svg>
      stands in the log
      <svg width="28" height="10" aria-hidden="true">
        <path class="sequence-arrow sequence-implied" d="M0 5H27" />
      </svg>
      implied by the protocol
    </p>
  )
}

interface RowProps {
  readonly row: SequenceRow
  readonly index: number
  readonly width: number
  readonly topPx: number
  readonly hasTime: boolean
  readonly isLater: boolean
  readonly isChosen: boolean
  readonly isFocusable: boolean
  readonly onChoose: () => void
}

function Row({ row, index, width, topPx, hasTime, isLater, isChosen, isFocusable, onChoose }: RowProps) {
  const state = `${isLater ? ' sequence-later' : ''}${isChosen ? ' sequence-chosen' : ''}`
  return (
    <li class={`sequence-row sequence-${row.kind}${state}`} style={{ top: `${topPx}px` }} data-step={row.step}>
      <button
        type="button"
        class="sequence-choose"
        data-row={index}
        tabIndex={isFocusable ? 0 : -1}
        aria-current={isChosen ? 'step' : undefined}
        title={row.kind === 'message' && row.detail !== '' ? row.detail : undefined}
        onClick={onChoose}
      >
        <span class="visually-hidden">{sentenceOf(row)}</span>
        {hasTime && row.kind === 'message' ? (
          <time class="sequence-time" title={formatMoment(row.atMs)} aria-hidden="true">
            {formatClock(row.atMs, { fine: !isNarrow(width) })}
          </time>
        ) : undefined}
        <svg class="sequence-drawing" width={width} height={rowPx} aria-hidden="true">
          {lanes.map((lane) => (
            <line key={lane} class="sequence-life" x1={xOf(lane, width)} x2={xOf(lane, width)} y1="0" y2={rowPx} />
          ))}
          {row.kind === 'message' ? <Arrow message={row} width={width} /> : <Divider label={row.label} width={width} />}
        </svg>
      </button>
    </li>
  )
}

function sentenceOf(row: SequenceRow): string {
  if (row.kind === 'divider') return row.label
  const { from, to, label, detail, isRecorded, atMs } = row
  const who = from === to ? `${from}, for itself` : `${from} to ${to}`
  const rest = isRecorded ? `recorded at ${formatClock(atMs, { fine: true })}` : 'implied'
  return `${who}: ${label}${detail === '' ? '' : ` (${detail})`}, ${rest}`
}

function Divider({ label, width }: { readonly label: string; readonly width: number }) {
  const timePx = timePxOf(width)
  return (
    <g class="sequence-line">
      <line x1={timePx} x2={width} y1={rowPx / 2} y2={rowPx / 2} />
      <text x={timePx + 8} y={rowPx / 2 + 4}>
        {label}
      </text>
    </g>
  )
}

const baseline = 27
const labelY = 18

function Arrow({ message, width }: { readonly message: SequenceMessage; readonly width: number }) {
  const { from, to, label, detail, isRecorded } = message
  const x1 = xOf(from, width)
  const x2 = xOf(to, width)
  const style = isRecorded ? 'sequence-arrow' : 'sequence-arrow sequence-implied'
  if (from === to) {
    const room = width - x1 - 40
    return (
      <g class={isRecorded ? 'sequence-said' : 'sequence-said sequence-said-implied'}>
        <path class={style} d={`M${x1} 10h16a9 9 0 0 1 0 18h-11`} />
        <path class="sequence-head" d={`M${x1 + 2} 28l7-4v8z`} />
        <Label x={x1 + 34} y={23} label={label} detail={detail} roomPx={room} anchor="start" />
      </g>
    )
  }
  const way = x2 > x1 ? 1 : -1
  return (
    <g class={isRecorded ? 'sequence-said' : 'sequence-said sequence-said-implied'}>
      <path class={style} d={`M${x1} ${baseline}H${x2 - way * 7}`} />
      <path class="sequence-head" d={`M${x2 - way} ${baseline}l${-way * 8}-4.5v9z`} />
      <Label
        x={(x1 + x2) / 2}
        y={labelY}
        label={label}
        detail={detail}
        roomPx={Math.abs(x2 - x1) - 12}
        anchor="middle"
      />
    </g>
  )
}

interface LabelProps {
  readonly x: number
  readonly y: number
  readonly label: string
  readonly detail: string
  readonly roomPx: number
  readonly anchor: 'start' | 'middle'
}

function Label({ x, y, label, detail, roomPx, anchor }: LabelProps) {
  const room = Math.floor(roomPx / letterPx) - label.length - 1
  const rest = detail.length <= room ? detail : room > 4 ? `${detail.slice(0, room - 1)}…` : ''
  return (
    <text x={x} y={y} text-anchor={anchor}>
      {label}
      {rest === '' ? undefined : (
        <tspan class="sequence-detail" dx="5">
          {rest}
        </tspan>
      )}
    </text>
  )
}
