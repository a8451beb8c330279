/** What the user asked for, as it was accepted. */
import './spec.css'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { TaskSpec } from '../../../../actors/model.ts'
import { mask } from '../../../../actors/shown.ts'
import { announce } from '../../ui/announce.ts'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { type Fact, Facts } from '../../ui/table.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import type { PanelProps } from '../history.ts'
import { TaskLink } from './route-link.tsx'
import { specRows } from './spec-rows.ts'
import { yamlOf } from './spec-text.ts'

const forms = ['table', 'yaml', 'json'] as const
type Form = (typeof forms)[number]
const formLabels = { table: 'Table', yaml: 'YAML', json: 'JSON' } as const

export function SpecPanel({ history: { spec } }: PanelProps) {
  const [form, setForm] = useState<Form>('table')
  if (spec === undefined) return <Empty title="The specification of this task is not known here." />
  const text = form === 'json' ? JSON.stringify(spec, null, 2) : yamlOf(spec)
  return (
    <section class="spec" aria-label="Specification" data-panel="spec">
      <Tabs
        label="Form of the specification"
        tabs={forms.map((id) => ({ id, label: formLabels[id] }))}
        selected={form}
        onSelect={setForm}
      >
        {form === 'table' ? <SpecTable spec={spec} /> : <SpecText key={form} text={text} name={formLabels[form]} />}
      </Tabs>
      {hasMasked(spec) ? (
        <p class="spec-note">Secrets are shown to nobody, and other variables not to who may only look.</p>
      ) : undefined}
    </section>
  )
}

const hasMasked = ({ env, secretEnv }: TaskSpec): boolean =>
  [env, secretEnv].some((values) => Object.values(values ?? {}).includes(mask))

function SpecText({ text, name }: { readonly text: string; readonly name: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    const isCopied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
    setCopied(isCopied)
    announce(isCopied ? `Copied as ${name}` : 'The browser does not let this page copy; select the text instead')
  }
  return (
    <div class="spec-text">
      <Button class="spec-copy" onClick={() => void copy()}>
        {copied ? 'Copied' : 'Copy'}
      </Button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre tabIndex={0}>{text}</pre>
    </div>
  )
}

function SpecTable({ spec }: { readonly spec: TaskSpec }) {
  return (
    <div class="spec-groups">
      {specRows(spec).map(({ title, rows }) => (
        <div key={title} class="spec-group">
          <h3>{title}</h3>
          <Facts facts={rows.map(({ name, value, kind }): Fact => ({ name, value: shownValue(value, kind) }))} />
        </div>
      ))}
    </div>
  )
}

function shownValue(value: string, kind: 'text' | 'code' | 'masked' | 'task'): ComponentChildren {
  if (kind === 'task') return <TaskLink id={value} />
  if (kind === 'masked') return <span class="spec-masked">{value}</span>
  return kind === 'code' ? <code>{value}</code> : value
}
