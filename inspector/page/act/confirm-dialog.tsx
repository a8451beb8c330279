/** Asks once more before something that cannot be taken back. The focus begins on what changes nothing. */
import './act.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Button, type ButtonKind } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import type { ActFailure } from './failure-words.ts'
import { whyNotAct } from './may-act.ts'

export interface ConfirmDialogProps {
  readonly title: string
  /** What the button says that does it. */
  readonly confirm: string
  readonly kind?: ButtonKind
  readonly busy: boolean
  readonly failure: ActFailure | undefined
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, confirm, kind = 'danger', busy, failure, onConfirm, onClose, children } = props
  const content = useRef<HTMLDivElement>(null)
  const whyNot = whyNotAct()
  useEffect(() => {
    content.current?.closest('dialog')?.querySelector<HTMLElement>('[data-cancel]')?.focus()
  }, [])
  const actions = (
    <>
      <Button data-cancel="" onClick={onClose}>
        Cancel
      </Button>
      <Button kind={kind} busy={busy} disabled={whyNot !== undefined} onClick={onConfirm}>
        {confirm}
      </Button>
    </>
  )
  return (
    <Dialog title={title} onClose={onClose} actions={actions}>
      <div class="act-confirm" ref={content}>
        {children}
      </div>
      <Failure failure={failure} />
      {whyNot === undefined ? undefined : <p class="act-why-not">{whyNot}</p>}
    </Dialog>
  )
}

/** That it did not come about, or that nobody knows. */
export const Failure = ({ failure }: { readonly failure: ActFailure | undefined }) =>
  failure === undefined ? null : (
    <p class="act-failure" role="alert" data-unknown={failure.isUnknown ? '' : undefined}>
      {failure.text}
    </p>
  )
