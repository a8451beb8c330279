/** A table of left-aligned columns, as `docker ps` and `kubectl get` print it. */

export interface Column<T> {
  readonly title: string
  readonly text: (row: T) => string
  /** Applied after padding, so that escapes do not count as width. */
  readonly paint?: (text: string, row: T) => string
  /** Left out of a narrow terminal, the highest first, so that the last column can be read. Never out of a pipe. */
  readonly spare?: number
}

export const tableLimits = {
  /** What the last column needs to be worth reading, in columns of the terminal. */
  lastColumnMin: 30,
} as const

/** Replaces what could move the cursor or forge lines: names and reasons come from outside. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()

const ellipsis = '…'

interface Laid<T> {
  readonly column: Column<T>
  readonly cells: readonly string[]
  readonly width: number
}

/** The lines of a table, header first. Given `columns` of a terminal, it is made to fit: spare columns go, the last is cut. */
export function tableLines<T>(shape: readonly Column<T>[], rows: readonly T[], columns?: number): string[] {
  const all = shape.map((column) => {
    const cells = rows.map((row) => printable(column.text(row)))
    const width = Math.max(widthOf(column.title), ...cells.map(widthOf))
    return { column, cells, width }
  })
  const laid = columns === undefined ? all : withoutSpare(all, columns)
  const lastWidth = columns === undefined ? undefined : Math.max(columns - before(laid), 8)
  const line = (texts: readonly string[], paint: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const isLast = index === laid.length - 1
        return paint(isLast ? cut(text, lastWidth) : padded(text, laid[index]?.width ?? 0), index)
      })
      .join('  ')
      .trimEnd()
  const header = line(
    laid.map(({ column }) => column.title),
    (text) => text,
  )
  const body = rows.map((row, at) =>
    line(
      laid.map(({ cells }) => cells[at] ?? ''),
      (text, index) => painted(laid[index]?.column, text, row),
    ),
  )
  return [header, ...body]
}

function withoutSpare<T>(all: readonly Laid<T>[], columns: number): readonly Laid<T>[] {
  const needed = Math.min(all.at(-1)?.width ?? 0, tableLimits.lastColumnMin)
  const spare = all.filter(({ column }) => column.spare !== undefined)
  spare.sort((a, b) => (b.column.spare ?? 0) - (a.column.spare ?? 0))
  let kept = all
  for (const next of spare) {
    if (before(kept) + needed <= columns) break
    kept = kept.filter((one) => one !== next)
  }
  return kept
}

const before = <T>(laid: readonly Laid<T>[]): number => laid.slice(0, -1).reduce((sum, { width }) => sum + width + 2, 0)

const painted = <T>(column: Column<T> | undefined, text: string, row: T): string =>
  column?.paint ? column.paint(text, row) : text

const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

function cut(text: string, width: number | undefined): string {
  if (width === undefined || widthOf(text) <= width) return text
  let kept = ''
  for (const character of text) {
    if (widthOf(kept) + widthOf(character) > width - 1) break
    kept += character
  }
  return kept + ellipsis
}

// Marks that stand on the letter before take no column; the wide scripts of East Asia and emoji take two.
const zeroWide = /\p{M}/u
const twoWide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u

/** How many columns of a terminal a text takes. */
function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += zeroWide.test(character) ? 0 : twoWide.test(character) ? 2 : 1
  return width
}
