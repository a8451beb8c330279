/** The lines in sight. Text is only ever text here: no markup is made of what a task wrote. */
import { plural } from '../../ui/format.ts'
import { spansOf } from './ansi.ts'
import type { LogRow, LogStore } from './log-store.ts'
import { markSpans } from './marked.ts'
import type { Rows } from './use-rows.ts'

export interface LogLinesProps {
  readonly rows: Rows<HTMLElement>
  readonly store: LogStore
  readonly query: string
  /** The line that the search is at: its `seq`. */
  readonly current: number | undefined
  readonly rowPx: number
}

export function LogLines({ rows, store, query, current, rowPx }: LogLinesProps) {
  const { from, to, topPx, totalPx } = rows.window
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="logs-box" ref={rows.box} onScroll={rows.onScroll} tabIndex={0} aria-label="Lines">
      <div class="logs-all" style={{ height: `${totalPx}px` }}>
        <div class="logs-window" style={{ paddingTop: `${topPx}px` }}>
          {store.shown.slice(from, to).map((row) => (
            <Line key={row.seq} row={row} query={query} isCurrent={row.seq === current} rowPx={rowPx} />
          ))}
        </div>
      </div>
    </section>
  )
}

/** Of a longer line only the beginning is drawn, in characters; a search and the download have all of it. */
const lineCharsShownMax = 4_000

interface LineProps {
  readonly row: LogRow
  readonly query: string
  readonly isCurrent: boolean
  readonly rowPx: number
}

function Line({ row, query, isCurrent, rowPx }: LineProps) {
  const style = { height: `${rowPx}px` }
  if (row.kind === 'notice') {
    return (
      <div class="logs-notice" style={style}>
        {row.text}
      </div>
    )
  }
  return (
    <div
      class={`logs-line logs-${row.stream}${isCurrent ? ' logs-current' : ''}`}
      style={style}
      data-stream={row.stream}
    >
      <span class="logs-stream">{row.stream === 'stderr' ? 'err' : ''}</span>
      <span class="logs-text">
        {markSpans(spansOf(row.raw.slice(0, lineCharsShownMax)), query).map(({ text, style: look, isMatch }, index) =>
          isMatch ? (
            <mark key={index} class={look}>
              {text}
            </mark>
          ) : look === '' ? (
            text
          ) : (
            <span key={index} class={look}>
              {text}
            </span>
          ),
        )}
        {row.raw.length > lineCharsShownMax ? (
          <span class="logs-rest"> … {plural(row.raw.length - lineCharsShownMax, 'more character')}</span>
        ) : undefined}
      </span>
    </div>
  )
}
