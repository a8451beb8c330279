/** 50,000 hostile frames of workers, against a real manager on a real socket. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientMessages } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { managerMessages, workerMessages } from '../../actors/protocol/session.ts'
import { fire, type Shot, shotOf, worker } from './attack.ts'
import { casesOf } from './cases.ts'
import type { Dice } from './dice.ts'
import { messageFrame } from './peer.ts'
import { fitting, keywordsOf } from './schema.ts'
import { besiege, expectAllPlaces, expectPeace, protocols } from './siege.ts'
import { type Protocol, payloadOf } from './wire.ts'
import { token, World } from './world.ts'

const { WorkerHello, ...schemas } = workerMessages
let world: World

beforeAll(async () => {
  world = await World.open()
})

afterAll(() => world.close())

const shot = (protocol: Protocol, name: string, messages: readonly object[], code?: number): Shot => ({
  ...{ name: `${protocol}: ${name}`, code },
  bytes: messageFrame(protocol, payloadOf(protocol, { m: messages }) as Uint8Array),
})

/** Facts about attempts that are not there, data of streams that nobody opened, and what a worker does not say. */
function* idle(protocol: Protocol, dice: Dice): Generator<Shot> {
  yield shot(protocol, 'a second Hello', [worker(1).hello as object], closeCodes.protocol)
  for (const [type, schema] of Object.entries({ ...clientMessages, ...managerMessages }))
    yield shot(protocol, `${type} of a worker`, [fitting(keywordsOf(schema), 0) as object])
  for (let number = 0; number < 12_000; number += 1) {
    const [taskId, stream] = [`none-${dice.below(1_000)}`, `stream-${dice.below(100)}`]
    const attempt = 1 + dice.below(2 ** 31)
    const reserved = { cpus: dice.below(4_096), memoryBytes: dice.below(2 ** 31) }
    const message = dice.pick([
      { type: 'Heartbeat', seq: dice.below(2 ** 31) },
      { type: 'Status', attempts: [{ taskId, attempt, seq: number, reserved, end: { kind: 'exited', exitCode: 0 } }] },
      { type: 'Progress', taskId, attempt, text: 'on its way' },
      { type: 'LogData', stream, chunks: [{ stream: 'stdout', data: dice.bytes(32) }] },
      { type: 'LogEnded', stream, error: 'hostile' },
      { type: 'StatsData', stream },
      { type: 'StatsEnded', stream, code: 'constructor' },
      { type: 'Pong' },
      { type: `Unknown${number}`, deep: { deeper: [1, 2, 3] } },
      { type: 'constructor' },
      { type: '__proto__' },
    ])
    yield shot(protocol, `${message.type} ${number}`, [message])
  }
  yield shot(
    protocol,
    'many at once',
    Array.from({ length: 4_000 }, () => ({ type: 'Pong' })),
  )
}

test('every place of every message is found', () => expectAllPlaces(workerMessages))

test('every message times every field, chance, and everything else: nobody else notices', async () => {
  const counts = await besiege({ world, schemas, role: worker, lenient: true, chances: 11_000, idle })
  expect(counts.spoiled).toBeGreaterThan(25_000)
  expect(counts.others).toBeGreaterThan(25_000)
}, 600_000)

test('every field of the Hello', async () => {
  const { protocol: broken, unauthorized, refused } = closeCodes
  for (const protocol of protocols) {
    const hellos = function* (): Generator<Shot> {
      const prepare = (message: Readonly<Record<string, unknown>>) => ({
        ...message,
        token,
        clusterId: undefined,
        highestEpoch: 0,
      })
      for (const one of casesOf({ schemas: { WorkerHello }, protocol, lenient: false, prepare })) {
        const code = one.fate === 'taken' ? [undefined, unauthorized, refused] : [broken, unauthorized]
        yield { ...shotOf(protocol, one), code }
      }
    }
    await fire({ world, protocol, role: () => ({ ...worker(0), hello: undefined }) }, hellos())
  }
}, 300_000)

test('nobody honest has noticed, and the log is short', () => expectPeace(world), 60_000)
