import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientLimits } from '../../actors/protocol/client.ts'
import { closeCodes, type TroupeError } from '../../actors/protocol/errors.ts'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { requestLimits } from '../../runtime/client/pending.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import { eventually, FakeManager, token, transport } from './client-manager.ts'
import { HastyClock } from './hasty-clock.ts'

let manager: FakeManager
const clients: Client[] = []

beforeEach(async () => {
  manager = await FakeManager.start()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await manager.close()
})

/** Longer than any test takes: it is over once the clock is hasty. */
const requestMs = 120_000
let clock: HastyClock

async function open(shown = token): Promise<Client> {
  clock = new HastyClock(requestMs)
  const options = { transport, url: manager.address, token: shown, clock, random: systemRandom }
  const client = await connectClient({ ...options, logger: silentLogger, requestMs })
  clients.push(client)
  return client
}

const failure = (work: Promise<unknown>): Promise<TroupeError> =>
  work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: TroupeError) => error,
  )

const spec = { driver: 'process' as const, command: ['true'] }

describe('connecting', () => {
  test('says hello with the token and hears who answers', async () => {
    const client = await open()
    expect(client.welcome).toMatchObject({ clusterId: 'c', logId: 'log-1' })
    expect(manager.received[0]).toMatchObject({ type: 'ClientHello', token })
  })

  test('a wrong token is Unauthorized, with the address', async () => {
    const error = await failure(open('wrong'))
    expect(error).toMatchObject({ name: 'TroupeError', code: 'Unauthorized', retryable: false })
    expect(error.message).toContain(manager.address)
  })

  test('nobody there is Unavailable', async () => {
    await manager.close()
    expect(await failure(open())).toMatchObject({ code: 'Unavailable', retryable: true })
  })

  test('a listener that does not welcome is given up after the deadline', async () => {
    const dumb = await transport.listen('127.0.0.1:0', { protocols: ['troupe.v1.msgpack'], onConnection: () => {} })
    const options = { transport, url: dumb.address, token, clock: systemClock, random: systemRandom }
    const error = await failure(connectClient({ ...options, logger: silentLogger, requestMs: 50 }))
    expect(error).toMatchObject({ code: 'Unavailable' })
    expect(error.message).toContain('is it a Troupe manager?')
    await dumb.close()
  })
})

describe('requests', () => {
  test('submitting twice with the same id makes one task', async () => {
    const client = await open()
    const id = client.newTaskId()
    expect(id).toMatch(/^[a-z2-7]{12}$/)
    expect(await client.submit(id, spec)).toMatchObject({ existing: false, task: { id, state: 'Pending' } })
    expect(await client.submit(id, spec)).toMatchObject({ existing: true })
    expect(manager.specs.get(id)).toEqual(spec)
  })

  test('an Error becomes a TroupeError with its code; an unknown code is Internal', async () => {
    const client = await open()
    expect(await failure(client.stop('nobody'))).toMatchObject({ code: 'NotFound', message: /no task nobody/ })
    manager.answer = ({ req }) => ({ type: 'Error', req, code: 'Novel', message: 'x', retryable: false })
    expect(await failure(client.nodes())).toMatchObject({ code: 'Internal', message: 'x' })
  })

  test('no reply in time: OutcomeUnknown for what changes something, Unavailable for the rest', async () => {
    const client = await open()
    manager.answer = () => 'silence'
    clock.isHasty = true
    const [submit, stop, rerun, query, nodes, explain] = await Promise.all(
      [
        client.submit('a', spec),
        client.stop('a', { graceMs: 0 }),
        client.rerun('a'),
        client.query({ ids: ['a'] }),
        client.nodes(),
        client.explain('a'),
      ].map(failure),
    )
    for (const error of [submit, stop, rerun]) expect(error).toMatchObject({ code: 'OutcomeUnknown' })
    for (const error of [query, nodes, explain]) expect(error).toMatchObject({ code: 'Unavailable' })
    expect(submit?.message).toContain('submitting task a')
  })

  test('a lost connection ends what waits in the same way, and what comes later with Unavailable', async () => {
    const client = await open()
    manager.answer = () => 'silence'
    const submit = failure(client.submit('a', spec))
    const nodes = failure(client.nodes())
    await eventually('both were sent', () => manager.received.length === 3)
    await manager.close()
    expect(await submit).toMatchObject({ code: 'OutcomeUnknown' })
    expect(await nodes).toMatchObject({ code: 'Unavailable', message: /manager is stopping/ })
    expect(await client.closed).toMatchObject({ code: closeCodes.goingAway })
    expect(await failure(client.submit('a', spec))).toMatchObject({ code: 'Unavailable', message: /Nothing was done/ })
  })

  test('a late reply to a request that was given up harms nobody', async () => {
    const client = await open()
    let late = () => {}
    manager.answer = (message, session) => {
      late = () => session.send({ type: 'Nodes', req: message.req, revision: 0, items: [] })
      return 'silence'
    }
    clock.isHasty = true
    expect(await failure(client.nodes())).toMatchObject({ code: 'Unavailable' })
    clock.isHasty = false
    late()
    manager.answer = () => undefined
    expect(await client.nodes()).toMatchObject({ items: [] })
  })

  test('a reply that breaks its schema ends the connection with Protocol', async () => {
    const client = await open()
    manager.answer = ({ req }) => ({ type: 'Nodes', req, revision: -1, items: [] })
    expect(await failure(client.nodes())).toMatchObject({ code: 'Unavailable', message: /breaks the protocol/ })
    expect((await client.closed).code).toBe(closeCodes.protocol)
    expect(await failure(client.nodes())).toMatchObject({ code: 'Protocol' })
  })

  test('a reply of another type than was due is Protocol; an unknown type is passed over', async () => {
    const client = await open()
    manager.answer = ({ req }) => ({ type: 'Ok', req })
    expect(await failure(client.nodes())).toMatchObject({ code: 'Protocol' })
    manager.answer = (_, session) => {
      session.connection.send({ m: [{ type: 'Tomorrow', what: 1 }] })
      return undefined
    }
    expect(await client.nodes()).toMatchObject({ items: [] })
  })

  test('requests beyond requestsMax are refused', async () => {
    const client = await open()
    manager.answer = () => 'silence'
    const waiting = Array.from({ length: requestLimits.requestsMax }, () => failure(client.nodes()))
    expect(await failure(client.nodes())).toMatchObject({ code: 'Overloaded' })
    await client.close()
    await Promise.all(waiting)
  })
})

