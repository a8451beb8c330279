/** What is not answered is asked again by its id, and never guessed at. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectTroupe } from '../../runtime/client/connect-troupe.ts'
import { connect, type Troupe } from '../../runtime/index.ts'
import { systemRandom as random } from '../../runtime/system.ts'
import { FakeManager, token, transport } from './client-manager.ts'
import { HastyClock } from './hasty-clock.ts'

/** Longer than any test takes: it is over once the clock is hasty. */
const requestMs = 120_000
let clock: HastyClock

let manager: FakeManager
let troupe: Troupe

beforeEach(async () => {
  manager = await FakeManager.start()
  clock = new HastyClock(requestMs)
  troupe = await connectTroupe({ transport, url: manager.address, token, clock, random, requestMs })
})

afterEach(async () => {
  await troupe.close()
  await manager.close()
})

const spec = { driver: 'process' as const, command: ['work'] }
const idsOf = (type: string) =>
  manager.received.filter((message) => message.type === type).map((message) => (message as { taskId?: string }).taskId)

test('an answer that does not come is asked for again, by the same id', async () => {
  let silent = 1
  manager.answer = ({ type }) => (type === 'SubmitTask' && silent-- > 0 ? 'silence' : undefined)
  clock.isHasty = true
  const task = await troupe.run(spec)
  expect(idsOf('SubmitTask').length).toBeGreaterThan(1)
  expect(new Set(idsOf('SubmitTask'))).toEqual(new Set([task.id]))
  expect(manager.tasks.size).toBe(1)
  expect(troupe.metrics().askedAgain).toBe(idsOf('SubmitTask').length - 1)
})

test('a connection lost with the answer on it is no answer: the next one is asked', async () => {
  let cuts = 1
  manager.answer = (message, session) => {
    if (message.type !== 'SubmitTask' || cuts-- <= 0) return undefined
    manager.commit(message.taskId, {}, 'Pending.Queued', { type: 'Submitted' })
    session.connection.close(1001, 'cut')
    return 'silence'
  }
  const task = await troupe.run(spec, { timeoutMs: 20_000 })
  expect(idsOf('SubmitTask').length).toBeGreaterThan(1)
  expect(new Set(idsOf('SubmitTask'))).toEqual(new Set([task.id]))
  expect(manager.tasks.size).toBe(1)
  expect(troupe.metrics().reconnects).toBeGreaterThanOrEqual(1)
})

