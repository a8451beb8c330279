/** What every scheduler says of every node, as a table: a row for each node, a column for each scheduler. */
import { type ComparedNode, comparisonOf, costText, signedText } from '../../actors/comparison.ts'
import type { PlacementDecision } from '../../actors/model.ts'
import { type Column, printable, tableLines } from './table.ts'

/** `decisions`: one for each scheduler, the cluster's own first. Given `columns` of a terminal, it is made to fit. */
export function scoreLines(decisions: readonly PlacementDecision[], columns?: number): string[] {
  const [own] = decisions
  if (own === undefined) return []
  const { schedulers, nodes, left } = comparisonOf(decisions)
  const isWished = nodes.some(({ affinity }) => affinity !== undefined)
  const isSaid = nodes.some(({ why }) => why !== undefined)
  const shape: Column<ComparedNode>[] = [
    { title: 'NODE', text: ({ name }) => name },
    ...schedulers.map((name, at) => ({
      title: printable(name),
      text: ({ costs }: ComparedNode) => cellOf(costs[at]),
      // A narrow terminal does without the last of the others, never without the cluster's own.
      ...(at === 0 ? {} : { spare: at }),
    })),
    ...(isWished ? [{ title: 'AFFINITY', text: affinityText }] : []),
    ...(isSaid ? [{ title: 'WHY NOT', text: ({ why }: ComparedNode) => why ?? '' }] : []),
  ]
  const notes = decisions.flatMap(({ note }) => (note === undefined ? [] : [printable(note)]))
  const rule = `* = its pick: the lowest cost wins${isWished ? ', weighed against the affinity' : ''}. This cluster's own is ${printable(own.scheduler)}.`
  return [
    ...(nodes.length === 0 ? [] : tableLines(shape, nodes, columns)),
    ...(left > 0 ? [`… and ${left} more`] : []),
    ...(own.scores.length === 0 ? [] : [rule]),
    // Whether a node is preferred is no scheduler's own matter: they all say the same of it.
    ...notes.slice(0, 1),
  ]
}

const affinityText = ({ affinity }: ComparedNode): string => (affinity === undefined ? '-' : signedText(affinity))

const cellOf = (cost: ComparedNode['costs'][number]): string =>
  cost === undefined ? '-' : `${costText(cost.cost)}${cost.isPicked ? ' *' : ''}`
