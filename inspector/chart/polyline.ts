/** Lines from point to point as SVG writes them. */
import type { Point } from './layout.ts'

const headLengthPx = 8
const headHalfWidthPx = 4

/** A path through the points with rounded corners, which ends where the arrow's head begins. */
export function roundedPath(points: readonly Point[], radius: number): string {
  const [first, ...rest] = points as [Point, ...Point[]]
  const steps = rest.map((point, index) => {
    const next = rest[index + 1]
    const before = points[index] as Point
    if (next === undefined) return `L${write(towards(point, before, headLengthPx - 1))}`
    const cut = Math.min(radius, distance(before, point) / 2, distance(point, next) / 2)
    return `L${write(towards(point, before, cut))}Q${write(point)} ${write(towards(point, next, cut))}`
  })
  return `M${write(first)}${steps.join('')}`
}

/** The point so far into a line from its start. */
export function startOf(points: readonly Point[], px: number): Point {
  const [first, second] = points as [Point, Point]
  const { x, y } = towards(first, second, px)
  return { x: rounded(x), y: rounded(y) }
}

/** The three corners of the arrow's head at the end of a line. */
export function headPoints(points: readonly Point[]): string {
  const tip = points.at(-1) as Point
  const from = points.at(-2) as Point
  const base = towards(tip, from, headLengthPx)
  const length = distance(tip, from) || 1
  const across = {
    x: (-(tip.y - from.y) / length) * headHalfWidthPx,
    y: ((tip.x - from.x) / length) * headHalfWidthPx,
  }
  const left = { x: base.x + across.x, y: base.y + across.y }
  const right = { x: base.x - across.x, y: base.y - across.y }
  return [tip, left, right].map(write).join(' ')
}

/** The point so far from `from` on the way to `to`. */
function towards(from: Point, to: Point, px: number): Point {
  const length = distance(from, to) || 1
  const share = px / length
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y)
const rounded = (value: number): number => Math.round(value * 10) / 10
const write = ({ x, y }: Point): string => `${rounded(x)},${rounded(y)}`
