/** Runs a task: by a form for what most tasks need, or as JSON for all that there is. */
import './act.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskSpec } from '../../../actors/model.ts'
import { closeRunDialog } from '../frame/run-dialog.ts'
import { go } from '../navigation.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Failure } from './confirm-dialog.tsx'
import { atField, fieldOf } from './failure-words.ts'
import { isViewOnly, whyNotAct } from './may-act.ts'
import { readSecrets, type SecretRow, withSecretRows } from './run-asks.ts'
import { RunFields } from './run-fields.tsx'
import {
  emptyForm,
  type FormFaults,
  faultOfSpec,
  formFieldOf,
  type RunField,
  type RunForm,
  readForm,
  readJson,
} from './run-form.ts'
import { SecretFields } from './secret-fields.tsx'
import { useAct } from './use-act.ts'

/** What was typed stays when the dialog is closed, for as long as the page is open: all but secrets. */
let kept: RunForm = emptyForm

export function RunDialog() {
  const { form, json, secrets, faults, failure, busy, whyNot, change, setJson, setSecrets, submit } = useRun()
  const body = useRef<HTMLFormElement>(null)
  useFaultFocus(body, faults)
  const actions = (
    <>
      <Button onClick={closeRunDialog}>Cancel</Button>
      <Button kind="primary" type="submit" form="act-run" busy={busy} disabled={whyNot !== undefined}>
        Run
      </Button>
    </>
  )
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault()
    void submit()
  }
  return (
    <Dialog title="Run a task" onClose={closeRunDialog} actions={actions} wide>
      <form class="act-form" id="act-run" ref={body} noValidate onSubmit={onSubmit}>
        <label class="act-switch">
          <input
            type="checkbox"
            checked={json !== undefined}
            onChange={() => setJson(json === undefined ? JSON.stringify(readForm(form).spec, undefined, 2) : undefined)}
          />
          As JSON, for any specification
        </label>
        {json === undefined ? (
          <RunFields form={form} faults={faults} onChange={change} />
        ) : (
          <div class="act-field">
            <label for="act-json">Specification</label>
            <textarea
              id="act-json"
              class="act-json"
              spellcheck={false}
              value={json}
              onInput={(event) => setJson(event.currentTarget.value)}
            />
          </div>
        )}
        <SecretFields rows={secrets} fault={faults.secrets} onRows={setSecrets} />
        <Failure failure={failure} />
        {whyNot === undefined ? undefined : <p class="act-why-not">{whyNot}</p>}
      </form>
    </Dialog>
  )
}

/** What is typed, what is wrong with it, and the running of it. */
function useRun() {
  const [form, setForm] = useState(kept)
  const [json, setText] = useState<string>()
  // They are in no specification that is shown, and gone with the dialog.
  const [secrets, setRows] = useState<readonly SecretRow[]>([])
  const [own, setOwn] = useState<FormFaults>({})
  const act = useAct()
  const whyNot = whyNotAct()
  const told = act.failure === undefined || json !== undefined ? undefined : toldAt(act.failure.text)
  const change = (field: RunField, value: string) => {
    kept = { ...form, [field]: value }
    setForm(kept)
    act.clear()
    const { [field]: _mended, ...others } = own
    setOwn(others)
  }
  const setJson = (text: string | undefined) => {
    act.clear()
    setText(text)
  }
  const setSecrets = (rows: readonly SecretRow[]) => {
    setRows(rows)
    act.clear()
    setOwn(({ secrets: _mended, ...others }) => others)
  }
  const read = (): TaskSpec | undefined => {
    const { secretEnv, fault } = readSecrets(secrets)
    const secretFault: FormFaults = fault === undefined ? {} : { secrets: fault }
    if (json === undefined) {
      const { spec: typed, faults } = readForm(form)
      const spec = withSecretRows(typed, secretEnv)
      const isWhole = Object.keys(faults).length === 0 && fault === undefined
      const wrong = isWhole ? faultOfSpec(spec) : undefined
      if (wrong !== undefined && wrong.field === undefined) act.fail(wrong.text)
      setOwn({ ...faults, ...secretFault, ...(wrong?.field && { [wrong.field]: wrong.text }) })
      return isWhole && wrong === undefined ? spec : undefined
    }
    const given = readJson(json)
    setOwn(secretFault)
    if (given.fault !== undefined) act.fail(given.fault)
    return given.fault === undefined && fault === undefined ? withSecretRows(given.spec, secretEnv) : undefined
  }
  const submit = async () => {
    const spec = whyNot === undefined ? read() : undefined
    if (spec === undefined) return
    let id = ''
    const isDone = await act.run(async (opened) => {
      id = (await opened.run(spec)).id
      return `Task ${spec.name ?? id} is accepted`
    })
    if (!isDone) return
    kept = emptyForm
    closeRunDialog()
    go({ view: 'task', id, panel: 'timeline', at: undefined })
  }
  const faults: FormFaults = told === undefined ? own : { ...own, [told.field]: told.text }
  // A sentence that stands at its field need not stand below as well.
  const failure = told === undefined ? act.failure : undefined
  return { form, json, secrets, faults, failure, busy: act.busy, whyNot, change, setJson, setSecrets, submit }
}

/** The button that opens it, where it may be opened at all. */
export function RunButton({ onOpen }: { readonly onOpen: () => void }) {
  const whyNot = whyNotAct()
  if (isViewOnly()) return null
  return (
    <Button kind="primary" disabled={whyNot !== undefined} title={whyNot} onClick={onOpen}>
      Run a task
    </Button>
  )
}

/** The field that the manager's sentence is about; undefined where the form has none for it. */
function toldAt(text: string): { field: keyof FormFaults; text: string } | undefined {
  const field = formFieldOf[fieldOf(text) ?? '']
  return field === undefined ? undefined : { field, text: atField(text) }
}

/** What is wrong is gone to. */
function useFaultFocus(body: { readonly current: HTMLElement | null }, faults: FormFaults): void {
  const key = Object.keys(faults).join()
  useEffect(() => {
    if (key !== '') body.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [key])
}
