/** Who holds which port of a node, and which free one is given next. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { HeldPort, Port } from '../../actors/model.ts'
import { PortLedger, portLedgerLimits } from '../../runtime/manager/port-ledger.ts'

let ledger: PortLedger
beforeEach(() => {
  ledger = new PortLedger()
  ledger.setRange({ from: 100, to: 103 })
})

const tcp = (host: number): HeldPort => ({ host, protocol: 'tcp' })
const free: Port = { target: 80 }
const give = (asked: readonly Port[] = [free], atMs = 0) => ledger.give(asked, atMs).map(({ host }) => host)

describe('a free port', () => {
  test('is each time another, so that one just given back is not the next', () => {
    expect([give(), give(), give(), give(), give()]).toEqual([[100], [101], [102], [103], [100]])
  })

  test('is none that is held, and none that the same task asks for by number', () => {
    ledger.hold('a.1', [tcp(101)])
    expect(give([free, { target: 81, host: 100 }, { target: 82 }])).toEqual([102, 100, 103])
  })

  test('is of its protocol', () => {
    ledger.hold('a.1', [tcp(100)])
    expect(give([{ target: 53, protocol: 'udp' }])).toEqual([100])
    expect(ledger.free('tcp')).toBe(3)
    expect(ledger.free('udp')).toBe(4)
  })

  test('comes after the highest that is held, when nobody knows any more what was given out', () => {
    ledger.hold('a.1', [tcp(101)])
    ledger.hold('b.1', [tcp(9_000)])
    expect([give(), give(), give()]).toEqual([[102], [103], [100]])
  })

  test('is refused where there is none', () => {
    ledger.hold('a.1', [tcp(100), tcp(101), tcp(102), tcp(103)])
    expect(ledger.free('tcp')).toBe(0)
    expect(() => give()).toThrow(/no free port of tcp/)
    expect(() => new PortLedger().give([free], 0)).toThrow(/no free port/)
  })
})

describe('a port that something else holds', () => {
  test('is given out last, and again once that is long ago', () => {
    ledger.suspect([tcp(100), tcp(101)], 0)
    ledger.suspect([tcp(102)], 1)
    expect([give(), give()]).toEqual([[103], [103]])
    ledger.hold('a.1', [tcp(103)])
    // The one of which that was found out first.
    expect(give()).toEqual([100])
    expect(give([free], portLedgerLimits.suspectMs)).toEqual([100])
    expect(give([free], portLedgerLimits.suspectMs)).toEqual([101])
  })

  test('is forgotten when there are too many', () => {
    ledger.setRange({ from: 1, to: 65_535 })
    const all = Array.from({ length: portLedgerLimits.suspectsMax + 1 }, (_, at) => tcp(at + 1))
    ledger.suspect(all, 0)
    expect(give()).toEqual([1])
    expect(give()).toEqual([portLedgerLimits.suspectsMax + 2])
  })
})

describe('who holds what', () => {
  test('is known by task until it is given back', () => {
    ledger.hold('web.2', [tcp(8080), { host: 53, protocol: 'udp' }])
    expect([ledger.holder(8080, 'tcp'), ledger.holder(53, 'udp'), ledger.holder(53, 'tcp')]).toEqual([
      'web',
      'web',
      undefined,
    ])
    expect(ledger.held).toBe(2)
    ledger.drop('web.2')
    expect([ledger.holder(8080, 'tcp'), ledger.held]).toEqual([undefined, 0])
    ledger.drop('web.2')
    expect(ledger.held).toBe(0)
  })

  test('counts once where two are said to hold it, until both are gone', () => {
    expect(ledger.hold('a.1', [tcp(100)])).toBe(true)
    expect(ledger.hold('b.1', [tcp(100)])).toBe(false)
    expect(ledger.free('tcp')).toBe(3)
    ledger.drop('a.1')
    expect([ledger.holder(100, 'tcp'), ledger.free('tcp')]).toEqual(['b', 3])
    ledger.drop('b.1')
    expect(ledger.free('tcp')).toBe(4)
  })

  test('is counted anew when the range is another one', () => {
    ledger.hold('a.1', [tcp(100), tcp(200)])
    ledger.setRange({ from: 200, to: 200 })
    expect([ledger.free('tcp'), ledger.free('udp')]).toEqual([0, 1])
    ledger.setRange({ from: 90, to: 200 })
    expect([give(), ledger.free('tcp')]).toEqual([[90], 109])
    ledger.setRange(undefined)
    expect(ledger.free('tcp')).toBe(0)
  })

  test('whatever happens: no port has two holders, and what is free adds up', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('give' as const), wanted: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ type: fc.constant('drop' as const), at: fc.nat(20) }),
      fc.record({ type: fc.constant('suspect' as const), port: fc.integer({ min: 98, max: 112 }) }),
      fc.record({ type: fc.constant('range' as const), to: fc.integer({ min: 99, max: 110 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const tested = new PortLedger()
        let range = { from: 100, to: 105 }
        tested.setRange(range)
        const held = new Map<string, number[]>()
        for (const [at, each] of steps.entries()) {
          if (each.type === 'drop') {
            const name = [...held.keys()][each.at]
            if (name !== undefined) tested.drop(name)
            if (name !== undefined) held.delete(name)
          } else if (each.type === 'suspect') tested.suspect([tcp(each.port)], at)
          else if (each.type === 'range') {
            range = { from: 100, to: each.to }
            tested.setRange(range)
          } else if (tested.free('tcp') >= each.wanted) {
            const asked = Array.from({ length: each.wanted }, (_, target) => ({ target: target + 1 }))
            const given = tested.give(asked, at)
            for (const { host } of given) expect(host >= range.from && host <= range.to).toBe(true)
            expect(tested.hold(`t${at}.1`, given)).toBe(true)
            held.set(
              `t${at}.1`,
              given.map(({ host }) => host),
            )
          }
          const all = [...held.values()].flat()
          expect(new Set(all).size).toBe(all.length)
          const used = all.filter((port) => port <= range.to).length
          expect(tested.free('tcp')).toBe(Math.max(0, range.to - range.from + 1 - used))
        }
      }),
    )
  })
})

test('nodes that share a machine and a range, and know nothing of one another, begin in different places', () => {
  const firsts = ['node-a', 'node-b', 'node-c', 'node-d'].map((nodeId) => {
    const own = new PortLedger(nodeId)
    own.setRange({ from: 20_000, to: 32_767 })
    return own.give([free], 0)[0]?.host as number
  })
  expect(new Set(firsts).size).toBe(4)
  for (const port of firsts) expect(port >= 20_000 && port <= 32_767).toBe(true)
})
