/** Sends an actor an event, with what would come of it shown before. */
import './act.css'
import { useId, useState } from 'preact/hooks'
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import type { Troupe } from '../../../runtime/browser.ts'
import { nodeBy, nodeChanged } from '../nodes/live-nodes.ts'
import { Button } from '../ui/button.tsx'
import { useNow } from '../ui/now.ts'
import { Failure } from './confirm-dialog.tsx'
import { readDuration } from './duration-text.ts'
import { isViewOnly, whyNotAct } from './may-act.ts'
import { whyNotForget } from './node-acts.ts'
import { type Preview, previewEvent, type SentEvent } from './preview.ts'
import { PreviewView } from './preview-view.tsx'
import { eventsOf, maySend, removeEvent, whoReports } from './reporters.ts'
import { useAct } from './use-act.ts'

export interface SendEventProps {
  /** As it stands, with its context. */
  readonly actor: ActorView
  /** Which event is looked at; undefined: the first that may be sent, if any. */
  readonly event: string | undefined
  readonly onEvent: (event: string) => void
}

export function SendEvent({ actor, event, onEvent }: SendEventProps) {
  const id = useId()
  const all = eventsOf(actor.machine)
  const chosen = event !== undefined && all.includes(event) ? event : (all[0] ?? '')
  const reporter = whoReports(actor.machine, chosen)
  const [sendable, others] = [
    all.filter((each) => maySend(actor.machine, each)),
    all.filter((each) => !maySend(actor.machine, each)),
  ]
  return (
    <section class="act-send" aria-label="Send an event" data-event={chosen}>
      <div class="act-field">
        <label for={id}>Event</label>
        <select id={id} value={chosen} onChange={(change) => onEvent(change.currentTarget.value)}>
          {sendable.length === 0 ? undefined : <Events label="You may send" events={sendable} />}
          <Events label="Told by others" events={others} />
        </select>
      </div>
      {reporter === undefined ? (
        <Sendable key={chosen} actor={actor} type={chosen} />
      ) : (
        <p class="act-preview" data-preview="refused">
          Nobody can send {chosen}. {reporter}
        </p>
      )}
    </section>
  )
}

const Events = ({ label, events }: { readonly label: string; readonly events: readonly string[] }) => (
  <optgroup label={label}>
    {events.map((event) => (
      <option key={event} value={event}>
        {event}
      </option>
    ))}
  </optgroup>
)

/** The one field that an event has, if it has any. */
const fields: Readonly<Record<string, { name: 'graceMs' | 'deadlineMs'; label: string; hint: string }>> = {
  Stop: { name: 'graceMs', label: 'Grace', hint: 'such as 10s; 0 kills at once; empty: its own' },
  Drain: { name: 'deadlineMs', label: 'Deadline', hint: 'such as 10m; empty: none' },
}

function Sendable({ actor, type }: { readonly actor: ActorView; readonly type: string }) {
  const id = useId()
  const act = useAct()
  const [text, setText] = useState('')
  const [isSure, setSure] = useState(false)
  const whyNot = whyNotAct()
  const field = actor.machine === 'task' || actor.machine === 'node' ? fields[type] : undefined
  const amount = field === undefined || text.trim() === '' ? undefined : readDuration(text)
  const isWrong = field !== undefined && text.trim() !== '' && amount === undefined
  const sent: SentEvent = { type, ...(field === undefined || amount === undefined ? {} : { [field.name]: amount }) }
  const preview = previewOf(actor, sent, useNow())
  const isUseless = preview.kind === 'nothing' || isWrong
  const press = async () => {
    // What is sent by mistake ends what runs: once more, on the same button.
    if (type !== 'Undrain' && !isSure) return setSure(true)
    setSure(false)
    await act.run((opened) => send(opened, actor, sent))
  }
  return (
    <>
      {field === undefined ? undefined : (
        <div class="act-field">
          <label for={id}>{field.label}</label>
          <input
            id={id}
            type="text"
            placeholder={field.hint}
            value={text}
            aria-invalid={isWrong || undefined}
            onInput={(change) => {
              setSure(false)
              setText(change.currentTarget.value)
            }}
          />
          {isWrong ? <p class="act-fault">Write a duration with its unit, such as 90s or 10m.</p> : undefined}
        </div>
      )}
      {isWrong ? undefined : <PreviewView preview={preview} />}
      {isViewOnly() ? (
        <p class="act-why-not">Looking only: this token changes nothing.</p>
      ) : (
        <p class="act-actions">
          <Button
            kind={type === 'Undrain' ? 'plain' : 'danger'}
            busy={act.busy}
            disabled={whyNot !== undefined || isUseless}
            title={whyNot}
            onClick={() => void press()}
          >
            {isSure ? `Really send ${type}` : `Send ${type}`}
          </Button>
          {isSure ? (
            <Button kind="quiet" onClick={() => setSure(false)}>
              Do not
            </Button>
          ) : undefined}
        </p>
      )}
      <Failure failure={act.failure} />
    </>
  )
}

function previewOf(actor: ActorView, event: SentEvent, atMs: number): Preview {
  if (event.type !== removeEvent) return previewEvent(actor, event, atMs)
  const node = nodeBy(actor.nodeId ?? '')
  if (node === undefined) return { kind: 'unknown', because: 'The page does not know the node.' }
  const because = whyNotForget(node)
  if (because !== undefined) return { kind: 'nothing', because }
  return { kind: 'goes', from: actor.value, to: 'nothing', because: 'it is of no use any more', changes: [] }
}

/** Resolves with what is to be told. */
async function send(opened: Troupe, { machine, taskId, nodeId }: ActorView, event: SentEvent): Promise<string> {
  const { type, graceMs, deadlineMs } = event
  if (machine === 'task') {
    const { alreadyFinal } = await opened.stop(taskId ?? '', graceMs === undefined ? {} : { graceMs })
    return alreadyFinal ? 'The task had ended already' : 'Stop is sent, and stored'
  }
  const node = nodeId ?? ''
  if (type === 'Drain') nodeChanged(await opened.drain(node, deadlineMs === undefined ? {} : { deadlineMs }))
  else if (type === 'Undrain') nodeChanged(await opened.undrain(node))
  else await opened.removeNode(node)
  return `${type} is sent, and stored`
}
