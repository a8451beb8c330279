/** A hostile worker that holds a task: its word on that counts, and so every field of it, spoiled, gets behind the door. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workerMessages } from '../../actors/protocol/session.ts'
import { fire, type Role, type Shot, shotOf, worker } from './attack.ts'
import { casesOf } from './cases.ts'
import { largeField } from './mutations.ts'
import { messageFrame, opcodes, Peer, wsFrame } from './peer.ts'
import { expectPeace } from './siege.ts'
import { payloadOf } from './wire.ts'
import { World } from './world.ts'

const { Status, Progress, DriversChanged, Heartbeat } = workerMessages
const node = worker(0)
/** One connection at a time holds the node. */
const role = (): Role => node
let world: World

beforeAll(async () => {
  world = await World.open()
})

afterAll(() => world.close())

test('every field of a status of an attempt that is there', async () => {
  const hello = messageFrame('troupe.v1.msgpack', payloadOf('troupe.v1.msgpack', { m: [node.hello] }) as Uint8Array)
  const first = new Peer(world.port, 'troupe.v1.msgpack', [hello])
  await first.until('a welcome', () => first.replies.some(({ type }) => type === 'Welcome'))
  const cases: Shot[] = []
  const held: string[] = []
  let count = 0
  // Each status is of a task of its own: an end is the end.
  const prepare = (isOver: boolean) => (message: Readonly<Record<string, unknown>>) => {
    count += 1
    const taskId = `held-${count}`
    if (message.type === 'Progress') return { ...message, taskId }
    if (message.type !== 'Status') return message
    const [{ end, endedAtMs, stoppingAtMs, ...status }] = message.attempts as [Record<string, unknown>]
    const over = isOver ? { end, endedAtMs, stoppingAtMs } : {}
    const health = { ...(status.health as object), seq: 1, state: 'unhealthy' }
    return { ...message, attempts: [{ ...status, ...over, taskId, attempt: 1, startedAtMs: 1, health }] }
  }
  const schemas = { Status, Progress, DriversChanged, Heartbeat }
  const options = { schemas, protocol: 'troupe.v1.msgpack', lenient: true, more: [largeField] } as const
  for (const isOver of [false, true]) {
    for (const one of casesOf({ ...options, prepare: prepare(isOver) })) {
      if (one.fate !== 'taken') continue
      cases.push(shotOf('troupe.v1.msgpack', one))
      held.push(`held-${count}`)
    }
  }
  await world.witness.submitAll(held, { constraints: ['node=h0'], health: { kind: 'tcp', port: 1 } })
  await first.until('all of them', () => JSON.stringify(first.replies.at(-1)).includes(held.at(-1) as string))
  first.cut()
  expect(cases.length).toBeGreaterThan(150)
  await fire({ world, protocol: 'troupe.v1.msgpack', role, abreast: 1 }, cases)
}, 120_000)

test('pings without end, from one who reads nothing, cost their connection and no memory', async () => {
  const peer = new Peer(world.port, 'troupe.v1.json', [])
  peer.pause()
  const pings = Buffer.concat(
    Array.from({ length: 5_000 }, () => wsFrame(new Uint8Array(125), { opcode: opcodes.ping })),
  )
  const before = process.memoryUsage.rss()
  for (let round = 0; round < 40 && peer.closed === undefined; round += 1) {
    peer.write(pings)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  peer.cut()
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1_024 * 1_024)
})

test('a text in more parts than are put together', async () => {
  const parts = Array.from({ length: 17_000 }, (_, at) =>
    wsFrame(new Uint8Array(0), { opcode: at === 0 ? opcodes.text : opcodes.more, last: false }),
  )
  const peer = new Peer(world.port, 'troupe.v1.json', [Buffer.concat(parts)])
  await peer.until('a close', () => false)
  expect(peer.closed?.code).toBe(1008)
})

test('nobody honest has noticed', () => expectPeace(world), 60_000)
