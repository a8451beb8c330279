/** Buttons, and links that look like them. */
import './ui.css'
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact'

/** `primary`: what one came for, once per view. `danger`: it destroys. `quiet`: without a border, beside others. */
export type ButtonKind = 'plain' | 'primary' | 'danger' | 'quiet'

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'kind'> {
  readonly kind?: ButtonKind
  /** It is being done; it cannot be pressed again meanwhile. */
  readonly busy?: boolean
  readonly children: ComponentChildren
}

/** A button. It is `type="button"` unless told otherwise. */
export function Button({ kind = 'plain', busy = false, disabled, class: extra, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={`button button-${kind}${extra === undefined ? '' : ` ${String(extra)}`}`}
      disabled={busy ? true : disabled}
      aria-busy={busy}
    >
      {children}
    </button>
  )
}
