/** A hostile manager towards the client library: every message, times every field, in the place of the answer that is due. */
import { expect, test } from 'vitest'
import { clientReplies } from '../../actors/protocol/client.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { systemClock as clock, systemRandom as random } from '../../runtime/system.ts'
import { type Case, casesOf } from './cases.ts'
import { codecOf } from './peer.ts'
import { expectAllPlaces } from './siege.ts'
import { settle, transportOf, WireEnd } from './wire-end.ts'

const protocol = 'troupe.v1.msgpack'
const welcome = { type: 'ClientWelcome', version: '1', clusterId: 'c', logId: 'h1', epoch: 1 }
const task = { driver: 'process', command: ['true'] }

/** What waits for an answer, by the message that is due. */
function ask(client: Client): {
  readonly settled: Promise<PromiseSettledResult<unknown>[]>
  readonly reqs: Map<string, number>
} {
  const reqs = new Map<string, number>()
  let req = 0
  const due = (types: readonly string[], promise: Promise<unknown>): Promise<unknown> => {
    req += 1
    for (const type of types) reqs.set(type, req)
    return promise
  }
  const output = async () => {
    for await (const _ of client.logs('a', { follow: true }));
  }
  const stream = (topic: 'tasks' | 'nodes' | 'actors' | 'stats') =>
    new Promise((resolve, reject) => {
      const hear = () => {}
      const hearing = { onSnapshot: hear, onDelta: hear, onRemoved: hear, onMark: hear, onReset: hear, onSteps: hear }
      client.subscribe(
        { topic, from: 'snapshot' },
        { ...hearing, onStats: hear, onNodesUsed: hear, onDone: () => resolve(0), onEnd: reject },
      )
    })
  const settled = Promise.allSettled([
    due(['Submitted', 'Error'], client.submit('a', task)),
    due(['StopAccepted'], client.stop('a')),
    due(['Tasks'], client.query({ ids: ['a'] })),
    due(['Nodes'], client.nodes()),
    due(['NodeChanged'], client.drainNode('n')),
    due(['Ok'], client.removeNode('n')),
    due(['BackupMade'], client.backup('/b')),
    due(['Explanation'], client.explain('a')),
    due(['Snapshot', 'Delta', 'Removed', 'Mark', 'Reset', 'Progress'], stream('tasks')),
    due(['NodesUsed'], stream('nodes')),
    due(['Steps'], stream('actors')),
    due(['Stats', 'StatsEnded'], stream('stats')),
    due(['Output', 'OutputEnded'], output()),
  ])
  return { settled, reqs }
}

/** One connection, one spoiled message in the place of an answer, and the end: everything that waited is settled. */
async function answerWith({ path, payload }: Case): Promise<void> {
  let end = new WireEnd()
  const transport = transportOf((fresh) => {
    end = fresh
    end.hear({ m: [welcome] })
  })
  const options = { transport, url: 'ws://hostile', token: 't', clock, random, logger: silentLogger }
  const client = await connectClient(options)
  const { settled, reqs } = ask(client)
  await settle(2)
  const { m } = codecOf(protocol).decode(payload) as { m: { type: string; req: number }[] }
  const messages = m.map((message) => {
    const req = reqs.get(message.type)
    return path[0] === 'req' || req === undefined ? message : { ...message, req }
  })
  end.hear({ m: messages })
  await settle(2)
  end.close(closeCodes.goingAway, 'the manager is stopping')
  const unlike = (await settled).find((one) => one.status === 'rejected' && !(one.reason instanceof TroupeError))
  expect(unlike).toBeUndefined()
  await client.closed
}

test('every place of every message is found', () => expectAllPlaces(clientReplies))

test('every message times every field: whatever waits is settled, in order or with a TroupeError', async () => {
  let tried = 0
  let count = 0
  let last = ''
  for (const one of casesOf({ schemas: clientReplies, protocol, lenient: true })) {
    // What cannot be read is the transport's to refuse.
    if (one.fate === 'unreadable' || one.type === 'ClientWelcome') continue
    count += 1
    // Of the ways to spoil a place each fifth, and others of the next.
    if (count % 5 !== 0) continue
    last = one.name
    tried += 1
    await answerWith(one).catch((error: Error) => {
      throw new Error(`${last}: ${error.message}`, { cause: error })
    })
  }
  expect(tried).toBeGreaterThan(1_000)
}, 120_000)

test('every field of the welcome: one is connected, or told why not', async () => {
  for (const one of casesOf({ schemas: { ClientWelcome: clientReplies.ClientWelcome }, protocol, lenient: true })) {
    if (one.fate === 'unreadable') continue
    const transport = transportOf((end) => end.hear(codecOf(protocol).decode(one.payload)))
    const options = { transport, url: 'ws://hostile', token: 't', clock, random, logger: silentLogger }
    const came = await connectClient(options).catch((error: unknown) => error)
    if (came instanceof TroupeError) expect(came.code).toBe('Protocol')
    else {
      expect(one.fate).toBe('taken')
      await (came as Client).close()
    }
  }
})
