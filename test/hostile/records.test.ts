/** What a peer says and a manager stores: no message may grow into a record that the store refuses, for that ends the manager. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { modelLimits } from '../../actors/limits.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { workerLimits } from '../../runtime/manager/workers.ts'
import { Rig, spec, token } from '../runtime/manager-rig.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const many = <T>(count: number, value: T): Record<string, T> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`entry-${at}`, value]))

const registration = {
  ...{ nodeId: 'h1', name: 'h1', labels: {}, drivers: {} },
  resources: { cpus: 1, memoryBytes: 1 },
}

async function hello(node: object) {
  const end = await rig.raw()
  const who = { version: '1', token, incarnation: 'i', highestEpoch: 0, attempts: [] }
  end.connection.send({ m: [{ type: 'WorkerHello', ...who, node: { ...registration, ...node } }] })
  await rig.settle()
  return end
}

test.each([
  ['a field that is not known', { hostile: 'x'.repeat(3_000_000) }],
  ['a map that no record can hold', { hostile: many(70_000, 1) }],
  ['labels with long names', { labels: { ['x'.repeat(2_000_000)]: 'y' } }],
])('a node that is too much for a record is refused: %s', async (_, node) => {
  const end = await hello(node)
  expect(end.received).toMatchObject([{ type: 'Refused', code: 'Invalid', retryable: false }])
  expect(end.received[0]?.message).toContain(String(workerLimits.registrationCharsMax))
  expect(end.closed?.code).toBe(closeCodes.refused)
  expect((await (await rig.client()).nodes()).items).toEqual([])
})

test.each([
  ['too many', many(modelLimits.driversMax + 1, 'complete')],
  ['one with a long name', { ['d'.repeat(64)]: 'complete' }],
  ['one whose name has a line end and whose state is none', { 'a\nb': { not: 'checked' } }],
])('drivers of a node, then or later: %s', async (_, drivers) => {
  expect((await hello({ drivers })).closed?.code).toBe(closeCodes.protocol)
  const end = await hello({})
  expect(end.closed).toBeUndefined()
  end.connection.send({ m: [{ type: 'DriversChanged', drivers }] })
  await rig.settle()
  expect(end.closed?.code).toBe(closeCodes.protocol)
})

test('what is not known of a health is not stored', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  await (await rig.client()).submit('a', spec({ health: { kind: 'tcp', port: 1 } }))
  await rig.settle()
  const health = { seq: 1, state: 'unhealthy' as const, atMs: 1, failures: 1, hostile: 'x'.repeat(3_000_000) }
  worker.report('a.1', { startedAtMs: 1, health })
  await rig.settle()
  const [task] = (await (await rig.client()).query({ ids: ['a'] })).items
  expect(task?.health).toEqual({ seq: 1, state: 'unhealthy', atMs: 1, failures: 1 })
})

test('a specification with a map that no record can hold is refused, and the connection goes on', async () => {
  const end = await rig.raw()
  end.connection.send({
    m: [
      { type: 'ClientHello', version: '1', token },
      { type: 'SubmitTask', req: 1, taskId: 'a', spec: { ...spec(), hostile: many(70_000, 1) } },
      { type: 'SubmitTask', req: 2, taskId: 'a', spec: spec() },
    ],
  })
  await rig.settle()
  const replies = end.received.filter(({ req }) => req !== undefined).sort((a, b) => Number(a.req) - Number(b.req))
  expect(replies).toMatchObject([{ type: 'Error', code: 'Invalid' }, { type: 'Submitted' }])
  expect(end.closed).toBeUndefined()
})

test.each([
  ['a label with a long name', { labels: { ['l'.repeat(64)]: 'x' } }],
  ['a variable with a long name', { env: { ['V'.repeat(1_025)]: 'x' } }],
  ['a variable without a name', { env: { '': 'x' } }],
])('%s is refused in a sentence', async (_, more) => {
  const client = await rig.client()
  await expect(client.submit('a', spec(more))).rejects.toMatchObject({ code: 'Invalid' })
})

test.each([
  ['labels', { labels: { 'a\nb': { not: 'checked' } } }],
  ['variables', { env: { 'a\nb': { not: 'checked' } } }],
])('what stands under a name with a line end is checked as well: %s', async (_, more) => {
  const end = await rig.raw()
  const submit = { type: 'SubmitTask', req: 1, taskId: 'a', spec: { ...spec(), ...more } }
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }, submit] })
  await rig.settle()
  expect(end.closed?.code).toBe(closeCodes.protocol)
})

test('a time that no clock can show is refused', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  await (await rig.client()).submit('a', spec())
  await rig.settle()
  worker.report('a.1', { startedAtMs: 1e300 })
  await rig.settle()
  expect(worker.closed?.code).toBe(closeCodes.protocol)
})
