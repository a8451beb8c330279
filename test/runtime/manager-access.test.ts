/** Two tokens: one for everything, one that may only look. Every message there is, is tried with both. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { changesSomething, mayAsk } from '../../actors/protocol/access.ts'
import { type ClientMessage, clientMessages } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { type RawEnd, Rig, spec, token, viewToken } from './manager-rig.ts'
import { ScriptedWorker } from './manager-worker.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

type Request = Exclude<ClientMessage['type'], 'ClientHello' | 'CreditOutput'>

/** What each request says beside its type and number, so that it passes its schema. */
const bodies: { readonly [K in Request]: object } = {
  SubmitTask: { taskId: 'b', spec: spec() },
  PlanTask: { spec: spec() },
  RerunTask: { taskId: 'a', newTaskId: 'c' },
  StopTask: { taskId: 'a' },
  QueryTasks: {},
  QueryNodes: {},
  DrainNode: { node: 'n1' },
  UndrainNode: { node: 'n1' },
  RemoveNode: { node: 'n1' },
  BackupStore: { dir: '/nowhere' },
  ExplainTask: { taskId: 'a' },
  Subscribe: { topic: 'tasks', from: 'snapshot' },
  Unsubscribe: { stream: 99 },
  ReadLogs: { taskId: 'a', follow: false },
}

async function come(shown: string, ...behind: object[]): Promise<RawEnd> {
  const end = await rig.raw()
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token: shown }, ...behind] })
  await rig.settle()
  return end
}

const repliesTo = (end: RawEnd, req: number) => end.received.filter((message) => message.req === req)

test('whether it changes something is said of every message', () => {
  expect(Object.keys(changesSomething).sort()).toEqual(Object.keys(clientMessages).sort())
  expect(Object.keys({ ...bodies, ClientHello: 0, CreditOutput: 0 }).sort()).toEqual(Object.keys(clientMessages).sort())
})

test('what is in no table may not be sent to look', () => {
  expect(mayAsk('view', 'LaunchRocket' as 'StopTask')).toBe(false)
})

test('the welcome says what the token allows', async () => {
  for (const [shown, access] of [
    [token, 'everything'],
    [viewToken, 'view'],
  ] as const) {
    const end = await come(shown)
    expect(end.received[0]).toMatchObject({ type: 'ClientWelcome', access })
  }
})

test.each(Object.keys(bodies) as Request[])('%s with a token that may only look', async (type) => {
  await (await rig.client()).submit('a', spec())
  const { batches } = rig.disk
  const end = await come(viewToken, { type, req: 1, ...bodies[type] })
  const [first] = repliesTo(end, 1)
  if (changesSomething[type]) {
    expect(repliesTo(end, 1)).toHaveLength(1)
    expect(first).toMatchObject({ type: 'Error', code: 'Forbidden', retryable: false })
    expect(first?.message).toBe(
      `this token may only look, and not ${type}; take the token in the manager's <data-dir>/token`,
    )
    expect(rig.disk.batches).toBe(batches)
    // It goes on: what may be asked is answered.
    end.connection.send({ m: [{ type: 'QueryNodes', req: 2 }] })
    await rig.settle()
    expect(repliesTo(end, 2)[0]?.type).toBe('Nodes')
  } else {
    expect(first).toBeDefined()
    expect(first?.code).not.toBe('Forbidden')
  }
  expect(end.closed).toBeUndefined()
})

test.each(Object.keys(bodies) as Request[])('%s with the other token is not forbidden', async (type) => {
  await (await rig.client()).submit('a', spec())
  const end = await come(token, { type, req: 1, ...bodies[type] })
  expect(repliesTo(end, 1)[0]).toBeDefined()
  expect(repliesTo(end, 1).map(({ code }) => code)).not.toContain('Forbidden')
})

test('values of variables are for who may do everything, and secrets for nobody', async () => {
  const vars = { env: { COLOUR: 'red' }, secretEnv: { KEY: 'hunter2' } }
  await (await rig.client()).submit('a', spec(vars))
  for (const [shown, env] of [
    [token, { COLOUR: 'red' }],
    [viewToken, { COLOUR: '***' }],
  ] as const) {
    const end = await come(shown, { type: 'ExplainTask', req: 1, taskId: 'a' })
    expect(repliesTo(end, 1)[0]).toMatchObject({ type: 'Explanation', spec: { env, secretEnv: { KEY: '***' } } })
    expect(JSON.stringify(end.received)).not.toContain('hunter2')
  }
})

test('a worker with the token that may only look is refused before anything of it is read', async () => {
  const end = await rig.raw()
  const { registration } = new ScriptedWorker({ nodeId: 'n9' })
  const hello = { version: '1', incarnation: 'i', highestEpoch: 0, node: registration, attempts: [] }
  end.connection.send({ m: [{ type: 'WorkerHello', token: viewToken, ...hello }] })
  await rig.settle()
  expect(end.closed).toMatchObject({ code: closeCodes.unauthorized, reason: expect.stringContaining('a worker needs') })
  expect((await (await rig.client()).nodes()).items).toEqual([])
})

test.each(['', `${viewToken}x`, viewToken.slice(1)])('a token that is neither (%j) is refused', async (shown) => {
  const end = await come(shown)
  expect(end.closed?.code).toBe(closeCodes.unauthorized)
  expect(end.received).toEqual([])
})
