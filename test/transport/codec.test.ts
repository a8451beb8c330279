import fc from 'fast-check'
import { Packr, pack, unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { failure } from '../../runtime/conformance/transport-stage.ts'
import { createCodec } from '../../transport/codec.ts'
import { TransportError } from '../../transport/transport.ts'

const limits = { frameBytesMax: 64 * 1_024, frameDepthMax: 8 }
const msgpack = createCodec('troupe.v1.msgpack', limits)
const json = createCodec('troupe.v1.json', limits)
const both = [msgpack, json] as const
const utf8 = new TextEncoder()
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')
const code = async (doing: () => unknown): Promise<unknown> => (await failure(doing)).code

/** Any frame there can be. Keys are what the two formats agree on; -0 is 0 on a wire. */
const frames = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0 || 0),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
  ),
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.oneof(
        fc.constantFrom('$bytes', '$$bytes', 'constructor', 'toString', 'type', '', '0'),
        fc.string({ unit: 'grapheme', maxLength: 40 }).filter((key) => key !== '__proto__'),
      ),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value

describe('msgpack on the wire', () => {
  // Bytes of the specification, so that any MessagePack library reads what we write and the other way round.
  test.each<[unknown, string]>([
    [null, 'c0'],
    [false, 'c2'],
    [true, 'c3'],
    [0, '00'],
    [-0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'cf0000000100000000'],
    [1_790_000_000_123, 'cf000001a0c4506c7b'],
    [2 ** 53 - 1, 'cf001fffffffffffff'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32_768, 'd18000'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [-(2 ** 53) + 1, 'd3ffe0000000000001'],
    [1.5, 'cb3ff8000000000000'],
    [2 ** 53, 'cb4340000000000000'],
    ['', 'a0'],
    ['a', 'a161'],
    ['ü', 'a2c3bc'],
    ['🎭', 'a4f09f8ead'],
    ['\ufeffbom', 'a6efbbbf626f6d'],
    ['x'.repeat(31), `bf${'78'.repeat(31)}`],
    ['x'.repeat(32), `d920${'78'.repeat(32)}`],
    ['ü'.repeat(20), `d928${'c3bc'.repeat(20)}`],
    ['x'.repeat(256), `da0100${'78'.repeat(256)}`],
    ['ü'.repeat(200), `da0190${'c3bc'.repeat(200)}`],
    [new Uint8Array([1, 2]), 'c4020102'],
    [new Uint8Array(256), `c50100${'00'.repeat(256)}`],
    [[], '90'],
    [[1, [2]], '92019102'],
    [new Array(16).fill(0), `dc0010${'00'.repeat(16)}`],
    [{}, '80'],
    [{ a: 1, b: null }, '82a16101a162c0'],
    [
      Object.fromEntries(Array.from('abcdefghijklmnop', (key) => [key, 0])),
      `de0010${Array.from('abcdefghijklmnop', (key) => `a1${hex(utf8.encode(key))}00`).join('')}`,
    ],
  ])('%j is %s', (value, wire) => {
    expect(hex(msgpack.encode(value))).toBe(wire)
    expect(msgpack.decode(unhex(wire))).toEqual(value === 0 ? 0 : value)
  })

  test.each<[string, unknown]>([
    ['ca3fc00000', 1.5],
    ['cf0000000000000007', 7],
    ['d30000000000000007', 7],
    ['d3fffffffffffffff9', -7],
    ['cd0001', 1],
    ['d90161', 'a'],
    ['db0000000161', 'a'],
    ['c600000000', new Uint8Array()],
    ['dd0000000101', [1]],
    ['df00000001d9016101', { a: 1 }],
    ['de0001da00016101', { a: 1 }],
  ])('a longer form than ours is read too: %s', (wire, value) => {
    expect(msgpack.decode(unhex(wire))).toEqual(value)
  })

  test.each([
    ['nothing', ''],
    ['a byte that is never used', 'c1'],
    ['an extension: timestamp', 'd6ff00000000'],
    ['an extension: fixext 1', 'd40000'],
    ['an extension: msgpackr record', 'd4724091a16101'],
    ['an extension: ext 8', 'c70105ff'],
    ['an extension: ext 32', 'c90000000105ff'],
    ['something after the end', '0102'],
    ['an integer over 2^53', 'cf0020000000000000'],
    ['an integer under -2^53', 'd3ffdfffffffffffff'],
    ['not a number', 'cb7ff8000000000000'],
    ['infinity', 'ca7f800000'],
    ['a key that is a number', '810101'],
    ['a key that is nil', '81c001'],
    ['the key __proto__', '81a95f5f70726f746f5f5f80'],
    ['the key __proto__ in a longer form', '81d9095f5f70726f746f5f5f80'],
    ['no UTF-8 in a short string', 'a2c328'],
    ['no UTF-8 in a long string', `d928${'ff'.repeat(40)}`],
    ['a surrogate in UTF-8', 'a3eda080'],
    ['no UTF-8 in a key', '81a1ff01'],
    ['half a string', 'a561'],
    ['half an integer', 'cd01'],
    ['half a map', '82a16101'],
    ['a map that ends with a key', '81a161'],
    ['an array of 4 billion', 'ddffffffff00'],
    ['a map of 4 billion', 'dfffffffff00'],
    ['a string of 4 billion', 'dbffffffff00'],
    ['bytes of 4 billion', 'c6ffffffff00'],
  ])('refused: %s', async (_, wire) => {
    expect(await code(() => msgpack.decode(unhex(wire)))).toBe('malformed')
  })

  test('every cut of a good frame is refused', async () => {
    const whole = msgpack.encode({
      type: 'Status',
      at: 1_790_000_000_000,
      list: [1, 'two', new Uint8Array(3), { x: 1.5 }],
    })
    for (let length = 0; length < whole.length; length++) {
      expect(await code(() => msgpack.decode(whole.subarray(0, length)))).toBe('malformed')
    }
  })

  test('bytes are views into the frame, whatever it is a part of', () => {
    const around = Buffer.concat([
      Buffer.from('before'),
      msgpack.encode({ data: new Uint8Array([7, 8]) }),
      Buffer.from('after'),
    ])
    const frame = around.subarray(6, -5)
    const { data } = msgpack.decode(frame) as { data: Uint8Array }
    expect(data.constructor).toBe(Uint8Array)
    expect(data).toEqual(new Uint8Array([7, 8]))
    expect(data.buffer).toBe(around.buffer)
  })

  test('another library reads what we write, and we what it writes', () => {
    const other = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })
    fc.assert(
      fc.property(frames, (frame) => {
        // It hands out Buffers for bytes; going through ours once more makes them plain.
        expect(msgpack.decode(msgpack.encode(other.unpack(msgpack.encode(frame))))).toEqual(frame)
        expect(msgpack.decode(other.pack(frame))).toEqual(frame)
      }),
    )
  })

  test('why it is not msgpackr that writes: times in milliseconds become floats, and extensions slip out', () => {
    const options = {
      useRecords: false,
      variableMapSize: true,
      int64AsType: 'number',
      encodeUndefinedAsNil: true,
    } as const
    const other = new Packr(options)
    expect(other.pack(1_790_000_000_123)[0]).toBe(0xcb)
    expect(other.pack(new Date(0))[0]).toBe(0xd6)
    expect(unpack(pack(1))).toBe(1)
  })
})

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
