/**
 * A chart as SVG, whole in one string: with its style, and with nothing that it would have to load. States bear
 * `data-state` (XState's id) and `data-path`, transitions `data-edge` and arrows `data-wire`, so that a page finds them.
 */
import { boxSizes } from './box.ts'
import { type ChartTransition, transitionText } from './graph.ts'
import { type Label, type Line, labelSizes, type Segment } from './label.ts'
import type { PlacedChart, PlacedState, PlacedWire, Point } from './layout.ts'
import { textWidth } from './measure.ts'
import { headPoints, roundedPath, startOf } from './polyline.ts'
import { chartStyle } from './style.ts'
import { toneOf } from './tone.ts'
import { element, escapeXml } from './xml.ts'

const cornerPx = 8
/** The radius of the dot where a line into a state begins. */
const rootPx = 2.5
/** Where the line under a name stands, if rows follow. */
const ruleAtPx = boxSizes.nameHeightPx - 4

/** Draws it. */
export function drawSvg(chart: PlacedChart): string {
  const { graph, width, height, states, wires, marks } = chart
  const transitions = new Map(graph.transitions.map((transition) => [transition.id, transition]))
  const name = `Statechart of ${graph.id}`
  const parts = [
    `<title>${escapeXml(name)}</title>`,
    `<style>${chartStyle}</style>`,
    ...states.map((state) => drawState(state, transitions)),
    ...marks.map(({ x, y }) => element('circle', { class: 'mark', cx: x, cy: y, r: boxSizes.markPx / 2 })),
    ...wires.map((wire) => drawWire(wire, transitions)),
    // Above all lines, so that no arrow crosses a text.
    ...states.filter(holds).map((state) => drawLid(state, transitions)),
    ...wires.map((wire) => drawLabel(wire, transitions)),
  ]
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    class: 'troupe-chart',
    role: 'graphics-document',
    'aria-roledescription': 'statechart',
    'aria-label': name,
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    'data-machine': graph.id,
  }
  return `${element('svg', attributes, `\n${parts.filter((part) => part !== '').join('\n')}\n`)}\n`
}

type Transitions = ReadonlyMap<string, ChartTransition>

const kindWords: Readonly<Record<PlacedState['kind'], string>> = {
  atomic: 'state',
  compound: 'compound state',
  parallel: 'parallel state',
  final: 'final state',
  history: 'history',
}

const holds = ({ kind }: PlacedState): boolean => kind === 'compound' || kind === 'parallel'

function drawState(state: PlacedState, transitions: Transitions): string {
  const { id, path, kind, region, fullName, description, x, y, width, height } = state
  const classes = [
    'state',
    `kind-${kind}`,
    ...(holds(state) ? ['holds'] : []),
    ...(path.length === 0 ? ['machine'] : []),
    ...(region ? ['region'] : []),
    ...toneClass(state),
  ]
  const spoken = `${fullName}, ${path.length === 0 ? 'machine' : kindWords[kind]}`
  const parts = [
    `<title>${escapeXml(description === undefined ? spoken : `${spoken}: ${description}`)}</title>`,
    ...(kind === 'history' ? drawHistory(state) : drawBox(state, transitions)),
  ]
  const attributes = {
    class: classes.join(' '),
    role: 'graphics-symbol',
    'aria-label': spoken,
    'data-state': id,
    'data-path': path.join('.'),
    'data-box': `${x} ${y} ${width} ${height}`,
  }
  return element('g', attributes, parts.join(''))
}

function toneClass({ path }: PlacedState): string[] {
  const tone = toneOf(path)
  return tone === undefined ? [] : [`tone-${tone}`]
}

function drawHistory({ x, y, width, height, name }: PlacedState): string[] {
  const middle = { x: x + width / 2, y: y + height / 2 }
  return [
    element('circle', { class: 'body', cx: middle.x, cy: middle.y, r: width / 2 }),
    drawName(name, { x: middle.x, y: middle.y + 4.5 }, 'middle'),
  ]
}

function drawBox(state: PlacedState, transitions: Transitions): string[] {
  const { x, y, width, height, kind, rows } = state
  const parts = [element('rect', { class: 'body', x, y, width, height, rx: cornerPx })]
  if (kind === 'final') {
    parts.push(
      element('rect', { class: 'inner', x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: cornerPx - 3 }),
    )
  }
  if (holds(state)) return parts
  if (rows !== undefined) parts.push(element('path', { class: 'rule', d: `M${x} ${y + ruleAtPx}h${width}` }))
  return [...parts, ...drawTexts(state, transitions)]
}

