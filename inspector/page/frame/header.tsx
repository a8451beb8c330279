/** The top of every view: where one is, whether what one sees is live, and the button to run something. */
import type { ComponentChildren } from 'preact'
import { type ConnectionState, connectionState, isStandalone } from '../connection.ts'
import { route } from '../navigation.ts'
import { Button } from '../ui/button.tsx'
import { formatClock } from '../ui/format.ts'
import { sectionOf } from './titles.ts'

const sections = [
  { id: 'tasks', name: 'Tasks' },
  { id: 'nodes', name: 'Nodes' },
  { id: 'actors', name: 'Actors' },
  { id: 'file', name: 'Files' },
] as const

export interface HeaderProps {
  readonly onHelp: () => void
  /** What can be done from everywhere. */
  readonly children?: ComponentChildren
}

export function Header({ onHelp, children }: HeaderProps) {
  const section = sectionOf(route.value)
  return (
    <header class="frame-header">
      <div class="frame-header-row">
        <a class="frame-name" href="#/tasks">
          <Mark />
          <span>Troupe</span>
        </a>
        {isStandalone ? undefined : (
          <nav class="frame-nav" aria-label="Views">
            {sections.map(({ id, name }) => (
              <a key={id} href={`#/${id}`} aria-current={id === section ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </nav>
        )}
        {isStandalone ? undefined : <Connection />}
        <div class="frame-actions">
          <Button kind="quiet" class="frame-help" aria-label="Keys (?)" title="Keys" onClick={onHelp}>
            <kbd>?</kbd>
          </Button>
          {children}
        </div>
      </div>
    </header>
  )
}

/** Three states within one: a troupe. */
const Mark = () => (
  <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
    <rect x="2" y="2" width="20" height="20" rx="6" fill="none" stroke="currentColor" stroke-width="2" />
    <circle class="frame-mark-one" cx="8" cy="9" r="2.4" />
    <circle class="frame-mark-two" cx="16" cy="9" r="2.4" />
    <circle class="frame-mark-three" cx="12" cy="16" r="2.4" />
  </svg>
)

function Connection() {
  const state = connectionState.value
  const { tone, words, since } = wordsOfConnection(state)
  return (
    <p class={`frame-connection frame-connection-${tone}`} role="status" data-connection={state.type}>
      <span class="frame-dot" aria-hidden="true" />
      <span>
        {words}
        {since === undefined ? undefined : <span class="frame-since"> since {since}</span>}
      </span>
    </p>
  )
}

interface ConnectionWords {
  readonly tone: 'live' | 'stale' | 'none'
  readonly words: string
  readonly since?: string
}

function wordsOfConnection(state: ConnectionState): ConnectionWords {
  switch (state.type) {
    case 'live':
      return { tone: 'live', words: 'Live' }
    case 'stale':
      return { tone: 'stale', words: 'Stale', since: formatClock(state.sinceMs) }
    case 'opening':
      return { tone: 'none', words: 'Connecting' }
    default:
      return { tone: 'none', words: 'Not connected' }
  }
}

/** A connection that was cut has nothing but a number to say for it. */
const isSaying = (why: string) => !/^code \d+$/.test(why)

/** Says above the view that what it shows is old. */
export function StaleBanner() {
  const state = connectionState.value
  if (state.type !== 'stale') return null
  return (
    <div class="frame-banner" role="alert">
      <p>
        <strong>The manager does not answer; reconnecting.</strong> What you see is as of {formatClock(state.sinceMs)},
        and is brought up to date once it is back.
      </p>
      {isSaying(state.why) ? <p class="frame-banner-why">{state.why}</p> : undefined}
    </div>
  )
}
