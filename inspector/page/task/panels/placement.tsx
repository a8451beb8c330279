/** Why a task is where it is, or why it is nowhere yet. */
import './placement.css'
import { costText, signedText } from '../../../../actors/comparison.ts'
import type { AttemptSummary, PlacementDecision } from '../../../../actors/model.ts'
import { Empty } from '../../ui/empty.tsx'
import { formatDuration, formatMoment, plural } from '../../ui/format.ts'
import { now } from '../../ui/now.ts'
import { Facts, Table } from '../../ui/table.tsx'
import { Time } from '../../ui/time.tsx'
import type { PanelProps, TaskHistory } from '../history.ts'
import { Compared } from './compared.tsx'
import { barsOf } from './phases.ts'
import { groupRefusals, rankScores, timerText } from './placement-text.ts'
import { NodeLink } from './route-link.tsx'

export function PlacementPanel({ history, at }: PanelProps) {
  const { task, explanation } = history
  const decision = explanation?.decision ?? undefined
  const [own, ...others] = explanation?.schedulers ?? []
  return (
    <section class="placement" aria-label="Placement" data-panel="placement">
      {at === undefined ? undefined : (
        <p class="placement-note">
          The log keeps no score tables: this is the newest placement, whichever step is looked at.
        </p>
      )}
      <Waiting history={history} />
      {decision === undefined ? (
        <Empty
          title={task.attempt === 0 ? 'No placement was tried yet.' : 'What decided the placement is not known here.'}
        />
      ) : (
        <Decision decision={decision} isTold={task.state === 'Pending' && task.detail !== 'BackingOff'} />
      )}
      {own === undefined ? undefined : <Compared decisions={[own, ...others]} isPending={task.state === 'Pending'} />}
      <Attempts history={history} decision={decision} />
    </section>
  )
}

