/** How an address names a step of a history, and what a step has changed. */
import { describe, expect, test } from 'vitest'
import type { HostPort } from '../../actors/model.ts'
import { changedPaths } from '../../inspector/page/task/json-changes.ts'
import { momentOf, stepAt } from '../../inspector/page/task/moment.ts'
import { ordinal, sentenceOf } from '../../inspector/page/task/sentence.ts'
import { histories } from './recorded.ts'
import { viewOf } from './task-view.ts'

const steps = [3, 7, 7, 7, 12].map((revision) => ({ event: { revision } }))

describe('a step', () => {
  test('is named by its revision, the last of one that several share without more', () => {
    expect(steps.map((_, index) => momentOf(steps, index))).toEqual(['3', '7.0', '7.1', '7', '12'])
    expect(momentOf(steps, 9)).toBeUndefined()
  })

  test('is found by the name that it has', () => {
    for (const index of steps.keys()) expect(stepAt(steps, momentOf(steps, index) ?? '')).toBe(index)
  })

  test('is the newest before a revision that changed something else', () => {
    expect(stepAt(steps, '11')).toBe(3)
    expect(stepAt(steps, '11.0')).toBe(3)
    expect(stepAt(steps, '99')).toBe(4)
    expect(stepAt(steps, '7.50')).toBe(3)
  })

  test('older than all that is there is none', () => {
    expect(stepAt(steps, '2')).toBeUndefined()
    expect(stepAt([], '2')).toBeUndefined()
  })
})

test('what changed is told by its path, and so is what holds it', () => {
  const before = { same: { a: [1, 2] }, attempts: [{ n: 1 }], gone: 1, kept: null }
  const after = { same: { a: [1, 2] }, attempts: [{ n: 1, end: 3 }], come: {}, kept: null }
  expect([...changedPaths(before, after)].sort()).toEqual(
    ['', 'attempts', 'attempts.0', 'attempts.0.end', 'come', 'gone'].sort(),
  )
  expect(changedPaths(before, structuredClone(before)).size).toBe(0)
  expect([...changedPaths([1], { 0: 1 })]).toContain('')
})

test('a task is told in a sentence', () => {
  const of = (name: string) => sentenceOf((histories[name] as (typeof histories)[string]).view)
  expect(of('exit')).toBe('Failed: exited with code 3, on node-1.')
  expect(of('success')).toBe('Completed: exited with code 0, on node-1.')
  expect(of('restart with back-off')).toBe('Completed: exited with code 0, after 3 attempts, on node-2.')
  expect(of('oom')).toContain('out of memory')
  expect(of('unplaceable')).toBe('Failed: no node was found within 30000 ms: no node is ready.')
  expect(of('health')).toMatch(/^It waits before it is tried again, after 1 attempt/)
})

test('a task that is reached from outside says where', () => {
  const ports: HostPort[] = [
    { target: 80, host: 8080, protocol: 'tcp' },
    { target: 53, host: 20_001, protocol: 'udp' },
  ]
  const runs = viewOf('web', { ports: ports.slice(0, 1) })
  expect(sentenceOf(runs)).toBe('It runs on n1 at port 8080→80.')
  expect(sentenceOf({ ...runs, ports, attempt: 2 })).toBe(
    'It runs on n1 at ports 8080→80, 20001→53/udp, in its 2nd attempt.',
  )
})

test('numbers of attempts have the endings of their language', () => {
  expect([1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal).join(' ')).toBe('1st 2nd 3rd 4th 11th 12th 13th 21st 112th')
})
