/** A history in a file is the history, and what is no history is told so. */
import { describe, expect, test } from 'vitest'
import { taskMachine } from '../../actors/task.ts'
import { type MachineLike, readGraph } from '../../inspector/chart/graph.ts'
import { builtInMachines } from '../../inspector/chart/machines.ts'
import { type HistoryFile, historyFileOf, readSaved } from '../../inspector/page/task/history-file.ts'
import { replayed } from '../../inspector/page/task/replay.ts'
import { embedDocument } from '../../runtime/cli/standalone.ts'
import { emptyDocument, standalonePage } from '../../scripts/lib/standalone.ts'
import { decision, histories, type Recorded } from './recorded.ts'

const line = { text: 'hello </script>', stream: 'stdout', attempt: 1, atMs: 5 } as const

function fileOf({ spec, events, view }: Recorded): HistoryFile {
  const { steps } = replayed({ spec, decision: undefined }, events)
  const explanation = { task: view, spec, decision, attempts: [], events, timers: [] }
  const live = { task: view, spec, explanation, steps, isTrimmed: false, source: 'live', nowMs: 9 } as const
  return historyFileOf(live, { logId: 'log-1', clusterId: 'cluster-1' }, { lines: [line], note: null })
}

const exit = fileOf(histories.exit as Recorded)
const read = (value: unknown) => readSaved(JSON.stringify(value))

describe('a history', () => {
  test.each(Object.entries(histories))('of %s is in its file whole', (_name, recorded) => {
    const file = fileOf(recorded)
    const opened = read(file)
    if (opened.type !== 'history') throw new Error(JSON.stringify(opened))
    const { history, origin, unknown } = opened
    expect(history.task).toEqual(JSON.parse(JSON.stringify(recorded.view)))
    expect(history.steps.map(({ event }) => event)).toEqual(JSON.parse(JSON.stringify(recorded.events)))
    expect(history.steps.every(({ context }) => context !== undefined)).toBe(true)
    expect([history.source, history.nowMs, history.isTrimmed, unknown]).toEqual([
      ...['file', file.savedAtMs, false, undefined],
    ])
    expect(origin).toEqual({ logId: 'log-1', clusterId: 'cluster-1' })
    expect(history.output).toEqual([line])
  })

  test('is saved without the values of its variables', () => {
    const recorded = histories.exit as Recorded
    const spec = { ...recorded.spec, env: { COLOUR: 'hunter2' }, secretEnv: { TOKEN: '***' } }
    const file = fileOf({ ...recorded, spec })
    expect(JSON.stringify(file)).not.toContain('hunter2')
    expect(file.spec).toMatchObject({ env: { COLOUR: '***' }, secretEnv: { TOKEN: '***' } })
  })

  test('has what every scheduler would have decided, if the manager told that', () => {
    const schedulers = [decision, { ...decision, scheduler: 'epvm' }]
    const opened = read({ ...exit, explanation: { ...exit.explanation, schedulers } })
    expect(opened).toMatchObject({ type: 'history', history: { explanation: { schedulers } } })
  })

  test('of a page of before says nothing of its cluster', () => {
    expect(read({ ...exit, clusterId: undefined })).toMatchObject({ origin: { logId: 'log-1', clusterId: undefined } })
  })

  test('without its beginning says so', () => {
    const opened = read({ ...exit, events: exit.events.slice(1) })
    expect(opened).toMatchObject({ type: 'history', history: { isTrimmed: true } })
    expect(opened.type === 'history' && opened.unknown).toMatch(/no longer has what came before/)
  })

  test('of which the manager told no more than the task and its log is one, too', () => {
    expect(read({ ...exit, spec: null, explanation: null, logId: null, output: [] })).toMatchObject({ type: 'history' })
  })
})

