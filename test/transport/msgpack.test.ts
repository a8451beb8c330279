import fc from 'fast-check'
import { addExtension, Packr, unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { failure } from '../../runtime/conformance/transport-stage.ts'
import { createCodec } from '../../transport/codec.ts'
import { code, frames, limits } from './frames.ts'

const msgpack = createCodec('troupe.v1.msgpack', limits)
const utf8 = new TextEncoder()
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')

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
    [2 ** 32, 'cb41f0000000000000'],
    [1_790_000_000_123, 'cb427a0c4506c7b000'],
    [2 ** 53 - 1, 'cb433fffffffffffff'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32_768, 'd18000'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'cbc1e0000000200000'],
    [-(2 ** 53) + 1, 'cbc33fffffffffffff'],
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
    ['cf0000000100000000', 2 ** 32],
    ['cf000001a0c4506c7b', 1_790_000_000_123],
    ['cf001fffffffffffff', 2 ** 53 - 1],
    ['d3ffffffff7fffffff', -(2 ** 31) - 1],
    ['d3ffe0000000000001', -(2 ** 53) + 1],
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
    ['an integer of -2^53', 'd3ffe0000000000000'],
    ['an integer under -2^53', 'd3ffdfffffffffffff'],
    ['the largest of 64 bits', 'cfffffffffffffffff'],
    ['not a number', 'cb7ff8000000000000'],
    ['minus infinity', 'cbfff0000000000000'],
    ['not a number, in a list within a map', '81a16191caffc00000'],
    ['infinity', 'ca7f800000'],
    ['a key that is a number', '810101'],
    ['a key that is nil', '81c001'],
    ['the key __proto__', '81a95f5f70726f746f5f5f80'],
    ['the key __proto__ in a longer form', '81d9095f5f70726f746f5f5f80'],
    ['no UTF-8 in a short string', 'a2c328'],
    ['no UTF-8 in a long string', `d928${'ff'.repeat(40)}`],
    ['a surrogate in UTF-8', 'a3eda080'],
    ['UTF-8 longer than need be', 'a2c080'],
    ['UTF-8 of three bytes longer than need be', 'a3e08080'],
    ['UTF-8 of four bytes longer than need be', 'a4f0808080'],
    ['UTF-8 beyond U+10FFFF', 'a4f4908080'],
    ['half a character of UTF-8, followed by more', '92a1c3a1a9'],
    ['an extension as a key', '81d4000001'],
    ['an extension deep within', '82a1619192c0d4724091a161a16201'],
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

  test('bytes are plain copies, so that keeping them keeps nothing else alive', () => {
    const around = Buffer.concat([
      Buffer.from('before'),
      msgpack.encode({ data: new Uint8Array([7, 8]) }),
      Buffer.from('after'),
    ])
    const { data } = msgpack.decode(around.subarray(6, -5)) as { data: Uint8Array }
    expect(data.constructor).toBe(Uint8Array)
    expect(data).toEqual(new Uint8Array([7, 8]))
    expect(data.buffer.byteLength).toBe(2)
    around.fill(0)
    expect(data).toEqual(new Uint8Array([7, 8]))
  })

  test('a frame that waits keeps alive only its own bytes, also after a giant', () => {
    const giant = createCodec(msgpack.protocol, { ...limits, frameBytesMax: 4 * 1_024 * 1_024 })
    for (const codec of [msgpack, giant]) {
      giant.encode('x'.repeat(3 * 1_024 * 1_024))
      const bytes = codec.encode({ small: true })
      expect(bytes.constructor).toBe(Uint8Array)
      expect(bytes.buffer.byteLength).toBe(bytes.length)
    }
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

  test('the longest forms of strings, keys, arrays and maps pass through', () => {
    const huge = createCodec(msgpack.protocol, { frameBytesMax: 8 * 1_024 * 1_024, frameDepthMax: 8 })
    const frame = {
      ['k'.repeat(70_000)]: 'ü'.repeat(70_000),
      list: new Array(70_000).fill(0),
      map: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
    }
    expect(huge.decode(huge.encode(frame))).toEqual(frame)
  })

  test('what passes the scan and is too much for msgpackr is refused, not thrown at the process', async () => {
    const deep = createCodec(msgpack.protocol, { frameBytesMax: 2_000_000, frameDepthMax: 200_000 })
    const bytes = Buffer.concat([Buffer.alloc(200_000, 0x91), Buffer.from([0xc0])])
    expect((await failure(() => deep.decode(bytes))).message).toBe('That is no frame: msgpackr cannot read it.')
    expect(deep.decode(deep.encode({ still: 'works' }))).toEqual({ still: 'works' })
  })

  test('fields named like methods that msgpackr looks for are only fields', () => {
    const frame = { toJSON: 'a', hasOwnProperty: 1, constructor: null, valueOf: { toJSON: [] } }
    expect(msgpack.decode(msgpack.encode(frame))).toEqual(frame)
  })

  test('half a surrogate pair is written as U+FFFD, in keys too, and the frame itself is left as it is', () => {
    const data = new Uint8Array([1])
    const frame = { 'a\ud83c': ['\udfadb', '🎭', undefined, 1.5, data], gone: undefined }
    expect(msgpack.decode(msgpack.encode(frame))).toEqual({ 'a\ufffd': ['\ufffdb', '🎭', null, 1.5, data] })
    expect(Object.keys(frame)).toEqual(['a\ud83c', 'gone'])
  })

  test('an extension that the process has registered is neither written nor read', async () => {
    class Secret {}
    addExtension({ Class: Secret, type: 0x29, pack: () => Buffer.from([1]), unpack: () => new Secret() })
    const wire = new Packr().pack(new Secret())
    expect(unpack(wire)).toBeInstanceOf(Secret)
    expect(await code(() => msgpack.encode([new Secret()]))).toBe('malformed')
    expect(await code(() => msgpack.decode(wire))).toBe('malformed')
  })
})
