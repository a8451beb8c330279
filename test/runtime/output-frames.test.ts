import { afterEach, beforeEach, expect, test } from 'vitest'
import { clientLimits } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { frameLimits, subprotocols } from '../../actors/protocol/frame.ts'
import { createCodec } from '../../transport/codec.ts'
import { type RawEnd, Rig, spec, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

/** What the shipped worker puts into one message at most; two of them may come in one frame of MessagePack. */
const chunkBytes = 15 * 1_024

/** A client that reads the output of a running task as request 2, and the stream at its worker. */
async function reading(end: RawEnd, worker: ScriptedWorker, more: object = {}): Promise<string> {
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  end.connection.send({ m: [{ type: 'SubmitTask', req: 1, taskId: 'a', spec: spec(more) }] })
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  end.connection.send({ m: [{ type: 'ReadLogs', req: 2, taskId: 'a', follow: true }] })
  await rig.settle()
  return worker.all('OpenLog')[0]?.stream ?? ''
}

const outputOf = (stream: string, bytes: number) => ({
  type: 'LogData' as const,
  stream,
  chunks: [{ stream: 'stdout' as const, data: new Uint8Array(bytes) }],
})

test.each(subprotocols)('output that comes at once goes on in frames of the limit, as %s', async (protocol) => {
  const worker = await rig.worker()
  const end = await rig.raw([protocol])
  const codec = createCodec(protocol, frameLimits)
  const sizes: number[] = []
  const { onFrame } = end.connection
  end.connection.onFrame = (frame) => {
    sizes.push(codec.encode(frame).length)
    onFrame(frame)
  }
  const stream = await reading(end, worker)
  const data = outputOf(stream, chunkBytes)
  worker.send(data, data, data, data)
  await rig.settle()
  expect(end.received.filter(({ type }) => type === 'Output')).toHaveLength(4)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(frameLimits.logFrameBytesMax)
})

test('of a stream that was ended nothing comes after the Ok, however slowly its client reads', async () => {
  const worker = await rig.worker()
  const end = await rig.raw()
  const stream = await reading(end, worker)
  end.connection.pause()
  const messages = Math.ceil((1.25 * frameLimits.sendBufferBytesMax) / 4 / chunkBytes)
  for (let sent = 0; sent < messages; sent += 1) worker.send(outputOf(stream, chunkBytes))
  await rig.settle()
  end.connection.send({ m: [{ type: 'Unsubscribe', req: 3, stream: 2 }] })
  await rig.settle()
  end.connection.resume()
  await rig.settle()
  expect(end.received.at(-1)).toEqual({ type: 'Ok', req: 3 })
  expect(end.received.filter(({ type }) => type === 'Output').length).toBeGreaterThan(messages / 2)
})

test('a stream has one credit for all attempts: what was not taken of the first is not given again', async () => {
  const worker = await rig.worker()
  const end = await rig.raw()
  const stream = await reading(end, worker, { restart: { policy: 'on-failure', backOffMs: 0 } })
  const [sent, taken] = [200_000, 50_000]
  worker.send(outputOf(stream, sent))
  worker.send({ type: 'LogEnded', stream })
  worker.exited('a.1', 1)
  await rig.settle()
  // Between two attempts no worker hears of it, and yet it counts.
  end.connection.send({ m: [{ type: 'CreditOutput', stream: 2, bytes: taken }] })
  await rig.settle()
  await rig.advance(1_000)
  worker.started('a.2')
  await rig.settle()
  expect(worker.all('OpenLog').map(({ attempt, creditBytes }) => [attempt, creditBytes])).toEqual([
    [1, clientLimits.logCreditBytes],
    [2, clientLimits.logCreditBytes - sent + taken],
  ])
})

test.each([null, 5, 'text', {}])(
  'output that is no bytes but %j costs its worker the session, and nobody else',
  async (data) => {
    const worker = await rig.worker()
    const end = await rig.raw()
    const stream = await reading(end, worker)
    worker.send({ type: 'LogData', stream, chunks: [{ stream: 'stdout', data }] } as never)
    await rig.settle()
    expect(worker.closed).toMatchObject({ code: closeCodes.protocol, reason: expect.stringContaining('must be bytes') })
    expect(end.closed).toBeUndefined()
    expect(end.received.at(-1)).toMatchObject({
      ...{ type: 'OutputEnded', req: 2, code: 'Unavailable' },
      error: expect.stringContaining('lost'),
    })
  },
)
