import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createMachine } from 'xstate'
import { type LayoutEngine, loadEngine } from '../../inspector/chart/elk.ts'
import { type MachineLike, readGraph, statesWithin } from '../../inspector/chart/graph.ts'
import { layOut, type Place, type PlacedChart, type PlacedState } from '../../inspector/chart/layout.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { drawSvg } from '../../inspector/chart/svg.ts'
import { lonelyMachine, oddMachine } from './odd-machines.ts'
import { parseXml } from './xml-check.ts'

// The engine is a compiled giant, and slow where many tests share a machine.
vi.setConfig({ testTimeout: 180_000 })

let engine: LayoutEngine
beforeAll(async () => {
  engine = await loadEngine()
})

const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

const isInside = (inner: Place, outer: Place): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height

const labelsOf = ({ wires }: PlacedChart) => wires.flatMap(({ id, label }) => (label ? [{ id, ...label }] : []))

/** What must hold of the places of any chart. */
function expectSound(chart: PlacedChart): void {
  const { states, wires, marks, width, height } = chart
  const stateById = new Map(states.map((state) => [state.id, state]))
  const whole = { x: 0, y: 0, width, height }
  const tree = [...statesWithin(chart.graph.root)]
  expect(states.map(({ id }) => id)).toEqual(tree.map(({ id }) => id))
  expect(marks).toHaveLength(tree.filter(({ initial }) => initial !== undefined).length)
  for (const outer of tree) {
    const place = stateById.get(outer.id) as PlacedState
    const inner = outer.states.map(({ id }) => stateById.get(id) as PlacedState)
    expect(isInside(place, whole), outer.id).toBe(true)
    for (const [index, child] of inner.entries()) {
      expect(isInside(child, place), `${child.id} in ${outer.id}`).toBe(true)
      expect(child.y).toBeGreaterThanOrEqual(place.y + place.headerHeight)
      for (const other of inner.slice(index + 1))
        expect(overlap(child, other), `${child.id} on ${other.id}`).toBe(false)
    }
  }
  for (const { id, points } of wires) expect(points.length, id).toBeGreaterThan(1)
}

/** What must hold for the texts to be readable. */
function expectReadable(chart: PlacedChart): void {
  const labels = labelsOf(chart)
  const leaves = chart.states.filter(({ kind }) => kind !== 'compound' && kind !== 'parallel')
  const whole = { x: 0, y: 0, width: chart.width, height: chart.height }
  for (const [index, label] of labels.entries()) {
    expect(isInside(label, whole), label.id).toBe(true)
    for (const other of labels.slice(index + 1)) expect(overlap(label, other), `${label.id} on ${other.id}`).toBe(false)
    for (const leaf of leaves) expect(overlap(label, leaf), `${label.id} on ${leaf.id}`).toBe(false)
  }
}

describe.each(Object.entries({ ...builtInMachines, odd: oddMachine as MachineLike }))(
  'the layout of %s',
  (_, machine) => {
    test('has a place for everything, and no text on another', async () => {
      const chart = await layOut(readGraph(machine), engine)
      expectSound(chart)
      expectReadable(chart)
    })
  },
)

test('a task begins above, and its five states have their order', async () => {
  const { states } = await layOut(readGraph(builtInMachines.task), engine)
  const top = (name: string) => states.find(({ id }) => id === `task.${name}`)?.y ?? Number.NaN
  expect(top('Pending')).toBeLessThan(top('Scheduled'))
  expect(top('Scheduled')).toBeLessThan(top('Running'))
  expect(top('Running')).toBeLessThan(top('Completed'))
  expect(top('Running')).toBeLessThan(top('Failed'))
})

test('the same machine comes out the same, also from another engine', async () => {
  const graph = readGraph(builtInMachines.node)
  const first = await layOut(graph, engine)
  expect(await layOut(graph, await loadEngine())).toEqual(first)
  expect(JSON.parse(JSON.stringify(first))).toEqual(first)
})

test('one state alone is a chart too', async () => {
  const chart = await layOut(readGraph(lonelyMachine as MachineLike), engine)
  expectSound(chart)
  expect(chart.wires).toEqual([])
})

test('a line from a state to one within begins under its name', async () => {
  const { wires, states } = await layOut(readGraph(builtInMachines.session), engine)
  const root = states[0] as PlacedState
  const inward = wires.filter(({ goesIn }) => goesIn)
  expect(inward.map(({ target }) => target)).toEqual(['session.Idle'])
  for (const { points } of inward) expect(points[0]?.y).toBeGreaterThanOrEqual(root.y + root.headerHeight)
})

test('an engine that fails in one way is asked in another, and its failure is told only when it always does', async () => {
  let asked = 0
  const moody: LayoutEngine = {
    layout: (graph, args) => {
      asked += 1
      return asked === 1 ? Promise.reject(new Error('a broken comparator')) : engine.layout(graph, args)
    },
  }
  expectSound(await layOut(readGraph(builtInMachines.worker), moody))
  const broken: LayoutEngine = { layout: () => Promise.reject(new Error('a broken comparator')) }
  await expect(layOut(readGraph(builtInMachines.worker), broken)).rejects.toThrow(
    'no layout was found for the machine "worker"',
  )
})

/** A machine's states by their paths, and what leads from where to where. */
const anyMachine = fc
  .record({
    shape: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 9 }),
    parallel: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
    arrows: fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 }), fc.boolean()), { maxLength: 12 }),
  })
  .map(({ shape, parallel, arrows }) => {
    type Node = {
      id: string
      type?: 'parallel'
      initial?: string
      states: Record<string, Node>
      on: Record<string, object>
    }
    const nodes: Node[] = [{ id: 'n0', states: {}, on: {} }]
    for (const at of shape) {
      const node: Node = { id: `n${nodes.length}`, states: {}, on: {} }
      ;(nodes[at % nodes.length] as Node).states[node.id] = node
      nodes.push(node)
    }
    for (const [index, node] of nodes.entries()) {
      const [first] = Object.keys(node.states)
      if (first === undefined) continue
      if (parallel[index]) node.type = 'parallel'
      else node.initial = first
    }
    for (const [index, [from, to, reenter]] of arrows.entries()) {
      const source = nodes[from % nodes.length] as Node
      source.on[`Event${index}`] = { target: `#${nodes[to % nodes.length]?.id}`, reenter }
    }
    return createMachine(nodes[0] as never)
  })

test('any machine gets a place for everything, and is drawn well-formed', async () => {
  const property = fc.asyncProperty(anyMachine, async (machine) => {
    const chart = await layOut(readGraph(machine as unknown as MachineLike), engine)
    expectSound(chart)
    parseXml(drawSvg(chart))
  })
  await fc.assert(property, { numRuns: 25, seed: 5 })
})
