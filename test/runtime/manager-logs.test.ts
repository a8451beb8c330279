import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientLimits } from '../../actors/protocol/client.ts'
import type { Client, LogsOptions } from '../../runtime/client/client.ts'
import { type RawEnd, Rig, spec, token } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
let worker: ScriptedWorker

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  worker = await rig.worker()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

interface Reading {
  text: string
  /** `done`, or the code of what was thrown. */
  end: string | undefined
  readonly stop: AbortController
}

function read(taskId: string, options: LogsOptions = {}): Reading {
  const stop = new AbortController()
  const reading: Reading = { text: '', end: undefined, stop }
  void (async () => {
    try {
      const pieces = client.logs(taskId, { ...options, signal: stop.signal })
      for await (const { data } of pieces) reading.text += new TextDecoder().decode(data)
      reading.end = 'done'
    } catch (error) {
      reading.end = (error as { code: string }).code
    }
  })()
  return reading
}

const streams = () => worker.all('OpenLog')

function say(stream: string, text: string): void {
  worker.send({ type: 'LogData', stream, chunks: [{ stream: 'stdout', data: new TextEncoder().encode(text) }] })
}

async function running(taskId: string, more = {}): Promise<void> {
  await client.submit(taskId, spec(more))
  await rig.settle()
  worker.started(`${taskId}.1`)
  await rig.settle()
}

test('output comes as it is written, until the attempt has ended', async () => {
  await running('a')
  const reading = read('a', { follow: true })
  await rig.settle()
  expect(streams()).toMatchObject([{ taskId: 'a', attempt: 1, follow: true, creditBytes: clientLimits.logCreditBytes }])
  const stream = streams()[0]?.stream as string
  say(stream, 'one ')
  await rig.settle()
  expect(reading.text).toBe('one ')
  say(stream, 'two')
  worker.exited('a.1')
  worker.send({ type: 'LogEnded', stream })
  await rig.settle()
  expect(reading).toMatchObject({ text: 'one two', end: 'done' })
})

test('a reader that follows no attempt in particular waits for the first, and goes on with the next', async () => {
  rig.roll = 0
  await client.submit('a', spec({ restart: { policy: 'on-failure' }, constraints: ['node=later'] }))
  const reading = read('a', { follow: true })
  await rig.settle()
  expect(streams()).toEqual([])
  worker = await rig.worker({ nodeId: 'n2', name: 'later' })
  worker.started('a.1')
  await rig.settle()
  const first = streams()[0]?.stream as string
  say(first, 'first ')
  worker.exited('a.1', 1)
  worker.send({ type: 'LogEnded', stream: first })
  await rig.settle()
  expect(reading.end).toBeUndefined()
  await rig.advance(1)
  worker.started('a.2')
  await rig.settle()
  const second = streams()[1]
  expect(second).toMatchObject({ attempt: 2 })
  say(second?.stream as string, 'second')
  worker.exited('a.2', 0)
  await rig.settle()
  worker.send({ type: 'LogEnded', stream: second?.stream as string })
  await rig.settle()
  expect(reading).toMatchObject({ text: 'first second', end: 'done' })
})

test('without following, what there is comes to its end while the task runs on', async () => {
  await running('a')
  const reading = read('a')
  await rig.settle()
  expect(streams()).toMatchObject([{ follow: false }])
  say(streams()[0]?.stream as string, 'so far')
  worker.send({ type: 'LogEnded', stream: streams()[0]?.stream as string })
  await rig.settle()
  expect(reading).toMatchObject({ text: 'so far', end: 'done' })
})

test('a task that has ended is read from its worker, the newest attempt or an older one', async () => {
  rig.roll = 0
  await running('a', { restart: { policy: 'on-failure', max: 1 } })
  worker.exited('a.1', 1)
  await rig.advance(1)
  worker.exited('a.2', 1)
  await rig.settle()
  for (const options of [{}, { follow: true }, { attempt: 1 }, { attempt: 1, follow: true }] as LogsOptions[]) {
    const reading = read('a', options)
    await rig.settle()
    const open = streams().at(-1)
    expect(open).toMatchObject({ taskId: 'a', attempt: options.attempt ?? 2 })
    say(open?.stream as string, 'kept')
    worker.send({ type: 'LogEnded', stream: open?.stream as string })
    await rig.settle()
    expect(reading).toMatchObject({ text: 'kept', end: 'done' })
  }
})

