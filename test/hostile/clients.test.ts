/** 50,000 hostile frames of clients, against a real manager on a real socket. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientMessages } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { workerMessages } from '../../actors/protocol/session.ts'
import { client, fire, type Shot, shotOf, worker } from './attack.ts'
import { casesOf } from './cases.ts'
import type { Dice } from './dice.ts'
import { messageFrame } from './peer.ts'
import { fitting, keywordsOf } from './schema.ts'
import { besiege, expectAllPlaces, expectPeace, protocols } from './siege.ts'
import { type Protocol, payloadOf } from './wire.ts'
import { token, World } from './world.ts'

const { ClientHello, ...schemas } = clientMessages
let world: World
let reqs = 0

beforeAll(async () => {
  world = await World.open()
})

afterAll(() => world.close())

const shot = (protocol: Protocol, name: string, message: object, more: Partial<Shot> = {}): Shot => ({
  ...{ name: `${protocol}: ${name}`, code: undefined, ...more },
  bytes: messageFrame(protocol, payloadOf(protocol, { m: [message] }) as Uint8Array),
})

/** Questions about what there is not, answers that nobody asked for, and what belongs to another kind of peer. */
function* idle(protocol: Protocol, dice: Dice): Generator<Shot> {
  for (const [type, schema] of Object.entries(workerMessages))
    yield shot(protocol, `${type} of a client`, fitting(keywordsOf(schema), 0) as object, { code: closeCodes.protocol })
  yield shot(protocol, 'a second Hello', client.hello as object, { code: closeCodes.protocol })
  yield shot(protocol, 'a Hello of a worker', worker(1).hello as object, { code: closeCodes.protocol })
  for (const type of ['Nope', 'constructor', '__proto__', 'toString', 'submitTask', 'SubmitTask ', ''])
    yield shot(protocol, `the type ${type}`, { type, req: 1 }, { code: closeCodes.protocol })
  for (let number = 0; number < 12_000; number += 1) {
    const req = ++reqs
    const taskId = `none-${dice.below(1_000)}`
    const message = dice.pick([
      { type: 'ExplainTask', req, taskId },
      { type: 'StopTask', req, taskId, graceMs: dice.below(2 ** 31) },
      { type: 'QueryTasks', req, filter: { ids: [taskId] } },
      { type: 'Unsubscribe', req, stream: dice.below(2 ** 31) },
      { type: 'DrainNode', req, node: taskId },
      { type: 'ReadLogs', req, taskId, follow: true },
      { type: 'RerunTask', req, taskId, newTaskId: taskId },
    ])
    yield shot(protocol, `${message.type} ${number}`, message, { req })
  }
}

test('every place of every message is found', () => expectAllPlaces(clientMessages))

test('every message times every field, chance, and everything else: nobody else notices', async () => {
  const prepare = (message: Readonly<Record<string, unknown>>) =>
    'req' in message ? { ...message, req: ++reqs } : message
  const counts = await besiege({ world, schemas, role: () => client, lenient: false, prepare, chances: 11_000, idle })
  expect(counts.spoiled).toBeGreaterThan(25_000)
  expect(counts.others).toBeGreaterThan(25_000)
}, 600_000)

test('every field of the Hello', async () => {
  for (const protocol of protocols) {
    const hellos = function* (): Generator<Shot> {
      const prepare = (message: Readonly<Record<string, unknown>>) => ({ ...message, token })
      for (const one of casesOf({ schemas: { ClientHello }, protocol, lenient: false, prepare })) {
        const code =
          one.fate === 'taken' ? [undefined, closeCodes.unauthorized] : [closeCodes.protocol, closeCodes.unauthorized]
        yield { ...shotOf(protocol, one), code }
      }
    }
    await fire({ world, protocol, role: () => ({ ...client, hello: undefined }) }, hellos())
  }
}, 300_000)

test('nobody honest has noticed, and the log is short', () => expectPeace(world), 60_000)
