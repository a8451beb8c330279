import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { TaskSpec } from '../../actors/model.ts'
import { endText, payloadOf, payloadText, stateText } from '../../inspector/page/task/panels/event-text.ts'
import { groupRefusals, rankScores } from '../../inspector/page/task/panels/placement-text.ts'
import { specRows } from '../../inspector/page/task/panels/spec-rows.ts'
import { yamlOf } from '../../inspector/page/task/panels/spec-text.ts'
import { StatsSeries, summaryOf } from '../../inspector/page/task/panels/stats-series.ts'
import { stepsOf } from './steps.ts'

const eventOf = (event: { type: string } & Record<string, unknown>) =>
  (stepsOf([[0, event, 'Running.Up', 'Failed', 1]])[0] as ReturnType<typeof stepsOf>[number]).event

describe('steps in words', () => {
  test('what of a payload one would ask for', () => {
    const oom = eventOf({ type: 'Exited', exitCode: 137, signal: 'SIGKILL', oomKilled: true })
    expect(payloadText(oom)).toBe('exit 137, SIGKILL, out of memory')
    expect(endText(oom)).toBe('exit 137, SIGKILL, out of memory')
    expect(payloadOf(oom)).toEqual({ exitCode: 137, signal: 'SIGKILL', oomKilled: true })
    const failed = eventOf({ type: 'StartFailed', code: 'no-such-image', message: 'there is none', retryable: false })
    expect(payloadText(failed)).toBe('no-such-image, there is none')
    expect(endText(failed)).toBe('start failed: no-such-image')
    expect(payloadText(eventOf({ type: 'OfTomorrow', any: { thing: 1 } }))).toBe('')
    expect(payloadOf(eventOf({ type: 'Stop' }))).toBeUndefined()
    expect(stateText('Running.Up')).toBe('Running')
  })
})

describe('a placement in words', () => {
  test('refusals with one reason together, the most frequent first', () => {
    const refusals = ['not ready', 'lacks 512 MiB', 'not ready'].map((why, at) => ({
      nodeId: `n${at}`,
      name: `n-${at}`,
      why,
    }))
    expect(groupRefusals(refusals)).toEqual([
      { why: 'not ready', nodes: ['n-0', 'n-2'] },
      { why: 'lacks 512 MiB', nodes: ['n-1'] },
    ])
  })

  test('the lowest cost first, and the picked one marked wherever it is', () => {
    const scores = [
      { nodeId: 'b', name: 'b', cost: 2 },
      { nodeId: 'a', name: 'a', cost: 0.5 },
    ]
    const ranked = rankScores({ scheduler: 'epvm', atMs: 0, picked: 'b', scores, refusals: [], considered: 2 })
    expect(ranked.map(({ name, isPicked, share }) => [name, isPicked, share])).toEqual([
      ['a', false, 0.25],
      ['b', true, 1],
    ])
  })
})

const spec: TaskSpec = {
  name: 'yes',
  driver: 'docker',
  image: 'registry.example/app:1.2',
  command: ['sh', '-c', 'echo "a: b"; # no comment\nexit 3'],
  env: { COLOUR: 'red', 'odd name': '***' },
  secretEnv: { TOKEN: '***' },
  labels: { zone: '01', on: 'off' },
  mounts: [{ source: '/data', target: '/in', readOnly: true }],
  tmpfs: [{ target: '/run', sizeBytes: 2 ** 20 }],
  readOnly: true,
  ports: [
    { target: 80, host: 8080 },
    { target: 53, protocol: 'udp' },
  ],
  restart: { policy: 'on-failure', max: 3, backOffMs: 500 },
  entrypoint: [],
  rerunOf: 'before',
}

describe('a specification', () => {
  test('as YAML reads as the same', () => expect(parse(yamlOf(spec))).toEqual(spec))

  test.each([
    'null',
    '~',
    '1',
    '-',
    ' x',
    'x ',
    'a: b',
    '#',
    '',
    'é',
    '2026-01-01',
    '0x1f',
    '*a',
    '&a',
    '!a',
    '%',
    '- a',
    'a:b',
    'a:',
    'registry.example/app:1',
  ])('the word %j stays a word', (word) =>
    expect(parse(yamlOf({ word, list: [word, { word }] }))).toEqual({ word, list: [word, { word }] }),
  )

  test('as rows shows what is masked as masked', () => {
    const rows = specRows(spec).flatMap((group) => group.rows)
    expect(rows.filter(({ kind }) => kind === 'masked')).toEqual([
      { name: 'odd name', value: 'masked', kind: 'masked' },
      { name: 'TOKEN', value: 'masked', kind: 'masked' },
    ])
    expect(rows).toContainEqual({ name: 'COLOUR', value: 'red', kind: 'code' })
    expect(rows).toContainEqual({ name: 'In memory', value: '/run (1 MiB)', kind: 'code' })
    expect(rows).toContainEqual({ name: 'Port', value: 'any→53/udp', kind: 'code' })
    expect(rows).toContainEqual({ name: 'Read only', value: 'yes', kind: 'text' })
    expect(rows).toContainEqual({ name: 'Runs again', value: 'before', kind: 'task' })
    expect(specRows({ driver: 'process' }).map(({ title }) => title)).toEqual(['What runs'])
  })
})

describe('what a task used', () => {
  const sample = (atMs: number, rest: object = {}) => ({ attempt: 1, atMs, memoryBytes: 10, ...rest })

  test('as columns of one length, with rates of the network', () => {
    const series = new StatsSeries()
    series.push(sample(1_000, { netRxBytes: 0, netTxBytes: 5 }))
    series.push(sample(3_000, { cores: 0.5, netRxBytes: 400, netTxBytes: 5 }))
    expect(series.columns).toMatchObject({ at: [1, 3], cores: [null, 0.5], received: [null, 200], sent: [null, 0] })
    expect(series.newest('received')).toBe(200)
    expect(summaryOf(series.columns.cores)).toEqual({ least: 0.5, most: 0.5, mean: 0.5 })
    expect(summaryOf([null])).toBeUndefined()
  })

  test('a new attempt begins a new line, also by a clock that is behind', () => {
    const series = new StatsSeries()
    series.push(sample(5_000))
    series.push({ ...sample(4_000), attempt: 2, memoryBytes: 20 })
    series.push({ ...sample(4_500), attempt: 2, memoryBytes: 30 })
    series.push({ ...sample(6_000), attempt: 2, memoryBytes: 40 })
    const { at, memory } = series.columns
    expect(memory).toEqual([10, null, 20, 40])
    expect(at.every((seconds, place) => place === 0 || seconds > (at[place - 1] as number))).toBe(true)
  })

  test('is bounded', () => {
    const series = new StatsSeries({ samplesMax: 3 })
    for (let at = 1; at <= 9; at += 1) series.push(sample(at * 1_000))
    expect(series.columns.at).toEqual([7, 8, 9])
    expect(series.columns.memory).toHaveLength(3)
  })
})