test('a task that ended before it was placed has no output, and that is no error', async () => {
  await client.submit('a', spec({ constraints: ['zone=none'] }))
  const waits = read('a', { follow: true })
  await rig.settle()
  expect(waits.end).toBeUndefined()
  await client.stop('a')
  await rig.settle()
  expect(waits).toMatchObject({ text: '', end: 'done' })
  const late = read('a', { follow: true })
  await rig.settle()
  expect(late.end).toBe('done')
  expect(streams()).toEqual([])
})

test("the reader's credit goes through to the worker, of its own stream alone", async () => {
  await running('a')
  await running('b')
  const reading = read('a', { follow: true })
  read('b', { follow: true })
  await rig.settle()
  const portion = clientLimits.logCreditBytes / 4
  const stream = streams().find(({ taskId }) => taskId === 'a')?.stream as string
  for (let sent = 0; sent < portion; sent += 16_384) say(stream, 'x'.repeat(16_384))
  await rig.settle()
  expect(reading.text).toHaveLength(portion)
  expect(worker.all('CreditLog')).toEqual([{ type: 'CreditLog', stream, bytes: portion }])
})

test('a reader that goes away has its stream closed at the worker', async () => {
  await running('a')
  const reading = read('a', { follow: true })
  await rig.settle()
  reading.stop.abort()
  await rig.settle()
  expect(worker.all('CloseLog')).toEqual([{ type: 'CloseLog', stream: streams()[0]?.stream }])
  read('a', { follow: true })
  await rig.settle()
  await client.close()
  await rig.settle()
  expect(worker.all('CloseLog')).toHaveLength(2)
})

test('a worker that says why a stream broke off is believed', async () => {
  await running('a')
  const reading = read('a')
  await rig.settle()
  worker.send({ type: 'LogEnded', stream: streams()[0]?.stream as string, error: 'the file is gone' })
  await rig.settle()
  expect(reading.end).toBe('Unavailable')
})

test('output that its worker has nothing of any more is said to be gone, if there was any', async () => {
  await running('a')
  worker.exited('a.1')
  await rig.settle()
  for (const follow of [false, true]) {
    const reading = read('a', { follow })
    await rig.settle()
    worker.send({ type: 'LogEnded', stream: streams().at(-1)?.stream as string, missing: true })
    await rig.settle()
    expect(reading.end).toBe('NotFound')
  }
  await client.submit('never-ran', spec())
  await rig.settle()
  worker.report('never-ran.1', {
    endedAtMs: 1_700_000_001_000,
    end: { kind: 'startFailed', code: 'no-such-command', message: 'no such command', retryable: false },
  })
  await rig.settle()
  const reading = read('never-ran')
  await rig.settle()
  worker.send({ type: 'LogEnded', stream: streams().at(-1)?.stream as string, missing: true })
  await rig.settle()
  expect(reading.end).toBe('done')
})

test('a worker that is cut off ends the streams from it with an error', async () => {
  await running('a')
  const reading = read('a', { follow: true })
  await rig.settle()
  await rig.cut('worker-n1')
  expect(reading.end).toBe('Unavailable')
  const late = read('a', { follow: true })
  await rig.settle()
  expect(late.end).toBe('Unavailable')
})

test('a worker that dials again while its old session still stands ends the streams of that', async () => {
  await running('a')
  const reading = read('a', { follow: true })
  await rig.settle()
  await rig.join(worker)
  expect(reading.end).toBe('Unavailable')
})

test("one worker cannot write into another's stream", async () => {
  await running('a')
  const reading = read('a', { follow: true })
  await rig.settle()
  const stream = streams()[0]?.stream as string
  const honest = worker
  worker = await rig.worker({ nodeId: 'n2' })
  say(stream, 'forged')
  worker.send({ type: 'LogEnded', stream })
  await rig.settle()
  expect(reading).toMatchObject({ text: '', end: undefined })
  worker = honest
  say(stream, 'real')
  await rig.settle()
  expect(reading.text).toBe('real')
})

