import { expect, test } from 'vitest'
import { foldGraph } from '../../inspector/chart/fold.ts'
import { type MachineLike, readGraph, statesWithin } from '../../inspector/chart/graph.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { drawMermaid } from '../../inspector/chart/mermaid.ts'
import { oddMachine } from './odd-machines.ts'

test('a task folded to its five states has all that leads from one to another, and nothing within', () => {
  const graph = readGraph(builtInMachines.task)
  const folded = foldGraph(graph, 1)
  expect([...statesWithin(folded.root)].map(({ id, kind }) => `${id} ${kind}`)).toEqual([
    'task compound',
    'task.Pending atomic',
    'task.Scheduled atomic',
    'task.Running atomic',
    'task.Completed final',
    'task.Failed final',
  ])
  const outer = (id: string) => id.split('.').slice(0, 2).join('.')
  const crossing = graph.transitions.filter(({ source, targets }) => targets.some((id) => outer(id) !== outer(source)))
  expect(folded.transitions.map(({ id }) => id)).toEqual(crossing.map(({ id }) => id))
  for (const { source, targets } of folded.transitions)
    for (const id of [source, ...targets]) expect(outer(id)).toBe(id)
})

test('deeper than it is, it stays as it was', () => {
  const graph = readGraph(oddMachine as MachineLike)
  expect(foldGraph(graph, 9)).toEqual(graph)
})

test('at any depth its transitions lead to states that are left', () => {
  const graph = readGraph(oddMachine as MachineLike)
  for (const depth of [0, 1, 2, 3]) {
    const folded = foldGraph(graph, depth)
    const ids = new Set([...statesWithin(folded.root)].map(({ id }) => id))
    for (const { source, targets } of folded.transitions)
      for (const id of [source, ...targets]) expect(ids).toContain(id)
    expect(drawMermaid(folded)).toContain('stateDiagram-v2')
  }
})
