/** The fields of the form to run a task. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { nodes } from '../nodes/live-nodes.ts'
import { formatCommand } from '../ui/format.ts'
import { shellHint, splitCommand } from './command-words.ts'
import type { FormFaults, RunField, RunForm } from './run-form.ts'

export interface RunFieldsProps {
  readonly form: RunForm
  readonly faults: FormFaults
  readonly onChange: (field: RunField, value: string) => void
}

const restarts = [
  { value: 'never', words: 'Never' },
  { value: 'on-failure', words: 'When it fails' },
  { value: 'always', words: 'Always' },
]

export function RunFields({ form, faults, onChange }: RunFieldsProps) {
  const shared = { form, faults, onChange }
  const { driver, restart } = form
  return (
    <>
      <div class="act-form-row">
        <Choice {...shared} field="driver" label="What runs it" options={driversOf(driver)} />
        {driver === 'docker' ? <Line {...shared} field="image" label="Image" placeholder="alpine" mono /> : undefined}
        <Line {...shared} field="name" label="Name" placeholder="optional" />
      </div>
      <Line {...shared} field="command" label="Command" placeholder="sh -c 'echo hello; sleep 30'" mono>
        <Words line={form.command} />
      </Line>
      <div class="act-form-row">
        <Line {...shared} field="cpus" label="Cores" placeholder="0.1" />
        <Line {...shared} field="memory" label="Memory" placeholder="64m" />
        <Choice {...shared} field="restart" label="Start it again" options={restarts} />
        {restart === 'never' ? undefined : (
          <Line {...shared} field="maxRestarts" label="At most so often" placeholder="no limit" />
        )}
      </div>
      <div class="act-form-row">
        <Lines {...shared} field="env" label="Environment" placeholder="NAME=value, one a line" />
        <Lines {...shared} field="labels" label="Labels" placeholder="name=value, one a line" />
      </div>
      <More title="Ports and nodes" fields={['ports', 'constraints', 'affinities']} {...shared}>
        <Lines {...shared} field="ports" label="Ports" placeholder="8080:80, or 80 for a free one" />
        <Lines {...shared} field="constraints" label="Only on nodes with" placeholder="disk=ssd, one a line" />
        <Lines {...shared} field="affinities" label="Rather on nodes with" placeholder="zone=eu:80, by weight" />
      </More>
      {driver === 'docker' ? (
        <More title="Files" fields={['mounts', 'tmpfs', 'readOnly']} {...shared}>
          <Lines {...shared} field="mounts" label="Mounts" placeholder="/data:/in:ro, of the node" />
          <Lines {...shared} field="tmpfs" label="In memory" placeholder="/run:size=64m" />
          <Tick {...shared} field="readOnly" label="Nothing else can be written" />
        </More>
      ) : undefined}
    </>
  )
}

interface MoreProps extends RunFieldsProps {
  readonly title: string
  readonly fields: readonly RunField[]
  readonly children: ComponentChildren
}

/** What few tasks need: folded up until somebody wants it, filled it in before, or got it wrong. */
function More({ title, fields, form, faults, children }: MoreProps) {
  const [isOpen, setOpen] = useState(fields.some((field) => form[field] !== ''))
  return (
    <details
      class="act-more"
      open={isOpen || fields.some((field) => faults[field] !== undefined)}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      <div class="act-form-row">{children}</div>
    </details>
  )
}

/** Those that nodes offer, and the two that Troupe brings along. */
function driversOf(chosen: string): { value: string; words: string }[] {
  const offered = nodes.value.flatMap((node) => Object.keys(node.drivers))
  const names = [...new Set(['process', 'docker', ...offered, chosen])].filter((name) => name !== '')
  return names.map((value) => ({
    value,
    words: offered.length === 0 || offered.includes(value) ? value : `${value} (no node offers it now)`,
  }))
}

interface FieldProps extends RunFieldsProps {
  readonly field: RunField
  readonly label: string
  readonly placeholder?: string
  readonly mono?: boolean
  readonly children?: ComponentChildren
}

const ids = (field: RunField, faults: FormFaults) => ({
  id: `act-${field}`,
  name: field,
  'aria-invalid': faults[field] === undefined ? undefined : ('true' as const),
  'aria-describedby': faults[field] === undefined ? undefined : `act-${field}-fault`,
})

function Line({ field, label, placeholder, mono = false, form, faults, onChange, children }: FieldProps) {
  return (
    <Framed field={field} label={label} faults={faults}>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        {...ids(field, faults)}
        data-mono={mono ? '' : undefined}
        placeholder={placeholder}
        value={form[field]}
        onInput={(event) => onChange(field, event.currentTarget.value)}
      />
      {children}
    </Framed>
  )
}

function Lines({ field, label, placeholder, form, faults, onChange }: FieldProps) {
  return (
    <Framed field={field} label={label} faults={faults}>
      <textarea
        rows={3}
        spellcheck={false}
        {...ids(field, faults)}
        data-mono=""
        placeholder={placeholder}
        value={form[field]}
        onInput={(event) => onChange(field, event.currentTarget.value)}
      />
    </Framed>
  )
}

interface ChoiceProps extends FieldProps {
  readonly options: readonly { readonly value: string; readonly words: string }[]
}

function Choice({ field, label, form, faults, onChange, options }: ChoiceProps) {
  return (
    <Framed field={field} label={label} faults={faults}>
      <select
        {...ids(field, faults)}
        value={form[field]}
        onChange={(event) => onChange(field, event.currentTarget.value)}
      >
        {options.map(({ value, words }) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Framed>
  )
}

function Tick({ field, label, form, faults, onChange }: FieldProps) {
  return (
    <div class="act-field">
      <label class="act-switch" for={`act-${field}`}>
        <input
          type="checkbox"
          {...ids(field, faults)}
          checked={form[field] !== ''}
          onChange={(event) => onChange(field, event.currentTarget.checked ? 'yes' : '')}
        />
        {label}
      </label>
    </div>
  )
}

interface FramedProps extends Pick<FieldProps, 'field' | 'label' | 'faults'> {
  readonly children: ComponentChildren
}

const Framed = ({ field, label, faults, children }: FramedProps) => (
  <div class="act-field">
    <label for={`act-${field}`}>{label}</label>
    {children}
    {faults[field] === undefined ? undefined : (
      <p class="act-fault" id={`act-${field}-fault`}>
        {faults[field]}
      </p>
    )}
  </div>
)

/** What the program is handed, word by word. */
function Words({ line }: { readonly line: string }) {
  const { words } = splitCommand(line)
  if (words.length === 0) return null
  const hint = shellHint(words)
  return (
    <>
      <ol class="act-words" aria-label={`Words of the command: ${formatCommand(words)}`}>
        {words.map((word, index) => (
          <li key={index}>
            <code>{word === '' ? '(empty)' : word}</code>
          </li>
        ))}
      </ol>
      {hint === undefined ? undefined : <p class="act-hint">{hint}</p>}
    </>
  )
}
