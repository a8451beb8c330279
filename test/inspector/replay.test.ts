/** Stepping a task's machine along its log gives what the manager knew at each step, or says from where on it does not. */
import { describe, expect, test } from 'vitest'
import { divergenceText, Replay, replayed } from '../../inspector/page/task/replay.ts'
import { decision, exited, histories, placedOn, recorded, started } from './recorded.ts'

const noDecision = { decision: undefined }

describe.each(Object.entries(histories))('the log of %s', (_name, { spec, events, contexts }) => {
  test('gives the contexts that the manager had', () => {
    const { steps, divergence } = replayed({ spec, ...noDecision }, events)
    expect(divergence).toBeUndefined()
    expect(steps.map(({ event }) => event)).toEqual(events)
    const told = contexts.map((context) => ({ ...context, decision: undefined }))
    expect(steps.map(({ context }) => context)).toEqual(told)
  })

  test('that has lost its beginning gives none, and says so', () => {
    const { steps, divergence } = replayed({ spec, ...noDecision }, events.slice(1))
    expect(divergence).toEqual({ why: 'trimmed', from: 0 })
    expect(steps.every(({ context }) => context === undefined)).toBe(true)
  })
})

const { spec, events } = recorded({}, placedOn(1), started, exited(3))

test('values of the environment may be masked', () => {
  const { spec: whole, events: log } = histories.success as (typeof histories)[string]
  const masked = { ...whole, env: { KEY: '***' } }
  expect(replayed({ spec: masked, ...noDecision }, log)).toEqual(replayed({ spec: whole, ...noDecision }, log))
})

test('the decision belongs to the attempt that it was made for, and to no other', () => {
  const { events: log, spec: own } = histories['restart with back-off'] as (typeof histories)[string]
  const atMs = log.findLast(({ event }) => event.type === 'Placed')?.atMs as number
  const newest = { ...decision, picked: 'n-2', atMs }
  const { steps } = replayed({ spec: own, decision: newest }, log)
  const known = steps.filter(({ context }) => context?.decision !== undefined)
  expect(known.map(({ context }) => context?.attempt)).toEqual([3, 3, 3])
})

test('a decision that becomes known later is given to its own attempt, and none is taken away', () => {
  const { events: log, spec: own } = histories['restart with back-off'] as (typeof histories)[string]
  const times = log.filter(({ event }) => event.type === 'Placed').map(({ atMs }) => atMs)
  const replay = new Replay({ spec: own, decision: undefined })
  for (const event of log) replay.push(event)
  const known = () => replay.steps.flatMap(({ context, index }) => (context?.decision === undefined ? [] : [index]))
  expect(known()).toEqual([])
  replay.decide({ ...decision, atMs: times[1] as number })
  expect(known()).toEqual([5, 6, 7, 8])
  replay.decide({ ...decision, picked: 'n-2', atMs: times[2] as number })
  expect(known()).toEqual([5, 6, 7, 8, 9, 10, 11])
  const { picked: _, ...refusal } = decision
  replay.decide({ ...refusal, atMs: times[0] as number })
  expect(known()).toHaveLength(7)
})

test('a step that the machine does not take so ends what is known, and not what is shown', () => {
  const odd = events.map((event, index) => (index === 2 ? { ...event, to: 'Running.Elsewhere' } : event))
  const { steps, divergence } = replayed({ spec, ...noDecision }, odd)
  expect(divergence).toEqual({ why: 'differs', from: 2, expected: 'Running.Elsewhere', got: 'Running.Up' })
  expect(steps.map(({ context }) => context !== undefined)).toEqual([true, true, false, false])
  expect(steps).toHaveLength(4)
  expect(divergence && divergenceText(divergence)).toContain('From step 3 on')
})

test('an attempt with another number is another past', () => {
  const odd = events.map((event) => (event.attempt === 1 ? { ...event, attempt: 2 } : event))
  expect(replayed({ spec, ...noDecision }, odd).divergence).toMatchObject({ why: 'differs', from: 1 })
})

test('an event that this version does not know, or that lacks what it needs, breaks nothing', () => {
  const odd = [
    ...events.slice(0, 2),
    { ...events[2], event: { type: 'Elsewhere' } },
    ...events.slice(3),
  ] as typeof events
  expect(replayed({ spec, ...noDecision }, odd).divergence).toMatchObject({ why: 'differs', from: 2 })
  const bare = [...events.slice(0, 2), { ...events[2], event: { type: 'HealthChanged' } }] as typeof events
  expect(replayed({ spec, ...noDecision }, bare).divergence).toMatchObject({ why: 'differs', from: 2 })
})

test('without a specification nothing is known', () => {
  const { steps, divergence } = replayed({ spec: undefined, ...noDecision }, events)
  expect(divergence).toEqual({ why: 'no-spec', from: 0 })
  expect(steps).toHaveLength(4)
})
