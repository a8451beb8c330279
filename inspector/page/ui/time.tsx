/** Times, relative to now, with the moment itself in the tooltip. Only a text that changed is drawn anew. */
import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import { formatAge, formatAgo, formatDuration, formatMoment } from './format.ts'
import { now } from './now.ts'

export interface TimeProps {
  /** Milliseconds since 1970. */
  readonly atMs: number
}

/** `12 s ago`. */
export function Time({ atMs }: TimeProps) {
  const at = useFollowed(atMs)
  const text = useComputed(() => formatAgo(now.value - at.value))
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatMoment(atMs)}>
      {text}
    </time>
  )
}

export interface SpanProps {
  readonly fromMs: number
  /** Absent or null: it goes on. */
  readonly toMs?: number | null | undefined
}

/** How long something took, or takes so far. */
export function Span({ fromMs, toMs }: SpanProps) {
  const from = useFollowed(fromMs)
  const to = useFollowed(toMs ?? null)
  const text = useComputed(() =>
    to.value === null ? formatAge(now.value - from.value) : formatDuration(to.value - from.value),
  )
  const title = `${formatMoment(fromMs)} – ${toMs === undefined || toMs === null ? 'now' : formatMoment(toMs)}`
  return (
    <time dateTime={new Date(fromMs).toISOString()} title={title}>
      {text}
    </time>
  )
}

/** What a component was given, as a signal that a computed one may follow. */
function useFollowed<T>(value: T): ReadonlySignal<T> {
  const followed = useSignal(value)
  useLayoutEffect(() => {
    followed.value = value
  }, [value])
  return followed
}
