import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { builtInNames } from '../../inspector/chart/machines.ts'
import { readSaved } from '../../inspector/page/task/history-file.ts'
import { elementsWithin, parseXml } from '../inspector/xml-check.ts'
import { cli } from './cli-rig.ts'

vi.setConfig({ testTimeout: 180_000 })

let cwd: string
const xstate = JSON.stringify(resolve(import.meta.dirname, '../../node_modules/xstate/dist/xstate.cjs.mjs'))
const machine = (id: string) =>
  `createMachine({ id: '${id}', initial: 'a', states: { a: { on: { Go: 'b' } }, b: { type: 'final' } } })`

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'troupe-chart-'))
  const write = (name: string, text: string) =>
    writeFileSync(join(cwd, name), `import { createMachine } from ${xstate}\n${text}`)
  write('one.mjs', `export const door = ${machine('door')}\nexport default door\nexport const other = 1`)
  write('two.mjs', `export const door = ${machine('door')}\nexport const gate = ${machine('gate')}`)
  write('none.mjs', 'export const door = () => createMachine({})\nexport const size = 1')
  write('empty.mjs', '')
  write('throws.mjs', `throw new Error('the reactor is cold')`)
  write('broken.mjs', 'export const = 1')
})
afterAll(() => rmSync(cwd, { recursive: true }))

describe('troupe chart', () => {
  test.each(builtInNames)('draws our own machine: %s', async (name) => {
    const { code, stdout, stderr } = await cli(['chart', name])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^stateDiagram-v2\n/)
    expect(stdout).toContain(`state "${name}" as s0`)
    expect((await cli(['chart', name, '--mermaid'])).stdout).toBe(stdout)
  })

  test('prints a machine as a file that the inspector opens', async () => {
    const { code, stdout } = await cli(['chart', 'one.mjs', '--json'], { cwd })
    expect(code).toBe(0)
    expect(readSaved(stdout)).toMatchObject({ type: 'chart', graph: { id: 'door' } })
  })

  test('draws the one machine of a module, also where it is the default as well', async () => {
    const { code, stdout, stderr } = await cli(['chart', 'one.mjs'], { cwd })
    expect([stderr, code]).toEqual(['', 0])
    expect(stdout).toContain('s1 --> s2 : Go')
    expect((await cli(['chart', './one.mjs', '--export', 'default'], { cwd })).stdout).toBe(stdout)
  })

  test('leaves out what lies deeper than it is told', async () => {
    const { code, stdout, stderr } = await cli(['chart', 'task', '--depth', '1'])
    expect([stderr, code]).toEqual(['', 0])
    expect(stdout).toContain('as s5')
    expect(stdout).not.toContain('as s6')
    const wrong = await cli(['chart', 'task', '--depth', 'deep'])
    expect([wrong.stderr, wrong.code]).toEqual([expect.stringContaining('"deep" is no whole number'), 2])
  })

  test('writes SVG to a file, or to stdout', async () => {
    const { code, stdout, stderr } = await cli(['chart', 'two.mjs', '--export', 'gate', '--svg', 'gate.svg'], { cwd })
    expect([stdout, stderr, code]).toEqual(['', 'troupe: the chart of gate is in gate.svg\n', 0])
    const svg = readFileSync(join(cwd, 'gate.svg'), 'utf8')
    const states = [...elementsWithin(parseXml(svg))].flatMap(({ attributes }) => attributes['data-state'] ?? [])
    expect(states).toEqual(['gate', 'gate.a', 'gate.b'])
    expect((await cli(['chart', 'two.mjs', '--export', 'gate', '--svg', '-'], { cwd })).stdout).toBe(svg)
  })

  test.each([
    [
      ['nowhere.mjs'],
      3,
      "There is no file nowhere.mjs; Troupe's own machines are task, attempt, node, worker, session, manager.",
    ],
    [['tsk'], 3, 'There is no file tsk; did you mean "task"?'],
    [['.'], 2, '. is not a file; name the module that exports the machine.'],
    [['two.mjs'], 2, 'two.mjs exports 2 machines: choose one with --export door or --export gate.'],
    [['two.mjs', '--export', 'dor'], 3, 'two.mjs has no export "dor"; its machines are door, gate.'],
    [['two.mjs', '--export', 'toString'], 3, 'two.mjs has no export "toString"; its machines are door, gate.'],
    [['one.mjs', '--export', 'other'], 3, 'one.mjs exports "other", which is no state machine; its machines are door.'],
    [
      ['none.mjs'],
      3,
      'none.mjs exports no state machine; it exports door, size. One is what createMachine() of XState 5 returns.',
    ],
    [['empty.mjs'], 3, 'empty.mjs exports no state machine. One is what createMachine() of XState 5 returns.'],
    [['throws.mjs'], 1, 'throws.mjs cannot be loaded: the reactor is cold'],
    [['task', '--export', 'x'], 2, '"task" is Troupe\'s own machine; for a file of that name write ./task.'],
    [['task', '--svg', 'x.svg', '--mermaid'], 2, 'Choose one of --svg and --mermaid.'],
  ])('%j says what is wrong', async (args, expected, sentence) => {
    const { code, stdout, stderr } = await cli(['chart', ...args], { cwd })
    expect(stderr).toBe(`troupe: ${sentence}\n`)
    expect([stdout, code]).toEqual(['', expected])
  })

  test('a module that is no JavaScript, and a file that cannot be written, are named', async () => {
    const broken = await cli(['chart', 'broken.mjs'], { cwd })
    expect([broken.stderr, broken.code]).toEqual([expect.stringMatching(/^troupe: broken\.mjs cannot be loaded: ./), 1])
    const lost = await cli(['chart', 'worker', '--svg', 'no/such/folder.svg'], { cwd })
    expect([lost.stderr, lost.code]).toEqual([expect.stringMatching(/folder\.svg cannot be written: ENOENT/), 1])
  })
})
