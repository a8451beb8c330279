import { expect, test } from 'vitest'
import { createSparingLogger } from '../../runtime/manager/sparing-logger.ts'
import { LineBudget, lineLimits } from '../../transport/line-budget.ts'

const { linesPerTextMax, linesMax, windowMs } = lineLimits

test('so many lines of a text in a minute, of others as well; then it is said how many were left out', () => {
  let nowMs = 0
  const budget = new LineBudget(() => nowMs)
  const taken = Array.from({ length: linesPerTextMax + 3 }, () => budget.take('a'))
  expect(taken.filter((leftOut) => leftOut === 0)).toHaveLength(linesPerTextMax)
  expect(taken.slice(linesPerTextMax)).toEqual([undefined, undefined, undefined])
  expect(budget.take('b')).toBe(3)
  expect(budget.take('b')).toBe(0)
  nowMs = windowMs - 1
  expect(budget.take('a')).toBeUndefined()
  nowMs = windowMs
  expect(budget.take('a')).toBe(1)
})

test('texts that are all different have a bound as well', () => {
  const budget = new LineBudget(() => 0)
  const taken = Array.from({ length: linesMax * 3 }, (_, at) => budget.take(String(at)))
  expect(taken.filter((leftOut) => leftOut !== undefined)).toHaveLength(linesMax)
})

test('a logger within such a budget', () => {
  let nowMs = 0
  const lines: unknown[] = []
  const log = (message: string, fields?: Record<string, unknown>) => lines.push([message, fields])
  const logger = createSparingLogger({ debug: log, info: log, warn: log, error: log }, { uptimeMs: () => nowMs })
  for (let count = 0; count < linesPerTextMax + 5; count += 1) logger.warn('again', { count })
  nowMs = windowMs
  logger.error('again', { count: 'more' })
  expect(lines).toHaveLength(linesPerTextMax + 1)
  expect(lines[0]).toEqual(['again', { count: 0 }])
  expect(lines.at(-1)).toEqual(['again', { count: 'more', linesLeftOut: 5 }])
})
