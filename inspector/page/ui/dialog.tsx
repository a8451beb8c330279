/** A dialog on the browser's own <dialog>: what is behind it is inert, Escape closes it, and the focus goes back. */
import './ui.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
  /** The buttons at its end. */
  readonly actions?: ComponentChildren
  /** For forms with much in them. */
  readonly wide?: boolean
}

/** It is open for as long as it is drawn. */
export function Dialog({ title, onClose, children, actions, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      element.current?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  const onCancel = (event: Event) => {
    // The owner decides; the dialog goes when it is not drawn any more.
    event.preventDefault()
    onClose()
  }
  const onClick = (event: MouseEvent) => {
    // Only what is outside of its content is the dialog itself: the backdrop.
    if (event.target === element.current) onClose()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the key for it.
    <dialog
      ref={element}
      class={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={onCancel}
      onClick={onClick}
    >
      <div class="dialog-body">
        <div class="dialog-header">
          <h2 class="dialog-title" id={titleId}>
            {title}
          </h2>
          <button type="button" class="dialog-close" aria-label="Close" onClick={onClose}>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
              <path d="M4 4l8 8M12 4l-8 8" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />
            </svg>
          </button>
        </div>
        <div class="dialog-content">{children}</div>
        {actions === undefined ? undefined : <div class="dialog-actions">{actions}</div>}
      </div>
    </dialog>
  )
}
