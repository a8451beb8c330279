/** The quick check against TypeBox: what it takes TypeBox takes, and what is usual it takes without asking. */
import fc from 'fast-check'
import { type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { clientMessages, clientReplies } from '../../actors/protocol/client.ts'
import { Frame } from '../../actors/protocol/frame.ts'
import { quickCheck } from '../../runtime/client/quick-check.ts'

interface Shape {
  readonly [keyword: string]: unknown
}

/** Values that fit a schema, made from its keywords. */
function fitting(schema: TSchema): fc.Arbitrary<unknown> {
  const shape = schema as Shape & {
    anyOf?: TSchema[]
    enum?: unknown[]
    properties?: Record<string, TSchema>
    required?: string[]
    patternProperties?: Record<string, TSchema>
    items?: TSchema
    pattern?: string
  }
  const number = (key: string, otherwise: number) => (typeof shape[key] === 'number' ? shape[key] : otherwise)
  if (shape.anyOf) return fc.oneof(...shape.anyOf.map(fitting))
  if (shape.enum) return fc.constantFrom(...shape.enum)
  if ('const' in shape) return fc.constant(shape.const)
  if (shape.type === 'object' && shape.properties) {
    const parts = Object.entries(shape.properties).map(([key, part]) => [key, fitting(part)] as const)
    return fc.record(Object.fromEntries(parts), { requiredKeys: (shape.required ?? []) as never[] })
  }
  if (shape.type === 'object') {
    const [part] = Object.values(shape.patternProperties ?? {})
    const key = fc.stringMatching(/^[a-z]{1,8}$/)
    return fc.dictionary(key, part === undefined ? fc.constant(1) : fitting(part), { maxKeys: 2 })
  }
  if (shape.type === 'array') {
    const minLength = number('minItems', 0)
    return fc.array(fitting(shape.items as TSchema), { minLength, maxLength: minLength + 2 })
  }
  if (shape.type === 'string') {
    if (shape.pattern !== undefined) return fc.stringMatching(new RegExp(shape.pattern, 'u'), { maxLength: 30 })
    return fc.string({ minLength: number('minLength', 0), maxLength: Math.min(number('maxLength', 8), 8) })
  }
  if (shape.type === 'integer')
    return fc.integer({ min: number('minimum', 0), max: Math.min(number('maximum', 9), 9_999) })
  if (shape.type === 'number') return fc.double({ min: Math.max(number('minimum', 0.5), 0.5), max: 8, noNaN: true })
  if (shape.type === 'boolean') return fc.boolean()
  if (shape.type === 'null') return fc.constant(null)
  return fc.uint8Array({ maxLength: 3 })
}

/** The same with one place in it changed into something else, which mostly no longer fits. */
const spoilt = (value: unknown): fc.Arbitrary<unknown> => {
  const other = fc.oneof(
    fc.constantFrom<unknown>(null, undefined, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '', '\u{1f600}', [], {}),
    fc.string({ unit: 'grapheme', maxLength: 70 }),
    fc.jsonValue({ maxDepth: 1 }),
  )
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return other
  const more = fc
    .string({ minLength: 1, maxLength: 9 })
    .chain((key) => other.map((part) => ({ ...value, [key]: part })))
  const keys = Object.keys(value)
  if (keys.length === 0) return fc.oneof(other, more)
  const change = (key: string, part: unknown) =>
    Array.isArray(value) ? value.map((item, at) => (String(at) === key ? part : item)) : { ...value, [key]: part }
  const inside = fc.constantFrom(...keys).chain((key) => spoilt((value as Shape)[key]).map((part) => change(key, part)))
  const without = fc
    .constantFrom(...keys)
    .map((gone) => Object.fromEntries(Object.entries(value).filter(([key]) => key !== gone)))
  return fc.oneof({ arbitrary: inside, weight: 6 }, { arbitrary: without, weight: 2 }, more, other)
}

const all: [string, TSchema][] = [...Object.entries({ ...clientReplies, ...clientMessages }), ['Frame', Frame]]

describe.each(all)('%s', (_, schema) => {
  const quick = quickCheck(schema)

  test('takes what fits by itself', () => {
    fc.assert(
      fc.property(fitting(schema), (value) => {
        expect(Check(schema, value)).toBe(true)
        expect(quick(value)).toBe(true)
      }),
      { numRuns: 3, seed: 1 },
    )
  })

  test('takes nothing that TypeBox does not', () => {
    const pairs = fitting(schema).chain(spoilt)
    fc.assert(
      fc.property(pairs, (value) => {
        if (quick(value)) expect(Check(schema, value)).toBe(true)
      }),
      { numRuns: 20, seed: 1 },
    )
  })
})

test.each<[string, TSchema, unknown, boolean]>([
  ['a key too many', Type.Object({ a: Type.String() }, { additionalProperties: false }), { a: '', b: 1 }, false],
  ['keys of a schema', Type.Object({}, { additionalProperties: Type.Number() }), { a: 1, b: 2 }, true],
  ['keys of another', Type.Object({}, { additionalProperties: Type.Number() }), { a: 1, b: '2' }, false],
  ['a map', Type.Record(Type.String({ pattern: '^[a-z]$' }), Type.Number()), { a: 1 }, true],
  ['a map with a wrong value', Type.Record(Type.String({ pattern: '^[a-z]$' }), Type.Number()), { a: '1' }, false],
  ['a list for a map', Type.Object({}), [], false],
  ['null for a map', Type.Object({}), null, false],
  ['a key too few', Type.Object({ a: Type.String() }), {}, false],
  ['a key that may be left out', Type.Object({ a: Type.Optional(Type.String()) }), {}, true],
  [
    'more keys than a map may have',
    Type.Record(Type.String(), Type.Number(), { maxProperties: 1 }),
    { a: 1, b: 2 },
    false,
  ],
  ['as many as it may', Type.Record(Type.String(), Type.Number(), { maxProperties: 2 }), { a: 1, b: 2 }, true],
  ['items too many', Type.Array(Type.Number(), { maxItems: 1 }), [1, 2], false],
  ['items too few', Type.Array(Type.Number(), { minItems: 1 }), [], false],
  ['an item that is wrong', Type.Array(Type.Number()), [1, '2'], false],
  ['none of several', Type.Union([Type.Number(), Type.Null()]), 'a', false],
  ['one of several', Type.Union([Type.Number(), Type.Null()]), null, true],
  ['no value of a list', Type.Enum(['a', 'b']), 'c', false],
  ['text that does not match', Type.String({ pattern: '^a' }), 'ba', false],
  ['text that is too short', Type.String({ minLength: 1 }), '', false],
  ['a number too small', Type.Integer({ minimum: 1 }), 0, false],
  ['a number too large', Type.Integer({ maximum: 1 }), 2, false],
  ['what is inherited', Type.Object({ toString: Type.Unknown() }), {}, false],
  ['no number', Type.Number(), Number.NaN, false],
  ['half of one', Type.Integer(), 0.5, false],
  ['the bound itself', Type.Number({ exclusiveMinimum: 0 }), 0, false],
  ['text beyond its bound', Type.String({ maxLength: 2 }), 'abc', false],
  [
    'text as people count it, which is left to TypeBox',
    Type.String({ maxLength: 1 }),
    '\u{1f468}\u{200d}\u{1f469}',
    false,
  ],
  ['a keyword that is not known', Type.Number({ multipleOf: 2 }), 3, false],
  ['one that fits by it', Type.Number({ multipleOf: 2 }), 4, true],
  ['what only code can tell', Type.Refine(Type.Unknown(), (value) => value === 7), 7, true],
  ['what code refuses', Type.Refine(Type.Unknown(), (value) => value === 7), 8, false],
])('%s', (_, schema, value, fits) => {
  expect(quickCheck(schema)(value)).toBe(fits)
  if (fits) expect(Check(schema, value)).toBe(true)
})

test('no code is made from text, so that a page needs no unsafe-eval', () => {
  const { Function: original } = globalThis
  globalThis.Function = (() => {
    throw new EvalError('blocked by Content Security Policy')
  }) as unknown as FunctionConstructor
  try {
    for (const [, schema] of all) quickCheck(schema)(undefined)
  } finally {
    globalThis.Function = original
  }
})
