/**
 * What every transport must do, whatever carries its frames. An adapter's test gives it `{ test, expect }` of its test
 * runner and a way to open a `TransportWorld`; each test plays in a world of its own.
 */
import type { Transport, TransportLimits } from '../../transport/transport.ts'
import {
  aWhile,
  type ConformanceTools,
  closed,
  eventually,
  failure,
  json,
  msgpack,
  type Stage,
  stageLimits,
  type WatchedEnd,
  withStage,
} from './transport-stage.ts'

/** A network for one test, with ends that reach each other over it. */
export interface TransportWorld {
  /** An end with limits of its own. All ends of a world reach each other. */
  transport(limits: TransportLimits): Transport
  /** Where to listen: any free port. */
  readonly anyAddress: string
  /** The URL of a listener, by a way that `cut` can cut. */
  through(address: string): string | Promise<string>
  /** Cuts what goes that way, without a word to either end. */
  cut(): void
  /** A URL where nobody listens. */
  nobody(): string | Promise<string>
  /** A URL where a dial is taken and never answered. */
  silent(): string | Promise<string>
  /** Once the test is over; all that it has opened is closed by then. */
  close(): void | Promise<void>
}

type Define = (name: string, body: (stage: Stage) => Promise<void>) => void
type Expect = ConformanceTools['expect']

/** The transport that the suite is to hold to its port. */
export interface TransportSubject {
  /** A world of its own for each test. */
  readonly open: () => TransportWorld | Promise<TransportWorld>
  /** What the technology below may be unable to do for the dialling end. Default: it can. */
  readonly supports?: {
    /** A dialled end that has paused stops its sender; without it, it only holds what comes. */
    readonly stopsReading?: boolean
    /** A dial that was refused is told why; without it, it is `unreachable`. */
    readonly tellsRefusal?: boolean
  }
}

/** Defines the suite's tests with `tools.test`. They may run one after the other or at once. */
export function transportConformance(tools: ConformanceTools, { open, supports = {} }: TransportSubject): void {
  const define: Define = (name, body) => tools.test(name, async () => withStage(await open(), body))
  for (const protocol of [msgpack, json]) {
    frames(define, tools.expect, protocol)
    bounds(define, tools.expect, protocol)
  }
  ends(define, tools.expect)
  pressure(define, tools.expect)
  if (supports.stopsReading !== false) slowDialler(define, tools.expect)
  holding(define, tools.expect)
  dials(define, tools.expect)
  refusals(define, tools.expect, supports.tellsRefusal !== false)
  listeners(define, tools.expect)
}

function frames(define: Define, expect: Expect, protocol: string): void {
  define(`${protocol}: frames arrive whole and in order, both ways`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol })
    const sent = Array.from({ length: 500 }, (_, i) => ({
      i,
      atMs: 1_790_000_000_000 + i,
      text: 'Grüße 🎭'.repeat(i % 7),
      data: new Uint8Array(i).fill(i),
      parts: [null, true, 1 - i, i / 3, { empty: {} }, []],
    }))
    for (const frame of sent) {
      dialled.connection.send(frame)
      accepted.connection.send({ answer: frame })
    }
    await eventually('all have come', () => dialled.frames.length >= 500 && accepted.frames.length >= 500)
    expect(accepted.frames).toEqual(sent)
    expect(dialled.frames).toEqual(sent.map((answer) => ({ answer })))
    expect([dialled.connection.protocol, accepted.connection.protocol]).toEqual([protocol, protocol])
  })

  define(`${protocol}: a frame is what it was when it was sent, without what is undefined`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol })
    const frame = { list: [1], data: new Uint8Array([1, 2, 3]), gone: undefined }
    dialled.connection.send(frame)
    frame.list.push(2)
    frame.data.fill(9)
    const got = await eventually('it has come', () => accepted.frames[0])
    expect(got).toEqual({ list: [1], data: new Uint8Array([1, 2, 3]) })
    expect(Object.keys(got as object)).toEqual(['list', 'data'])
  })

  define(`${protocol}: a frame just below the limit goes through`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol })
    const text = 'x'.repeat(stageLimits.frameBytesMax - 64)
    dialled.connection.send({ text })
    const got = await eventually('it has come', () => accepted.frames[0])
    expect((got as { text: string }).text === text).toBe(true)
  })
}

