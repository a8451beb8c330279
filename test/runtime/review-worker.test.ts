/** Faults that a review found on the worker's side and in leases, each held by the test that showed it. */
import { expect, test } from 'vitest'
import type { AttemptStatus } from '../../actors/model.ts'
import { frameLimits } from '../../actors/protocol/frame.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { Liveness, livenessDefaults } from '../../runtime/manager/liveness.ts'
import { Statuses, statusLimits } from '../../runtime/worker/statuses.ts'
import { createCodec } from '../../transport/codec.ts'
import { ManualClock } from './manager-clock.ts'

/** As large as the protocol lets one be. */
const ended = (index: number): AttemptStatus => ({
  ...{ taskId: `${index}`.padStart(63, 'a'), attempt: 1, seq: 2 ** 40 },
  ...{ pullingAtMs: 1e12, startedAtMs: 1e12, stoppingAtMs: 1e12, endedAtMs: 1e12 },
  reserved: { cpus: 0.123456, memoryBytes: 2 ** 49 },
  end: { kind: 'startFailed', code: 'c'.repeat(64), message: '\u20ac'.repeat(4_096), retryable: false },
})
const running = (index: number): AttemptStatus => {
  const { end, endedAtMs, ...rest } = ended(index)
  return rest
}
const limits = {
  ...{ frameBytesMax: frameLimits.frameBytesMax, frameDepthMax: frameLimits.frameDepthMax },
  ...{ sendBufferBytesHigh: 1, sendBufferBytesMax: 1 },
}
const bytesOf = (value: unknown): number => {
  const bytes = createCodec('troupe.v1.msgpack', limits).encode(value)
  return bytes.length
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('however many attempts have ended without a manager, each message about them fits a frame', async () => {
  const sent: AttemptStatus[][] = []
  const statuses = new Statuses({ send: (attempts) => sent.push(attempts) > 0 })
  const count = 3 * statusLimits.statusesMax + 7
  for (let index = 0; index < count; index += 1) statuses.note(ended(index))
  for (let index = 0; index < 300; index += 1) statuses.note(running(count + index))
  const greeted = statuses.greet()
  expect(() => bytesOf({ m: [{ type: 'WorkerHello', attempts: greeted }] })).not.toThrow()
  expect(greeted.filter(({ end }) => end === undefined)).toHaveLength(300)
  statuses.open()
  await turn()
  for (const attempts of sent) expect(() => bytesOf({ m: [{ type: 'Status', attempts }] })).not.toThrow()
  const told = [...greeted, ...sent.flat()].map(({ taskId }) => taskId)
  expect(told).toHaveLength(count + 300)
  expect(new Set(told).size).toBe(count + 300)
})

test('a lease given at load begins when the manager can be heard, however long loading took', async () => {
  const clock = new ManualClock(async () => {})
  const expired: string[] = []
  const late: string[] = []
  const liveness = new Liveness({
    ...{ clock, logger: silentLogger, ...livenessDefaults },
    onLate: (nodeId) => late.push(nodeId),
    onExpired: (nodeId) => expired.push(nodeId),
  })
  liveness.renew('n1')
  await clock.advance(3 * livenessDefaults.leaseMs)
  liveness.start()
  await clock.advance(livenessDefaults.suspectMs - livenessDefaults.heartbeatMs)
  expect({ expired, late }).toEqual({ expired: [], late: [] })
  await clock.advance(livenessDefaults.leaseMs)
  expect(expired).toEqual(['n1'])
  liveness.stop()
})