test('an attempt or a task that nobody knows is an error', async () => {
  await running('a')
  const attempt = read('a', { attempt: 7 })
  const task = read('b')
  await rig.settle()
  expect(task.end).toBe('NotFound')
  expect(attempt.end).toBe('NotFound')
  expect(streams()).toEqual([])
})

test('a reader who waits does not keep the manager from its work', async () => {
  await client.submit('a', spec({ constraints: ['zone=none'] }))
  const readings = [read('a', { follow: true }), read('a', { follow: true })]
  await rig.settle()
  await client.submit('b', spec())
  await rig.settle()
  expect(worker.wishes).toEqual(['b.1 run'])
  expect(readings.map(({ end }) => end)).toEqual([undefined, undefined])
})

test('the end of a task is not told to its readers before it is durable', async () => {
  await client.submit('a', spec({ constraints: ['zone=none'] }))
  const early = read('a', { follow: true })
  await rig.settle()
  rig.disk.writes.hold()
  const stopped = client.stop('a')
  await rig.settle()
  const late = read('a', { follow: true })
  await rig.settle()
  expect([early.end, late.end]).toEqual([undefined, undefined])
  rig.disk.writes.release()
  await stopped
  await rig.settle()
  expect([early.end, late.end]).toEqual(['done', 'done'])
})

describe('a client that gives credit', () => {
  const portion = 16_384
  /** Sends as much of `a` as there is credit for, and has the client claim to have taken it; answers how many bytes. */
  async function pour(end: RawEnd, reading: { bytes: number }, rounds: number): Promise<number> {
    let sent = 0
    const { stream, creditBytes } = streams()[0] as { stream: string; creditBytes: number }
    const credit = () => worker.all('CreditLog').reduce((sum, { bytes }) => sum + bytes, creditBytes)
    for (let round = 0; round < rounds && reading.bytes + portion <= credit(); round += 1) {
      say(stream, 'x'.repeat(portion))
      end.connection.send({ m: [{ type: 'CreditOutput', stream: 2, bytes: portion }] })
      await rig.settle()
      reading.bytes += portion
      sent += portion
    }
    return sent
  }

  async function begin(): Promise<RawEnd> {
    await running('a')
    const end = await rig.raw()
    const readLogs = { type: 'ReadLogs', req: 2, taskId: 'a', follow: true }
    end.connection.send({ m: [{ type: 'ClientHello', version: 'x', token }, readLogs] })
    await rig.settle()
    return end
  }

  test('without reading is believed only as far as the connection takes it', async () => {
    const end = await begin()
    const reading = { bytes: 0 }
    end.connection.pause()
    // The rig's connections say that they are behind at 4 MiB.
    const most = 4 * 2 ** 20 + 2 * clientLimits.logCreditBytes
    expect(await pour(end, reading, 1_000)).toBeLessThan(most)
    expect(end.closed).toBeUndefined()
    end.connection.resume()
    await rig.settle()
    expect(await pour(end, reading, 50)).toBe(50 * portion)
    await rig.settle()
    const chunks = end.received.flatMap((message) => (message.chunks ?? []) as { data: Uint8Array }[])
    expect(chunks.reduce((sum, { data }) => sum + data.length, 0)).toBe(reading.bytes)
  })

  test('of more than was sent to it gets no more than its window', async () => {
    const end = await begin()
    end.connection.send({ m: [{ type: 'CreditOutput', stream: 2, bytes: 2 ** 40 }] })
    await rig.settle()
    expect(worker.all('CreditLog')).toEqual([])
    say(streams()[0]?.stream as string, 'x'.repeat(100))
    end.connection.send({ m: [{ type: 'CreditOutput', stream: 2, bytes: 2 ** 40 }] })
    await rig.settle()
    expect(worker.all('CreditLog')).toMatchObject([{ bytes: 100 }])
  })
})
