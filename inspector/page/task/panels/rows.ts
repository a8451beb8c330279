/** Which rows of a long list are in sight, so that only those are drawn. All have one height, but some have more below them. */

export interface RowsShape {
  readonly count: number
  /** The height of a row, in pixels. */
  readonly rowPx: number
  /** What some rows have below them, in pixels, by their index. */
  readonly extras?: ReadonlyMap<number, number>
}

export interface RowsWindow {
  /** The first row to draw, and the one after the last. */
  readonly from: number
  readonly to: number
  /** Where the first begins. */
  readonly topPx: number
  /** The height of all. */
  readonly totalPx: number
}

/** Rows drawn beyond the edges, so that scrolling shows no blank. */
const beyond = 12

/** Where a row begins. */
export function topOf({ rowPx, extras }: Omit<RowsShape, 'count'>, index: number): number {
  let top = index * rowPx
  for (const [at, px] of extras ?? []) if (at < index) top += px
  return top
}

export function windowOf(shape: RowsShape, scrollPx: number, viewPx: number): RowsWindow {
  const { count, rowPx } = shape
  const totalPx = topOf(shape, count)
  const first = rowAt(shape, scrollPx)
  const from = Math.max(0, first - beyond)
  const to = Math.min(count, rowAt(shape, scrollPx + viewPx) + beyond + 1)
  return { from, to, topPx: topOf(shape, from), totalPx: Math.max(totalPx, rowPx * Math.min(count, 1)) }
}

/** The row at this place: of the last one what is below belongs to it. */
function rowAt(shape: RowsShape, px: number): number {
  let low = 0
  let high = Math.max(0, shape.count - 1)
  if (shape.extras === undefined || shape.extras.size === 0)
    return Math.min(high, Math.max(0, Math.floor(px / shape.rowPx)))
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (topOf(shape, middle) <= px) low = middle
    else high = middle - 1
  }
  return low
}
