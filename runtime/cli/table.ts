/** A table of left-aligned columns, as `docker ps` and `kubectl get` print it. */

export interface Column<T> {
  readonly title: string
  readonly text: (row: T) => string
  /** Applied after padding, so that escapes do not count as width. */
  readonly paint?: (text: string, row: T) => string
}

/** Replaces what could move the cursor or forge lines: names and reasons come from outside. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()

const ellipsis = '…'

/** The lines of a table, header first. Given `columns` of a terminal, the last column is cut to fit. */
export function tableLines<T>(shape: readonly Column<T>[], rows: readonly T[], columns?: number): string[] {
  const cells = rows.map((row) => shape.map(({ text }) => printable(text(row))))
  const widths = shape.map(({ title }, index) => {
    let width = title.length
    for (const row of cells) width = Math.max(width, row[index]?.length ?? 0)
    return width
  })
  const lastWidth = columns === undefined ? undefined : Math.max(columns - before(widths), 8)
  const line = (texts: readonly string[], paint: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const isLast = index === shape.length - 1
        return paint(isLast ? cut(text, lastWidth) : text.padEnd(widths[index] ?? 0), index)
      })
      .join('  ')
      .trimEnd()
  const header = line(
    shape.map(({ title }) => title),
    (text) => text,
  )
  return [header, ...rows.map((row, at) => line(cells[at] ?? [], (text, index) => painted(shape[index], text, row)))]
}

const before = (widths: readonly number[]): number => widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0)

const painted = <T>(column: Column<T> | undefined, text: string, row: T): string =>
  column?.paint ? column.paint(text, row) : text

function cut(text: string, width: number | undefined): string {
  return width === undefined || text.length <= width ? text : text.slice(0, width - 1) + ellipsis
}
