/** The benches' median says how far it can be trusted. */
import { expect, test } from 'vitest'
import { medianOf } from '../scripts/bench/interval.ts'

test('of ten it is the mean of the middle two, from the second to the ninth', () => {
  const { confidence, ...median } = medianOf([10, 1, 9, 2, 8, 3, 7, 4, 6, 5])
  expect(median).toEqual({ median: 5.5, low: 2, high: 9 })
  expect(confidence).toBeCloseTo(1 - 22 / 1_024, 10)
})

test('of few it gives the extremes, and says how little sure they are', () => {
  expect(medianOf([3])).toEqual({ median: 3, low: 3, high: 3, confidence: 0 })
  expect(medianOf([2, 3, 1])).toEqual({ median: 2, low: 1, high: 3, confidence: 0.75 })
})

test('of many it is narrower', () => {
  const { low, high, confidence } = medianOf(Array.from({ length: 30 }, (_, at) => at + 1))
  expect([low, high]).toEqual([10, 21])
  expect(confidence).toBeGreaterThan(0.95)
})
