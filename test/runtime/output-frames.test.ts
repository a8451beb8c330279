import { afterEach, beforeEach, expect, test } from 'vitest'
import { frameLimits, subprotocols } from '../../actors/protocol/frame.ts'
import { createCodec } from '../../transport/codec.ts'
import { Rig, spec, token } from './manager-rig.ts'

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
  end.connection.send({ m: [{ type: 'ClientHello', version: '1', token }] })
  end.connection.send({ m: [{ type: 'SubmitTask', req: 1, taskId: 'a', spec: spec() }] })
  await rig.settle()
  worker.started('a.1')
  await rig.settle()
  end.connection.send({ m: [{ type: 'ReadLogs', req: 2, taskId: 'a', follow: true }] })
  await rig.settle()
  const stream = worker.all('OpenLog')[0]?.stream ?? ''
  const chunks = [{ stream: 'stdout' as const, data: new Uint8Array(chunkBytes) }]
  const data = { type: 'LogData' as const, stream, chunks }
  worker.send(data, data, data, data)
  await rig.settle()
  expect(end.received.filter(({ type }) => type === 'Output')).toHaveLength(4)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(frameLimits.logFrameBytesMax)
})
