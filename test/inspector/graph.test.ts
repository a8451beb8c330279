import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import {
  chartLimits,
  isMachine,
  type MachineLike,
  readGraph,
  statesWithin,
  transitionText,
} from '../../inspector/chart/graph.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { lonelyMachine, longName, oddMachine } from './odd-machines.ts'

interface Config {
  readonly type?: string
  readonly initial?: string
  readonly on?: Readonly<Record<string, unknown>>
  readonly always?: unknown
  readonly after?: Readonly<Record<string, unknown>>
  readonly states?: Readonly<Record<string, Config>>
}
type Branch = { readonly target?: string; readonly guard?: unknown; readonly reenter?: boolean }

const branchesOf = (written: unknown): Branch[] =>
  (Array.isArray(written) ? written : [written]).map((one) => (typeof one === 'string' ? { target: one } : one))

/** `source | event | guard | target's last key`, for each branch of a machine as it was written. */
function writtenIn(id: string, config: Config): { states: string[]; transitions: string[] } {
  const states = [`${id} ${config.type ?? (config.states ? 'compound' : 'atomic')} ${config.initial ?? '-'}`]
  const transitions: string[] = []
  const note = (event: string, written: unknown) => {
    for (const { target, guard, reenter } of branchesOf(written)) {
      const last = target === undefined ? '-' : target.split('.').at(-1)?.replace('#', '')
      transitions.push([id, event, guard ?? '-', last, reenter ?? false].join(' | '))
    }
  }
  for (const [event, written] of Object.entries(config.on ?? {})) note(event, written)
  if (config.always !== undefined) note('', config.always)
  expect(config.after).toBeUndefined()
  for (const [key, child] of Object.entries(config.states ?? {})) {
    const inner = writtenIn(`${id}.${key}`, child)
    states.push(...inner.states)
    transitions.push(...inner.transitions)
  }
  return { states, transitions }
}

describe.each(Object.entries(builtInMachines))('the graph of %s', (name, machine) => {
  const graph = readGraph(machine)
  const written = writtenIn(name, (machine as unknown as { config: Config }).config)

  test('has every state as it is written, and no other', () => {
    const read = [...statesWithin(graph.root)].map(
      ({ id, kind, initial }) => `${id} ${kind} ${initial?.split('.').at(-1) ?? '-'}`,
    )
    expect(read.toSorted()).toEqual(written.states.toSorted())
  })

  test('has every transition as it is written, and no other', () => {
    const read = graph.transitions.map(({ source, event, guard, targets, reenter }) => {
      expect(targets.length).toBeLessThanOrEqual(1)
      return [source, event, guard ?? '-', targets[0]?.split('.').at(-1) ?? '-', reenter].join(' | ')
    })
    expect(read.toSorted()).toEqual(written.transitions.toSorted())
  })

  test('leads only to states that it has, under ids that are there once', () => {
    const ids = new Set([...statesWithin(graph.root)].map(({ id }) => id))
    for (const { source, targets } of graph.transitions)
      for (const id of [source, ...targets]) expect(ids).toContain(id)
    expect(new Set(graph.transitions.map(({ id }) => id)).size).toBe(graph.transitions.length)
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph)
  })
})

describe('an odd machine', () => {
  const graph = readGraph(oddMachine as MachineLike)
  const from = (source: string) => graph.transitions.filter((one) => one.source === source)
  const words = (source: string) =>
    from(source).map((one) => `${one.kind}: ${transitionText(one)} → ${one.targets.join(' & ') || '-'}`)

  test('says each kind of transition in words', () => {
    expect(words('odd.a')).toEqual([
      'wildcard: mouse.* → odd.c.back',
      'event: Again → odd.a',
      'event: Same → odd.a',
      'event: Note / note, count, inline → -',
      'event: Never → -',
      'after: after 1.5 s → odd.b',
      'after: after slow [isSlow] → odd.b',
      'always: always [p and !q and (r or isReady)] → odd.b',
      'always: always [in #odd.b] → odd.c',
      'always: always [inline] → odd.c',
    ])
    expect(words('odd.b')).toEqual([
      'done: load done → odd.c',
      `error: load failed → odd.${longName}`,
      'snapshot: load changed / look → -',
    ])
    expect(words('odd')).toEqual(['wildcard: any event → odd.a', 'event: Reset → odd.c', 'event: Kill → odd.end'])
    expect(words('odd.c')[0]).toBe('event: Both → odd.c.r1.v & odd.c.r2.y')
    expect(words('odd.c')).toContain('done: done → odd.end')
    expect(words('odd.c.back')).toEqual(['history: at first → odd.c.r1'])
  })

  test('tells apart what enters again and what does not', () => {
    expect(
      from('odd.a')
        .filter(({ reenter }) => reenter)
        .map(({ label }) => label),
    ).toEqual(['Again'])
  })

  test('knows kinds, beginnings and what is invoked', () => {
    const states = new Map([...statesWithin(graph.root)].map((state) => [state.id, state]))
    expect(states.get('odd.c')).toMatchObject({ kind: 'parallel', description: 'Two things <at> once.' })
    expect(states.get('odd.c')?.initial).toBeUndefined()
    expect(states.get('odd.c.back')).toMatchObject({ kind: 'history', history: 'deep' })
    expect(states.get('odd.c.r1.v')).toMatchObject({ kind: 'compound', initial: 'odd.c.r1.v.deep' })
    expect(states.get('odd.b')?.invokes).toEqual(['load'])
    expect(states.get(`odd.${longName}`)?.path).toEqual([longName])
  })
})

test('delays are said in the largest unit that fits', () => {
  const after = { 1: 'b', 999: 'b', 1000: 'b', 90000: 'b', 7200000: 'b' }
  const machine = createMachine({ id: 'm', initial: 'a', states: { a: { after }, b: {} } })
  const labels = readGraph(machine as MachineLike).transitions.map(({ label }) => label)
  expect(labels).toEqual(['after 1 ms', 'after 999 ms', 'after 1 s', 'after 1.5 min', 'after 2 h'])
})

test('a machine is told from what is none', () => {
  expect(isMachine(lonelyMachine)).toBe(true)
  for (const other of [null, undefined, 1, 'task', {}, { root: null }, { root: { states: {} } }, () => {}]) {
    expect(isMachine(other)).toBe(false)
  }
})

test('a machine that is too large is refused with the limit', () => {
  const states = Object.fromEntries(Array.from({ length: chartLimits.statesMax }, (_, index) => [`s${index}`, {}]))
  const machine = createMachine({ id: 'huge', initial: 's0', states }) as MachineLike
  expect(() => readGraph(machine)).toThrow(`"huge" is too large to be drawn; ${chartLimits.statesMax} states`)
})
