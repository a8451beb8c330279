/** What the tests of the codecs share: limits, and any frame there can be. */
import fc from 'fast-check'
import { failure } from '../../runtime/conformance/transport-stage.ts'

export const limits = { frameBytesMax: 64 * 1_024, frameDepthMax: 8 }
export const code = async (doing: () => unknown): Promise<unknown> => (await failure(doing)).code

/** Keys are what the two formats agree on; -0 is 0 on a wire. */
export const frames = fc.letrec((tie) => ({
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
