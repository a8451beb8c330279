import { afterEach, beforeEach, expect, test } from 'vitest'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { subprotocols } from '../../actors/protocol/frame.ts'
import { admit, isSecret, parseOrigin } from '../../runtime/manager/admission.ts'
import { type DoorOptions, doorLimits, ManagerDoor } from '../../runtime/manager/door.ts'
import type { Connection } from '../../transport/transport.ts'
import { Rig, spec, token } from './manager-rig.ts'
import { ScriptedWorker } from './manager-worker.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const hello = { type: 'ClientHello', version: '1', token }

const refusedFrames: readonly { name: string; frame: unknown; code: number; says: RegExp }[] = [
  { name: 'no token', frame: { m: [{ type: 'ClientHello', version: '1' }] }, code: 4001, says: /token/ },
  { name: 'a token that is no text', frame: { m: [{ ...hello, token: 7 }] }, code: 4001, says: /token/ },
  { name: 'an empty token', frame: { m: [{ ...hello, token: '' }] }, code: 4001, says: /<data-dir>\/token/ },
  { name: 'a wrong token', frame: { m: [{ ...hello, token: `${token}x` }] }, code: 4001, says: /token/ },
  { name: 'a worker without a token', frame: { m: [{ type: 'WorkerHello' }] }, code: 4001, says: /token/ },
  { name: 'a request first', frame: { m: [{ type: 'QueryNodes', req: 1 }] }, code: 4000, says: /first message/ },
  { name: 'an unknown type', frame: { m: [{ type: 'Knock' }] }, code: 4000, says: /"Knock"/ },
  { name: 'a broken Hello', frame: { m: [{ ...hello, version: 1 }] }, code: 4000, says: /version/ },
  { name: 'a broken request behind it', frame: { m: [hello, { type: 'QueryNodes' }] }, code: 4000, says: /req/ },
  { name: 'an unknown type behind it', frame: { m: [hello, { type: 'Knock' }] }, code: 4000, says: /"Knock"/ },
  { name: 'a second Hello', frame: { m: [hello, hello] }, code: 4000, says: /once/ },
  { name: 'no map', frame: 'hello', code: 4000, says: /a frame is a map/ },
  { name: 'no messages', frame: { m: [] }, code: 4000, says: /a frame is a map/ },
  { name: 'messages without a type', frame: { m: [{}] }, code: 4000, says: /a frame is a map/ },
]

const everyProtocol = subprotocols.flatMap((protocol) => refusedFrames.map((refused) => ({ protocol, ...refused })))

test.each(everyProtocol)('$protocol: ends a connection that begins with $name', async (refused) => {
  const { protocol, frame, code, says } = refused
  const end = await rig.raw([protocol])
  end.connection.send(frame)
  await rig.settle()
  expect(end.closed?.code).toBe(code)
  expect(end.closed?.reason).toMatch(says)
  expect(end.received.filter(({ type }) => type !== 'ClientWelcome')).toEqual([])
})

test('ends a connection on which nobody says hello within 10 s, and no other', async () => {
  const silent = await rig.raw()
  const client = await rig.client()
  await rig.advance(9_999)
  expect(silent.closed).toBeUndefined()
  await rig.advance(1)
  expect(silent.closed).toEqual({ code: closeCodes.timeout, reason: 'nobody said hello' })
  expect((await client.nodes()).items).toEqual([])
})

test('answers requests that came in the frame of the Hello, in order behind the welcome', async () => {
  const end = await rig.raw()
  const submit = { type: 'SubmitTask', req: 1, taskId: 'a', spec: spec() }
  end.connection.send({ m: [hello, submit, { type: 'QueryNodes', req: 2 }] })
  await rig.settle()
  expect(end.closed).toBeUndefined()
  expect(end.received[0]).toMatchObject({ type: 'ClientWelcome', version: 'test', epoch: 1 })
  expect(end.received.map(({ type, req }) => [type, req])).toContainEqual(['Submitted', 1])
  expect(end.received.map(({ type, req }) => [type, req])).toContainEqual(['Nodes', 2])
})

test('a stop sent right behind the submission of its task finds it', async () => {
  const end = await rig.raw()
  const submit = { type: 'SubmitTask', req: 1, taskId: 'a', spec: spec() }
  end.connection.send({ m: [hello, submit, { type: 'StopTask', req: 2, taskId: 'a' }] })
  await rig.settle()
  expect(end.received.at(-1)).toMatchObject({ type: 'StopAccepted', req: 2, task: { state: 'Completed' } })
})

