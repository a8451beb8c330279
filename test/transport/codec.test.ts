import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failure } from '../../runtime/conformance/transport-stage.ts'
import { createCodec } from '../../transport/codec.ts'
import { Shared } from '../../transport/shared.ts'
import { TransportError } from '../../transport/transport.ts'
import { code, frames, limits } from './frames.ts'

const json = createCodec('troupe.v1.json', limits)
const both = [createCodec('troupe.v1.msgpack', limits), json] as const
const utf8 = new TextEncoder()

describe('json on the wire', () => {
  test.each<[unknown, string]>([
    [{ a: [1, 'ü', null, true] }, '{"a":[1,"ü",null,true]}'],
    [new Uint8Array([1, 2, 255]), '{"$bytes":"AQL/"}'],
    [new Uint8Array(), '{"$bytes":""}'],
    [{ $bytes: 'AQL/' }, '{"$$bytes":"AQL/"}'],
    [{ $$bytes: 1 }, '{"$$$bytes":1}'],
    [{ $bytes: 'AQL/', more: 1 }, '{"$bytes":"AQL/","more":1}'],
    [{ $bytes: new Uint8Array([0]) }, '{"$$bytes":{"$bytes":"AA=="}}'],
    [1_790_000_000_123, '1790000000123'],
  ])('%j is %s', (value, wire) => {
    expect(new TextDecoder().decode(json.encode(value))).toBe(wire)
    expect(json.decode(utf8.encode(wire))).toEqual(value)
  })

  test.each([
    ['nothing', ''],
    ['half', '{"a":'],
    ['two', '1 2'],
    ['the key __proto__', '{"__proto__":{"admin":true}}'],
    ['the key __proto__ in disguise', '{"\\u005f_proto__":{"admin":true}}'],
    ['a number beyond all', '[1e999]'],
    ['bytes that are no string', '{"$bytes":1}'],
    ['bytes that are no base64', '{"$bytes":"A-_="}'],
    ['bytes without padding', '{"$bytes":"AQ"}'],
    ['bytes with blanks', '{"$bytes":"AQ =="}'],
    ['padding in the middle', '{"$bytes":"A===AAAA"}'],
  ])('refused: %s', async (_, wire) => {
    expect(await code(() => json.decode(utf8.encode(wire)))).toBe('malformed')
  })

  test('what is no UTF-8 is refused', async () => {
    expect(await code(() => json.decode(Buffer.from([0x22, 0xff, 0x22])))).toBe('malformed')
  })

  test('the sentence of a refusal quotes nothing of the frame', async () => {
    const told = await failure(() => json.decode(utf8.encode('{"token":"secret-1","x":secret-2}')))
    expect(told.code).toBe('malformed')
    expect(told.message).not.toContain('secret')
  })

  test('brackets within strings are no nesting', () => {
    const text = '[{"\\'.repeat(100)
    expect(json.decode(json.encode({ text }))).toEqual({ text })
  })
})