/** Why it waits now, and what its clocks will do. */
function Waiting({ history }: { readonly history: TaskHistory }) {
  const { task, explanation, source, nowMs, steps } = history
  const timers = explanation?.timers ?? []
  const isPending = task.state === 'Pending'
  if (!isPending && timers.length === 0) return undefined
  const newest = steps.findLast(({ event }) => event.event.type === 'Unplaceable')?.event.event as
    | { readonly why?: string }
    | undefined
  const why = explanation?.decision?.why ?? newest?.why ?? task.reason
  const clockMs = source === 'live' ? now.value : nowMs
  return (
    <div class={isPending ? 'placement-waiting placement-pending' : 'placement-waiting'}>
      {isPending ? (
        <p class="placement-why">
          {task.detail === 'BackingOff'
            ? 'It backs off before it is tried again.'
            : `It waits for a node${why === null || why === undefined ? '.' : `: ${why}.`}`}
        </p>
      ) : undefined}
      {timers.length === 0 ? undefined : (
        <ul class="placement-timers" aria-label="Timers">
          {timers.map(({ event, dueAtMs }) => (
            <li key={event} title={formatMoment(dueAtMs)}>
              {dueAtMs > clockMs ? `In ${formatDuration(dueAtMs - clockMs)}` : 'Any moment now'}: {timerText(event)}.
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

interface DecisionProps {
  readonly decision: PlacementDecision
  /** Why none was fit stands above already. */
  readonly isTold: boolean
}

function Decision({ decision, isTold }: DecisionProps) {
  const { scheduler, considered, of, note, atMs, picked, why } = decision
  const scores = rankScores(decision)
  const name = scores.find(({ isPicked }) => isPicked)?.name ?? picked
  const isWished = scores.some(({ affinity }) => affinity !== undefined)
  const left = considered - decision.scores.length - decision.refusals.length
  return (
    <div class="placement-part">
      <h3>
        {picked === undefined ? `No node was fit${why === undefined || isTold ? '' : `: ${why}`}` : `Placed on ${name}`}
      </h3>
      <Facts
        facts={[
          { name: 'Scheduler', value: scheduler },
          { name: 'Nodes considered', value: of === undefined ? String(considered) : `${considered} of ${of}` },
          { name: 'Decided', value: <Time atMs={atMs} /> },
          { name: 'Note', value: note },
        ]}
      />
      {scores.length === 0 ? undefined : (
        <Table label="Scores of the nodes that were fit">
          <caption class="placement-caption">
            The lowest cost wins{isWished ? ', weighed against the affinity' : ''}
            {note === undefined ? '' : ', unless the note says otherwise'}.
          </caption>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col" class="number">
                Cost
              </th>
              {isWished ? (
                <th scope="col" class="number">
                  Affinity
                </th>
              ) : undefined}
              <th scope="col" class="placement-bars">
                <span class="visually-hidden">In comparison</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {scores.map(({ nodeId, name: node, cost, affinity, share, isPicked }) => (
              <tr key={nodeId} class={isPicked ? 'placement-picked' : undefined}>
                <th scope="row">
                  <NodeLink id={nodeId} name={node} />
                  {isPicked ? <span class="placement-mark"> picked</span> : undefined}
                </th>
                <td class="number">{costText(cost)}</td>
                {affinity === undefined ? undefined : <td class="number">{signedText(affinity)}</td>}
                <td class="placement-bars">
                  <span class="placement-bar" style={{ width: `${Math.max(1, share * 100)}%` }} aria-hidden="true" />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <Refusals decision={decision} />
      {left > 0 ? (
        <p class="placement-note">… and {plural(left, 'more node')}; only the first 20 of each are kept.</p>
      ) : undefined}
    </div>
  )
}

function Refusals({ decision: { refusals } }: { readonly decision: PlacementDecision }) {
  const groups = groupRefusals(refusals)
  if (groups.length === 0) return undefined
  return (
    <div class="placement-part">
      <h3>Not fit</h3>
      <ul class="placement-refusals">
        {groups.map(({ why, nodes }) => (
          <li key={why}>
            <strong>{plural(nodes.length, 'node')}</strong>: {why}
            <span class="placement-names">{nodes.join(', ')}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

interface Tried {
  readonly attempt: number
  readonly node: string
  readonly nodeId: string | undefined
  readonly end: string
}

/** The attempts, newest first: from the log as far as that goes, else as they are kept with the task. */
function Attempts({
  history,
  decision,
}: {
  readonly history: TaskHistory
  readonly decision: PlacementDecision | undefined
}) {
  const tried = triedOf(history, decision)
  if (tried.length === 0) return undefined
  return (
    <div class="placement-part">
      <h3>Attempts</h3>
      <Table label="Attempts and their nodes">
        <thead>
          <tr>
            <th scope="col">Attempt</th>
            <th scope="col">Node</th>
            <th scope="col">End</th>
          </tr>
        </thead>
        <tbody>
          {tried.map(({ attempt, node, nodeId, end }) => (
            <tr key={attempt}>
              <th scope="row">{attempt}</th>
              <td>{nodeId === undefined ? node : <NodeLink id={nodeId} name={node} />}</td>
              <td>{end}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  )
}

/** A task that restarts for ever has more. */
const attemptsShownMax = 50

function triedOf({ steps, nowMs, explanation, task }: TaskHistory, decision: PlacementDecision | undefined): Tried[] {
  const placed = new Map(
    steps.filter(({ event }) => event.event.type === 'Placed').map(({ event }) => [event.attempt, event]),
  )
  const kept = new Map<number, AttemptSummary>(explanation?.attempts.map((summary) => [summary.attempt, summary]))
  const bars = new Map(barsOf(steps, nowMs).map((bar) => [bar.attempt, bar]))
  const numbers = [...new Set([...placed.keys(), ...kept.keys()])].sort((one, other) => other - one)
  return numbers.slice(0, attemptsShownMax).map((attempt) => {
    const event = placed.get(attempt)
    const given = event?.event as { readonly nodeId?: string; readonly nodeName?: string } | undefined
    const summary = kept.get(attempt)
    const nodeId = given?.nodeId ?? summary?.nodeId
    const named = given?.nodeName ?? decision?.scores.find((score) => score.nodeId === nodeId)?.name
    const isNewest = attempt === task.attempt
    const end =
      summary?.reason ?? bars.get(attempt)?.end ?? (summary?.endedAtMs === undefined && isNewest ? 'goes on' : '–')
    return { attempt, node: named ?? nodeId ?? '–', nodeId, end }
  })
}
