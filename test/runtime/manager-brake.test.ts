/** The brake on mass expiry: a manager to which many nodes fall silent together suspects itself first. */
import { afterEach, expect, test } from 'vitest'
import type { Logger } from '../../runtime/logger.ts'
import { Liveness, livenessDefaults } from '../../runtime/manager/liveness.ts'
import { ManualClock } from './manager-clock.ts'

const { heartbeatMs, leaseMs } = livenessDefaults
let liveness: Liveness | undefined

afterEach(() => liveness?.stop())

/** A cluster of so many nodes, of which those that are named in `silent` are not heard. */
function cluster(count: number) {
  const clock = new ManualClock(async () => {})
  const expired: string[] = []
  const warned: string[] = []
  const logger: Logger = { debug() {}, info() {}, warn: (message) => warned.push(message), error() {} }
  const nodes = [...Array(count).keys()].map((index) => `n${index}`)
  const silent = new Set<string>()
  const watched = new Liveness({
    ...{ clock, logger, ...livenessDefaults },
    onLate: () => {},
    onExpired: (nodeId) => expired.push(nodeId),
  })
  liveness = watched
  for (const node of nodes) watched.renew(node)
  watched.start()
  const advance = async (ms: number) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= heartbeatMs) {
      for (const node of nodes) if (!silent.has(node) && !expired.includes(node)) watched.renew(node)
      await clock.advance(heartbeatMs)
    }
  }
  const silence = (...names: string[]) => {
    for (const name of names) silent.add(name)
  }
  return { advance, expired, warned, silence, silent, watched }
}

test('many at once are given up a further lease later, and that is said once', async () => {
  const { advance, expired, warned, silence } = cluster(10)
  await advance(5_000)
  silence('n0', 'n1', 'n2', 'n3')
  await advance(leaseMs + 2 * heartbeatMs)
  expect(expired).toEqual([])
  expect(warned).toEqual([expect.stringContaining('4 of 10 nodes have fallen silent together')])
  await advance(leaseMs - 5 * heartbeatMs)
  expect(expired).toEqual([])
  await advance(3 * heartbeatMs)
  expect(expired.sort()).toEqual(['n0', 'n1', 'n2', 'n3'])
  await advance(3 * leaseMs)
  expect([expired.length, warned.length]).toEqual([4, 1])
})

test('those that are heard again meanwhile lose nothing, and the few that are not are given up at once', async () => {
  const { advance, expired, warned, silence, silent } = cluster(10)
  silence('n0', 'n1', 'n2', 'n3')
  await advance(leaseMs + 2 * heartbeatMs)
  expect([expired, warned.length]).toEqual([[], 1])
  for (const back of ['n0', 'n1', 'n2']) silent.delete(back)
  await advance(2 * heartbeatMs)
  expect(expired).toEqual(['n3'])
  // The next time is a new outage.
  await advance(2 * leaseMs)
  silence('n0', 'n1', 'n2', 'n4')
  await advance(leaseMs + 2 * heartbeatMs)
  expect([expired, warned.length]).toEqual([['n3'], 2])
})

test.each([
  ['two of two', 2, ['n0', 'n1']],
  ['three of ten', 10, ['n0', 'n1', 'n2']],
])('%s are few enough to be believed', async (_, count, names) => {
  const { advance, expired, warned, silence } = cluster(count)
  silence(...names)
  await advance(leaseMs + 2 * heartbeatMs)
  expect([expired.sort(), warned]).toEqual([names, []])
})

test('one after the other within a lease counts as together', async () => {
  const { advance, expired, warned, silence } = cluster(10)
  for (const name of ['n0', 'n1', 'n2', 'n3', 'n4']) {
    silence(name)
    await advance(2 * heartbeatMs)
  }
  await advance(leaseMs - 2 * heartbeatMs)
  expect(expired).toEqual(['n0', 'n1', 'n2'])
  expect(warned).toHaveLength(1)
  await advance(2 * leaseMs)
  expect(expired).toEqual(['n0', 'n1', 'n2', 'n3', 'n4'])
  expect(warned).toHaveLength(1)
})
