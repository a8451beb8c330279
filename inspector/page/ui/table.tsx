/** Tables and lists of facts. */
import './ui.css'
import type { ComponentChildren } from 'preact'

export interface TableProps {
  /** What is in it, for who does not see it. */
  readonly label: string
  /** `<thead>` and `<tbody>`. Cells of numbers bear the class `number`. */
  readonly children: ComponentChildren
}

/** A table that scrolls sideways by itself where there is no room, also by the arrow keys. */
export function Table({ label, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="table-scroll" aria-label={label} tabIndex={0}>
      <table class="table">{children}</table>
    </section>
  )
}

export interface Fact {
  readonly name: string
  readonly value: ComponentChildren
}

/** Names and values, one below the other. What has no value is left out. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  const known = facts.filter(({ value }) => value !== undefined && value !== null && value !== '' && value !== false)
  return (
    <dl class="facts">
      {known.map(({ name, value }) => (
        <div key={name} class="facts-fact">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
