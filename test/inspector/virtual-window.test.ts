import { describe, expect, test } from 'vitest'
import { scrollTo, windowLimits, windowOf } from '../../inspector/page/tasks/virtual-window.ts'

const { heightPxMax, overscan } = windowLimits
const view = { rowPx: 40, viewPx: 800 }

describe('the rows that are drawn', () => {
  test('are those that can be seen, and a few more', () => {
    expect(windowOf({ ...view, count: 1_000, scrollPx: 0 })).toMatchObject({
      first: 0,
      end: 20 + overscan,
      originPx: 0,
    })
    const { first, end, totalPx } = windowOf({ ...view, count: 1_000, scrollPx: 4_000 })
    expect([first, end, totalPx]).toEqual([100 - overscan, 120 + overscan, 40_000])
  })

  test('are all of a short list, and none of an empty one', () => {
    expect(windowOf({ ...view, count: 3, scrollPx: -300 })).toEqual({ first: 0, end: 3, originPx: 0, totalPx: 120 })
    expect(windowOf({ ...view, count: 0, scrollPx: 500 })).toEqual({ first: 0, end: 0, originPx: 0, totalPx: 0 })
  })

  test('are the last at the end, and beyond it', () => {
    for (const scrollPx of [39_200, 90_000]) expect(windowOf({ ...view, count: 1_000, scrollPx }).end).toBe(1_000)
  })

  test.each([100_000, 1_000_000])('of %d are few, lie where one looks, and leave out none', (count) => {
    const { totalPx } = windowOf({ ...view, count, scrollPx: 0 })
    expect(totalPx).toBeLessThanOrEqual(heightPxMax)
    for (let share = 0; share <= 1; share += 0.01) {
      const scrollPx = share * (totalPx - view.viewPx)
      const { first, end, originPx } = windowOf({ ...view, count, scrollPx })
      expect(end - first).toBeLessThanOrEqual(20 + 2 * overscan + 2)
      expect(originPx + first * view.rowPx).toBeLessThanOrEqual(scrollPx + 0.01)
      expect(originPx + end * view.rowPx).toBeGreaterThanOrEqual(scrollPx + view.viewPx - 0.01)
    }
    expect(windowOf({ ...view, count, scrollPx: totalPx - view.viewPx }).end).toBe(count)
  })
})

describe('to see a row whole', () => {
  test.each([100_000, 1_000_000])('of %d one scrolls as little as needed', (count) => {
    const at = { ...view, count, scrollPx: 4_000 }
    for (const index of [0, 7, 99, 140, 50_000, count - 1]) {
      const scrollPx = scrollTo(index, at, 36) ?? at.scrollPx
      const { originPx } = windowOf({ ...at, scrollPx })
      const topPx = originPx + index * at.rowPx
      // Behind the titles only what has nothing above it, where they do not cover the list.
      expect(topPx).toBeGreaterThanOrEqual(scrollPx + (index === 0 ? 0 : 35.9))
      expect(topPx + at.rowPx).toBeLessThanOrEqual(scrollPx + at.viewPx + 0.1)
      // Once there, it stays.
      if (index > 0) expect(scrollTo(index, { ...at, scrollPx: scrollPx + 0.001 }, 35.5)).toBeUndefined()
    }
  })

  test('nothing moves where it is seen already', () => {
    const at = { ...view, count: 1_000, scrollPx: 4_000 }
    const seen = Array.from({ length: 1_000 }, (_, index) => index).filter(
      (index) => scrollTo(index, at, 36) === undefined,
    )
    expect([seen[0], seen.at(-1)]).toEqual([101, 119])
  })

  test('a list that begins below the window’s top is no reason to move up', () => {
    const at = { ...view, count: 1_000, scrollPx: -300 }
    expect(scrollTo(0, at, 36)).toBeUndefined()
    expect(scrollTo(11, at, 36)).toBeUndefined()
    expect(scrollTo(14, at, 36)).toBe(0)
    expect(scrollTo(30, at, 36)).toBe(31 * 40 - 800)
  })
})