test('a broken frame costs its own connection and no other', async () => {
  const healthy = await rig.client()
  await healthy.submit('a', spec())
  const deltas: number[] = []
  healthy.subscribe(
    { topic: 'tasks', taskId: 'a', from: 'snapshot' },
    { onDelta: ({ revision }) => deltas.push(revision) },
  )
  const broken = await rig.raw()
  broken.connection.send({ m: [hello] })
  await rig.settle()
  broken.connection.send({ m: [{ type: 'StopTask', req: 1, taskId: 'NOT AN ID' }] })
  await rig.settle()
  expect(broken.closed).toMatchObject({ code: closeCodes.protocol, reason: expect.stringContaining('taskId') })
  await healthy.stop('a')
  await rig.settle()
  expect(deltas).toHaveLength(1)
})

test('a broken frame of a worker costs its own session; types that are not known are passed over', async () => {
  const worker = await rig.worker({ nodeId: 'n1' })
  const other = await rig.worker({ nodeId: 'n2' })
  worker.send({ type: 'FromTheFuture', x: 1 } as never, { type: 'Heartbeat', seq: 5 })
  await rig.settle()
  expect(worker.all('HeartbeatAck')).toEqual([{ type: 'HeartbeatAck', seq: 5 }])
  worker.send({ type: 'Heartbeat', seq: -1 })
  await rig.settle()
  expect(worker.closed).toMatchObject({ code: closeCodes.protocol, reason: expect.stringContaining('seq') })
  other.beat()
  await rig.settle()
  expect(other.closed).toBeUndefined()
  expect(other.all('HeartbeatAck')).toHaveLength(1)
})

test('a second Hello of a worker in its session breaks the protocol', async () => {
  const worker = await rig.worker()
  worker.hello()
  await rig.settle()
  expect(worker.closed).toMatchObject({ code: closeCodes.protocol, reason: 'a Hello comes once, and first' })
})

test('a nodeId that no key can hold is refused at the door, and does not reach the store', async () => {
  const end = await rig.raw(['troupe.v1.json'])
  const { registration } = new ScriptedWorker()
  const node = { ...registration, nodeId: 'n\ud800' }
  const worker = { type: 'WorkerHello', version: '1', token, incarnation: 'i', highestEpoch: 0, node, attempts: [] }
  end.connection.send({ m: [worker] })
  await rig.settle()
  expect(end.closed?.code).toBe(closeCodes.protocol)
})

test('stopping says goodbye to everyone', async () => {
  const client = await rig.client()
  const worker = await rig.worker()
  await client.submit('a', spec())
  const stopped = rig.host.stop()
  await rig.settle()
  await stopped
  expect((await client.closed).code).toBe(closeCodes.goingAway)
  expect(worker.closed?.code).toBe(closeCodes.goingAway)
})

test('who says hello while it answers what was asked before is sent away, to come back', async () => {
  const client = await rig.client()
  const [worker, late] = [await rig.worker(), new ScriptedWorker({ nodeId: 'n2' })]
  const [early, strange] = [await rig.raw(), await rig.raw()]
  rig.disk.writes.hold()
  const submitted = client.submit('a', spec())
  await rig.settle()
  const stopped = rig.host.stop()
  await rig.settle()
  early.connection.send({ m: [hello] })
  strange.connection.send({ m: [{ ...hello, token: 'wrong' }] })
  await rig.dial(worker)
  worker.hello()
  await rig.dial(late)
  late.hello()
  await rig.settle()
  rig.disk.writes.release()
  await submitted
  await stopped
  for (const { closed } of [early, worker, late]) expect(closed?.code).toBe(closeCodes.goingAway)
  expect([early.received, worker.received, late.received]).toEqual([[], [], []])
  expect(strange.closed?.code).toBe(closeCodes.unauthorized)
})

