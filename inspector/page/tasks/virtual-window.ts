/** Which rows of a very long list are drawn, and where. */

export const windowLimits = {
  /** Browsers lay out no element that is much taller, in pixels; past it the rows share the height. */
  heightPxMax: 12_000_000,
  /** Rows drawn beyond what is seen, above and below. */
  overscan: 8,
} as const

export interface WindowInput {
  readonly count: number
  readonly rowPx: number
  /** How far the list's beginning is above what is seen; negative while it is below its top. */
  readonly scrollPx: number
  /** How tall what is seen is. */
  readonly viewPx: number
}

export interface VirtualWindow {
  /** The first row drawn, and the one after the last. */
  readonly first: number
  readonly end: number
  /** Where the list's row 0 would have to begin for the drawn ones to be where they are seen, from the list's top. */
  readonly originPx: number
  /** How tall the list is. */
  readonly totalPx: number
}

/** Rows have one height. Beyond `heightPxMax` a pixel of scrolling is more than a pixel of rows. */
export function windowOf({ count, rowPx, scrollPx, viewPx }: WindowInput): VirtualWindow {
  const realPx = count * rowPx
  const totalPx = Math.min(realPx, windowLimits.heightPxMax)
  const seenPx = clamp(scrollPx, 0, Math.max(0, totalPx - viewPx))
  const scale = totalPx === realPx || totalPx <= viewPx ? 1 : (realPx - viewPx) / (totalPx - viewPx)
  const atPx = seenPx * scale
  const first = clamp(Math.floor(atPx / rowPx) - windowLimits.overscan, 0, count)
  const end = clamp(Math.ceil((atPx + viewPx) / rowPx) + windowLimits.overscan, 0, count)
  return { first, end, originPx: seenPx - atPx, totalPx }
}

/** How far to scroll, from the list's top, so that the row is seen whole; undefined where it is already. */
export function scrollTo(index: number, input: WindowInput, coveredPx = 0): number | undefined {
  const { count, rowPx, scrollPx, viewPx } = input
  const { totalPx } = windowOf(input)
  const realPx = count * rowPx
  const scale = totalPx === realPx || totalPx <= viewPx ? 1 : (realPx - viewPx) / (totalPx - viewPx)
  const atPx = Math.max(0, scrollPx) * scale
  const topPx = index * rowPx
  // What is seen begins below what covers it, such as a header that stays.
  const seenFromPx = scrollPx < 0 ? scrollPx : atPx + coveredPx
  if (topPx < seenFromPx) return Math.max(0, topPx - coveredPx) / scale
  const seenToPx = (scrollPx < 0 ? scrollPx : atPx) + viewPx
  if (topPx + rowPx > seenToPx) return Math.max(0, topPx + rowPx - viewPx) / scale
  return undefined
}

const clamp = (value: number, min: number, max: number) => Math.min(Math.max(value, min), max)
