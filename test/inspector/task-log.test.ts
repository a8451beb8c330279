import { describe, expect, test } from 'vitest'
import { plainOf, spansOf } from '../../inspector/page/task/panels/ansi.ts'
import { cutAt, type LineGiven, LogStore, nextMatch } from '../../inspector/page/task/panels/log-store.ts'
import { markSpans } from '../../inspector/page/task/panels/marked.ts'
import { topOf, windowOf } from '../../inspector/page/task/panels/rows.ts'

const esc = '\x1b'

describe('output of terminals', () => {
  test.each([
    ['plain', 'plain'],
    [`${esc}[31mred${esc}[0m end`, 'red end'],
    [`${esc}[1;38;5;9mbright${esc}[m`, 'bright'],
    [`${esc}[2Kcleared${esc}[1A`, 'cleared'],
    [`${esc}]8;;https://example.org${esc}\\link${esc}]8;;\x07`, 'link'],
    [`${esc}(Bset`, 'set'],
    ['a\tb\x07c', 'a\tbc'],
    ['10 %\r50 %\r100 %', '100 %'],
    ['done\r', 'done'],
    [`cut ${esc}[3`, 'cut '],
    [`cut ${esc}`, 'cut '],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ])('%j reads %j', (raw, text) => {
    expect(plainOf(raw)).toBe(text)
    expect(
      spansOf(raw)
        .map((span) => span.text)
        .join(''),
    ).toBe(text)
  })

  test('looks', () => {
    expect(spansOf(`a${esc}[1;31mb${esc}[39mc${esc}[0md`)).toEqual([
      { text: 'a', style: '' },
      { text: 'b', style: 'ansi-red ansi-bold' },
      { text: 'c', style: 'ansi-bold' },
      { text: 'd', style: '' },
    ])
    expect(spansOf(`${esc}[38;2;1;31;3mx`)).toEqual([{ text: 'x', style: '' }])
    expect(spansOf(`${esc}[38;5;2mx${esc}[97my`).map(({ style }) => style)).toEqual(['ansi-green', 'ansi-white'])
  })

  test('places that a search fits, across colours', () => {
    expect(markSpans(spansOf(`ab${esc}[32mcd${esc}[0mef`), 'BCDE')).toEqual([
      { text: 'a', style: '', isMatch: false },
      { text: 'b', style: '', isMatch: true },
      { text: 'cd', style: 'ansi-green', isMatch: true },
      { text: 'e', style: '', isMatch: true },
      { text: 'f', style: '', isMatch: false },
    ])
    expect(cutAt('aXbxc', 'x')).toEqual(['a', 'X', 'b', 'x', 'c'])
    expect(cutAt('none', 'x')).toEqual(['none'])
  })
})

const line = (text: string, stream: 'stdout' | 'stderr' = 'stdout', attempt = 1): LineGiven => ({
  text,
  stream,
  attempt,
})
const textsOf = (store: LogStore) => store.shown.map((row) => (row.kind === 'line' ? row.text : `(${row.text})`))

describe('lines that the page holds', () => {
  test('the oldest go, and are counted', () => {
    const store = new LogStore({ linesMax: 3 })
    store.search('l')
    store.push(['l0', 'l1', 'l2', 'l3', 'l4'].map((text) => line(text)))
    expect(textsOf(store)).toEqual(['l2', 'l3', 'l4'])
    expect([store.dropped, store.count]).toEqual([2, 5])
    expect(store.matches).toEqual([2, 3, 4])
    expect(store.indexOf(3)).toBe(1)
  })

  test('one stream alone, also of what comes later and what goes', () => {
    const store = new LogStore({ linesMax: 4 })
    store.push([line('a'), line('b', 'stderr'), line('c')])
    store.hide('stdout')
    expect(textsOf(store)).toEqual(['b'])
    store.push([line('d', 'stderr'), line('e'), line('f', 'stderr')])
    expect(textsOf(store)).toEqual(['d', 'f'])
    store.hide(undefined)
    store.push([line('g')])
    expect(textsOf(store)).toEqual(['d', 'e', 'f', 'g'])
  })

  test('gaps and attempts are said between the lines', () => {
    const store = new LogStore()
    store.push([line('a'), { ...line('b'), lostBytes: 1_200 }, line('c', 'stdout', 2)])
    store.push([{ ...line('', 'stderr', 2), lostBytes: 0 }])
    expect(textsOf(store)).toEqual([
      'a',
      '(at least 1,200 bytes of stdout are missing here: the worker keeps only the newest part)',
      'b',
      '(attempt 2)',
      'c',
      '(some of stderr is missing here: the worker keeps only the newest part)',
    ])
  })

  test('a search fits what is shown, and what comes', () => {
    const store = new LogStore()
    store.push([line('Error one'), line('fine'), line(`${esc}[31merror${esc}[0m two`, 'stderr')])
    store.search('ERROR')
    expect(store.matches).toEqual([0, 2])
    store.push([line('an error three')])
    expect(store.matches).toEqual([0, 2, 3])
    store.hide('stderr')
    expect(store.matches).toEqual([0, 3])
    store.search('')
    expect(store.matches).toEqual([])
  })

  test('the next match, round and round', () => {
    expect(nextMatch([2, 5, 9], undefined)).toBe(2)
    expect(nextMatch([2, 5, 9], 5)).toBe(9)
    expect(nextMatch([2, 5, 9], 9)).toBe(2)
    expect(nextMatch([2, 5, 9], 2, { back: true })).toBe(9)
    // The one it was at has been let go of.
    expect(nextMatch([5, 9], 2)).toBe(5)
    expect(nextMatch([], 2)).toBeUndefined()
  })
})

describe('rows in sight', () => {
  test('only those, and some beyond', () => {
    const { from, to, topPx, totalPx } = windowOf({ count: 100_000, rowPx: 20 }, 40_000, 600)
    expect([from <= 2_000, to >= 2_031, to - from < 80]).toEqual([true, true, true])
    expect([topPx, totalPx]).toEqual([from * 20, 2_000_000])
  })

  test('what is open takes room', () => {
    const shape = { count: 100, rowPx: 10, extras: new Map([[3, 500]]) }
    expect(topOf(shape, 3)).toBe(30)
    expect(topOf(shape, 4)).toBe(540)
    expect(windowOf(shape, 300, 100).from).toBe(0)
    expect(windowOf(shape, 300, 100).totalPx).toBe(1_500)
    expect(windowOf({ ...shape, count: 0 }, 0, 100)).toMatchObject({ from: 0, to: 0 })
  })
})
