/** One plot over time, in the page's own colours. */
import 'uplot/dist/uPlot.min.css'
import './stats.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { formatClock } from '../../ui/format.ts'
import { summaryOf } from './stats-series.ts'
import { useWidth } from './use-width.ts'

export interface PlotLine {
  readonly name: string
  readonly values: readonly (number | null)[]
  /** A token of a colour. */
  readonly tone: string
  readonly isFilled: boolean
  readonly isDashed?: boolean
}

export interface StatsPlotProps {
  readonly title: string
  readonly unit: string
  readonly format: (value: number) => string
  /** Marks stand at whole KiB, MiB, and so on. */
  readonly isBytes?: boolean
  /** Seconds since 1970. */
  readonly at: readonly number[]
  readonly lines: readonly PlotLine[]
  /** Rises when the columns have grown. */
  readonly version: number
}

const heightPx = 180
/** The least that the axis of time is long, in seconds, so that the first samples do not race. */
const spanMinSeconds = 60

export function StatsPlot(props: StatsPlotProps) {
  const { title, unit, format, at, lines, version } = props
  const [element, width] = useWidth<HTMLDivElement>()
  const plot = useRef<uPlot | undefined>(undefined)
  const [pointed, setPointed] = useState<number | undefined>()
  const isDark = useDark()
  const names = lines.map(({ name }) => name).join()
  useEffect(() => {
    if (element.current === null || width === 0) return undefined
    const made = new uPlot(optionsOf(props, width, element.current, setPointed), dataOf(at, lines), element.current)
    plot.current = made
    return () => {
      made.destroy()
      plot.current = undefined
    }
  }, [width === 0, names, isDark])
  useEffect(() => plot.current?.setSize({ width, height: heightPx }), [width])
  useEffect(() => plot.current?.setData(dataOf(at, lines)), [version, names])
  return (
    <figure class="stats-plot">
      <figcaption class="stats-caption">
        <h3>{title}</h3>
        {lines.length > 1 ? <Key lines={lines} /> : undefined}
        <span class="stats-pointed">{pointed === undefined ? unit : pointedText(props, pointed)}</span>
      </figcaption>
      <div class="stats-canvas" ref={element} role="img" aria-label={textOf(title, lines, format)} />
    </figure>
  )
}

/** Which line is which, where there are several. */
function Key({ lines }: { readonly lines: readonly PlotLine[] }) {
  return (
    <span class="stats-key">
      {lines.map(({ name }) => (
        <span key={name}>
          <svg width="22" height="10" aria-hidden="true">
            <line class={`stats-key-${name}`} x1="0" x2="22" y1="6" y2="6" />
          </svg>{' '}
          {name}
        </span>
      ))}
    </span>
  )
}

/** Whether the page is dark: a canvas does not follow by itself. */
function useDark(): boolean {
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => setDark(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])
  return isDark
}

const incrs = Array.from({ length: 50 }, (_, power) => 2 ** power)

const dataOf = (at: readonly number[], lines: readonly PlotLine[]): uPlot.AlignedData =>
  [[...at], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData

function pointedText({ at, lines, format }: StatsPlotProps, index: number): string {
  const seconds = at[index]
  if (seconds === undefined) return ''
  const values = lines.flatMap(({ name, values: column }) => {
    const value = column[index]
    return value === null || value === undefined ? [] : [`${lines.length > 1 ? `${name} ` : ''}${format(value)}`]
  })
  return `${formatClock(seconds * 1_000)}: ${values.length === 0 ? 'not known' : values.join(', ')}`
}

/** The plot in words. */
function textOf(title: string, lines: readonly PlotLine[], format: (value: number) => string): string {
  const parts = lines.map(({ name, values }) => {
    const summary = summaryOf(values as (number | null)[])
    if (summary === undefined) return `${name}: not known yet`
    const newest = values.findLast((value) => value !== null) as number
    return `${name}: now ${format(newest)}, from ${format(summary.least)} to ${format(summary.most)}, ${format(summary.mean)} on average`
  })
  return `${title} over time. ${parts.join('; ')}.`
}

function optionsOf(
  { lines, format, isBytes }: StatsPlotProps,
  width: number,
  element: Element,
  onPoint: (index: number | undefined) => void,
): uPlot.Options {
  const tokens = getComputedStyle(element)
  const colour = (token: string) => tokens.getPropertyValue(token).trim()
  const font = `12px ${tokens.fontFamily}`
  const axis = {
    stroke: colour('--faint'),
    font,
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: heightPx,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 28, 0, 0],
    scales: {
      x: { time: true, range: (_, least, most) => [Math.min(least, most - spanMinSeconds), most] },
      y: { range: (_, _least, most) => [0, most > 0 ? most * 1.15 : 1] },
    },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((seconds) => formatClock(seconds * 1_000)), space: 90, size: 28 },
      { ...axis, values: (_, ticks) => ticks.map((value) => format(value)), size: 78, ...(isBytes ? { incrs } : {}) },
    ],
    series: [
      {},
      ...lines.map(({ name, tone, isFilled, isDashed }) => ({
        label: name,
        stroke: colour(tone),
        width: 2,
        points: { show: false },
        ...(isFilled ? { fill: `${colour(tone)}22` } : {}),
        ...(isDashed ? { dash: [6, 4] } : {}),
      })),
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => onPoint(idx ?? undefined)] },
  }
}
