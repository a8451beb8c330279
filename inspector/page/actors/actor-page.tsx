/** One actor: its machine as it lives, what it did since one looks, what it knows, and what may be sent to it. */
import './actors.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ActorView } from '../../../actors/protocol/inspection.ts'
import { SendEvent } from '../act/send-event.tsx'
import { go } from '../navigation.ts'
import { nodeBy } from '../nodes/live-nodes.ts'
import { formatRoute } from '../route.ts'
import { announce } from '../ui/announce.ts'
import { Empty } from '../ui/empty.tsx'
import { StateBadge } from '../ui/state-badge.tsx'
import { Span } from '../ui/time.tsx'
import { LiveChart, StepList } from './actor-live.tsx'
import { type ActorName, readActorId, roleOf, standingOf } from './actor-names.ts'
import { useActors } from './use-actors.ts'

export function ActorPage({ id }: { readonly id: string }) {
  const name = readActorId(id)
  const taskId = name?.machine === 'task' ? name.taskId : undefined
  useEffect(() => {
    if (taskId !== undefined) go({ view: 'task', id: taskId, panel: 'timeline', at: undefined }, { replace: true })
  }, [taskId])
  if (name === undefined) return <NoActor id={id} why="No actor is called that." />
  return name.machine === 'task' ? (
    <h1 class="actors-note">Opening the task…</h1>
  ) : (
    <Known key={id} id={id} name={name} />
  )
}

function Known({ id, name }: { readonly id: string; readonly name: ActorName }) {
  const filter = useMemo(() => filterOf(name), [id])
  const used = useActors(filter)
  const [event, setEvent] = useState<string>()
  const form = useRef<HTMLDivElement>(null)
  const fromChart = (pressed: string) => {
    setEvent(pressed)
    form.current?.scrollIntoView({ block: 'nearest' })
    announce(`${pressed}: what would come of it is below the chart`)
  }
  const now = used.table.get(id)
  const last = useRef<ActorView>(undefined)
  if (now !== undefined) last.current = now
  const actor = now ?? last.current
  if (used.failure !== undefined) return <NoActor id={id} why={used.failure} />
  if (actor === undefined) {
    if (used.state === 'loading') return <h1 class="actors-note">Looking for {id}…</h1>
    return <NoActor id={id} why={whyNotThere(name)} taskId={'taskId' in name ? name.taskId : undefined} />
  }
  return (
    <article class="actors" data-actor={id} data-value={actor.value}>
      <Head actor={actor} isGone={now === undefined} />
      <div class="actors-halves">
        <section class="actors-half" aria-label="Statechart">
          <LiveChart actor={actor} used={used} onEvent={fromChart} />
          <div ref={form}>
            <SendEvent actor={actor} event={event} onEvent={setEvent} />
          </div>
        </section>
        <div class="actors-half">
          <StepList actor={actor} used={used} />
          <Context actor={actor} />
        </div>
      </div>
    </article>
  )
}

function Head({ actor, isGone }: { readonly actor: ActorView; readonly isGone: boolean }) {
  const { machine, value, status, atMs, nodeId, taskId } = actor
  const node = nodeId === undefined ? undefined : nodeBy(nodeId)
  return (
    <header class="actors-head">
      <p class="actors-trail">
        <a href="#/actors">Actors</a>
        {node === undefined ? undefined : (
          <>
            {' / '}
            <a href={formatRoute({ view: 'node', id: node.id })}>{node.name}</a>
          </>
        )}
        {taskId === undefined ? undefined : (
          <>
            {' / '}
            <a href={formatRoute({ view: 'task', id: taskId, panel: 'timeline', at: undefined })}>task {taskId}</a>
          </>
        )}
      </p>
      <div class="actors-title">
        <h1>{titleOf(actor, node?.name)}</h1>
        <StateBadge {...standingOf(value)} />
        {atMs === undefined ? undefined : (
          <span class="actors-note">
            for <Span fromMs={atMs} />
          </span>
        )}
      </div>
      <p class="actors-note">{roleOf[machine]}</p>
      {isGone ? <p role="status">It is gone, or out of view; this is how it stood last.</p> : undefined}
      {status === 'error' ? <p role="alert">Its machine threw an error: that is a defect of Troupe.</p> : undefined}
    </header>
  )
}

function titleOf({ machine, attempt, taskId }: ActorView, node: string | undefined): string {
  if (machine === 'attempt') return `Attempt ${attempt ?? ''} of ${taskId ?? ''}`
  if (machine === 'manager') return 'Manager'
  const word = `${machine.charAt(0).toUpperCase()}${machine.slice(1)}`
  return node === undefined ? word : `${word} ${machine === 'node' ? node : `of ${node}`}`
}

function Context({ actor }: { readonly actor: ActorView }) {
  const text = JSON.stringify(actor.context, undefined, 2)
  if (text === '{}') return <p class="actors-note">It knows nothing beside its state.</p>
  return (
    <details class="actors-context" open>
      <summary>
        <h2>Context</h2>
      </summary>
      {actor.cut ? <p class="actors-note">It is too large to be shown whole; parts are left out.</p> : undefined}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="actors-context-text" aria-label="Context as JSON" tabIndex={0}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
    </details>
  )
}

function filterOf(name: ActorName) {
  if (name.machine === 'manager') return undefined
  return 'nodeId' in name ? { nodes: [name.nodeId] } : { ids: [name.taskId] }
}

function whyNotThere({ machine }: ActorName): string {
  if (machine === 'attempt') return 'Its worker keeps it no more, or is not connected. The task knows how it went.'
  if (machine === 'worker' || machine === 'session') return 'Its worker is not connected: only it could tell.'
  return 'It was forgotten, or never there.'
}

interface NoActorProps {
  readonly id: string
  readonly why: string
  readonly taskId?: string | undefined
}

const NoActor = ({ id, why, taskId }: NoActorProps) => (
  <div class="actors">
    <h1>{id}</h1>
    <Empty title="This actor is not in view">
      <p>{why}</p>
      <p>
        {taskId === undefined ? (
          <a href="#/actors">See all actors</a>
        ) : (
          <a href={formatRoute({ view: 'task', id: taskId, panel: 'timeline', at: undefined })}>Open its task</a>
        )}
      </p>
    </Empty>
  </div>
)
