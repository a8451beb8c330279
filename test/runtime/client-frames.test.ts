/** What a client asks in one turn goes in one frame, in its order; what no frame can carry fails alone. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import type { Connection } from '../../transport/transport.ts'
import { FakeManager, token, transport } from './client-manager.ts'

let manager: FakeManager
let client: Client
/** The types of the messages in each frame that was sent. */
const frames: string[][] = []

/** Notes what is sent, and hands it on. */
async function connect(...[url, options]: Parameters<typeof transport.connect>): Promise<Connection> {
  const connection = await transport.connect(url, options)
  const send = connection.send.bind(connection)
  connection.send = (frame) => {
    const keepsUp = send(frame)
    frames.push((frame as { m: { type: string }[] }).m.map(({ type }) => type))
    return keepsUp
  }
  return connection
}

beforeEach(async () => {
  manager = await FakeManager.start()
  const options = { transport: { connect }, url: manager.address, token, clock: systemClock, random: systemRandom }
  client = await connectClient({ ...options, logger: silentLogger })
  frames.length = 0
})

afterEach(async () => {
  await client.close()
  await manager.close()
})

const spec = { driver: 'process' as const, command: ['true'] }

test('requests and subscriptions of one turn share a frame, in the order in which they were made', async () => {
  const asked = [client.submit('a', spec), client.query({ ids: ['a'] })]
  const stream = client.subscribe({ topic: 'tasks', from: 'now' }, {})
  await Promise.all([...asked, client.nodes()])
  expect(frames[0]).toEqual(['SubmitTask', 'QueryTasks', 'Subscribe', 'QueryNodes'])
  await stream.close()
})

test('what no frame can carry fails alone, and is not sent', async () => {
  const huge = { ...spec, command: ['x'.repeat(5_000_000)] }
  const [before, refused, after] = await Promise.allSettled([
    client.submit('b', spec),
    client.submit('huge', huge),
    client.submit('c', spec),
  ])
  expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled'])
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'Invalid' } })
  expect(manager.specs.has('huge')).toBe(false)
})

test('what is asked right before the close is sent', async () => {
  const asked = client.submit('d', spec).catch(() => undefined)
  await client.close()
  await asked
  expect(frames).toEqual([['SubmitTask']])
})
