/** Variables that nobody is shown: typed as passwords are, and kept nowhere. */
import type { SecretRow } from './run-asks.ts'

export interface SecretFieldsProps {
  readonly rows: readonly SecretRow[]
  readonly fault: string | undefined
  readonly onRows: (rows: readonly SecretRow[]) => void
}

const blank: SecretRow = { name: '', value: '' }

/** One row more than there are, so that another can always be written. */
export function SecretFields({ rows, fault, onRows }: SecretFieldsProps) {
  const put = (at: number, row: SecretRow) => {
    const next = [...rows]
    next[at] = row
    // What was emptied at the end is no row any more.
    onRows(next.slice(0, next.findLastIndex(({ name, value }) => name !== '' || value !== '') + 1))
  }
  return (
    <fieldset class="act-secrets">
      <legend>Secret variables</legend>
      <p class="act-hint">Shown to nobody, not in the JSON either. This form forgets them when it is closed.</p>
      {[...rows, blank].map((row, at) => (
        <div key={at} class="act-secret">
          <input
            type="text"
            autocomplete="off"
            spellcheck={false}
            data-mono=""
            aria-label={`Secret variable ${at + 1}`}
            aria-invalid={fault === undefined ? undefined : 'true'}
            aria-describedby={fault === undefined ? undefined : 'act-secrets-fault'}
            placeholder="NAME"
            value={row.name}
            onInput={(event) => put(at, { ...row, name: event.currentTarget.value })}
          />
          <input
            type="password"
            autocomplete="new-password"
            aria-label={`Value of secret variable ${at + 1}`}
            placeholder="value"
            value={row.value}
            onInput={(event) => put(at, { ...row, value: event.currentTarget.value })}
          />
        </div>
      ))}
      {fault === undefined ? undefined : (
        <p class="act-fault" id="act-secrets-fault">
          {fault}
        </p>
      )}
    </fieldset>
  )
}
