/** Frames that no schema knows: broken bytes, broken framing, and good messages at a bad time. By a seed, the same each time. */
import { closeCodes } from '../../actors/protocol/errors.ts'
import { frameLimits } from '../../actors/protocol/frame.ts'
import type { Shot } from './attack.ts'
import type { Dice } from './dice.ts'
import { nested } from './mutations.ts'
import { messageFrame, opcodes, wsFrame } from './peer.ts'
import { Entries, jsonOf, msgpackOf, type Protocol, payloadOf, Verbatim } from './wire.ts'

const { protocol: broken, tooBig } = closeCodes
/** What `ws` finds wrong in the framing itself, by RFC 6455, section 7.4.1. */
const framing = [closeCodes.framing, closeCodes.notText]
const text = (content: string): Uint8Array => Buffer.from(content)
const question = { type: 'QueryNodes', req: 1 }

/** Payloads that are no frame of ours, whatever the format; each ends its connection. */
export const brokenValues: Readonly<Record<string, unknown>> = {
  'no map': 7,
  'a text': 'hostile',
  nothing: null,
  'a list': [question],
  'a map without messages': {},
  'no messages': { m: [] },
  'messages that are no list': { m: question },
  'a message that is no map': { m: [7] },
  'a message that is a list': { m: [[]] },
  'a message without a type': { m: [{}] },
  'a type that is a number': { m: [{ type: 1 }] },
  'a type that is too long': { m: [{ type: 'x'.repeat(65) }] },
  'too many messages': { m: Array.from({ length: frameLimits.frameMessagesMax + 1 }, () => question) },
  'an epoch that is none': { e: 'x', m: [question] },
  'an epoch below 0': { e: -1, m: [question] },
  'a good message and a bad one': { m: [question, {}] },
  'the key __proto__': new Entries([
    ['m', [question]],
    ['__proto__', {}],
  ]),
  'nesting to the bottom': nested(1_000),
  'more parts than a frame may have': Array.from({ length: frameLimits.frameBytesMax / 8 + 1 }, () => []),
  NaN: { m: [question], x: new Verbatim([0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], 'NaN') },
}

