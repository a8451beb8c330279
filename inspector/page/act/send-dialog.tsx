/** The dialog that sends an event to a task, over the page that shows it; the frame draws it. */
import './act.css'
import { signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { actorIds } from '../../../actors/inspection.ts'
import { useActors } from '../actors/use-actors.ts'
import { Dialog } from '../ui/dialog.tsx'
import { SendEvent } from './send-event.tsx'

/** To which task, and which event is looked at; undefined: it is closed. */
const sending = signal<{ readonly taskId: string; readonly event: string | undefined } | undefined>(undefined)

export function openSendDialog(taskId: string, event?: string): void {
  sending.value = { taskId, event }
}

export function SendDialog() {
  const to = sending.value
  return to === undefined ? null : <Sending key={to.taskId} taskId={to.taskId} event={to.event} />
}

function Sending({ taskId, event }: { readonly taskId: string; readonly event: string | undefined }) {
  const filter = useMemo(() => ({ ids: [taskId] }), [taskId])
  const used = useActors(filter)
  const actor = used.table.get(actorIds.task(taskId))
  return (
    <Dialog
      title={`Send an event to ${taskId}`}
      onClose={() => {
        sending.value = undefined
      }}
    >
      {used.failure === undefined ? undefined : <p role="alert">{used.failure}</p>}
      {actor === undefined ? (
        <p>Looking at its machine…</p>
      ) : (
        <>
          <p>
            It stands in <strong>{actor.value}</strong>.
          </p>
          <SendEvent
            actor={actor}
            event={event}
            onEvent={(chosen) => {
              sending.value = { taskId, event: chosen }
            }}
          />
        </>
      )}
    </Dialog>
  )
}