describe('what is not a history', () => {
  const cases: [string, string, RegExp][] = [
    ['text', 'hello', /not JSON/],
    ['nothing', '', /not JSON/],
    ['another JSON', '{"a":1}', /no history/],
    ['null', 'null', /no history/],
    ['a list', '[]', /no history/],
    ['of a version to come', '{"format":"troupe.task-history/2"}', /does not read/],
    ['without a task', JSON.stringify({ ...exit, task: undefined }), /damaged: in "task"/],
    ['with a task that is none', JSON.stringify({ ...exit, task: { ...exit.task, state: 'Sad' } }), /"task".*state/],
    ['with events that are none', JSON.stringify({ ...exit, events: [{ revision: 1 }] }), /"events", at 0/],
    ['without events', JSON.stringify({ ...exit, events: 'none' }), /no list "events"/],
    ['with events of another task', JSON.stringify({ ...exit, task: { ...exit.task, id: 'b' } }), /several tasks/],
    ['with a spec that is none', JSON.stringify({ ...exit, spec: { driver: 5 } }), /"spec"/],
    ['with output that is none', JSON.stringify({ ...exit, output: [{ text: 5 }] }), /list of lines/],
    ['of a cluster that is none', JSON.stringify({ ...exit, clusterId: 5 }), /"clusterId" is no text/],
    ['without a time', JSON.stringify({ ...exit, savedAtMs: 'then' }), /no time/],
    ['half explained', JSON.stringify({ ...exit, explanation: { attempts: [], timers: 1 } }), /attempts or timers/],
    [
      'decided by nothing',
      JSON.stringify({ ...exit, explanation: { attempts: [], timers: [], decision: {} } }),
      /scores/,
    ],
    [
      'compared with nothing',
      JSON.stringify({ ...exit, explanation: { ...exit.explanation, schedulers: [{ scheduler: 'epvm' }] } }),
      /schedulers would decide/,
    ],
  ]
  test.each(cases)('%s is told so', (_name, text, why) => {
    const opened = readSaved(text)
    expect(opened).toMatchObject({ type: 'wrong', why: expect.stringMatching(why) })
    expect(opened.type === 'wrong' && opened.why).toMatch(/\.$/)
  })
})

describe('a chart', () => {
  const graph = readGraph(taskMachine as MachineLike)
  const format = 'troupe.chart/1'

  test.each(Object.keys(builtInMachines))('of our own machine %s is read as it was written', (name) => {
    const own = readGraph(builtInMachines[name as keyof typeof builtInMachines])
    expect(read({ format, ...own })).toMatchObject({ type: 'chart', graph: JSON.parse(JSON.stringify(own)) })
  })

  test('that cannot be drawn is told so', () => {
    const [first, ...rest] = graph.transitions
    const wrongs: [unknown, RegExp][] = [
      [{ format, id: 'm' }, /a state is missing/],
      [{ format, ...graph, transitions: [{ ...first, targets: ['nowhere'] }, ...rest] }, /transition 0/],
      [{ format, ...graph, transitions: undefined }, /no list of transitions/],
      [{ format, ...graph, root: { ...graph.root, states: [graph.root] } }, /two states/],
      [{ format, ...graph, root: { ...graph.root, kind: 'odd' } }, /of no kind/],
      [{ format, ...graph, root: { ...graph.root, initial: 'nowhere' } }, /begins in one/],
      [{ format, ...graph, root: { ...graph.root, entry: [5] } }, /not whole/],
      [{ format, root: graph.root, transitions: [] }, /no id/],
    ]
    for (const [value, why] of wrongs)
      expect(read(value)).toMatchObject({ type: 'wrong', why: expect.stringMatching(why) })
  })
})

describe('a page in one file', () => {
  const index =
    '<head><link rel="stylesheet" href="app.css" /><script type="module" src="app.js"></script></head><body><div></div></body>'
  const evil = '</script><script>alert(1)</script><!-- $& $1'
  const parts = { index, script: `const a = '${evil}'`, style: 'a{}', data: { 'troupe-charts': { evil } } }

  test('has nothing in it that ends a script before its end', () => {
    const page = embedDocument(standalonePage(parts), { text: evil })
    expect(page.match(/<\/script>/g)).toHaveLength(3)
    expect(page).not.toContain('<!--')
    expect(page).not.toMatch(/ (?:src|href)=/)
    const code = /<script type="module">(.*?)<\/script>/s.exec(page)?.[1] ?? ''
    expect(new Function(`${code}; return a`)()).toBe(evil)
  })

  test('bears what is put into it, unchanged', () => {
    const page = embedDocument(standalonePage(parts), { text: evil })
    const json = /id="troupe-embedded">(.*?)<\/script>/s.exec(page)?.[1] ?? ''
    expect(JSON.parse(json)).toEqual({ text: evil })
    expect(JSON.parse(/id="troupe-charts">(.*?)<\/script>/s.exec(page)?.[1] ?? '')).toEqual({ evil })
  })

  test('is refused where there is no place for it', () => {
    expect(standalonePage(parts)).toContain(emptyDocument)
    expect(() => embedDocument('<html></html>', {})).toThrow(/takes no document/)
    expect(() => standalonePage({ ...parts, index: '<html></html>' })).toThrow(/not just once/)
  })
})