function bounds(define: Define, expect: Expect, protocol: string): void {
  const tooMuch = { text: 'x'.repeat(stageLimits.frameBytesMax) }

  define(`${protocol}: a frame over the limit is refused to its sender, and the connection goes on`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol })
    expect((await failure(() => dialled.connection.send(tooMuch))).code).toBe('too-large')
    expect(dialled.connection.send('after')).toBe(true)
    await eventually('the next has come', () => accepted.frames.length > 0)
    expect(accepted.frames).toEqual(['after'])
  })

  define(`${protocol}: what is no frame is refused to its sender, and the connection goes on`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol })
    const circle: unknown[] = []
    circle.push(circle)
    for (const wrong of [new Date(), new Map(), 1n, () => 1, { at: Number.NaN }, circle, Symbol('no')]) {
      expect((await failure(() => dialled.connection.send(wrong))).code).toBe('malformed')
    }
    dialled.connection.send('after')
    await eventually('the next has come', () => accepted.frames.length > 0)
    expect(accepted.frames).toEqual(['after'])
  })

  define(`${protocol}: a frame over the limit of its receiver closes the connection with 1009`, async (stage) => {
    const { dialled, accepted } = await stage.join({ protocol, dialler: { frameBytesMax: 8 * 1_024 * 1_024 } })
    dialled.connection.send(tooMuch)
    expect((await closed(accepted)).code).toBe(1009)
    expect((await closed(dialled)).code).toBe(1009)
    expect(accepted.frames).toEqual([])
  })

  define(
    `${protocol}: a frame nested too deep for its receiver closes the connection with 4000 and says so`,
    async (stage) => {
      const { dialled, accepted } = await stage.join({ protocol, dialler: { frameDepthMax: 100 } })
      dialled.connection.send([[[[[[[['as deep as may be']]]]]]]])
      await eventually('the first has come', () => accepted.frames.length === 1)
      dialled.connection.send([[[[[[[[['too deep']]]]]]]]])
      expect((await closed(accepted)).code).toBe(4000)
      const told = await closed(dialled)
      expect(told.code).toBe(4000)
      expect(told.reason).toContain('more than 8 deep')
      expect(accepted.frames.length).toBe(1)
    },
  )
}

function ends(define: Define, expect: Expect): void {
  for (const closer of ['dialled', 'accepted'] as const) {
    define(`the ${closer} end closes: what was sent comes first, both hear code and reason, once`, async (stage) => {
      const pair = await stage.join()
      const [here, there] = closer === 'dialled' ? [pair.dialled, pair.accepted] : [pair.accepted, pair.dialled]
      for (let i = 0; i < 100; i++) here.connection.send(i)
      here.connection.close(4321, 'Enough — good bye.')
      here.connection.close(4322, 'Not again.')
      expect(here.connection.send('late')).toBe(false)
      const ending = { code: 4321, reason: 'Enough — good bye.' }
      expect(await closed(there)).toEqual(ending)
      expect(there.frames).toEqual(Array.from({ length: 100 }, (_, i) => i))
      expect(await closed(here)).toEqual(ending)
      expect(there.connection.send('late')).toBe(false)
      there.connection.close(4323, 'Nor here.')
      await aWhile()
      expect([here.closes.length, there.closes.length]).toEqual([1, 1])
    })
  }

  define('the end that closes is handed no more frames', async (stage) => {
    const { dialled, accepted } = await stage.join()
    accepted.connection.send('under way')
    dialled.connection.close(1000, '')
    await closed(dialled)
    await closed(accepted)
    expect(dialled.frames).toEqual([])
  })

  define('a long reason is cut between two characters', async (stage) => {
    const { dialled, accepted } = await stage.join()
    dialled.connection.close(4000, 'ü'.repeat(200))
    expect(await closed(accepted)).toEqual({ code: 4000, reason: `${'ü'.repeat(60)}…` })
  })

  define('a cut is told to both ends as 1006, once, also when one of them has paused', async (stage) => {
    const { dialled, accepted } = await stage.join()
    accepted.connection.pause()
    stage.world.cut()
    expect((await closed(dialled)).code).toBe(1006)
    // A paused socket is not read, so its end may notice the cut only now.
    accepted.connection.resume()
    expect((await closed(accepted)).code).toBe(1006)
    await aWhile()
    expect([dialled.closes.length, accepted.closes.length]).toEqual([1, 1])
  })
}

