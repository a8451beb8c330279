/** The search, and filters by node, driver and label; what is chosen stands below and can be taken away. */
import { useMemo, useRef, useState } from 'preact/hooks'
import type { TasksQuery } from '../route.ts'
import { Button } from '../ui/button.tsx'
import { formatCount, plural } from '../ui/format.ts'
import { useShortcut } from '../ui/shortcuts.ts'
import { tasksVersion, taskTable } from './live-tasks.ts'
import type { Tally } from './tally.ts'
import { isNarrow, toggled } from './task-filter.ts'
import { addressOf, focusList } from './task-row.tsx'

const offer = {
  /** Values offered in one filter: those that the most tasks have. */
  max: 200,
  /** Of more values than these, which are offered is found out only when somebody is about to choose. */
  eagerMax: 1_000,
} as const

export interface FiltersProps {
  readonly query: TasksQuery
  readonly onQuery: (change: Partial<TasksQuery>) => void
  readonly onClear: () => void
}

const kinds = [
  { field: 'nodes', name: 'Node', tally: taskTable.nodes },
  { field: 'drivers', name: 'Driver', tally: taskTable.drivers },
  { field: 'labels', name: 'Label', tally: taskTable.labels },
] as const

export function Filters({ query, onQuery, onClear }: FiltersProps) {
  return (
    <search class="tasks-filters">
      <Search value={query.search} onValue={(search) => onQuery({ search })} />
      {kinds.map(({ field, name, tally }) => (
        <Choice
          key={field}
          name={name}
          tally={tally}
          chosen={query[field]}
          onChoose={(value) => onQuery({ [field]: toggled(query[field], value) })}
        />
      ))}
      {isNarrow(query) ? (
        <div class="tasks-narrowed">
          <Shown query={query} />
          {kinds.flatMap(({ field, name }) =>
            query[field].map((value) => (
              <button
                key={`${field} ${value}`}
                type="button"
                class="tasks-chosen"
                aria-label={`${name} ${value}: show others too`}
                onClick={() => onQuery({ [field]: toggled(query[field], value) })}
              >
                <span class="tasks-chosen-kind">{name}</span> {value}
                <span aria-hidden="true">×</span>
              </button>
            )),
          )}
          <Button kind="quiet" onClick={onClear}>
            Show all
          </Button>
        </div>
      ) : undefined}
    </search>
  )
}

/** The query is what it is drawn anew for, beside every change. */
function Shown(_: { readonly query: TasksQuery }) {
  void tasksVersion.value
  return (
    <p class="tasks-shown" data-shown={taskTable.shown.count}>
      {formatCount(taskTable.shown.count)} of {plural(taskTable.count, 'task')}
    </p>
  )
}

function Search({ value, onValue }: { readonly value: string; readonly onValue: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null)
  useShortcut('/', 'Search the tasks', () => {
    input.current?.focus()
    input.current?.select()
  })
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.preventDefault()
      if (value === '') input.current?.blur()
      else onValue('')
    }
    if (event.key !== 'ArrowDown' && event.key !== 'Enter') return
    event.preventDefault()
    const { shown } = taskTable
    const only = shown.count === 1 && value !== '' ? shown.at(0) : undefined
    if (event.key === 'Enter' && only !== undefined) location.assign(addressOf(only.id))
    else focusList()
  }
  return (
    <div class="tasks-search">
      <svg class="tasks-search-glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.6" />
        <path d="M10.5 10.5L14 14" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />
      </svg>
      <input
        ref={input}
        type="search"
        aria-label="Search tasks"
        placeholder="Name, id, image, command or label"
        aria-keyshortcuts="/"
        autocomplete="off"
        spellcheck={false}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <span class="tasks-search-key" aria-hidden="true">
        <kbd>/</kbd>
      </span>
    </div>
  )
}

interface ChoiceProps {
  readonly name: string
  readonly tally: Tally
  readonly chosen: readonly string[]
  readonly onChoose: (value: string) => void
}

/** What there is to choose is gathered when it is opened, and when there is another value; not with every change. */
function Choice({ name, tally, chosen, onChoose }: ChoiceProps) {
  const [opened, setOpened] = useState(0)
  const gather = () => setOpened((times) => times + 1)
  void tasksVersion.value
  const values = tally.values > offer.eagerMax ? 0 : tally.values
  const offered = useMemo(() => (opened === 0 && values === 0 ? [] : tally.top(offer.max)), [opened, values])
  return (
    <select
      class="tasks-choice"
      aria-label={`Filter by ${name.toLowerCase()}`}
      value=""
      onFocus={gather}
      onPointerDown={gather}
      onChange={(event) => {
        const { value } = event.currentTarget
        event.currentTarget.value = ''
        if (value !== '') onChoose(value)
      }}
    >
      <option value="">{name}</option>
      {offered.map(([value, count]) => (
        <option key={value} value={value}>
          {chosen.includes(value) ? '✓ ' : ''}
          {value} ({formatCount(count)})
        </option>
      ))}
    </select>
  )
}
