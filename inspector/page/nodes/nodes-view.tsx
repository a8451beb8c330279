/** All nodes: which is busiest, and a map of how busy each is; or one node. */
import './nodes.css'
import { signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { NodeView } from '../../../actors/model.ts'
import { formatRoute } from '../route.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { plural } from '../ui/format.ts'
import { AmountBar, BarLegend } from './amount-bar.tsx'
import { nodes, nodesState } from './live-nodes.ts'
import { NodeMap } from './node-map.tsx'
import { NodePage } from './node-page.tsx'
import { NodeRows } from './node-rows.tsx'
import {
  allMachines,
  busiestOf,
  type NodeOrder,
  nodeOrders,
  type Resource,
  sortNodes,
  sumNodes,
  wordsOfAmount,
  wordsOfBusiest,
} from './node-sums.ts'

/** As they were last chosen, for as long as the page is open. */
const order = signal<NodeOrder>('busiest')
const isTable = signal(false)

const orderWords: Readonly<Record<NodeOrder, string>> = { busiest: 'Busiest first', name: 'Name', state: 'State' }

export const NodesView = ({ id }: { readonly id?: string | undefined }) =>
  id === undefined ? <AllNodes /> : <NodePage id={id} />

function AllNodes() {
  const all = nodes.value
  const by = order.value
  const sorted = useMemo(() => sortNodes(all, by), [all, by])
  const busiest = useMemo(() => busiestOf(all), [all])
  if (all.length === 0) return <NoNodes />
  return (
    <div class="nodes">
      <Summary all={all} busiest={busiest} />
      <div class="nodes-bar-row">
        <label class="nodes-order">
          <span>Order</span>
          <select
            value={by}
            onChange={(event) => {
              order.value = event.currentTarget.value as NodeOrder
            }}
          >
            {nodeOrders.map((each) => (
              <option key={each} value={each}>
                {orderWords[each]}
              </option>
            ))}
          </select>
        </label>
        <Button
          aria-pressed={isTable.value}
          onClick={() => {
            isTable.value = !isTable.value
          }}
        >
          Table
        </Button>
        <BarLegend />
      </div>
      {isTable.value ? <NodeRows nodes={sorted} /> : <NodeMap nodes={sorted} busiest={busiest?.id} />}
    </div>
  )
}

interface SummaryProps {
  readonly all: readonly NodeView[]
  readonly busiest: NodeView | undefined
}

function Summary({ all, busiest }: SummaryProps) {
  const sums = useMemo(() => sumNodes(all), [all])
  const counts = [
    `${sums.ready} ready`,
    sums.draining > 0 ? `${sums.draining} draining` : '',
    sums.down > 0 ? `${sums.down} down` : '',
    plural(sums.tasks, 'task'),
  ]
  return (
    <section class="nodes-summary" aria-label="All nodes together">
      <div class="nodes-title">
        <h1>{plural(sums.nodes, 'node')}</h1>
        <p class="nodes-counts">{counts.filter(Boolean).join(' · ')}</p>
      </div>
      <p class="nodes-busiest" data-busiest={busiest?.id}>
        {busiest === undefined ? (
          'No node has anything to do.'
        ) : (
          <>
            Busiest: <a href={formatRoute({ view: 'node', id: busiest.id })}>{busiest.name}</a>,{' '}
            {wordsOfBusiest(busiest)}
          </>
        )}
      </p>
      <div class="nodes-totals">
        {(['cpu', 'memory'] as const satisfies readonly Resource[]).map((resource) => (
          <p key={resource} class="nodes-total">
            <AmountBar amount={sums[resource]} />
            <span>{wordsOfAmount(resource, sums[resource], sums.nodes === 1 ? undefined : allMachines)}</span>
          </p>
        ))}
      </div>
    </section>
  )
}

function NoNodes() {
  const state = nodesState.value
  if (state.type === 'loading') return <h1 class="nodes-loading">Reading the nodes…</h1>
  return (
    <div class="nodes">
      <h1>Nodes</h1>
      {state.type === 'failed' ? (
        <Empty title="The nodes cannot be read" failing>
          <p>{state.why}</p>
        </Empty>
      ) : (
        <Empty title="No node is there">
          <p>Tasks wait until one comes. On each machine that should run tasks:</p>
          <pre class="nodes-command">
            <code>troupe worker --manager ws://HOST:PORT --token-file FILE</code>
          </pre>
        </Empty>
      )}
    </div>
  )
}
