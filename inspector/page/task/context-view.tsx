/** What a task knows at a step, as a tree; what the step changed is marked. */
import './context.css'
import { useMemo } from 'preact/hooks'
import { formatMoment, plural } from '../ui/format.ts'
import type { HistoryStep, TaskHistory } from './history.ts'
import { changedPaths, fieldsOf, isHolder } from './json-changes.ts'

export interface ContextViewProps {
  readonly history: TaskHistory
  readonly at: number | undefined
  /** Why it is not known. */
  readonly unknown: string | undefined
}

export function ContextView({ history, at, unknown }: ContextViewProps) {
  const { steps } = history
  const index = at ?? steps.length - 1
  const context = steps[index]?.context
  const changed = useMemo(() => changesOf(steps, index), [steps, index])
  const count = [...changed].filter((path) => path !== '' && !path.includes('.')).length
  return (
    <details class="context" data-context={context === undefined ? 'unknown' : index}>
      <summary>
        <h2>Context</h2>
        <span class="context-note">
          {context === undefined ? 'not known at this step' : `${plural(count, 'field')} changed by this step`}
        </span>
      </summary>
      {context === undefined ? (
        <p class="context-unknown">{unknown ?? 'What the task knew at this step is not known.'}</p>
      ) : (
        <Fields value={{ ...context }} path="" changed={changed} />
      )}
    </details>
  )
}

function changesOf(steps: readonly HistoryStep[], index: number): ReadonlySet<string> {
  const [before, after] = [steps[index - 1]?.context, steps[index]?.context]
  return before === undefined || after === undefined ? new Set() : changedPaths(before, after)
}

interface FieldsProps {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: string
  readonly changed: ReadonlySet<string>
}

function Fields({ value, path, changed }: FieldsProps) {
  return (
    <ul class="context-fields">
      {fieldsOf(value).map(([name, field]) => {
        const own = path === '' ? name : `${path}.${name}`
        const isChanged = changed.has(own)
        return (
          <li key={name} class={isChanged ? 'context-field context-changed' : 'context-field'}>
            {isHolder(field) && fieldsOf(field).length > 0 ? (
              <details open={isChanged}>
                <summary>
                  <Name name={name} isChanged={isChanged} />
                  <span class="context-size">
                    {Array.isArray(field) ? plural(field.length, 'item') : plural(fieldsOf(field).length, 'field')}
                  </span>
                </summary>
                <Fields value={field} path={own} changed={changed} />
              </details>
            ) : (
              <p class="context-leaf">
                <Name name={name} isChanged={isChanged} />
                <code>{JSON.stringify(field)}</code>
                {name.endsWith('AtMs') && typeof field === 'number' ? (
                  <span class="context-size">{formatMoment(field)}</span>
                ) : undefined}
              </p>
            )}
          </li>
        )
      })}
    </ul>
  )
}

const Name = ({ name, isChanged }: { readonly name: string; readonly isChanged: boolean }) => (
  <span class="context-name">
    {name}
    {isChanged ? <span class="context-mark"> changed</span> : undefined}
  </span>
)
