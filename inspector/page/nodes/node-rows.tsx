/** The same as the map, as a table of numbers. */
import type { NodeView } from '../../../actors/model.ts'
import { formatRoute } from '../route.ts'
import { formatBytes, formatCount, formatCpus } from '../ui/format.ts'
import { Table } from '../ui/table.tsx'
import { NodeState } from './node-state.tsx'

export const NodeRows = ({ nodes }: { readonly nodes: readonly NodeView[] }) => (
  <Table label="Nodes">
    <thead>
      <tr>
        <th scope="col">Node</th>
        <th scope="col">State</th>
        <th scope="col" class="number">
          Tasks
        </th>
        <th scope="col" class="number">
          Cores offered
        </th>
        <th scope="col" class="number">
          reserved
        </th>
        <th scope="col" class="number" title="By the whole machine: tasks and everything else">
          machine uses
        </th>
        <th scope="col" class="number">
          Memory offered
        </th>
        <th scope="col" class="number">
          reserved
        </th>
        <th scope="col" class="number" title="By the whole machine: tasks and everything else">
          machine uses
        </th>
      </tr>
    </thead>
    <tbody>
      {nodes.map((node) => (
        <Row key={node.id} node={node} />
      ))}
    </tbody>
  </Table>
)

function Row({ node }: { readonly node: NodeView }) {
  const { offered, reserved, used } = node
  return (
    <tr data-node={node.id}>
      <th scope="row" class="nodes-row-name">
        <a href={formatRoute({ view: 'node', id: node.id })}>{node.name}</a>
      </th>
      <td>
        <NodeState node={node} />
      </td>
      <td class="number">{formatCount(node.tasks)}</td>
      <td class="number">{formatCpus(offered.cpus)}</td>
      <td class="number">{formatCpus(reserved.cpus)}</td>
      <td class="number">{used === undefined ? 'not told' : formatCpus(used.cpus)}</td>
      <td class="number">{formatBytes(offered.memoryBytes)}</td>
      <td class="number">{formatBytes(reserved.memoryBytes)}</td>
      <td class="number">{used === undefined ? 'not told' : formatBytes(used.memoryBytes)}</td>
    </tr>
  )
}
