/** One actor as it lives: its chart, lit as it steps, and the steps since the page began to look. */
import './actors.css'
import { useMemo } from 'preact/hooks'
import type { ActorStep, ActorView } from '../../../actors/protocol/inspection.ts'
import { type ChartGraph, readGraph } from '../../chart/graph.ts'
import { builtInMachines } from '../../chart/machines.ts'
import { ChartView } from '../chart/chart-view.tsx'
import { traceOf } from '../chart/trace.ts'
import { formatClock, formatCount, plural } from '../ui/format.ts'
import { useNow } from '../ui/now.ts'
import type { UsedActors } from './use-actors.ts'

export interface ActorLiveProps {
  readonly actor: ActorView
  readonly used: UsedActors
  readonly onEvent?: (event: string) => void
}

/** Steps listed; older ones are counted. */
const listedMax = 100

const graphs = new Map<string, ChartGraph>()

/** Read once of each machine. */
export function graphOf(machine: ActorView['machine']): ChartGraph {
  const known = graphs.get(machine) ?? readGraph(builtInMachines[machine])
  graphs.set(machine, known)
  return known
}

export function LiveChart({ actor, used, onEvent }: ActorLiveProps) {
  const steps = used.table.stepsOf(actor.id)
  const nowMs = useNow()
  const traced = useMemo(() => beginningWith(actor, steps, used), [actor, steps])
  const trace = useMemo(() => traceOf(graphOf(actor.machine), traced, nowMs), [traced, nowMs])
  return (
    <ChartView
      machine={actor.machine}
      value={actor.value}
      // Never the first of all: how it got to where it stood is not known.
      step={steps.length + 1}
      taken={trace.taken}
      counts={trace.counts}
      dwellMs={trace.dwellMs}
      onTransition={onEvent === undefined ? undefined : ({ event }) => onEvent(event)}
    />
  )
}

/** Where it stood when the page began to look is the first of its steps, of which no transition is known. */
function beginningWith(actor: ActorView, steps: readonly ActorStep[], { table, sinceMs }: UsedActors) {
  const [first] = steps
  const fromMs = table.firstOf(actor.id)?.atMs ?? sinceMs
  const to = first === undefined ? actor.value : first.from
  const known = steps.map(({ event, from, to, atMs }) => ({ type: event.type, from, to, atMs }))
  return to === '' ? known : [{ type: '', from: '', to, atMs: Math.min(fromMs, first?.atMs ?? fromMs) }, ...known]
}

export function StepList({ actor, used }: ActorLiveProps) {
  const steps = used.table.stepsOf(actor.id)
  const { missed, gaps } = used.table
  const listed = steps.slice(-listedMax).reverse()
  const older = steps.length - listed.length
  return (
    <section class="actors-steps" aria-label="Steps">
      <h2>Steps since you opened this page</h2>
      <p class="actors-note">
        Machines are shown live and not recorded: what happened before {formatClock(used.sinceMs)} is not here.
        {missed > 0 ? ` ${plural(missed, 'step')} went by faster than this page was told of, and are left out.` : ''}
        {gaps > 0
          ? ` The connection was lost ${gaps === 1 ? 'once' : `${gaps} times`}; what happened meanwhile was not seen.`
          : ''}
      </p>
      {listed.length === 0 ? (
        <p class="actors-none">None so far. It stands in {actor.value}.</p>
      ) : (
        <ol class="actors-list">
          {listed.map((step, index) => (
            <li key={steps.length - index} class="actors-step">
              <time dateTime={new Date(step.atMs).toISOString()}>{formatClock(step.atMs, { fine: true })}</time>
              <strong>{step.event.type}</strong>
              <span class="actors-step-path">
                {step.from === step.to ? `stays in ${step.to}` : `${step.from || 'new'} → ${step.to || 'gone'}`}
              </span>
              <Payload step={step} />
            </li>
          ))}
        </ol>
      )}
      {older > 0 ? <p class="actors-note">and {formatCount(older)} before these</p> : undefined}
    </section>
  )
}

function Payload({ step }: { readonly step: ActorStep }) {
  const { type: _type, ...payload } = step.event
  if (Object.keys(payload).length === 0) return null
  return <code class="actors-payload">{JSON.stringify(payload)}</code>
}
