/** What of a chart is lit, counted and timed. */
import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { taskMachine } from '../../actors/task.ts'
import { foldGraph } from '../../inspector/chart/fold.ts'
import { type MachineLike, readGraph } from '../../inspector/chart/graph.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { edgeOf, statesOn, traceOf } from '../../inspector/page/chart/trace.ts'
import { histories } from './recorded.ts'

const graph = readGraph(taskMachine as MachineLike)
const traced = (name: string) =>
  (histories[name]?.events ?? []).map(({ event, from, to, atMs }) => ({ type: event.type, from, to, atMs }))

describe('the states on a path', () => {
  test('are all that it names, from the machine inwards', () => {
    expect(statesOn(graph, 'Running.Up')).toEqual(['task', 'task.Running', 'task.Running.Up'])
    expect(statesOn(graph, 'Completed')).toEqual(['task', 'task.Completed'])
  })

  test('are none where the machine has no such path', () => {
    for (const path of ['', 'Elsewhere', 'Running.Elsewhere', 'Running.Up.More', 'Completed.Up']) {
      expect(statesOn(graph, path), path).toEqual([])
    }
  })

  test('are those of each region of a parallel state', () => {
    const region = { initial: 'off', states: { off: {}, on: { initial: 'low', states: { low: {}, high: {} } } } }
    const machine = createMachine({ id: 'm', type: 'parallel', states: { a: region, b: region } })
    const ids = statesOn(readGraph(machine as unknown as MachineLike), 'a.on.high+b.off')
    expect(ids).toEqual(['m', 'm.a', 'm.a.on', 'm.a.on.high', 'm.b', 'm.b.off'])
  })

  test('are known for every machine of ours where it begins', () => {
    for (const machine of Object.values(builtInMachines)) {
      const own = readGraph(machine)
      for (const { path } of own.root.states) expect(statesOn(own, path.join('.'))).toHaveLength(2)
    }
  })
})

describe('the transition of a step', () => {
  test.each(Object.keys(histories))('is found for each step of the history of %s', (name) => {
    const [first, ...rest] = traced(name)
    expect(first && edgeOf(graph, first)).toBeUndefined()
    for (const step of rest) expect(edgeOf(graph, step), `${step.type} ${step.from} ${step.to}`).toBeDefined()
  })

  test('is the branch that leads where it led', () => {
    const of = (type: string, from: string, to: string) => edgeOf(graph, { type, from, to })
    expect(of('Exited', 'Running.Up', 'Completed')).toBe('task.Running|Exited|0')
    expect(of('Exited', 'Running.Up', 'Failed')).toBe('task.Running|Exited|1')
    expect(of('Exited', 'Running.Up', 'Pending.BackingOff')).toBe('task.Running|Exited|2')
    expect(of('Started', 'Scheduled.Starting', 'Running.Checking')).toBe('task.Scheduled|Started|1')
    expect(of('Started', 'Scheduled.Starting', 'Running.Up')).toBe('task.Scheduled|Started|2')
    expect(of('Stop', 'Running.Stopping', 'Running.Stopping')).toBe('task.Running.Stopping|Stop|0')
    expect(of('Nonsense', 'Running.Up', 'Failed')).toBeUndefined()
  })

  test('is the same in an outline, where that shows it', () => {
    const outline = new Set(foldGraph(graph, 1).transitions.map(({ id }) => id))
    expect(outline.has(edgeOf(graph, { type: 'Exited', from: 'Running.Up', to: 'Failed' }) ?? '')).toBe(true)
  })
})

describe('a trace', () => {
  test('counts what was taken, and adds up what was spent', () => {
    const { counts, dwellMs, taken, value } = traceOf(graph, traced('restart with back-off'), 99_000)
    expect(counts.get('task.Pending.Queued|Placed|0')).toBe(3)
    expect(counts.get('task.Running|Exited|2')).toBe(2)
    expect(dwellMs.get('task.Running')).toBe(3_000)
    expect(dwellMs.get('task.Pending.BackingOff')).toBe(2_000)
    expect(dwellMs.has('task.Completed')).toBe(false)
    expect(taken).toBe('task.Running|Exited|0')
    expect(value).toBe('Completed')
  })

  test('has the last state hold until now, and no time go backwards', () => {
    const steps = traced('exit').slice(0, 3)
    expect(traceOf(graph, steps, 10_000).dwellMs.get('task.Running.Up')).toBe(7_000)
    expect(traceOf(graph, steps, 0).dwellMs.get('task.Running.Up')).toBe(0)
    expect(traceOf(graph, [], 0)).toEqual({ counts: new Map(), dwellMs: new Map(), taken: undefined, value: '' })
  })
})