/** More than the system's own buffers between two sockets take, in frames of 64 KiB. */
const framesToFillMax = 900

/** Sends until back-pressure lasts, for the system may take some megabytes more a moment later. Answers how many. */
async function fill(end: WatchedEnd): Promise<number> {
  const data = new Uint8Array(64 * 1_024)
  for (let count = 0; count < framesToFillMax; ) {
    const drains = end.drains
    const keepsUp = end.connection.send({ i: count++, data })
    if (keepsUp) continue
    const { bufferedBytes } = end.connection
    await aWhile()
    // A page learns late that room was made, so that what is buffered is asked as well.
    if (end.drains === drains && end.connection.bufferedBytes === bufferedBytes) return count
  }
  return framesToFillMax
}

function pressure(define: Define, expect: Expect): void {
  define('back-pressure reaches the sender, and nothing is lost when it ends', async (stage) => {
    const { dialled, accepted } = await stage.join()
    accepted.connection.pause()
    const count = await fill(dialled)
    expect(count).toBeLessThanOrEqual(framesToFillMax - 1)
    expect(dialled.connection.bufferedBytes).toBeGreaterThanOrEqual(stageLimits.sendBufferBytesHigh)
    expect(dialled.connection.send({ i: count })).toBe(false)
    const drains = dialled.drains
    accepted.connection.resume()
    await eventually('it has drained', () => dialled.drains > drains)
    expect(dialled.connection.send({ i: count + 1 })).toBe(true)
    await eventually('all have come', () => accepted.frames.length >= count + 2)
    expect(accepted.frames.map((frame) => (frame as { i: number }).i)).toEqual(
      Array.from({ length: count + 2 }, (_, i) => i),
    )
    expect(dialled.connection.bufferedBytes).toBeLessThanOrEqual(stageLimits.sendBufferBytesHigh)
  })
}

function slowDialler(define: Define, expect: Expect): void {
  define('a reader that stays too slow is closed with 4005', async (stage) => {
    const limits = { sendBufferBytesMax: 1_024 * 1_024 }
    const { dialled, accepted } = await stage.join({ listener: limits })
    dialled.connection.pause()
    const data = new Uint8Array(64 * 1_024)
    let taken = 0
    while (accepted.connection.bufferedBytes <= limits.sendBufferBytesMax && taken < framesToFillMax) {
      accepted.connection.send({ data })
      taken++
    }
    expect(taken).toBeLessThanOrEqual(framesToFillMax - 1)
    expect(accepted.connection.send('more')).toBe(false)
    const told = await closed(accepted)
    expect(told.code).toBe(4005)
    expect(told.reason).toContain(String(limits.sendBufferBytesMax))
    expect(accepted.drains).toBe(0)
  })
}