const shakes: readonly { origin?: string; host?: string; listen: string; allow?: string[]; admitted: boolean }[] = [
  { listen: '127.0.0.1:4747', host: '127.0.0.1:4747', admitted: true },
  { listen: '127.0.0.1:4747', host: 'localhost:4747', admitted: true },
  { listen: '127.0.0.1:4747', host: 'LOCALHOST:4747', admitted: true },
  { listen: '127.0.0.1:4747', host: '[::1]:4747', admitted: true },
  { listen: '127.0.0.1:4747', admitted: true },
  { listen: '127.0.0.1:4747', host: 'evil.example:4747', admitted: false },
  { listen: '127.0.0.1:4747', host: 'localhost.evil.example:4747', admitted: false },
  { listen: '[::1]:4747', host: 'evil.example', admitted: false },
  { listen: 'localhost:4747', host: 'evil.example', admitted: false },
  { listen: '127.0.0.1:4747', host: 'localhost:4747', origin: 'http://localhost:4747', admitted: true },
  { listen: '127.0.0.1:4747', host: 'localhost:4747', origin: 'http://localhost:8080', admitted: false },
  { listen: '127.0.0.1:4747', host: 'localhost:4747', origin: 'https://evil.example', admitted: false },
  { listen: '127.0.0.1:4747', host: 'localhost:4747', origin: 'null', admitted: false },
  { listen: '127.0.0.1:4747', origin: 'https://evil.example', admitted: false },
  { listen: '0.0.0.0:4747', host: 'troupe.lan:4747', admitted: true },
  { listen: '0.0.0.0:4747', host: 'troupe.lan:4747', origin: 'http://troupe.lan:4747', admitted: true },
  { listen: '0.0.0.0:4747', host: 'troupe.lan:4747', origin: 'https://evil.example', admitted: false },
  ...['http://localhost:8080', 'https://app.example'].map((origin) => ({
    ...{ listen: '127.0.0.1:4747', host: 'localhost:4747', origin },
    allow: ['https://app.example', 'http://localhost:8080'],
    admitted: true,
  })),
  ...['https://app.example:444', 'http://app.example', 'https://app.example.evil.example', 'null'].map((origin) => ({
    ...{ listen: '127.0.0.1:4747', host: 'localhost:4747', origin },
    allow: ['https://app.example'],
    admitted: false,
  })),
  // An allowed page does not make a foreign name of this address a good one.
  {
    ...{ listen: '127.0.0.1:4747', host: 'evil.example', origin: 'https://app.example' },
    allow: ['https://app.example'],
    admitted: false,
  },
]

test.each(shakes)('admits $host with origin $origin at $listen: $admitted', (shake) => {
  const { origin, host, listen, allow, admitted } = shake
  const refusal = admit({ peer: 'x', origin, host }, listen, allow)
  expect(refusal === undefined).toBe(admitted)
  if (refusal !== undefined) expect(refusal.status).toBe(403)
})

test.each([
  ['https://app.example', 'https://app.example'],
  ['https://app.example/', 'https://app.example'],
  ['https://App.Example:443', 'https://app.example'],
  ['http://localhost:8080', 'http://localhost:8080'],
  ['http://[::1]:80', 'http://[::1]'],
])('%s is the origin %s', (text, origin) => {
  expect(parseOrigin(text)).toBe(origin)
})

test.each(['', '*', 'null', 'app.example', 'https://', 'https://app.example/page', 'https://u@app.example', 'data:x'])(
  'no origin: %j',
  (text) => {
    expect(() => parseOrigin(text)).toThrow('is no origin; write scheme://host')
  },
)

test('a connection more than a manager takes is sent away with a code of its own, and has a place when another ends', async () => {
  const { connectionsMax } = doorLimits
  let enter = (_: Connection) => {}
  const listen = async (_: string, { onConnection }: { onConnection: (connection: Connection) => void }) => {
    enter = onConnection
    return { address: 'ws://here', close: async () => {} }
  }
  const clock = { nowMs: () => 0, uptimeMs: () => 0, setTimer: () => () => {} }
  const transports = [{ transport: { listen }, listen: 'here' }]
  const door = new ManagerDoor({ transports, clock } as unknown as DoorOptions)
  await door.open()
  const closes: number[] = []
  const come = () => {
    const connection = { close: (code: number) => closes.push(code), onClose: () => {} } as unknown as Connection
    enter(connection)
    return connection
  }
  const first = come()
  for (let count = 1; count < connectionsMax; count += 1) come()
  expect(closes).toEqual([])
  come()
  expect(closes).toEqual([closeCodes.tryLater])
  first.onClose(closeCodes.normal, '')
  come()
  expect(closes).toHaveLength(1)
})

test('a secret is compared whole', () => {
  expect(isSecret('abc', 'abc')).toBe(true)
  for (const wrong of ['', 'a', 'ab', 'abd', 'abcabc', 'abcd', 'ABC']) expect(isSecret('abc', wrong)).toBe(false)
  expect(isSecret('', 'a')).toBe(false)
})
