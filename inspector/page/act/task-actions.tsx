/** What a person may do to a task: stop it, kill it at once when it does not end, run it again. */
import './act.css'
import { useEffect, useState } from 'preact/hooks'
import type { TaskView } from '../../../actors/model.ts'
import { policyDefaults } from '../../../actors/policies.ts'
import { troupe } from '../connection.ts'
import { go } from '../navigation.ts'
import { Button } from '../ui/button.tsx'
import { formatDuration } from '../ui/format.ts'
import { CliDialog } from './cli-dialog.tsx'
import { linesOfTask } from './cli-lines.ts'
import { ConfirmDialog, Failure } from './confirm-dialog.tsx'
import { isViewOnly, whyNotAct } from './may-act.ts'
import { openSendDialog } from './send-dialog.tsx'
import { useAct } from './use-act.ts'

export interface TaskActionsProps {
  readonly task: TaskView
}

export function TaskActions({ task }: TaskActionsProps) {
  const [open, setOpen] = useState<'stop' | 'kill' | 'lines'>()
  const again = useAct()
  const whyNot = whyNotAct()
  const isFinal = task.outcome !== null
  const isStopping = task.detail === 'Stopping'
  const runAgain = async () => {
    let id = ''
    const isDone = await again.run(async (opened) => {
      id = (await opened.rerun(task.id)).id
      return `Task ${task.name} runs again as ${id}`
    })
    if (isDone) go({ view: 'task', id, panel: 'timeline', at: undefined })
  }
  const close = () => setOpen(undefined)
  return (
    <div class="act-actions" data-actions="task">
      {isViewOnly() ? <p class="act-why-not">Looking only: this token changes nothing.</p> : undefined}
      {isViewOnly() ? undefined : isFinal ? (
        <Button busy={again.busy} disabled={whyNot !== undefined} title={whyNot} onClick={() => void runAgain()}>
          Run again
        </Button>
      ) : (
        <Button
          kind="danger"
          disabled={whyNot !== undefined}
          title={whyNot}
          onClick={() => setOpen(isStopping ? 'kill' : 'stop')}
        >
          {isStopping ? 'Kill now…' : 'Stop…'}
        </Button>
      )}
      {isFinal ? undefined : (
        <Button kind="quiet" onClick={() => openSendDialog(task.id)}>
          Send an event…
        </Button>
      )}
      <Button kind="quiet" onClick={() => setOpen('lines')}>
        Command line
      </Button>
      <Failure failure={again.failure} />
      {open === 'stop' ? <StopDialog task={task} onKill={() => setOpen('kill')} onClose={close} /> : undefined}
      {open === 'kill' ? <KillDialog task={task} onClose={close} /> : undefined}
      {open === 'lines' ? <CliDialog lines={linesOfTask(task, location.host)} onClose={close} /> : undefined}
    </div>
  )
}

interface StopDialogProps extends TaskActionsProps {
  readonly onClose: () => void
}

function StopDialog({ task, onKill, onClose }: StopDialogProps & { readonly onKill: () => void }) {
  const act = useAct()
  const graceMs = useGrace(task.id)
  const stop = async () => {
    const isDone = await act.run(async (opened) => {
      const { alreadyFinal } = await opened.stop(task.id)
      return alreadyFinal ? `Task ${task.name} had ended already` : `Task ${task.name} is told to stop`
    })
    if (isDone) onClose()
  }
  const isUp = task.state === 'Scheduled' || task.state === 'Running'
  const shared = { busy: act.busy, failure: act.failure, onConfirm: () => void stop(), onClose }
  return (
    <ConfirmDialog title={`Stop ${task.name}?`} confirm="Stop" {...shared}>
      {isUp ? (
        <p>
          It is sent TERM and has{' '}
          {graceMs === undefined ? 'the grace of its specification' : <strong>{formatDuration(graceMs)}</strong>} to
          end; then it is killed. It is not started again, whatever its restart policy.
        </p>
      ) : (
        <p>It does not run just now. It ends here, and is not started any more.</p>
      )}
      {task.detail === 'Unreachable' ? (
        <p>Its node cannot be reached: it is stopped when the node comes back, or given up when that takes too long.</p>
      ) : undefined}
      {isUp ? (
        <p>
          <Button kind="quiet" onClick={onKill}>
            Kill it at once instead…
          </Button>
        </p>
      ) : undefined}
    </ConfirmDialog>
  )
}

function KillDialog({ task, onClose }: StopDialogProps) {
  const act = useAct()
  const kill = async () => {
    const isDone = await act.run(async (opened) => {
      const { alreadyFinal } = await opened.stop(task.id, { graceMs: 0 })
      return alreadyFinal ? `Task ${task.name} had ended already` : `Task ${task.name} is killed`
    })
    if (isDone) onClose()
  }
  const shared = { busy: act.busy, failure: act.failure, onConfirm: () => void kill(), onClose }
  return (
    <ConfirmDialog title={`Kill ${task.name} now?`} confirm="Kill now" {...shared}>
      <p>It gets no time to finish what it does: what it has not written down is lost.</p>
    </ConfirmDialog>
  )
}

/** How long it has between TERM and KILL, by its specification; undefined while that is not known. */
function useGrace(id: string): number | undefined {
  const [graceMs, setGrace] = useState<number>()
  useEffect(() => {
    const asking = new AbortController()
    troupe
      .peek()
      ?.explain(id, { signal: asking.signal })
      .then(
        ({ spec }) => setGrace(spec.stopGraceMs ?? policyDefaults.stopGraceMs),
        () => undefined,
      )
    return () => asking.abort()
  }, [id])
  return graceMs
}