test('no answer in time is OutcomeUnknown with the id, and a read is Unavailable', async () => {
  manager.answer = ({ type }) => (type === 'SubmitTask' || type === 'QueryNodes' ? 'silence' : undefined)
  const unknown = await troupe.run(spec, { timeoutMs: 300 }).catch((error: unknown) => error)
  const { taskId } = unknown as { taskId: string }
  expect(unknown).toMatchObject({ code: 'OutcomeUnknown', retryable: true, message: expect.stringContaining(taskId) })
  await expect(troupe.nodes({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'Unavailable', retryable: true })
  // What the error says to do.
  manager.answer = () => undefined
  expect((await troupe.run(spec, { id: taskId })).id).toBe(taskId)
})

test('an abort after it was sent is OutcomeUnknown, with the reason as its cause; of a read it is the reason', async () => {
  manager.answer = ({ type }) => (type === 'StopTask' || type === 'QueryNodes' ? 'silence' : undefined)
  const task = await troupe.run(spec)
  const stop = new AbortController()
  const reason = new Error('enough')
  const calls = [task.stop({ signal: stop.signal }), troupe.nodes({ signal: stop.signal })]
  const ends = Promise.allSettled(calls)
  await expect
    .poll(() => manager.count('StopTask') + manager.count('QueryNodes'), { timeout: 20_000 })
    .toBeGreaterThan(1)
  stop.abort(reason)
  const [stopped, read] = await ends
  expect(stopped).toMatchObject({ reason: { code: 'OutcomeUnknown', cause: reason, taskId: task.id } })
  expect(read).toMatchObject({ reason })
})

test('a change that was sent is OutcomeUnknown also when the Troupe is closed before its answer; a read is Unavailable', async () => {
  manager.answer = ({ type }) => (type === 'SubmitTask' || type === 'QueryNodes' ? 'silence' : undefined)
  const ends = Promise.allSettled([troupe.run(spec, { id: 'sent' }), troupe.nodes()])
  const isSent = () => manager.count('SubmitTask') > 0 && manager.count('QueryNodes') > 0
  await expect.poll(isSent, { timeout: 20_000 }).toBe(true)
  await troupe.close()
  const [run, read] = await ends
  expect(run).toMatchObject({ reason: { code: 'OutcomeUnknown', taskId: 'sent' } })
  expect(read).toMatchObject({ reason: { code: 'Unavailable' } })
})

test('connecting is given up with the reason of its signal', async () => {
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  await expect(connect(manager.address, { token, signal })).rejects.toBe(reason)
  // One that takes connections and welcomes nobody.
  let taken = 0
  const onConnection = () => {
    taken += 1
  }
  const dumb = await transport.listen('127.0.0.1:0', { protocols: ['troupe.v1.msgpack'], onConnection })
  const stop = new AbortController()
  const connecting = connect(dumb.address, { token, requestMs: 3_600_000, signal: stop.signal })
  connecting.catch(() => undefined)
  await expect.poll(() => taken, { timeout: 20_000 }).toBe(1)
  stop.abort(reason)
  await expect(connecting).rejects.toBe(reason)
  await dumb.close()
})

test('a refusal that passes is waited out; one that stays is told at once', async () => {
  let busy = 2
  manager.answer = ({ type, req }) => {
    if (type === 'QueryNodes' && busy-- > 0) {
      return { type: 'Error', req, code: 'Overloaded', message: 'too much at once', retryable: true }
    }
    return type === 'DrainNode'
      ? { type: 'Error', req, code: 'NotFound', message: 'no such node', retryable: false }
      : undefined
  }
  expect(await troupe.nodes()).toEqual([])
  await expect(troupe.drain('nowhere')).rejects.toMatchObject({ code: 'NotFound', retryable: false })
  expect(manager.count('DrainNode')).toBe(1)
})

test('a node that is gone after an answer was lost was removed by that request', async () => {
  let asked = 0
  manager.answer = ({ type, req }) => {
    if (type !== 'RemoveNode') return undefined
    asked += 1
    return asked === 1
      ? 'silence'
      : { type: 'Error', req, code: 'NotFound', message: 'there is no node n', retryable: false }
  }
  clock.isHasty = true
  await troupe.removeNode('n')
  clock.isHasty = false
  await expect(troupe.removeNode('n')).rejects.toMatchObject({ code: 'NotFound' })
})

test('a backup is not made twice', async () => {
  manager.answer = ({ type }) => (type === 'BackupStore' ? 'silence' : undefined)
  const backup = troupe.backup('/copies/one', { timeoutMs: 500 })
  await expect(backup).rejects.toMatchObject({ code: 'OutcomeUnknown' })
  await expect.poll(() => manager.count('BackupStore'), { timeout: 20_000 }).toBe(1)
})

test('a thousand calls at once wait their turn, and each is answered', async () => {
  const tasks = await Promise.all(Array.from({ length: 1_500 }, () => troupe.run(spec, { timeoutMs: 60_000 })))
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(1_500)
}, 90_000)

test('a task that ended before it was seen to run is told to have run all the same', async () => {
  const task = await troupe.run(spec)
  const heard: unknown[] = []
  task.subscribe((s) => heard.push(s.value))
  const now = Date.now()
  const place = { attempt: 1, node: 'node-1', nodeId: 'n1', startedAtMs: now }
  const end = { state: 'Completed' as const, detail: '', outcome: 'succeeded' as const, exitCode: 0, finishedAtMs: now }
  manager.commit(task.id, { ...place, ...end }, 'Completed', { type: 'Exited' })
  expect(await task.result({ timeoutMs: 20_000 })).toMatchObject({ outcome: 'succeeded' })
  expect(heard).toEqual([{ Running: 'Up' }, 'Completed'])
  const never = await troupe.run(spec)
  const states: unknown[] = []
  never.subscribe((s) => states.push(s.value))
  manager.commit(never.id, { ...end, outcome: 'stopped', exitCode: null }, 'Completed', { type: 'Stop' })
  await never.result({ timeoutMs: 20_000 })
  expect(states).toEqual(['Completed'])
})