describe('subscriptions', () => {
  test('a snapshot, then each revision once; nothing after close', async () => {
    const client = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const seen: string[] = []
    const stream = client.subscribe(
      { topic: 'events', taskId: 'a', from: 'snapshot' },
      {
        onSnapshot: ({ events }) => seen.push(`snapshot ${events?.map(({ to }) => to)}`),
        onDelta: ({ events }) => seen.push(`delta ${events?.map(({ to }) => to)}`),
      },
    )
    await eventually('the snapshot', () => seen.length === 1)
    manager.start('a')
    await eventually('two deltas', () => seen.length === 3)
    expect(seen).toEqual(['snapshot Pending.Queued', 'delta Scheduled.Starting', 'delta Running'])
    expect(stream.position).toEqual({ logId: 'log-1', revision: 3 })
    await stream.close()
    expect(manager.count('Unsubscribe')).toBe(1)
    manager.finish('a', 0)
    await client.nodes()
    expect(seen).toHaveLength(3)
  })

  test('resumes strictly after a position, and drops what was seen', async () => {
    const client = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    manager.start('a')
    const seen: number[] = []
    manager.answer = (message, session) => {
      if (message.type === 'Subscribe') session.send({ type: 'Delta', req: message.req, revision: 2, events: [] })
      return undefined
    }
    const from = { logId: 'log-1', revision: 2 }
    client.subscribe({ topic: 'events', taskId: 'a', from }, { onDelta: ({ revision }) => seen.push(revision) })
    await eventually('the delta', () => seen.length > 0)
    expect(seen).toEqual([3])
    expect(manager.received.at(-1)).toMatchObject({ from })
  })

  test('a foreign position gives a reset, then a fresh snapshot', async () => {
    const client = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const seen: string[] = []
    client.subscribe(
      { topic: 'tasks', taskId: 'a', from: { logId: 'other', revision: 99 } },
      { onReset: (reason) => seen.push(reason), onSnapshot: ({ revision }) => seen.push(`at ${revision}`) },
    )
    await eventually('both', () => seen.length === 2)
    expect(seen).toEqual(['another log', 'at 1'])
  })

  test('a refusal and a lost connection end it, once', async () => {
    const client = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const ends: string[] = []
    client.subscribe({ topic: 'tasks', taskId: 'zz', from: 'now' }, { onEnd: ({ code }) => ends.push(code) })
    await eventually('the refusal', () => ends.length === 1)
    client.subscribe({ topic: 'tasks', taskId: 'a', from: 'now' }, { onEnd: ({ code }) => ends.push(code) })
    await client.nodes()
    await manager.close()
    await client.closed
    expect(ends).toEqual(['NotFound', 'Unavailable'])
    client.subscribe({ topic: 'tasks', taskId: 'a', from: 'now' }, { onEnd: ({ code }) => ends.push(code) })
    await eventually('the end of one on a closed connection', () => ends.length === 3)
  })

  test('streams beyond streamsMax are refused', async () => {
    const client = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    for (let i = 0; i < clientLimits.streamsMax; i += 1)
      client.subscribe({ topic: 'tasks', taskId: 'a', from: 'now' }, {})
    let code = ''
    client.subscribe({ topic: 'tasks', taskId: 'a', from: 'now' }, { onEnd: (error) => (code = error.code) })
    await eventually('the refusal', () => code === 'Overloaded')
  })
})

