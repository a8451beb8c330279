/** What a task wrote: followed, searched, by attempt and by stream. */
import './logs.css'
import { useRef, useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { formatCount, plural } from '../../ui/format.ts'
import { useShortcut } from '../../ui/shortcuts.ts'
import type { PanelProps } from '../history.ts'
import { LogLines } from './log-lines.tsx'
import { type LogStore, logLimits, nextMatch, type StreamName } from './log-store.ts'
import { saveText } from './save-text.ts'
import { type Reading, useLog } from './use-log.ts'
import { useRows } from './use-rows.ts'

const rowPx = 20
/** Older attempts are not offered: a task that restarts for ever has more, and their output is gone. */
const attemptsOfferedMax = 100

/** Another task is another output: nothing that was chosen for one holds for it. */
export function LogsPanel({ history, at }: PanelProps) {
  return <Logs key={history.task.id} history={history} at={at} />
}

function Logs({ history: { task, source, output, steps }, at }: Pick<PanelProps, 'history' | 'at'>) {
  const past = at === undefined ? undefined : steps[at]?.event.attempt
  const [attempt, setAttempt] = useAttempt(past)
  const saved = source === 'file' ? (output ?? noLines) : undefined
  const { store, reading, redraw } = useLog({ taskId: task.id, attempt, saved })
  const [hidden, setHidden] = useState<StreamName | undefined>()
  const [query, setQuery] = useState('')
  const [current, setCurrent] = useState<number | undefined>()
  const seen = useRef(0)
  store.hide(hidden)
  store.search(query)
  const rows = useRows<HTMLElement>({ count: store.shown.length, rowPx, gone: store.dropped })
  if (rows.isFollowing) seen.current = store.count
  const goTo = (back: boolean) => {
    const next = nextMatch(store.matches, current, { back })
    setCurrent(next)
    if (next !== undefined) rows.reveal(store.indexOf(next))
  }
  const news = store.count - seen.current
  return (
    <section class="logs" aria-label="Output" data-panel="logs">
      <div class="logs-bar">
        <AttemptChoice
          newest={task.attempt}
          all={source === 'file' ? 'All attempts' : 'Newest attempt, and on'}
          attempt={attempt}
          onAttempt={setAttempt}
        />
        <Button onClick={() => saveText(`${task.id}.log`, textOf(store))} disabled={store.count === 0}>
          Download
        </Button>
        <Streams hidden={hidden} onHidden={setHidden} />
        <Search
          query={query}
          onQuery={(text) => {
            setQuery(text)
            setCurrent(undefined)
            redraw()
          }}
          onNext={goTo}
          found={foundText(store, query, current)}
          hasMatches={store.matches.length > 0}
        />
      </div>
      {past === undefined ? undefined : <p class="logs-note">{pastText(past, attempt)}</p>}
      {store.dropped > 0 ? (
        <p class="logs-note">
          The page holds the newest {formatCount(logLimits.linesMax)} lines; {formatCount(store.dropped)} older ones
          were let go of.
        </p>
      ) : undefined}
      <div class="logs-frame">
        <LogLines rows={rows} store={store} query={query} current={current} rowPx={rowPx} />
        {rows.isFollowing ? undefined : (
          <Button class="logs-new" kind={news > 0 ? 'primary' : 'plain'} onClick={rows.toEnd}>
            {news > 0 ? plural(news, 'new line') : 'Go to the newest'}
          </Button>
        )}
      </div>
      <p class="logs-note" data-reading={reading.is}>
        {readingText(reading, store, task.attempt, source)}
      </p>
    </section>
  )
}

const noLines: readonly never[] = []

/** The attempt that was chosen, or that of the step that is looked at: another attempt there takes its place. */
function useAttempt(past: number | undefined) {
  const [chosen, setChosen] = useState<{ readonly past: number | undefined; readonly attempt: number | undefined }>()
  const ofStep = past === 0 ? undefined : past
  const attempt = chosen !== undefined && chosen.past === past ? chosen.attempt : ofStep
  return [attempt, (next: number | undefined) => setChosen({ past, attempt: next })] as const
}

/** How far the output goes along with the step that is looked at. */
function pastText(past: number, attempt: number | undefined): string {
  if (past === 0) return 'At this step there was no attempt yet: all of this was written later.'
  const shown =
    attempt === past ? `this is all of attempt ${past}, which the step is of` : `the step is of attempt ${past}`
  return `No line says when it was written: ${shown}.`
}

function readingText(reading: Reading, store: LogStore, attempt: number, source: string): string {
  const held = plural(store.all.length, 'line')
  if (source === 'file') return store.count === 0 ? 'No output was saved with this history.' : `${held} were saved.`
  if (reading.is === 'failed') return `${held}. No more can be read: ${reading.why}`
  if (reading.is === 'ended') return store.count === 0 ? 'It wrote nothing.' : `${held}. That is all.`
  if (source === 'stale') return `${held}. It goes on when the connection is back.`
  if (attempt === 0) return 'No attempt yet; what it writes will be here.'
  return store.count === 0 ? 'Nothing so far; what it writes will be here.' : `${held} so far; it is followed.`
}

/** As it was written, but for what was let go of. */
const textOf = (store: LogStore): string =>
  store.all.map((row) => (row.kind === 'line' ? `${row.raw}\n` : `--- ${row.text} ---\n`)).join('')

function foundText(store: LogStore, query: string, current: number | undefined): string {
  if (query === '') return ''
  const count = store.matches.length
  if (count === 0) return 'no line'
  const at = current === undefined ? -1 : store.matches.indexOf(current)
  return at < 0 ? plural(count, 'line') : `${formatCount(at + 1)} of ${formatCount(count)}`
}

interface AttemptChoiceProps {
  readonly newest: number
  /** What it is called if none is chosen. */
  readonly all: string
  readonly attempt: number | undefined
  readonly onAttempt: (attempt: number | undefined) => void
}

function AttemptChoice({ newest, all, attempt, onAttempt }: AttemptChoiceProps) {
  const numbers = Array.from({ length: Math.min(newest, attemptsOfferedMax) }, (_, index) => newest - index)
  return (
    <label class="logs-choice">
      <span class="visually-hidden">Attempt</span>
      <select
        value={attempt === undefined ? '' : String(attempt)}
        onChange={({ currentTarget }) =>
          onAttempt(currentTarget.value === '' ? undefined : Number(currentTarget.value))
        }
      >
        <option value="">{all}</option>
        {numbers.map((number) => (
          <option key={number} value={String(number)}>
            Attempt {number}
          </option>
        ))}
      </select>
    </label>
  )
}

interface StreamsProps {
  readonly hidden: StreamName | undefined
  readonly onHidden: (hidden: StreamName | undefined) => void
}

function Streams({ hidden, onHidden }: StreamsProps) {
  const choices = [
    { label: 'both', hides: undefined },
    { label: 'stdout', hides: 'stderr' },
    { label: 'stderr', hides: 'stdout' },
  ] as const
  return (
    <fieldset class="logs-streams">
      <legend class="visually-hidden">Streams</legend>
      {choices.map(({ label, hides }) => (
        <label key={label}>
          <input type="radio" name="logs-stream" checked={hidden === hides} onChange={() => onHidden(hides)} />
          {label}
        </label>
      ))}
    </fieldset>
  )
}

interface SearchProps {
  readonly query: string
  readonly onQuery: (query: string) => void
  readonly onNext: (back: boolean) => void
  readonly found: string
  readonly hasMatches: boolean
}

function Search({ query, onQuery, onNext, found, hasMatches }: SearchProps) {
  const field = useRef<HTMLInputElement>(null)
  useShortcut('/', 'Search the output', () => field.current?.focus())
  return (
    <search class="logs-search">
      <input
        ref={field}
        type="search"
        aria-label="Search the output"
        placeholder="Search"
        value={query}
        onInput={({ currentTarget }) => onQuery(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return
          event.preventDefault()
          onNext(event.shiftKey)
        }}
      />
      <output class="logs-found">{found}</output>
      <Button kind="quiet" aria-label="Previous line that fits" disabled={!hasMatches} onClick={() => onNext(true)}>
        <Chevron d="M4 10l4-4 4 4" />
      </Button>
      <Button kind="quiet" aria-label="Next line that fits" disabled={!hasMatches} onClick={() => onNext(false)}>
        <Chevron d="M4 6l4 4 4-4" />
      </Button>
    </search>
  )
}

const Chevron = ({ d }: { readonly d: string }) => (
  <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    <path d={d} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
  </svg>
)