function holding(define: Define, expect: Expect): void {
  define('nothing is handed over between pause and resume', async (stage) => {
    const { dialled, accepted } = await stage.join()
    // Paused from within a handler: the frames after it may be here already.
    accepted.connection.onFrame = (frame) => {
      accepted.frames.push(frame)
      if (frame === 2) accepted.connection.pause()
    }
    for (let i = 0; i < 10; i++) dialled.connection.send(i)
    await eventually('it has paused', () => accepted.frames.length >= 3)
    await aWhile()
    expect(accepted.frames).toEqual([0, 1, 2])
    accepted.connection.resume()
    await eventually('the rest has come', () => accepted.frames.length >= 10)
    expect(accepted.frames).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  define('an orderly close waits behind the frames of a reader that has paused', async (stage) => {
    const { dialled, accepted } = await stage.join()
    dialled.connection.onFrame = (frame) => {
      dialled.frames.push(frame)
      dialled.connection.pause()
    }
    for (const frame of ['one', 'two', 'three']) accepted.connection.send(frame)
    accepted.connection.close(4321, 'Done.')
    for (const count of [1, 2, 3]) {
      await eventually('the next has come', () => dialled.frames.length === count)
      expect(dialled.closes).toEqual([])
      dialled.connection.resume()
    }
    expect(await closed(dialled)).toEqual({ code: 4321, reason: 'Done.' })
    expect(dialled.frames).toEqual(['one', 'two', 'three'])
  })

  define('what the listener says first is not missed by the dialler', async (stage) => {
    for (let round = 0; round < 10; round++) {
      const { dialled } = await stage.join({
        onAccepted: (end) => {
          end.connection.send('welcome')
          end.connection.close(4321, 'Nothing more.')
        },
      })
      expect((await closed(dialled)).code).toBe(4321)
      expect(dialled.frames).toEqual(['welcome'])
    }
  })
}

function dials(define: Define, expect: Expect): void {
  define('the best subprotocol of the listener is taken; none in common is refused', async (stage) => {
    const { listener } = await stage.listen()
    expect((await stage.transport().connect(listener.address, { protocols: [json, msgpack] })).protocol).toBe(msgpack)
    const told = await failure(() => stage.transport().connect(listener.address, { protocols: ['troupe.v9.xml'] }))
    expect(told.code).toBe('subprotocol')
    expect(told.message).toContain('troupe.v9.xml')
  })

  define('a dial to nobody, into silence, or to nonsense says which', async (stage) => {
    const dial = (url: string, timeoutMs = 5_000): Promise<{ code: unknown; message: string }> =>
      failure(() => stage.transport().connect(url, { protocols: [msgpack], timeoutMs }))
    const nobody = await stage.world.nobody()
    const refused = await dial(nobody)
    expect(refused.code).toBe('unreachable')
    expect(refused.message).toContain(nobody)
    const silent = await dial(await stage.world.silent(), 60)
    expect(silent.code).toBe('timeout')
    expect(silent.message).toContain('60 ms')
    for (const wrong of ['127.0.0.1:4747', 'nonsense', 'http://127.0.0.1:4747', '']) {
      expect((await dial(wrong)).code).toBe('bad-url')
    }
  })

  define('a dial into silence is given up when it is aborted, with the reason', async (stage) => {
    const url = await stage.world.silent()
    const stop = new AbortController()
    const options = { protocols: [msgpack], timeoutMs: 60_000, signal: stop.signal }
    const given = failure(() => stage.transport().connect(url, options))
    stop.abort(new Error('enough'))
    expect((await given).message).toBe('enough')
  })
}

function refusals(define: Define, expect: Expect, tells: boolean): void {
  define('the listener may refuse, and the dialler is told as much as can be', async (stage) => {
    const seen: string[] = []
    const { listener, accepted } = await stage.listen({
      admit: ({ peer }) => {
        seen.push(peer)
        return seen.length === 1 ? { status: 403, message: 'Pages of other sites may not connect.' } : undefined
      },
    })
    const connect = (): Promise<unknown> => stage.transport().connect(listener.address, { protocols: [msgpack] })
    const told = await failure(connect)
    expect(told.code).toBe(tells ? 'refused' : 'unreachable')
    expect(told.message).toContain(tells ? '403' : listener.address)
    if (tells) expect(told.message).toContain('Pages of other sites may not connect.')
    expect(accepted.length).toBe(0)
    await connect()
    await eventually('it has it', () => accepted.length === 1)
    expect(accepted[0]?.connection.peer).toBe(seen[1])
  })
}

function listeners(define: Define, expect: Expect): void {
  define('a port that is taken, and an address that is none, say so', async (stage) => {
    const { listener } = await stage.listen()
    const taken = listener.address.slice(listener.address.indexOf('//') + 2)
    const options = { protocols: [msgpack], onConnection: () => {} }
    const told = await failure(() => stage.transport().listen(taken, options))
    expect(told.code).toBe('address-in-use')
    expect(told.message).toContain(taken.slice(taken.lastIndexOf(':') + 1))
    for (const wrong of ['4747', 'localhost', '127.0.0.1:70000', '::1:80', 'ws://127.0.0.1:1', '']) {
      expect((await failure(() => stage.transport().listen(wrong, options))).code).toBe('bad-url')
    }
  })

  define('closing a listener closes its connections with 1001 and frees the port', async (stage) => {
    const { dialled, accepted, listener } = await stage.join()
    const address = listener.listener.address
    await listener.listener.close()
    await listener.listener.close()
    expect((await closed(dialled)).code).toBe(1001)
    expect((await closed(accepted)).code).toBe(1001)
    const connect = (): Promise<unknown> => stage.transport().connect(address, { protocols: [msgpack] })
    expect((await failure(connect)).code).toBe('unreachable')
    const hostAndPort = address.slice(address.indexOf('//') + 2)
    const again = await stage.transport().listen(hostAndPort, { protocols: [msgpack], onConnection: () => {} })
    expect(again.address).toBe(address)
    await again.close()
  })
}
