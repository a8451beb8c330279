/** What a person may do to a node: empty it, have it take tasks again, forget it. */
import './act.css'
import { useEffect, useState } from 'preact/hooks'
import type { NodeView } from '../../../actors/model.ts'
import { troupe } from '../connection.ts'
import { go } from '../navigation.ts'
import { nodeChanged } from '../nodes/live-nodes.ts'
import { Button } from '../ui/button.tsx'
import { formatCount, plural } from '../ui/format.ts'
import { CliDialog } from './cli-dialog.tsx'
import { linesOfNode } from './cli-lines.ts'
import { ConfirmDialog, Failure } from './confirm-dialog.tsx'
import { readDuration } from './duration-text.ts'
import { isViewOnly, whyNotAct } from './may-act.ts'
import { type DrainPlan, planDrain, whyNotForget } from './node-acts.ts'
import { useAct } from './use-act.ts'

export interface NodeActionsProps {
  readonly node: NodeView
}

/** The most tasks whose machines are looked at to tell what a drain does. */
const plannedMax = 500

export function NodeActions({ node }: NodeActionsProps) {
  const [open, setOpen] = useState<'drain' | 'forget' | 'lines'>()
  const undrain = useAct()
  const whyNot = whyNotAct()
  const isOff = whyNot !== undefined
  const onUndrain = () =>
    undrain.run(async (opened) => {
      nodeChanged(await opened.undrain(node.id))
      return `Node ${node.name} takes tasks again`
    })
  const close = () => setOpen(undefined)
  const isDown = node.state === 'Down'
  return (
    <div class="act-actions" data-actions="node">
      {isViewOnly() ? (
        <p class="act-why-not">Looking only: this token changes nothing.</p>
      ) : (
        <>
          {node.draining ? (
            <Button busy={undrain.busy} disabled={isOff} title={whyNot} onClick={() => void onUndrain()}>
              Undrain
            </Button>
          ) : undefined}
          <Button kind="danger" disabled={isOff} title={whyNot} onClick={() => setOpen('drain')}>
            {node.draining ? 'Set a deadline…' : 'Drain…'}
          </Button>
          {isDown || whyNotForget(node) === undefined ? (
            <Button kind="danger" disabled={isOff} title={whyNot} onClick={() => setOpen('forget')}>
              Forget…
            </Button>
          ) : undefined}
        </>
      )}
      <Button kind="quiet" onClick={() => setOpen('lines')}>
        Command line
      </Button>
      <Failure failure={undrain.failure} />
      {open === 'drain' ? <DrainDialog node={node} onClose={close} /> : undefined}
      {open === 'forget' ? <ForgetDialog node={node} onClose={close} /> : undefined}
      {open === 'lines' ? <CliDialog lines={linesOfNode(node, location.host)} onClose={close} /> : undefined}
    </div>
  )
}

interface NodeDialogProps extends NodeActionsProps {
  readonly onClose: () => void
}

function DrainDialog({ node, onClose }: NodeDialogProps) {
  const act = useAct()
  const plan = usePlan(node)
  const [deadline, setDeadline] = useState('')
  const drain = async () => {
    const deadlineMs = deadline.trim() === '' ? undefined : readDuration(deadline)
    if (deadline.trim() !== '' && deadlineMs === undefined) {
      return act.fail(`“${deadline}” is no duration; write for example 90s, 10m or 2h.`)
    }
    if (node.draining && deadlineMs === undefined) return act.fail('Say after how long what is left is stopped.')
    const isDone = await act.run(async (opened) => {
      nodeChanged(await opened.drain(node.id, deadlineMs === undefined ? {} : { deadlineMs }))
      return `Node ${node.name} is drained`
    })
    if (isDone) onClose()
  }
  const shared = { busy: act.busy, failure: act.failure, onConfirm: () => void drain(), onClose }
  return (
    <ConfirmDialog title={`Drain ${node.name}?`} confirm="Drain" {...shared}>
      <p>It gets no new tasks and loses those it has. Undrain has it take tasks again, but brings none back.</p>
      <Plan node={node} plan={plan} />
      <label class="act-field">
        <span>Stop what is left after</span>
        <input
          type="text"
          placeholder="such as 10m; empty: never"
          value={deadline}
          aria-describedby="act-deadline-hint"
          onInput={(event) => {
            act.clear()
            setDeadline(event.currentTarget.value)
          }}
        />
      </label>
      <p class="act-hint" id="act-deadline-hint">
        What may not be replaced is stopped then, for good. Without it, it is waited for.
      </p>
    </ConfirmDialog>
  )
}

function Plan({ node, plan }: { readonly node: NodeView; readonly plan: DrainPlan | undefined }) {
  if (node.tasks === 0) return <p>No task is on it now.</p>
  if (plan === undefined) return <p>{plural(node.tasks, 'task')} on it now.</p>
  const counted = plan.moving + plan.waiting + plan.stopping
  const rows = [
    { count: plan.moving, does: 'may be replaced: stopped at once, and tried again on another node' },
    { count: plan.waiting, does: 'may not: waited for until it ends, or stopped at the deadline' },
    { count: plan.stopping, does: 'being stopped already' },
  ].filter(({ count }) => count > 0)
  return (
    <>
      <p>
        {plural(node.tasks, 'task')} on it now
        {counted < node.tasks ? `, of which ${formatCount(counted)} were looked at` : ''}:
      </p>
      <ul class="act-plan">
        {rows.map(({ count, does }) => (
          <li key={does}>
            <strong>{formatCount(count)}</strong> {does}
          </li>
        ))}
      </ul>
    </>
  )
}

/** What the drain would do, by the machines of its tasks; undefined while that is not known, or cannot be. */
function usePlan({ id, tasks }: NodeView): DrainPlan | undefined {
  const [plan, setPlan] = useState<DrainPlan>()
  useEffect(() => {
    const opened = troupe.peek()
    if (opened === undefined || tasks === 0) return
    const asking = new AbortController()
    const { signal } = asking
    const ask = async () => {
      const filter = { nodes: [id], states: ['Scheduled' as const, 'Running' as const] }
      const page = await opened.list({ filter, limit: plannedMax, signal })
      const ids = page.tasks.map((task) => task.id)
      if (ids.length === 0) return
      for await (const news of opened.actors({ filter: { ids }, signal })) {
        if (news.type === 'Snapshot')
          setPlan(
            planDrain(
              news.actors.filter(({ machine }) => machine === 'task'),
              Date.now(),
            ),
          )
        break
      }
    }
    // Without it the count of tasks is told alone.
    ask().catch(() => undefined)
    return () => asking.abort()
  }, [id])
  return plan
}

function ForgetDialog({ node, onClose }: NodeDialogProps) {
  const act = useAct()
  const forget = async () => {
    const isDone = await act.run(async (opened) => {
      await opened.removeNode(node.id)
      return `Node ${node.name} is forgotten`
    })
    if (!isDone) return
    onClose()
    go({ view: 'nodes' })
  }
  const shared = { busy: act.busy, failure: act.failure, onConfirm: () => void forget(), onClose }
  return (
    <ConfirmDialog title={`Forget ${node.name}?`} confirm="Forget" {...shared}>
      <p>The manager keeps nothing of it. If its worker comes back, it is registered as a new node, open to tasks.</p>
      {node.tasks > 0 ? (
        <p>
          {plural(node.tasks, 'task')} of it {node.tasks === 1 ? 'stays' : 'stay'} unreachable until given up as lost.
        </p>
      ) : undefined}
    </ConfirmDialog>
  )
}
