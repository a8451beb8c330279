import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../runtime/manager/heap.ts'

test('gives items in order, whatever was pushed and taken from the middle', () => {
  const step = fc.record({ push: fc.boolean(), rank: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new Heap<number>((a, b) => a < b)
      const expected = new Set<number>()
      for (const { push, rank } of steps) {
        if (push) heap.push(rank)
        else heap.remove(rank)
        if (push) expected.add(rank)
        else expected.delete(rank)
        expect(heap.size).toBe(expected.size)
        expect(heap.has(rank)).toBe(push)
        expect(heap.peek()).toBe(expected.size > 0 ? Math.min(...expected) : undefined)
      }
      const order: number[] = []
      for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
        order.push(first)
        heap.remove(first)
      }
      expect(order).toEqual([...expected].sort((a, b) => a - b))
    }),
    { numRuns: 500 },
  )
})

test('keeps its order when many leave a large one in any sequence', () => {
  const ranks = Array.from({ length: 40 }, (_, at) => at)
  const shuffled = fc.shuffledSubarray(ranks, { minLength: ranks.length })
  fc.assert(
    fc.property(shuffled, fc.shuffledSubarray(ranks, { maxLength: 25 }), (pushed, removed) => {
      const heap = new Heap<number>((a, b) => a < b)
      for (const rank of pushed) heap.push(rank)
      for (const rank of removed) heap.remove(rank)
      for (const rank of ranks.filter((each) => !removed.includes(each))) {
        expect(heap.peek()).toBe(rank)
        heap.remove(rank)
      }
      expect(heap.size).toBe(0)
    }),
    { numRuns: 300 },
  )
})
