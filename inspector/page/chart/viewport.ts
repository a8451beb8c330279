/** Which part of a chart is in sight. Pure: numbers in px of the chart, and of the place where it is seen. */

export interface Size {
  readonly width: number
  readonly height: number
}

export interface Place extends Size {
  readonly x: number
  readonly y: number
}

/** Where the upper left corner of the place is in the chart, and how many px of the place one of the chart takes. */
export interface Sight {
  readonly x: number
  readonly y: number
  readonly scale: number
}

export const sightLimits = {
  /** At less its texts, of 11 px, are hard to read. */
  legibleScale: 0.72,
  scaleMin: 0.15,
  scaleMax: 3,
} as const

/** The whole chart, in the middle, and no larger than it is. */
export function fitting(chart: Size, place: Size): Sight {
  const scale = Math.min(1, place.width / chart.width, place.height / chart.height)
  return held({ x: 0, y: 0, scale }, chart, place)
}

/** As large as is legible, and the whole of it if that is. */
export function beginning(chart: Size, place: Size): Sight {
  const whole = fitting(chart, place)
  if (whole.scale >= sightLimits.legibleScale) return whole
  const byWidth = Math.min(1, place.width / chart.width)
  return held({ x: 0, y: 0, scale: Math.max(byWidth, sightLimits.legibleScale) }, chart, place)
}

/** Nearer or farther, around a point of the place. */
export function zoomed(sight: Sight, by: number, around: { x: number; y: number }, chart: Size, place: Size): Sight {
  const { scaleMin, scaleMax } = sightLimits
  const least = Math.min(scaleMin, fitting(chart, place).scale)
  const scale = Math.min(scaleMax, Math.max(least, sight.scale * by))
  const x = sight.x + around.x / sight.scale - around.x / scale
  const y = sight.y + around.y / sight.scale - around.y / scale
  return held({ x, y, scale }, chart, place)
}

/** Moved by px of the place. */
export const moved = (sight: Sight, dx: number, dy: number, chart: Size, place: Size): Sight =>
  held({ ...sight, x: sight.x + dx / sight.scale, y: sight.y + dy / sight.scale }, chart, place)

/** So that a state is in sight, with room around it; as it was if it is already. */
export function revealing(sight: Sight, state: Place, chart: Size, place: Size): Sight {
  const width = place.width / sight.scale
  const height = place.height / sight.scale
  const isIn =
    state.x >= sight.x &&
    state.y >= sight.y &&
    state.x + state.width <= sight.x + width &&
    state.y + state.height <= sight.y + height
  if (isIn) return sight
  const x = state.x + state.width / 2 - width / 2
  const y = state.y + state.height / 2 - height / 2
  return held({ ...sight, x, y }, chart, place)
}

/** Nothing of the place is left empty that the chart could fill; a smaller one is in the middle. */
function held({ x, y, scale }: Sight, chart: Size, place: Size): Sight {
  const along = (at: number, whole: number, seen: number) =>
    seen >= whole ? (whole - seen) / 2 : Math.min(Math.max(at, 0), whole - seen)
  return {
    x: along(x, chart.width, place.width / scale),
    y: along(y, chart.height, place.height / scale),
    scale,
  }
}