describe.each(both)('$protocol', (codec) => {
  test('what goes in comes out', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(codec.decode(codec.encode(frame))).toEqual(frame)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes give a frame or a TransportError', () => {
    const half = fc.tuple(frames, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([frame, at, noise]) => {
      const bytes = codec.encode(frame)
      bytes.set(noise.subarray(0, bytes.length), Math.min(at % bytes.length, Math.max(0, bytes.length - noise.length)))
      return bytes
    })
    const any = fc.oneof(fc.uint8Array({ maxLength: 200 }), half)
    fc.assert(
      fc.property(any, (bytes) => {
        try {
          codec.decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('undefined is left out of maps, and null in arrays', () => {
    expect(codec.decode(codec.encode({ a: undefined, b: [undefined, 1] }))).toEqual({ b: [null, 1] })
    expect(Object.keys(codec.decode(codec.encode({ a: undefined })) as object)).toEqual([])
  })

  test('what is no plain value is refused, by its name', async () => {
    class Task {}
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const own = Object.defineProperty({}, '__proto__', { value: 1, enumerable: true })
    const wrong = [new Date(), new Map(), new Set(), /x/, new Error('x'), new Task(), 1n, Symbol('x'), () => 1]
    for (const value of [...wrong, Number.NaN, Number.NEGATIVE_INFINITY, circle, own]) {
      expect(await code(() => codec.encode({ value }))).toBe('malformed')
    }
    expect((await failure(() => codec.encode(new Task()))).message).toBe(
      'That is no frame: it holds a Task, which is no plain value.',
    )
    expect(codec.decode(codec.encode('still works'))).toBe('still works')
  })

  test('half a surrogate pair is refused, wherever it stands, and a whole one is read', () => {
    for (const text of ['"\\ud83c"', '["a\\udfad"]', '{"\\uD83C":1}', '{"a":{"$bytes":"\\ud800"}}'])
      expect(() => json.decode(utf8.encode(text))).toThrow('half a surrogate pair')
    expect(json.decode(utf8.encode('["\\ud83c\\udfad","\\\\ud83c"]'))).toEqual(['🎭', '\\ud83c'])
  })

  test('half a surrogate pair never makes a frame that the other end refuses', () => {
    for (const text of ['\ud83c', 'a\udfadb', `${'x'.repeat(60)}\ud83c`]) codec.decode(codec.encode({ [text]: text }))
  })

  test('maps without a prototype are plain, and no frame touches that of others', () => {
    const bare = Object.assign(Object.create(null), { a: 1 })
    expect(codec.decode(codec.encode(bare))).toEqual({ a: 1 })
    const got = codec.decode(codec.encode({ constructor: { prototype: { admin: true } } }))
    expect(got).toEqual({ constructor: { prototype: { admin: true } } })
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('nesting is bounded to the level, both ways, arrays and maps alike', async () => {
    const nest = (depth: number, wrap: (inner: unknown) => unknown): unknown =>
      depth === 0 ? new Uint8Array([1]) : wrap(nest(depth - 1, wrap))
    const lax = createCodec(codec.protocol, { ...limits, frameDepthMax: 100 })
    for (const wrap of [
      (inner: unknown) => [inner],
      (inner: unknown) => ({ a: inner }),
      (x: unknown) => ({ $bytes: x }),
    ]) {
      const fits = nest(8, wrap)
      expect(codec.decode(codec.encode(fits))).toEqual(fits)
      expect(await code(() => codec.encode(nest(9, wrap)))).toBe('malformed')
      expect(await code(() => codec.decode(lax.encode(nest(9, wrap))))).toBe('malformed')
    }
  })

  test('a million brackets do not exhaust the stack', async () => {
    const huge = createCodec(codec.protocol, { frameBytesMax: 2_000_000, frameDepthMax: 32 })
    const open = Buffer.alloc(1_000_000, codec.text ? '[' : Buffer.from([0x91]))
    expect(await code(() => huge.decode(open))).toBe('malformed')
  })

  test('bytes are bounded both ways', async () => {
    const lax = createCodec(codec.protocol, { ...limits, frameBytesMax: 10 * limits.frameBytesMax })
    const overhead = codec.encode('').length + (codec.text ? 0 : 2)
    const fits = 'x'.repeat(limits.frameBytesMax - overhead)
    expect(codec.encode(fits).length).toBe(limits.frameBytesMax)
    expect(codec.decode(codec.encode(fits))).toBe(fits)
    const over = [
      `${fits}x`,
      'ü'.repeat(limits.frameBytesMax / 2),
      new Uint8Array(limits.frameBytesMax),
      new Array(40_000).fill('xyz'),
    ]
    for (const frame of over) {
      expect(await code(() => codec.encode(frame))).toBe('too-large')
      expect(await code(() => codec.decode(lax.encode(frame)))).toBe('too-large')
    }
    expect(codec.decode(codec.encode('still works'))).toBe('still works')
  })

  test('arrays and maps are bounded in number, for they cost more memory than bytes', async () => {
    const most = limits.frameBytesMax / 8
    const parts = (count: number): unknown => new Array(count - 1).fill({})
    expect((codec.decode(codec.encode(parts(most))) as unknown[]).length).toBe(most - 1)
    expect(await code(() => codec.encode(parts(most + 1)))).toBe('malformed')
    const lax = createCodec(codec.protocol, { ...limits, frameBytesMax: 10 * limits.frameBytesMax })
    expect(await code(() => codec.decode(lax.encode(parts(most + 1))))).toBe('malformed')
  })

  test('nested headers that promise much reserve nothing', async () => {
    if (codec.text) return
    const big = createCodec(codec.protocol, { frameBytesMax: 4 * 1_024 * 1_024, frameDepthMax: 32 })
    const bytes = Buffer.alloc(4 * 1_024 * 1_024, 0xc0)
    for (let depth = 0; depth < 31; depth++) Buffer.from([0xdd, 0x00, 0x3f, 0x00, 0x00]).copy(bytes, depth * 5)
    const before = process.memoryUsage().rss
    expect(await code(() => big.decode(bytes))).toBe('malformed')
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1_024 * 1_024)
  })

  test('a frame that was handed out is not touched by the next', () => {
    const first = codec.encode({ n: 1 })
    const copy = first.slice()
    codec.encode({ n: 2, text: 'x'.repeat(1_000) })
    expect(first).toEqual(copy)
  })
})

test('a subprotocol that there is not says which there are', async () => {
  for (const name of ['troupe.v9.xml', 'constructor', '']) {
    const told = await failure(() => createCodec(name, limits))
    expect(told.code).toBe('subprotocol')
    expect(told.message).toContain('troupe.v1.msgpack and troupe.v1.json')
  }
})

describe.each(both)('what is shared, in $protocol', (codec) => {
  const value = { id: 'a', labels: { $bytes: 'x' }, list: [1, 'ü', null, { deep: [new Uint8Array([1, 2])] }] }

  test('reads as if it had been written in its place, alone and beside others', () => {
    const shared = new Shared(value)
    const frame = (task: unknown) => ({
      m: [
        { type: 'Other', req: 1 },
        { type: 'Delta', req: 2, revision: 2 ** 40, task },
        { type: 'Delta', req: 3, task },
      ],
    })
    expect(codec.decode(codec.encode(frame(shared)))).toEqual(codec.decode(codec.encode(frame(value))))
    expect(codec.decode(codec.encode({ m: [{ type: 'Delta', task: shared }] }))).toEqual({
      m: [{ type: 'Delta', task: value }],
    })
  })

  test('is written once', () => {
    let reads = 0
    const counted = Object.defineProperty({}, 'id', { enumerable: true, get: () => String(++reads) })
    const shared = new Shared(counted)
    codec.encode({ m: [{ type: 'Delta', req: 1, task: shared }] })
    const after = reads
    for (let req = 2; req < 10; req += 1) codec.encode({ m: [{ type: 'Delta', req, task: shared }] })
    expect(reads).toBe(after)
  })

  test('counts towards the limits of its frame', async () => {
    const large = new Shared('x'.repeat(limits.frameBytesMax / 2))
    const message = { type: 'Delta', task: large }
    expect(await code(() => codec.encode({ m: [message] }))).toBe('nothing failed')
    expect(await code(() => codec.encode({ m: [message, message, message] }))).toBe('too-large')
    let deep: unknown = 1
    for (let depth = 3; depth < limits.frameDepthMax; depth += 1) deep = [deep]
    expect(await code(() => codec.encode({ m: [{ type: 'Delta', task: new Shared(deep) }] }))).toBe('nothing failed')
    expect(await code(() => codec.encode({ m: [{ type: 'Delta', task: new Shared([deep]) }] }))).toBe('malformed')
    expect(await code(() => codec.encode({ m: [{ type: 'Delta', task: new Shared(() => 1) }] }))).toBe('malformed')
  })

  test('has its place in a message, and nowhere else', async () => {
    const shared = new Shared(1)
    for (const frame of [shared, { m: [shared] }, { m: [{ a: { b: shared } }] }, { e: 1, m: [{ a: shared }] }]) {
      expect(await code(() => codec.encode(frame))).toBe('malformed')
    }
  })
})
