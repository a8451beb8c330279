/** What an event would do, in a sentence and as the parts of the context that would be others. */
import './act.css'
import type { ContextChange, Preview } from './preview.ts'

export function PreviewView({ preview }: { readonly preview: Preview }) {
  return (
    <div class="act-preview" data-preview={preview.kind}>
      <Words preview={preview} />
      {'changes' in preview && preview.changes.length > 0 ? <Changes changes={preview.changes} /> : undefined}
    </div>
  )
}

function Words({ preview }: { readonly preview: Preview }) {
  switch (preview.kind) {
    case 'goes':
      return (
        <p>
          It would go to <strong>{preview.to}</strong>, because {preview.because}.
        </p>
      )
    case 'records':
      return (
        <p>
          It would stay in <strong>{preview.from}</strong> and take note, because {preview.because}.
        </p>
      )
    case 'nothing':
      return <p>Nothing would happen. {preview.because}</p>
    case 'unknown':
      return <p>What would happen is not known. {preview.because}</p>
  }
}

const Changes = ({ changes }: { readonly changes: readonly ContextChange[] }) => (
  <ul class="act-changes" aria-label="What it would note">
    {changes.map(({ field, before, after }) => (
      <li key={field}>
        {field}: <code>{textOf(before)}</code> → <code>{textOf(after)}</code>
      </li>
    ))}
  </ul>
)

/** Long values say little here. */
const charsMax = 80
function textOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'not set'
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text
}
