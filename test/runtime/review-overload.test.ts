import { afterAll, beforeAll, expect, test } from 'vitest'
import { journalLimits } from '../../runtime/host/journal.ts'
import { Rig, spec, token } from './manager-rig.ts'

const { backlogOpsMax } = journalLimits
beforeAll(() => void Object.assign(journalLimits, { backlogOpsMax: 500 }))
afterAll(() => void Object.assign(journalLimits, { backlogOpsMax }))

test('a worker that waits for the disk is read again once that has caught up, not only when nothing is left to do', async () => {
  const rig = await Rig.start()
  const worker = await rig.worker()
  const client = await rig.client()
  await client.submit('mine', spec())
  const waits = spec({ constraints: ['zone=none'], waitTimeoutMs: 500 })
  await client.submit('expires', waits)
  await rig.settle()
  const flood = await rig.raw()
  flood.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  rig.disk.writes.hold()
  await rig.settle()
  const submissions = [...Array(200).keys()].map((n) => ({
    ...{ type: 'SubmitTask', req: n, taskId: `t${n}` },
    spec: spec({ cpus: 99 }),
  }))
  flood.connection.send({ m: submissions.slice(0, 1) })
  await rig.settle()
  flood.connection.send({ m: submissions.slice(1) })
  await rig.settle()
  worker.started('mine.1')
  worker.beat()
  await rig.settle()
  expect(worker.all('HeartbeatAck')).toEqual([])
  // The first flush ends; what is behind it begins, and during that more is to be done.
  rig.disk.writes.release()
  rig.disk.writes.hold()
  await rig.settle()
  await rig.clock.advance(600)
  expect(worker.all('HeartbeatAck')).toEqual([])
  rig.disk.writes.release()
  rig.disk.writes.hold()
  await rig.settle()
  expect(rig.disk.writes.waiting).toBe(1)
  expect(worker.all('HeartbeatAck')).toHaveLength(1)
  rig.disk.writes.release()
  await rig.settle()
  expect(worker.acknowledged).toEqual(['mine.1:1'])
  await rig.crash()
})
