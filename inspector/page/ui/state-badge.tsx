/** A state by colour, shape and word, so that no one of them is needed. */
import './ui.css'
import { type Tone, toneOf } from '../../chart/tone.ts'
import { wordsOf } from './format.ts'

export interface StateBadgeProps {
  /** A state's name: one of a task's five, or any other machine's. */
  readonly state: string
  /** The nested state, such as `BackingOff`. */
  readonly detail?: string | undefined
}

/** `● Running · unhealthy`. */
export function StateBadge({ state, detail }: StateBadgeProps) {
  return (
    <span class={`badge tone-${toneOfState(state)}`} data-state={state} data-detail={detail || undefined}>
      <StateGlyph state={state} />
      <span class="badge-word">{state}</span>
      {detail ? <span class="badge-detail">{wordsOf(detail)}</span> : undefined}
    </span>
  )
}

/** The shape alone; its word must stand beside it. */
export function StateGlyph({ state }: { readonly state: string }) {
  return (
    <svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {glyphs[toneOfState(state)]}
    </svg>
  )
}

/** The class's ending in `tone-…`: the colours `--tone` and `--tone-text` are set within. */
export const toneOfState = (state: string): Tone | 'plain' => toneOf(state.split('.')) ?? 'plain'

const glyphs = {
  // An empty ring: nothing has begun.
  pending: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2.236" />,
  // Half full: on its way.
  scheduled: (
    <g>
      <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2" />
      <path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor" />
    </g>
  ),
  running: (
    <path d="M4.5 2.8v10.4a.6.6 0 0 0 .9.5l8.4-5.2a.6.6 0 0 0 0-1L5.4 2.3a.6.6 0 0 0-.9.5z" fill="currentColor" />
  ),
  completed: (
    <path
      d="M2.8 8.6l3.4 3.4 7-7.6"
      fill="none"
      stroke="currentColor"
      stroke-width="2.4"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  ),
  failed: <path d="M4 4l8 8M12 4l-8 8" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />,
  plain: <rect x="4" y="4" width="8" height="8" rx="2" fill="currentColor" />,
} as const
