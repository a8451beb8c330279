/** What stands where nothing is: it says why, and what to do. */
import './ui.css'
import type { ComponentChildren } from 'preact'

export interface EmptyProps {
  readonly title: string
  /** What to do about it. */
  readonly children?: ComponentChildren
  /** A failure, rather than nothing yet: it is read out at once. */
  readonly failing?: boolean
}

export function Empty({ title, children, failing = false }: EmptyProps) {
  return (
    <div class={failing ? 'empty empty-failing' : 'empty'} role={failing ? 'alert' : undefined}>
      <p class="empty-title">{title}</p>
      {children}
    </div>
  )
}
