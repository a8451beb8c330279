/** What every scheduler would decide now: a row for each node, a column for each of them. */
import { comparisonOf, costText, signedText } from '../../../../actors/comparison.ts'
import type { PlacementDecision } from '../../../../actors/model.ts'
import { plural } from '../../ui/format.ts'
import { Table } from '../../ui/table.tsx'
import { Time } from '../../ui/time.tsx'
import { NodeLink } from './route-link.tsx'

export interface ComparedProps {
  /** One for each scheduler, the cluster's own first; at least one. */
  readonly decisions: readonly [PlacementDecision, ...PlacementDecision[]]
  /** It waits for a node: the scores are its own. Else they are those of one that asks for the same. */
  readonly isPending: boolean
}

export function Compared({ decisions, isPending }: ComparedProps) {
  const { schedulers, nodes, left } = comparisonOf(decisions)
  if (nodes.length === 0) return undefined
  const isSaid = nodes.some(({ why }) => why !== undefined)
  const isWished = nodes.some(({ affinity }) => affinity !== undefined)
  return (
    <div class="placement-part" data-part="compared">
      <h3>{isPending ? 'If it were placed now' : 'If one like it were placed now'}</h3>
      <Table label="What every scheduler would decide">
        <caption class="placement-caption">
          What each scheduler has a node cost, as of <Time atMs={decisions[0].atMs} />; the lowest cost
          {isWished ? ', weighed against the affinity,' : ''} is its pick. This cluster’s own is {schedulers[0]}.
        </caption>
        <thead>
          <tr>
            <th scope="col">Node</th>
            {schedulers.map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
            {isWished ? (
              <th scope="col" class="number">
                Affinity
              </th>
            ) : undefined}
            {isSaid ? <th scope="col">Not fit</th> : undefined}
          </tr>
        </thead>
        <tbody>
          {nodes.map(({ nodeId, name, costs, affinity, why }) => (
            <tr key={nodeId}>
              <th scope="row">
                <NodeLink id={nodeId} name={name} />
              </th>
              {costs.map((cost, at) => (
                <td key={schedulers[at]} class={cost?.isPicked ? 'number placement-chosen' : 'number'}>
                  {cost === undefined ? '–' : costText(cost.cost)}
                  {cost?.isPicked ? <span class="visually-hidden"> picked</span> : undefined}
                </td>
              ))}
              {isWished ? <td class="number">{affinity === undefined ? '–' : signedText(affinity)}</td> : undefined}
              {isSaid ? <td class="placement-unfit">{why}</td> : undefined}
            </tr>
          ))}
        </tbody>
      </Table>
      {left > 0 ? <p class="placement-note">… and {plural(left, 'more node')}.</p> : undefined}
    </div>
  )
}