describe('output', () => {
  beforeEach(() => {
    manager.commit('a', { attempt: 1, state: 'Running', detail: '' }, 'Running', { type: 'Started' })
  })

  test('stdout and stderr in order, bytes untouched, to the end', async () => {
    manager.write('a', 1, 'stdout', new Uint8Array([0, 255, 10]))
    manager.write('a', 1, 'stderr', 'oops')
    const client = await open()
    const pieces: [string, number[]][] = []
    for await (const { stream, data } of client.logs('a')) pieces.push([stream, [...data]])
    expect(pieces).toEqual([
      ['stdout', [0, 255, 10]],
      ['stderr', [...Buffer.from('oops')]],
    ])
  })

  test('a slow reader holds the sender to its credit, and gets it all', async () => {
    const chunk = new Uint8Array(16 * 1_024).fill(97)
    for (let i = 0; i < 64; i += 1) manager.write('a', 1, 'stdout', chunk)
    manager.endOutput('a', 1)
    const client = await open()
    const reader = client.logs('a', { follow: true })[Symbol.asyncIterator]()
    await reader.next()
    await client.nodes()
    expect(manager.mostUncredited).toBe(clientLimits.logCreditBytes)
    expect(manager.count('CreditOutput')).toBe(0)
    let bytes = chunk.byteLength
    for (let next = await reader.next(); !next.done; next = await reader.next()) bytes += next.value.data.byteLength
    expect(bytes).toBe(64 * chunk.byteLength)
    expect(manager.mostUncredited).toBeLessThanOrEqual(clientLimits.logCreditBytes)
    // In portions, not for every chunk.
    expect(manager.count('CreditOutput')).toBeLessThanOrEqual(17)
  })

  test('a sender that ignores its credit is cut off', async () => {
    manager.answer = (message, session) => {
      if (message.type !== 'ReadLogs') return undefined
      const data = new Uint8Array(32 * 1_024)
      for (let i = 0; i < 12; i += 1) {
        session.send({ type: 'Output', req: message.req, chunks: [{ stream: 'stdout', data }] })
      }
      return 'silence'
    }
    const client = await open()
    const iterator = client.logs('a')[Symbol.asyncIterator]()
    await client.nodes()
    const read = async () => {
      while (!(await iterator.next()).done);
    }
    expect(await failure(read())).toMatchObject({ code: 'Protocol', message: /more output/ })
    await eventually('it is told', () => manager.count('Unsubscribe') === 1)
  })

  test('leaving the loop, or an abort, ends the stream at the manager', async () => {
    manager.write('a', 1, 'stdout', 'one')
    const client = await open()
    for await (const _ of client.logs('a', { follow: true })) break
    await eventually('the first is ended', () => manager.count('Unsubscribe') === 1)
    const stop = new AbortController()
    let pieces = 0
    for await (const _ of client.logs('a', { follow: true, signal: stop.signal })) {
      pieces += 1
      stop.abort()
    }
    expect(pieces).toBe(1)
    await eventually('the second is ended', () => manager.count('Unsubscribe') === 2)
  })

  test('an unknown task, a broken stream and a lost connection are thrown after what came', async () => {
    const client = await open()
    const read = async (id: string): Promise<number> => {
      let pieces = 0
      for await (const _ of client.logs(id, { follow: true })) pieces += 1
      return pieces
    }
    expect(await failure(read('zz'))).toMatchObject({ code: 'NotFound' })
    manager.answer = ({ req, type }) =>
      type === 'ReadLogs' ? { type: 'OutputEnded', req, error: 'node is down' } : undefined
    expect(await failure(read('a'))).toMatchObject({ code: 'Unavailable', message: 'node is down' })
    for (const [code, known] of [
      ['NotFound', 'NotFound'],
      ['FromTheFuture', 'Unavailable'],
    ] as const) {
      manager.answer = ({ req, type }) =>
        type === 'ReadLogs' ? { type: 'OutputEnded', req, error: 'it is gone', code } : undefined
      expect(await failure(read('a'))).toMatchObject({ code: known, message: 'it is gone' })
    }
    manager.answer = () => undefined
    const lost = failure(read('a'))
    await client.nodes()
    await manager.close()
    expect(await lost).toMatchObject({ code: 'Unavailable' })
  })

  test('output that is no bytes ends the connection with Protocol', async () => {
    manager.answer = (message, session) => {
      if (message.type !== 'ReadLogs') return undefined
      session.connection.send({
        m: [{ type: 'Output', req: message.req, chunks: [{ stream: 'stdout', data: 'text' }] }],
      })
      return 'silence'
    }
    const client = await open()
    const iterator = client.logs('a')[Symbol.asyncIterator]()
    expect(await failure(iterator.next())).toMatchObject({ code: 'Protocol' })
    expect((await client.closed).code).toBe(closeCodes.protocol)
  })

  test('the same over JSON', async () => {
    manager.write('a', 1, 'stdout', new Uint8Array([0, 255, 10]))
    const json = { ...transport, connect: (url: string) => transport.connect(url, { protocols: ['troupe.v1.json'] }) }
    const options = { transport: json, url: manager.address, token, clock: systemClock, random: systemRandom }
    const client = await connectClient({ ...options, logger: silentLogger })
    clients.push(client)
    const bytes: number[] = []
    for await (const { data } of client.logs('a')) bytes.push(...data)
    expect(bytes).toEqual([0, 255, 10])
  })
})
