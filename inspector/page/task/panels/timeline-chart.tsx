/** The bars themselves, drawn to the width that there is. */
import { useId, useRef, useState } from 'preact/hooks'
import { formatClock, formatDuration } from '../../ui/format.ts'
import { type AttemptBar, attemptName, extentOf, type Phase, phaseWords } from './phases.ts'
import { ticksOf } from './ticks.ts'

export interface TimelineChartProps {
  readonly bars: readonly AttemptBar[]
  /** The bars as far as the step that is looked at; then `bars` are only a shadow of what came later. */
  readonly shown?: readonly AttemptBar[]
  readonly width: number
  readonly at: number | undefined
  readonly onAt: (index: number | undefined) => void
}

const axisPx = 28
const rowPx = 48
const barPx = 20
/** Where the bar is within its row, below the row's words. */
const barTopPx = 20
const edgePx = 6
/** Between two marks of the axis, at least. */
const tickPx = 80
/** A segment this wide has its word in it, by the letters of the word. */
const letterPx = 7.2

interface Placed {
  readonly phase: Phase
  /** As its attempt is called. */
  readonly name: string
  readonly row: number
}

export function TimelineChart({ bars, shown, width, at, onAt }: TimelineChartProps) {
  const base = useId()
  const root = useRef<SVGSVGElement>(null)
  const [focus, setFocus] = useState(0)
  const [pointed, setPointed] = useState<Placed | undefined>()
  const phases = bars.flatMap((bar, row) => bar.phases.map((phase) => ({ phase, name: attemptName(bar), row })))
  const { fromMs, spanMs } = extentOf(bars)
  const inner = Math.max(1, width - 2 * edgePx)
  const xOf = (ms: number) => edgePx + ((ms - fromMs) / spanMs) * inner
  const height = axisPx + bars.length * rowPx
  const axis = { spanMs, xOf: (ms: number) => xOf(fromMs + ms), most: Math.floor(inner / tickPx), height, width }
  const last = Math.min(focus, phases.length - 1)
  const onKeyDown = (event: KeyboardEvent) => {
    const next = nextOf(event.key, last, phases.length)
    if (next === undefined) return
    event.preventDefault()
    setFocus(next)
    root.current?.querySelector<SVGElement>(`[data-phase="${next}"]`)?.focus()
  }
  const cutMs = shown?.at(-1)?.phases.at(-1)?.toMs
  return (
    <div class="timeline-frame">
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing has no fieldset. */}
      <svg
        ref={root}
        width={width}
        height={height}
        role="group"
        aria-label="Phases of the attempts"
        onKeyDown={onKeyDown}
      >
        <Patterns base={base} />
        <Axis {...axis} />
        {bars.map((bar, row) => (
          <Words
            key={bar.attempt}
            bar={shown?.[row] ?? bar}
            x={xOf(bar.phases[0]?.fromMs ?? fromMs)}
            row={row}
            width={width}
            isLater={cutMs !== undefined && row >= (shown?.length ?? 0)}
          />
        ))}
        {phases.map((placed, index) => (
          <Segment
            key={`${placed.row}/${placed.phase.step}`}
            {...placed}
            index={index}
            base={base}
            fromPx={xOf(placed.phase.fromMs)}
            toPx={xOf(placed.phase.toMs)}
            isLater={cutMs !== undefined && placed.phase.fromMs >= cutMs && placed.phase.step > (at ?? 0)}
            isChosen={placed.phase.step === at}
            isFocusable={index === last}
            onPoint={setPointed}
            onChoose={() => {
              setFocus(index)
              onAt(placed.phase.step)
            }}
          />
        ))}
        {cutMs === undefined ? undefined : (
          <line class="timeline-cut" x1={xOf(cutMs)} x2={xOf(cutMs)} y1={axisPx - 8} y2={height} />
        )}
      </svg>
      {pointed === undefined ? undefined : <Tip {...pointed} x={xOf(pointed.phase.fromMs)} width={width} />}
    </div>
  )
}

/** Where an arrow goes among the segments; undefined for other keys, and beyond the ends. */
function nextOf(key: string, at: number, count: number): number | undefined {
  const places = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: count - 1 }
  const next = (places as Readonly<Record<string, number>>)[key]
  return next === undefined || next < 0 || next >= count ? undefined : next
}

interface WordsProps {
  readonly bar: AttemptBar
  readonly x: number
  readonly row: number
  readonly width: number
  readonly isLater: boolean
}

/** Which attempt it is, where, and how it ended: above the bar's beginning, or as near to it as there is room. */
function Words({ bar, x, row, width, isLater }: WordsProps) {
  const { node, isPlaced, end, tone } = bar
  const name = attemptName(bar)
  const where = isPlaced ? (node ?? '') : ''
  const lengthPx = (name.length + where.length + (end?.length ?? 0)) * letterPx + 24
  return (
    <text
      class={isLater ? 'timeline-words timeline-later' : 'timeline-words'}
      x={Math.max(edgePx, Math.min(x, width - lengthPx))}
      y={axisPx + row * rowPx + 13}
    >
      <tspan class="timeline-attempt">{name}</tspan>
      {where === '' ? undefined : <tspan dx="8">{where}</tspan>}
      {end === undefined ? undefined : (
        <tspan dx="8" class={`timeline-${tone}`}>
          {end}
        </tspan>
      )}
    </text>
  )
}

