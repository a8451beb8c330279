/** Which part of a chart is in sight. */
import { expect, test } from 'vitest'
import { beginning, fitting, moved, revealing, sightLimits, zoomed } from '../../inspector/page/chart/viewport.ts'

const chart = { width: 1_300, height: 1_600 }
const place = { width: 600, height: 500 }
const small = { width: 200, height: 100 }

test('all of it is in sight when asked for, and no larger than it is', () => {
  const whole = fitting(chart, place)
  expect(whole.scale).toBeCloseTo(500 / 1_600)
  expect(place.height / whole.scale).toBeCloseTo(chart.height)
  expect(fitting(small, place)).toEqual({ x: -200, y: -200, scale: 1 })
})

test('it begins as large as can be read', () => {
  expect(beginning(chart, place)).toEqual({ x: 0, y: 0, scale: sightLimits.legibleScale })
  expect(beginning(small, place)).toEqual(fitting(small, place))
})

test('a state that is out of sight comes into the middle, and one that is in sight moves nothing', () => {
  const begun = beginning(chart, place)
  const state = { x: 700, y: 900, width: 80, height: 30 }
  const seen = revealing(begun, state, chart, place)
  expect(seen.x + place.width / seen.scale / 2).toBeCloseTo(740)
  expect(seen.y + place.height / seen.scale / 2).toBeCloseTo(915)
  expect(revealing(seen, state, chart, place)).toBe(seen)
})

test('zooming keeps the point under the pointer, and ends at its limits', () => {
  const begun = moved(beginning(chart, place), 200, 200, chart, place)
  const around = { x: 150, y: 100 }
  const near = zoomed(begun, 1.5, around, chart, place)
  expect(near.x + around.x / near.scale).toBeCloseTo(begun.x + around.x / begun.scale)
  expect(near.y + around.y / near.scale).toBeCloseTo(begun.y + around.y / begun.scale)
  expect(zoomed(begun, 1e6, around, chart, place).scale).toBe(sightLimits.scaleMax)
  expect(zoomed(begun, 1e-6, around, chart, place).scale).toBe(sightLimits.scaleMin)
})

test('nothing is moved past the edges', () => {
  const begun = beginning(chart, place)
  expect(moved(begun, -500, -500, chart, place)).toMatchObject({ x: 0, y: 0 })
  const far = moved(begun, 1e6, 1e6, chart, place)
  expect(far.x + place.width / far.scale).toBeCloseTo(chart.width)
  expect(far.y + place.height / far.scale).toBeCloseTo(chart.height)
})
