/** Goes through the steps of a history: by buttons, a slider and keys. */
import './player.css'
import { announce } from '../ui/announce.ts'
import { Button } from '../ui/button.tsx'
import { formatClock, formatMoment } from '../ui/format.ts'
import { useShortcut } from '../ui/shortcuts.ts'
import type { TaskHistory } from './history.ts'
import { stateText } from './panels/event-text.ts'

export interface PlayerProps {
  readonly history: TaskHistory
  readonly at: number | undefined
  /** `isSliding`: one of many on the way to where the reader wants to be, and no place to come back to. */
  readonly onAt: (index: number | undefined, isSliding?: boolean) => void
}

/** More steps than these have no tick each. */
const ticksMax = 80

export function Player({ history, at, onAt }: PlayerProps) {
  const { steps, source } = history
  const last = steps.length - 1
  const here = at ?? last
  const to = (index: number | undefined, isSliding = false) => {
    const next = index === undefined ? undefined : Math.min(Math.max(index, 0), last)
    onAt(next, isSliding)
    announce(next === undefined ? 'As it stands now' : wordsAt(history, next))
  }
  useShortcut(',', 'The step before', () => to(here - 1))
  useShortcut('.', 'The step after', () => to(here + 1))
  if (last < 0) return undefined
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const index = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key]
    if (index === undefined) return
    event.preventDefault()
    to(index, true)
  }
  const step = steps[here]
  return (
    <section class="player" aria-label="Steps" onKeyDown={onKeyDown} data-at={at ?? 'now'}>
      <div class="player-row">
        <Ways here={here} last={last} to={to} />
        <Button class="player-now" aria-pressed={at === undefined} onClick={() => to(undefined)}>
          {source === 'file' ? 'At the end' : 'Now'}
        </Button>
        <p class="player-words">
          {step === undefined ? undefined : (
            <>
              Step {here + 1} of {steps.length}
              <span class="player-faint">
                <time dateTime={new Date(step.event.atMs).toISOString()} title={formatMoment(step.event.atMs)}>
                  {formatClock(step.event.atMs, { fine: true })}
                </time>
                , revision {step.event.revision}
              </span>
            </>
          )}
        </p>
      </div>
      {last > 0 ? (
        <div class="player-slide">
          <input
            type="range"
            min={0}
            max={last}
            step={1}
            value={here}
            aria-label="Step"
            aria-valuetext={wordsAt(history, here)}
            onInput={(event) => to(Number(event.currentTarget.value), true)}
          />
          {last < ticksMax ? <Ticks count={steps.length} here={here} /> : undefined}
        </div>
      ) : undefined}
    </section>
  )
}

interface WaysProps {
  readonly here: number
  readonly last: number
  readonly to: (index: number) => void
}

const Ways = ({ here, last, to }: WaysProps) => (
  <>
    <Button aria-label="The first step" disabled={here <= 0} onClick={() => to(0)}>
      <Icon d="M4 3v10M13 3.5v9L6.5 8z" />
    </Button>
    <Button aria-label="The step before" title="The step before (,)" disabled={here <= 0} onClick={() => to(here - 1)}>
      <Icon d="M11 3.5v9L4.5 8z" />
    </Button>
    <Button aria-label="The step after" title="The step after (.)" disabled={here >= last} onClick={() => to(here + 1)}>
      <Icon d="M5 3.5v9L11.5 8z" />
    </Button>
  </>
)

/** `step 4 of 9, Started, to Running`. */
function wordsAt({ steps }: TaskHistory, index: number): string {
  const event = steps[index]?.event
  if (event === undefined) return ''
  return `step ${index + 1} of ${steps.length}, ${event.event.type}, to ${stateText(event.to)}`
}

const Ticks = ({ count, here }: { readonly count: number; readonly here: number }) => (
  <div class="player-ticks" aria-hidden="true">
    {Array.from({ length: count }, (_, index) => (
      <span key={index} class={index <= here ? 'player-tick player-tick-past' : 'player-tick'} />
    ))}
  </div>
)

const Icon = ({ d }: { readonly d: string }) => (
  <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    <path d={d} fill="currentColor" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" />
  </svg>
)
