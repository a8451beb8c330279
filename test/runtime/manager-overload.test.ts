import { afterAll, beforeAll, expect, test } from 'vitest'
import { journalLimits } from '../../runtime/host/journal.ts'
import { Rig, spec, token } from './manager-rig.ts'

// What follows from the bound does not depend on its number, and filling the real one takes ten seconds.
const { backlogOpsMax } = journalLimits
beforeAll(() => void Object.assign(journalLimits, { backlogOpsMax: 2_000 }))
afterAll(() => void Object.assign(journalLimits, { backlogOpsMax }))
const frameMessages = 400

test('a disk that is too far behind gives Overloaded to clients, and has workers wait; nothing is lost', async () => {
  const rig = await Rig.start()
  const worker = await rig.worker()
  const client = await rig.client()
  await client.submit('mine', spec())
  await rig.settle()
  const flood = await rig.raw()
  flood.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  rig.disk.writes.hold()
  // Each is a specification, a record and two entries of the log.
  const frames = Math.ceil(journalLimits.backlogOpsMax / 4 / frameMessages) + 1
  for (let frame = 0; frame < frames; frame += 1) {
    const ids = [...Array(frameMessages).keys()].map((n) => frame * frameMessages + n)
    const submit = (n: number) => ({ type: 'SubmitTask', req: n, taskId: `t${n}`, spec: spec({ cpus: 99 }) })
    flood.connection.send({ m: ids.map(submit) })
    await rig.settle()
  }
  const refused = flood.received.filter(({ type }) => type === 'Error')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]).toMatchObject({ code: 'Overloaded', retryable: true, message: expect.stringContaining('disk') })
  expect(flood.received.filter(({ type }) => type === 'Submitted')).toEqual([])
  worker.exited('mine.1', 4)
  await rig.settle()
  worker.beat()
  await rig.settle()
  expect(worker.acknowledged).toEqual([])
  rig.disk.writes.release()
  await rig.settle()
  const accepted = flood.received.filter(({ type }) => type === 'Submitted')
  expect(accepted.length + refused.length).toBe(frames * frameMessages)
  expect(worker.acknowledged).toEqual(['mine.1:1'])
  expect(worker.all('HeartbeatAck')).toHaveLength(1)
  expect((await client.query({ ids: ['mine'] })).items).toMatchObject([{ state: 'Failed', exitCode: 4 }])
  expect(rig.failures).toEqual([])
  await rig.crash()
})