/** What stands above the states that this one holds. */
function drawLid(state: PlacedState, transitions: Transitions): string {
  const { id, x, y, width, headerHeight } = state
  const d = headerShape(x + 1, y + 1, width - 2, headerHeight - 1)
  const parts = [
    // Opaque first: a line that enters the state passes under its name.
    element('path', { class: 'lid', d }),
    element('path', { class: 'header', d }),
    ...drawTexts(state, transitions),
  ]
  return element('g', { class: ['top', ...toneClass(state)].join(' '), 'data-top': id }, parts.join(''))
}

function drawTexts(state: PlacedState, transitions: Transitions): string[] {
  const { x, y, width, name, rows } = state
  const { besidePx, nameHeightPx } = boxSizes
  const baseline = y + (rows === undefined ? nameHeightPx / 2 + 4.5 : ruleAtPx / 2 + 4.5)
  const inside = { x: x + besidePx, y: baseline }
  return [
    holds(state) ? drawName(name, inside, 'start') : drawName(name, { x: x + width / 2, y: baseline }, 'middle'),
    ...(rows === undefined ? [] : [drawLines(rows, { x: inside.x, y: y + nameHeightPx }, 'start', transitions)]),
  ]
}

/** Round above, straight below. */
function headerShape(x: number, y: number, width: number, height: number): string {
  const round = `a${cornerPx} ${cornerPx} 0 0 1 ${cornerPx}`
  return `M${x} ${y + height}v${cornerPx - height}${round} ${-cornerPx}h${width - 2 * cornerPx}${round} ${cornerPx}v${height - cornerPx}z`
}

function drawName(name: string, { x, y }: Point, anchor: 'start' | 'middle'): string {
  const textLength = textWidth(name, boxSizes.namePx, true)
  return element('text', { class: 'name', x, y, 'text-anchor': anchor, ...pinned(textLength) }, escapeXml(name))
}

/** Whatever the font is, the text takes the room that was reckoned with. */
const pinned = (textLength: number) => ({ textLength, lengthAdjust: 'spacingAndGlyphs' })

function drawWire(wire: PlacedWire, transitions: Transitions): string {
  const { id, source, target, points, initial, goesIn } = wire
  if (points.length < 2) return ''
  const told = wire.transitions.flatMap((one) => transitions.get(one) ?? [])
  const attributes = {
    class: initial ? 'wire initial' : 'wire',
    'data-wire': id,
    'data-source': source,
    'data-target': target,
    ...(initial ? { 'aria-hidden': 'true' } : { role: 'graphics-symbol', 'aria-label': wireText(told, target) }),
  }
  const title = initial ? '' : `<title>${escapeXml(wireText(told, target))}</title>`
  const path = element('path', { class: 'path', d: roundedPath(points, cornerPx) })
  const head = element('polygon', { class: 'head', points: headPoints(points) })
  const start = startOf(points, rootPx)
  const root = goesIn ? element('circle', { class: 'root', cx: start.x, cy: start.y, r: rootPx }) : ''
  return element('g', attributes, `${title}${path}${head}${root}`)
}

const wireText = (told: readonly ChartTransition[], target: string): string =>
  `${told[0]?.source} to ${target}: ${told.map(transitionText).join('; ')}`

function drawLabel({ id, label }: PlacedWire, transitions: Transitions): string {
  if (label === undefined) return ''
  const { x, y, width, height } = label
  const paper = element('rect', { class: 'paper', x: x - 3, y: y - 1, width: width + 6, height: height + 2, rx: 4 })
  const text = drawLines(label, { x: x + width / 2, y: y - 1 }, 'middle', transitions)
  return element('g', { class: 'label', 'data-wire': id }, `${paper}${text}`)
}

function drawLines(label: Label, { x, y }: Point, anchor: 'start' | 'middle', transitions: Transitions): string {
  const { lineHeightPx } = labelSizes
  const drawn = label.lines.map((line, index) => {
    const baseline = y + (index + 1) * lineHeightPx - 3
    return drawLine(line, { x, y: Math.round(baseline * 10) / 10 }, anchor, transitions)
  })
  return drawn.join('')
}

function drawLine({ segments, width }: Line, { x, y }: Point, anchor: string, transitions: Transitions): string {
  const spans = segments.map((segment) => drawSegment(segment, transitions)).join('')
  return element(
    'text',
    { class: 'text', x, y, 'text-anchor': anchor, 'xml:space': 'preserve', ...pinned(width) },
    spans,
  )
}

function drawSegment({ text, role, transition }: Segment, transitions: Transitions): string {
  if (role === 'plain') return escapeXml(text)
  const told = transition === undefined ? undefined : transitions.get(transition)
  const title = told === undefined ? '' : `<title>${escapeXml(transitionText(told))}</title>`
  return element('tspan', { class: role, 'data-edge': transition }, `${title}${escapeXml(text)}`)
}
