import { describe, expect, test } from 'vitest'
import { everyTask, type TasksQuery } from '../../inspector/page/route.ts'
import { createFilter, isNarrow, searchTextOf, toggled } from '../../inspector/page/tasks/task-filter.ts'
import { attemptOf, outcomeOf, triesOf, whatOf } from '../../inspector/page/tasks/task-words.ts'
import { viewOf } from './task-view.ts'

const web = viewOf('web1', {
  name: 'Front Door',
  image: 'nginx:1.27',
  command: ['nginx', '-g', 'daemon off;'],
  labels: { team: 'shop', stage: 'prod' },
  driver: 'docker',
  node: 'north',
})
const batch = viewOf('batch1', {
  name: 'nightly',
  command: ['node', 'report.js'],
  labels: { team: 'ops' },
  state: 'Failed',
})
const queued = viewOf('queued1', { name: 'later', node: null, state: 'Pending', detail: 'Queued' })

function found(part: Partial<TasksQuery>): string[] {
  const filter = createFilter({ ...everyTask, ...part })
  const tasks = [web, batch, queued]
  return tasks
    .filter((task) => filter.fitsState(task) && filter.fitsRest({ task, text: searchTextOf(task) }))
    .map(({ id }) => id)
}

describe('a search', () => {
  test.each([
    ['', ['web1', 'batch1', 'queued1']],
    ['  ', ['web1', 'batch1', 'queued1']],
    ['FRONT', ['web1']],
    ['nginx:1', ['web1']],
    ['report', ['batch1']],
    ['1', ['web1', 'batch1', 'queued1']],
    ['team=ops', ['batch1']],
    ['team= prod', ['web1']],
    ['door daemon', ['web1']],
    ['door report', []],
    // Words are looked for in one part at a time.
    ['web1front', []],
  ])('for %j finds %j', (search, ids) => expect(found({ search })).toEqual(ids))
})

describe('filters', () => {
  test('of one kind are alternatives, of several all must fit', () => {
    expect(found({ states: ['Failed', 'Pending'] })).toEqual(['batch1', 'queued1'])
    expect(found({ nodes: ['north', 'n1'] })).toEqual(['web1', 'batch1'])
    expect(found({ nodes: ['north'], drivers: ['process'] })).toEqual([])
    expect(found({ drivers: ['docker'], states: ['Running'] })).toEqual(['web1'])
  })

  test('by two values of one label let both through, by two labels only what has both', () => {
    expect(found({ labels: ['team=ops', 'team=shop'] })).toEqual(['web1', 'batch1'])
    expect(found({ labels: ['team=shop', 'stage=prod'] })).toEqual(['web1'])
    expect(found({ labels: ['team=ops', 'stage=prod'] })).toEqual([])
    expect(found({ labels: ['nobody=1'] })).toEqual([])
  })

  test('narrow nothing where there are none', () => {
    expect(isNarrow(everyTask)).toBe(false)
    expect(isNarrow({ ...everyTask, search: ' ' })).toBe(false)
    expect(isNarrow({ ...everyTask, labels: ['a=b'] })).toBe(true)
    expect(toggled(['a', 'b'], 'a')).toEqual(['b'])
    expect(toggled(['a'], 'b')).toEqual(['a', 'b'])
  })
})

describe('a row says', () => {
  test('what runs', () => {
    expect(whatOf(web)).toBe(`nginx:1.27 nginx -g 'daemon off;'`)
    expect(whatOf({ image: 'redis', command: [] })).toBe('redis')
  })

  test.each([
    [{ reason: 'no node is ready' }, 'no node is ready'],
    [{}, ''],
    [{ outcome: 'succeeded', exitCode: 0 }, 'exit 0'],
    [{ outcome: 'stopped', exitCode: 143 }, 'stopped, exit 143'],
    [{ outcome: 'stopped' }, 'stopped'],
    [{ outcome: 'exit', exitCode: 3 }, 'exit 3'],
    [{ outcome: 'exit', exitCode: 137, signal: 'SIGKILL' }, 'exit 137 (SIGKILL)'],
    [{ outcome: 'timeout', reason: 'stopped after 5 s' }, 'timeout: stopped after 5 s'],
    [{ outcome: 'oom', exitCode: 137 }, 'oom, exit 137'],
  ] as const)('what it came to: %j', (given, text) => expect(outcomeOf(viewOf('a', given))).toBe(text))

  test('which attempt it is', () => {
    expect(attemptOf({ attempt: 0, restarts: 0 })).toBe('–')
    expect(attemptOf({ attempt: 1, restarts: 0 })).toBe('1')
    expect(attemptOf({ attempt: 3, restarts: 1 })).toBe('3, 1 restart')
    expect(attemptOf({ attempt: 4, restarts: 3 })).toBe('4, 3 restarts')
    expect(triesOf({ attempt: 1, restarts: 0 })).toBeUndefined()
    expect(triesOf({ attempt: 4, restarts: 3 })).toBe('Tried again 3 times after an attempt had ended')
    expect(triesOf({ attempt: 4, restarts: 1 })).toBe(
      'Tried again 1 time after an attempt had ended, and 2 times because an attempt was lost',
    )
  })
})
