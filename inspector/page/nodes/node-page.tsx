/** One node: what it is, what it has to give, its machine as it lives, and what may be done to it. */
import './nodes.css'
import { useMemo } from 'preact/hooks'
import { actorIds } from '../../../actors/inspection.ts'
import type { NodeView } from '../../../actors/model.ts'
import { rangeText } from '../../../actors/ports.ts'
import { NodeActions } from '../act/node-actions.tsx'
import { LiveChart, StepList } from '../actors/actor-live.tsx'
import { useActors } from '../actors/use-actors.ts'
import { everyTask, formatRoute } from '../route.ts'
import { Empty } from '../ui/empty.tsx'
import { formatBytes, formatShare, plural } from '../ui/format.ts'
import { Facts } from '../ui/table.tsx'
import { Time } from '../ui/time.tsx'
import { AmountBar, BarLegend } from './amount-bar.tsx'
import { nodeBy, nodesState } from './live-nodes.ts'
import { NodeState } from './node-state.tsx'
import { cpuOf, memoryOf, type Resource, wordsOfAmount } from './node-sums.ts'

export function NodePage({ id }: { readonly id: string }) {
  const node = nodeBy(id)
  if (node === undefined) return <NoNode id={id} />
  return (
    <article class="nodes" data-node={node.id} data-state={node.state}>
      <header class="nodes-head">
        <p class="nodes-trail">
          <a href="#/nodes">Nodes</a>
        </p>
        <div class="nodes-title">
          <h1>{node.name}</h1>
          <NodeState node={node} />
        </div>
        <NodeActions node={node} />
      </header>
      <div class="nodes-halves">
        <section class="nodes-half" aria-label="Facts">
          <Amounts node={node} />
          <NodeFacts node={node} />
        </section>
        <Machine node={node} />
      </div>
    </article>
  )
}

function Amounts({ node }: { readonly node: NodeView }) {
  return (
    <div class="nodes-amounts">
      {(['cpu', 'memory'] as const satisfies readonly Resource[]).map((resource) => {
        const amount = resource === 'cpu' ? cpuOf(node) : memoryOf(node)
        return (
          <p key={resource} class="nodes-total">
            <AmountBar amount={amount} />
            <span>{wordsOfAmount(resource, amount)}</span>
          </p>
        )
      })}
      <BarLegend />
    </div>
  )
}

function NodeFacts({ node }: { readonly node: NodeView }) {
  const tasks = formatRoute({ view: 'tasks', query: { ...everyTask, nodes: [node.name] } })
  const { used, usedAtMs } = node
  return (
    <Facts
      facts={[
        { name: 'Tasks on it', value: <a href={tasks}>{plural(node.tasks, 'task')}</a> },
        { name: 'Ports', value: portsOf(node) },
        { name: 'Drivers', value: <Drivers node={node} /> },
        { name: 'Labels', value: <Labels labels={node.labels} /> },
        { name: 'Load', value: used === undefined ? undefined : `${used.load1.toFixed(2)} over a minute` },
        { name: 'Disk', value: diskOf(node) },
        { name: 'Same machine', value: sharedText(node) },
        { name: 'Use was told', value: usedAtMs === undefined ? whyNoUse(node) : <Time atMs={usedAtMs} /> },
        { name: 'Id', value: <code>{node.id}</code> },
        { name: 'Actors', value: <ActorLinks id={node.id} /> },
      ]}
    />
  )
}

const portsOf = ({ portsHeld, portRange }: NodeView): string | undefined =>
  portRange && `${portsHeld ?? 0} held; free ones come from ${rangeText(portRange)}`

const sharedText = ({ sharesMachineWith: others }: NodeView): string | undefined =>
  others && `as ${others.join(', ')}, and together they offer more than it has`

const whyNoUse = ({ state }: NodeView): string =>
  state === 'Down' ? 'not while it is down' : 'not yet, or its worker does not tell'

function diskOf({ used }: NodeView): string | undefined {
  if (used?.diskFreeBytes === undefined) return undefined
  const { diskFreeBytes: free, diskTotalBytes: total } = used
  if (total === undefined || total === 0) return `${formatBytes(free)} free`
  return `${formatBytes(free)} free of ${formatBytes(total)} (${formatShare(free / total)})`
}

function Drivers({ node }: { readonly node: NodeView }) {
  const drivers = Object.entries(node.drivers)
  if (drivers.length === 0) return <span>none</span>
  return (
    <ul class="nodes-words">
      {drivers.map(([name, state]) => (
        <li key={name}>
          {name}
          {state !== 'unavailable' ? undefined : <span class="nodes-lacking"> (its engine does not answer)</span>}
        </li>
      ))}
    </ul>
  )
}

function Labels({ labels }: { readonly labels: NodeView['labels'] }) {
  const all = Object.entries(labels)
  if (all.length === 0) return <span>none</span>
  return (
    <ul class="nodes-words">
      {all.map(([key, value]) => (
        <li key={key}>
          <code>
            {key}={value}
          </code>
        </li>
      ))}
    </ul>
  )
}

const ActorLinks = ({ id }: { readonly id: string }) => (
  <ul class="nodes-words">
    {(['node', 'worker', 'session'] as const).map((machine) => (
      <li key={machine}>
        <a href={formatRoute({ view: 'actor', id: actorIds[machine](id) })}>{machine}</a>
      </li>
    ))}
  </ul>
)

function Machine({ node }: { readonly node: NodeView }) {
  const filter = useMemo(() => ({ nodes: [node.id] }), [node.id])
  const used = useActors(filter)
  const actor = used.table.get(actorIds.node(node.id))
  return (
    <section class="nodes-half" aria-label="Its machine">
      {used.failure === undefined ? undefined : <p role="alert">{used.failure}</p>}
      {actor === undefined ? (
        <p class="nodes-loading">Looking at its machine…</p>
      ) : (
        <>
          <LiveChart actor={actor} used={used} />
          <StepList actor={actor} used={used} />
        </>
      )}
    </section>
  )
}

function NoNode({ id }: { readonly id: string }) {
  if (nodesState.value.type === 'loading') return <h1 class="nodes-loading">Reading the nodes…</h1>
  return (
    <div class="nodes">
      <h1>{id}</h1>
      <Empty title="No node has this name or id">
        <p>It was forgotten, or never there.</p>
        <p>
          <a href="#/nodes">See all nodes</a>
        </p>
      </Empty>
    </div>
  )
}
