/** Lights a chart that is drawn: by classes on what is there, and marks above it. */
import type { PlacedChart } from '../../chart/layout.ts'
import { textWidth } from '../../chart/measure.ts'
import { element, escapeXml } from '../../chart/xml.ts'
import { formatCount, formatDuration } from '../ui/format.ts'

/** What of a machine is shown in its chart. */
export interface Lit {
  /** The path that it is in, such as `Running.Up`; regions of a parallel state are joined by `+`. */
  readonly value: string
  /** The id of the transition that led there. */
  readonly taken?: string | undefined
  /** How often each transition was taken, by its id. */
  readonly counts?: ReadonlyMap<string, number> | undefined
  /** How long each state held, in milliseconds, by its id. */
  readonly dwellMs?: ReadonlyMap<string, number> | undefined
}

interface Shown {
  /** The ids of all states on the path. */
  readonly active: readonly string[]
  readonly lit: Lit
  readonly step: number
}

const fontPx = 10.5
const markHeightPx = 15

/** The drawing in its place. */
export const svgOf = (canvas: Element | null): SVGSVGElement | undefined =>
  (canvas?.querySelector('svg.troupe-chart') as SVGSVGElement | null) ?? undefined

export function light(svg: SVGSVGElement | undefined, chart: PlacedChart, { active, lit, step }: Shown): void {
  if (svg === undefined) return
  // Its words are those of the picture around it.
  svg.setAttribute('aria-hidden', 'true')
  // That the machine is within itself says nothing.
  const on = new Set(active.slice(1))
  for (const state of svg.querySelectorAll('[data-state]')) {
    state.classList.toggle('active', on.has(state.getAttribute('data-state') ?? ''))
  }
  lightTransition(svg, chart, lit.taken, active.length > 0, step)
  const marks = drawMarks(chart, lit)
  let layer = svg.querySelector('.chart-marks')
  if (layer === null) {
    layer = document.createElementNS('http://www.w3.org/2000/svg', 'g')
    layer.setAttribute('class', 'chart-marks')
    svg.append(layer)
  }
  if (layer.getAttribute('data-marks') === marks) return
  layer.setAttribute('data-marks', marks)
  layer.innerHTML = marks
}

function lightTransition(
  svg: SVGSVGElement,
  { graph, wires }: PlacedChart,
  taken: string | undefined,
  isBegun: boolean,
  step: number,
): void {
  const key = `${taken}|${step}`
  if (svg.getAttribute('data-lit') === key) return
  const isFirst = !svg.hasAttribute('data-lit')
  svg.setAttribute('data-lit', key)
  for (const lit of svg.querySelectorAll('.taken')) lit.classList.remove('taken', 'flash')
  const wire = wires.find(({ transitions }) => taken !== undefined && transitions.includes(taken))
  const ways: (Element | null)[] = []
  if (taken !== undefined) ways.push(...svg.querySelectorAll(`[data-edge="${CSS.escape(taken)}"]`))
  if (wire !== undefined) ways.push(...svg.querySelectorAll(`.wire[data-wire="${CSS.escape(wire.id)}"]`))
  const initial = wires.find(({ initial, source }) => initial && source.startsWith(`${graph.root.id}|`))
  // The first step of all leads from the mark to where the machine begins.
  if (taken === undefined && isBegun && step === 0 && initial !== undefined) {
    ways.push(svg.querySelector(`.wire[data-wire="${CSS.escape(initial.id)}"]`))
  }
  for (const way of ways) way?.classList.add('taken', ...(isFirst ? [] : ['flash']))
}

/** How often each arrow was taken, and how long each state held. */
function drawMarks(chart: PlacedChart, { counts, dwellMs }: Lit): string {
  const parts: string[] = []
  for (const { transitions, label } of chart.wires) {
    const count = sum(transitions, counts)
    if (count === 0 || label === undefined) continue
    const told = transitions.filter((id) => counts?.has(id)).map((id) => `${labelOf(chart, id)}: ${times(counts, id)}`)
    const text = `×${formatCount(count)}`
    parts.push(
      mark(text, label.x + (label.width - widthOf(text)) / 2, label.y - markHeightPx + 2, 'count', told.join('; ')),
    )
  }
  for (const { id, kind, x, y, width, height, rows } of chart.states) {
    const own = chart.graph.transitions.filter(({ source, targets }) => source === id && targets.length === 0)
    const count = sum(
      own.map((transition) => transition.id),
      counts,
    )
    if (count > 0 && rows !== undefined) {
      parts.push(mark(`×${formatCount(count)}`, x + width - 8, y + 30, 'count', 'taken without leaving the state'))
    }
    const spentMs = dwellMs?.get(id)
    if (spentMs === undefined || spentMs <= 0 || id === chart.graph.root.id) continue
    const text = formatDuration(spentMs)
    const isHolder = kind === 'compound' || kind === 'parallel'
    const wide = widthOf(text)
    if (isHolder) parts.push(mark(text, x + width - wide - 8, y + 6, 'dwell', 'in this state, in all'))
    else parts.push(mark(text, x + (width - wide) / 2, y + height - 4, 'dwell', 'in this state, in all'))
  }
  return parts.join('')
}

const sum = (ids: readonly string[], counts: ReadonlyMap<string, number> | undefined): number =>
  ids.reduce((total, id) => total + (counts?.get(id) ?? 0), 0)
const labelOf = ({ graph }: PlacedChart, id: string): string =>
  graph.transitions.find((one) => one.id === id)?.label ?? id
const times = (counts: ReadonlyMap<string, number> | undefined, id: string): string => `${counts?.get(id) ?? 0} times`
const widthOf = (text: string): number => Math.ceil(textWidth(text, fontPx)) + 10

function mark(text: string, x: number, y: number, kind: 'count' | 'dwell', told: string): string {
  const width = widthOf(text)
  const box = element('rect', { x, y, width, height: markHeightPx, rx: markHeightPx / 2 })
  const words = element('text', { x: x + width / 2, y: y + 11, 'text-anchor': 'middle' }, escapeXml(text))
  return element('g', { class: `chart-mark chart-mark-${kind}` }, `<title>${escapeXml(told)}</title>${box}${words}`)
}
