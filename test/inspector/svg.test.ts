import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createMachine } from 'xstate'
import { type LayoutEngine, loadEngine } from '../../inspector/chart/elk.ts'
import { type MachineLike, readGraph, statesWithin } from '../../inspector/chart/graph.ts'
import { isIgnored } from '../../inspector/chart/label.ts'
import { layOut } from '../../inspector/chart/layout.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { cutToWidth, textWidth } from '../../inspector/chart/measure.ts'
import { drawSvg } from '../../inspector/chart/svg.ts'
import { toneOf, tones } from '../../inspector/chart/tone.ts'
import { longName, oddMachine } from './odd-machines.ts'
import { type Element, elementsWithin, parseXml } from './xml-check.ts'

vi.setConfig({ testTimeout: 180_000 })

let engine: LayoutEngine
beforeAll(async () => {
  engine = await loadEngine()
})

const drawn = async (machine: unknown): Promise<{ svg: string; all: Element[] }> => {
  const svg = drawSvg(await layOut(readGraph(machine as MachineLike), engine))
  return { svg, all: [...elementsWithin(parseXml(svg))] }
}
const valuesOf = (all: readonly Element[], name: string): string[] =>
  all.flatMap(({ attributes }) => (attributes[name] === undefined ? [] : [attributes[name]]))
const classOf = ({ attributes }: Element): string[] => (attributes.class ?? '').split(' ')
/** All text of an element but its tooltips'. */
const textOf = (element: Element): string =>
  element.text + element.children.map((child) => (child.name === 'title' ? '' : textOf(child))).join('')

describe.each(Object.entries({ ...builtInMachines, odd: oddMachine as MachineLike }))(
  'the SVG of %s',
  (name, machine) => {
    test('is well-formed, and names every state and every transition that does something', async () => {
      const graph = readGraph(machine)
      const { all } = await drawn(machine)
      expect(valuesOf(all, 'data-state')).toEqual([...statesWithin(graph.root)].map(({ id }) => id))
      const told = graph.transitions.filter((transition) => !isIgnored(transition))
      expect([...valuesOf(all, 'data-edge')]).toEqual(expect.arrayContaining(told.map(({ id }) => id)))
      const heads = all.filter((element) => classOf(element).includes('head'))
      const paths = all.filter((element) => classOf(element).includes('path'))
      expect(heads).toHaveLength(paths.length)
      expect(valuesOf(all, 'data-machine')).toEqual([name])
    })
  },
)

describe('the SVG of a task', () => {
  test('gives each of its five states a colour of its own, for light and for dark', async () => {
    const { svg, all } = await drawn(builtInMachines.task)
    for (const tone of tones) {
      const state = all.find(({ attributes }) => attributes['data-path']?.toLowerCase() === tone) as Element
      expect(classOf(state)).toContain(`tone-${tone}`)
    }
    const light = tones.map((tone) => new RegExp(`--chart-${tone}: (#\\w{6})`).exec(svg)?.[1])
    expect(new Set(light).size).toBe(5)
    expect(svg).toContain('@media (prefers-color-scheme: dark)')
    expect(all.filter((element) => classOf(element).includes('kind-final'))).toHaveLength(2)
    expect(all.filter((element) => classOf(element).includes('inner'))).toHaveLength(2)
    expect(all.filter((element) => classOf(element).includes('mark'))).toHaveLength(4)
  })

  test('has a name for all that a page may light, and for those who hear it', async () => {
    const { all } = await drawn(builtInMachines.task)
    expect(all[0]?.attributes).toMatchObject({ role: 'graphics-document', 'aria-label': 'Statechart of task' })
    for (const element of all.filter(({ attributes }) => attributes.role === 'graphics-symbol')) {
      expect(element.attributes['aria-label']).toMatch(/\w/)
      expect(element.children[0]?.name).toBe('title')
    }
  })

  test('pins every text to the width that it was given, so that no font makes it wider', async () => {
    const { all } = await drawn(builtInMachines.task)
    const texts = all.filter(({ name }) => name === 'text')
    expect(texts.length).toBeGreaterThan(40)
    for (const text of texts) expect(Number(text.attributes.textLength)).toBeGreaterThan(0)
  })

  test('loads nothing from anywhere', async () => {
    const { svg } = await drawn(builtInMachines.task)
    expect(svg.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|@import|<script|href/)
  })
})

test('names that look like markup are text', async () => {
  const { svg, all } = await drawn(oddMachine)
  expect(svg).not.toMatch(/<b>|<i>|<at>/)
  expect(valuesOf(all, 'data-path')).toContain(longName)
  const state = all.find(({ attributes }) => attributes['data-path'] === longName) as Element
  expect(state.attributes['aria-label']).toBe(`${longName}, state`)
  expect(textOf(state)).toMatch(/^A state with .*…$/)
})

test('signs that XML has not are replaced', async () => {
  const states = { 'a\u0000b\u001b': {}, 'tab\tnew\nline': {}, 'half \ud800 pair 👍': {} }
  const { all } = await drawn(createMachine({ id: 'm', initial: 'tab\tnew\nline', states }))
  expect(valuesOf(all, 'data-path')).toEqual(['', 'a\ufffdb\ufffd', 'tab new line', 'half \ufffd pair 👍'])
})

test('a text is cut to its width, and whole letters are kept', () => {
  expect(cutToWidth('short', 200, 13)).toBe('short')
  const cut = cutToWidth('👍'.repeat(50), 100, 13)
  expect(cut).toMatch(/^(👍)+…$/u)
  expect(textWidth(cut, 13)).toBeLessThanOrEqual(100)
  expect(textWidth('wide', 13, true)).toBeGreaterThan(textWidth('wide', 13))
})

test('a tone is that of the outermost state that has one', () => {
  expect(toneOf(['Running', 'Stopped'])).toBe('running')
  expect(toneOf(['Liveness', 'Down'])).toBe('failed')
  expect(toneOf([])).toBeUndefined()
  expect(toneOf(['constructor'])).toBeUndefined()
})