interface SegmentProps extends Placed {
  readonly index: number
  readonly base: string
  readonly fromPx: number
  readonly toPx: number
  readonly isLater: boolean
  readonly isChosen: boolean
  readonly isFocusable: boolean
  readonly onPoint: (placed: Placed | undefined) => void
  readonly onChoose: () => void
}

function Segment(props: SegmentProps) {
  const { phase, name, row, index, base, fromPx, toPx, isFocusable, onPoint, onChoose } = props
  const y = axisPx + row * rowPx + barTopPx
  const width = Math.max(1.5, toPx - fromPx)
  const word = phaseWords[phase.kind]
  const state = `${props.isLater ? ' timeline-later' : ''}${props.isChosen ? ' timeline-chosen' : ''}`
  const point = () => onPoint({ phase, name, row })
  const leave = () => onPoint(undefined)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing has no buttons of its own.
    <g
      class={`timeline-segment timeline-${phase.kind}${phase.isOpen ? ' timeline-open' : ''}${state}`}
      role="button"
      tabIndex={isFocusable ? 0 : -1}
      aria-label={`${name}: ${word} ${formatDuration(phase.toMs - phase.fromMs)}${phase.isOpen ? ' so far' : ''}, from ${formatClock(phase.fromMs, { fine: true })}`}
      aria-pressed={props.isChosen}
      data-phase={index}
      data-kind={phase.kind}
      onClick={onChoose}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onChoose()
      }}
      onPointerEnter={point}
      onPointerLeave={leave}
      onFocus={({ currentTarget }) => {
        // Who points with a mouse sees it anyway, and it would stay in the way.
        if (currentTarget.matches(':focus-visible')) point()
      }}
      onBlur={leave}
    >
      {/* What is a pixel wide must be possible to point at. */}
      <rect class="timeline-reach" x={fromPx - 3} y={y - 2} width={width + 6} height={barPx + 4} />
      <rect class="timeline-fill" x={fromPx} y={y} width={width} height={barPx} />
      <rect
        class="timeline-texture"
        x={fromPx}
        y={y}
        width={width}
        height={barPx}
        fill={`url(#${base}-${phase.kind})`}
      />
      {width > word.length * letterPx + 12 ? (
        <text x={fromPx + 7} y={y + 14}>
          {word}
        </text>
      ) : undefined}
    </g>
  )
}

interface AxisProps {
  readonly spanMs: number
  readonly xOf: (ms: number) => number
  readonly most: number
  readonly height: number
  readonly width: number
}

function Axis({ spanMs, xOf, most, height, width }: AxisProps) {
  // A word in the middle below its mark, but within the drawing.
  const wordX = (offsetMs: number, label: string) => Math.min(xOf(offsetMs), width - (label.length * letterPx) / 2)
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus; each bar says its own times.
    <g class="timeline-axis" aria-hidden="true">
      {ticksOf(spanMs, most).map(({ offsetMs, label }) => (
        <g key={offsetMs}>
          <line x1={xOf(offsetMs)} x2={xOf(offsetMs)} y1={axisPx - 6} y2={height} />
          <text x={wordX(offsetMs, label)} y={14} text-anchor={offsetMs === 0 ? 'start' : 'middle'}>
            {label}
          </text>
        </g>
      ))}
    </g>
  )
}

/** What tells the phases apart without colour; those without a pattern are plain. */
function Patterns({ base }: { readonly base: string }) {
  return (
    <defs>
      <pattern id={`${base}-backing-off`} width="8" height="8" patternUnits="userSpaceOnUse">
        <path d="M-2 10L10-2M-2 2L2-2M6 10L10 6" />
      </pattern>
      <pattern id={`${base}-pulling`} width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M0 3H6" />
      </pattern>
      <pattern id={`${base}-starting`} width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M3 0V6" />
      </pattern>
      <pattern id={`${base}-stopping`} width="8" height="8" patternUnits="userSpaceOnUse">
        <path d="M-2-2L10 10M6-2L10 2M-2 6L2 10" />
      </pattern>
      <pattern id={`${base}-unreachable`} width="7" height="7" patternUnits="userSpaceOnUse">
        <circle cx="3.5" cy="3.5" r="1.6" />
      </pattern>
      <pattern id={`${base}-waiting`} width="8" height="8" patternUnits="userSpaceOnUse" />
      <pattern id={`${base}-running`} width="8" height="8" patternUnits="userSpaceOnUse" />
    </defs>
  )
}

/** Half of the tip's width, in pixels, which keeps it within the chart. */
const tipPx = 110

function Tip({ phase, name, row, x, width }: Placed & { readonly x: number; readonly width: number }) {
  const left = Math.min(Math.max(x, 0), Math.max(0, width - 2 * tipPx))
  const until = phase.isOpen ? 'now' : formatClock(phase.toMs, { fine: true })
  return (
    <div class="timeline-tip" style={{ left: `${left}px`, top: `${axisPx + (row + 1) * rowPx}px` }} aria-hidden="true">
      <strong>{phaseWords[phase.kind]}</strong> {formatDuration(phase.toMs - phase.fromMs)}
      <br />
      <span class="timeline-note">
        {name}, {formatClock(phase.fromMs, { fine: true })} – {until}
      </span>
    </div>
  )
}
