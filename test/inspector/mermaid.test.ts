import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { type MachineLike, readGraph, statesWithin } from '../../inspector/chart/graph.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { drawMermaid } from '../../inspector/chart/mermaid.ts'
import { lonelyMachine, oddMachine } from './odd-machines.ts'

const drawn = (machine: unknown): string => drawMermaid(readGraph(machine as MachineLike))

/** What a line may be; no other sign of Mermaid's own stands in a text. */
const text = String.raw`(?:[^"#;:<>{}%\\&\x60|*[\]]|#\d+;|<br/>)+`
const lineForms = [
  /^stateDiagram-v2$/,
  new RegExp(`^\\s+state "${text}" as s\\d+(_any)?$`),
  /^\s+state s\d+ \{$/,
  /^\s+\}$/,
  /^\s+--$/,
  /^\s+\[\*\] --> s\d+$/,
  /^\s+s\d+ --> \[\*\]$/,
  new RegExp(`^\\s+s\\d+(_any)? --> s\\d+ : ${text}$`),
  new RegExp(`^\\s+s\\d+ : ${text}$`),
  /^\s+note right of s\d+$/,
  /^\s+end note$/,
]

const machines = { ...builtInMachines, odd: oddMachine, lonely: lonelyMachine }
describe.each(Object.entries(machines))('the Mermaid of %s', (_, machine) => {
  const lines = drawn(machine).trimEnd().split('\n')

  test('has only lines that Mermaid knows, and closes what it opens', () => {
    let depth = 0
    let inNote = false
    for (const line of lines) {
      if (!inNote || line.trim() === 'end note')
        expect(
          lineForms.some((form) => form.test(line)),
          line,
        ).toBe(true)
      if (line.trim().startsWith('note ')) inNote = true
      if (line.trim() === 'end note') inNote = false
      if (/^\s+state .* \{$/.test(line)) depth += 1
      if (line.trim() === '}') depth -= 1
      expect(depth).toBeGreaterThanOrEqual(0)
    }
    expect(depth).toBe(0)
  })

  test('has each state once, and says every transition', () => {
    const graph = readGraph(machine as MachineLike)
    const heads = lines.filter((line) => /^\s+state ".*" as s\d+$/.test(line))
    expect(heads).toHaveLength([...statesWithin(graph.root)].length)
    const whole = lines.join('\n')
    for (const { kind, label } of graph.transitions)
      if (kind === 'event' && /^\w+$/.test(label)) expect(whole).toContain(label)
  })

  test('names no state outside its own before its tree has begun, for Mermaid would move it there', () => {
    const tree = lines.findIndex((line) => line.startsWith('  state "'))
    const later = lines.slice(tree)
    for (const line of later) {
      const arrow = /^\s+(s\d+(?:_any)?) --> s\d+/.exec(line)
      if (arrow) expect(arrow[1]).toMatch(/_any$/)
    }
  })
})

test('draws the whole of a small machine', () => {
  const machine = createMachine({
    id: 'door',
    initial: 'Shut',
    states: {
      Shut: { on: { Open: [{ guard: 'isFree', target: 'Open' }, { target: 'Jammed' }], Knock: { actions: 'bark' } } },
      Open: { on: { Shut: 'Shut', Lock: 'Shut' } },
      Jammed: { type: 'final' },
    },
  })
  expect(drawn(machine)).toBe(`stateDiagram-v2
  s1 --> s2 : Open #91;isFree#93;
  s1 --> s3 : Open
  s2 --> s1 : Shut, Lock
  state "door" as s0
  state s0 {
    [*] --> s1
    state "Shut" as s1
    s1 : Knock
    state "Open" as s2
    state "Jammed" as s3
    s3 --> [*]
  }
`)
})

test('parts the regions of a parallel state, and what it does within itself begins anywhere in it', () => {
  const text = drawn(builtInMachines.node)
  expect(text.match(/^ {4}--$/gm)).toHaveLength(1)
  expect(text).toMatch(/state "anywhere in Liveness" as s1_any\n\s+s1_any --> s\d+ : Registered/)
  expect(text).toMatch(/note right of s1\n\s+DriversChanged\n\s+end note/)
})