const msgpackOnly: Readonly<Record<string, readonly number[]>> = {
  'an extension': [0xd4, 0x01, 0x00],
  'a timestamp': [0xd6, 0xff, 0, 0, 0, 0],
  'an extension of no bytes': [0xc7, 0x00, 0x01],
  'the byte that is never used': [0xc1],
  'a key that is a number': [0x81, 0x01, 0x01],
  'a key that is a list': [0x81, 0x90, 0x01],
  'a list of 4 billion': [0xdd, 0xff, 0xff, 0xff, 0xff],
  'a map of 4 billion': [0xdf, 0xff, 0xff, 0xff, 0xff],
  'a text of 4 GB': [0xdb, 0xff, 0xff, 0xff, 0xff],
  'bytes of 4 GB': [0xc6, 0xff, 0xff, 0xff, 0xff],
  'text that is no UTF-8': [0xa2, 0xc3, 0x28],
  'an integer beyond 2^53': [0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  'two values': [0x80, 0x80],
}

const jsonOnly: readonly string[] = [
  ...['{', '[', '"', '{"m":', 'undefined', '{m:[]}', "{'m':[]}", '[1,]', '{"m":[1e999]}', '\ufeff{}', '// x', '{}{}'],
  ...['{"$bytes":"!"}', '{"$bytes":5}', '"\\ud800"', '"\\u"', '"\n"', '01', '+1', '0x1', 'NaN', 'True', ' '],
]

/** Broken payloads, in good framing. */
export function* brokenPayloads(protocol: Protocol): Generator<Shot> {
  const shot = (name: string, payload: Uint8Array): Shot => ({
    ...{ name: `${protocol}: ${name}`, bytes: messageFrame(protocol, payload) },
    code: broken,
  })
  for (const [name, value] of Object.entries(brokenValues)) {
    const payload = payloadOf(protocol, value)
    if (payload !== undefined) yield shot(name, payload)
  }
  yield shot('an empty frame', new Uint8Array(0))
  if (protocol === 'troupe.v1.json') for (const json of jsonOnly) yield shot(json, text(json))
  else for (const [name, bytes] of Object.entries(msgpackOnly)) yield shot(name, Uint8Array.from(bytes))
}

/** A good frame cut short at every byte, or with some of its bits turned: whatever comes of it, no more than its connection. */
export function* spoiledPayloads(protocol: Protocol, dice: Dice, count: number): Generator<Shot> {
  const good = protocol === 'troupe.v1.json' ? text(jsonOf({ m: [question] })) : msgpackOf({ m: [question] })
  for (let length = 0; length < good.length; length += 1)
    yield {
      name: `${protocol}: cut after ${length}`,
      bytes: messageFrame(protocol, good.slice(0, length)),
      code: broken,
    }
  for (let number = 0; number < count; number += 1) {
    const bytes = dice.bytes(dice.below(200))
    // A first byte that no frame of ours begins with, so that chance cannot make it a good one.
    const payload = Uint8Array.from([0xc1, ...bytes])
    yield {
      name: `${protocol}: ${Buffer.from(payload).toString('hex')}`,
      bytes: messageFrame(protocol, payload),
      code: [broken, ...framing],
    }
  }
}

/** Framing that RFC 6455 forbids, or that this protocol does. */
export function* brokenFraming(protocol: Protocol): Generator<Shot> {
  const isText = protocol === 'troupe.v1.json'
  const own = isText ? opcodes.text : opcodes.binary
  const good = payloadOf(protocol, { m: [question] }) as Uint8Array
  const half = good.subarray(0, 4)
  const rest = good.subarray(4)
  const shots: readonly (readonly [string, readonly Buffer[], Shot['code']])[] = [
    [
      'the other kind of frame',
      [wsFrame(good, { opcode: isText ? opcodes.binary : opcodes.text })],
      [broken, ...framing],
    ],
    ['a frame that says it is compressed', [wsFrame(good, { opcode: own, reserved: 4 })], framing],
    ['reserved bits', [wsFrame(good, { opcode: own, reserved: 3 })], framing],
    ['an opcode that nobody knows', [wsFrame(good, { opcode: 5 })], framing],
    ['no mask', [wsFrame(good, { opcode: own, masked: false })], framing],
    ['a rest without a beginning', [wsFrame(rest, { opcode: opcodes.more })], framing],
    ['two beginnings', [wsFrame(half, { opcode: own, last: false }), wsFrame(rest, { opcode: own })], framing],
    ['a long ping', [wsFrame(new Uint8Array(126), { opcode: opcodes.ping })], framing],
    ['a ping in parts', [wsFrame(half, { opcode: opcodes.ping, last: false })], framing],
    ['a close with one byte', [wsFrame(Uint8Array.of(3), { opcode: opcodes.close })], framing],
    ['a close with a code that is none', [wsFrame(Uint8Array.of(0, 1), { opcode: opcodes.close })], framing],
    ['a frame of 2^62 bytes', [wsFrame(half, { opcode: own, declared: 2 ** 62 })], [tooBig, ...framing]],
    ['a frame of 2^32 bytes', [wsFrame(half, { opcode: own, declared: 2 ** 32 })], tooBig],
    ['a byte too many', [wsFrame(half, { opcode: own, declared: frameLimits.frameBytesMax + 1 })], tooBig],
    ['text that is no UTF-8', [wsFrame(Uint8Array.of(0xc3, 0x28), { opcode: own })], isText ? framing : broken],
  ]
  for (const [name, parts, code] of shots) yield { name: `${protocol}: ${name}`, bytes: Buffer.concat(parts), code }
}

/** Good frames in odd framing: these are taken. */
export function* oddFraming(protocol: Protocol, reqs: () => number): Generator<Shot> {
  const opcode = protocol === 'troupe.v1.json' ? opcodes.text : opcodes.binary
  const shot = (name: string, bytes: Uint8Array, req: number): Shot => ({
    name: `${protocol}: ${name}`,
    bytes,
    code: undefined,
    req,
  })
  const asked = (req: number) => payloadOf(protocol, { m: [{ type: 'QueryNodes', req }] }) as Uint8Array
  let req = reqs()
  const parts = [...asked(req)].map((byte, at, all) =>
    wsFrame(Uint8Array.of(byte), { opcode: at === 0 ? opcode : opcodes.more, last: at === all.length - 1 }),
  )
  yield shot('a part for each byte', Buffer.concat(parts), req)
  req = reqs()
  const ping = wsFrame(text('are you there'), { opcode: opcodes.ping })
  const [first, second] = [asked(req).subarray(0, 3), asked(req).subarray(3)]
  const between = [wsFrame(first, { opcode, last: false }), ping, wsFrame(second, { opcode: opcodes.more })]
  yield shot('a ping between two parts', Buffer.concat(between), req)
  req = reqs()
  yield shot(
    'a pong that nobody asked for',
    Buffer.concat([wsFrame(text('x'), { opcode: opcodes.pong }), messageFrame(protocol, asked(req))]),
    req,
  )
  req = reqs()
  const empty = Array.from({ length: 100 }, () => wsFrame(new Uint8Array(0), { opcode: opcodes.more, last: false }))
  const spread = [
    wsFrame(new Uint8Array(0), { opcode, last: false }),
    ...empty,
    wsFrame(asked(req), { opcode: opcodes.more }),
  ]
  yield shot('parts without a byte', Buffer.concat(spread), req)
}
