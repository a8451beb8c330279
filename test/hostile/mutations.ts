/** Ways to spoil one field of a message that was right. */
import type { Keywords, Path, Place } from './schema.ts'
import { Entries, entriesOf, Verbatim } from './wire.ts'

/** In the place of a value: the field is not there at all. */
export const absent = Symbol('absent')

export interface Mutation {
  readonly name: string
  /** What stands there instead; undefined = this says nothing new of such a place. */
  readonly of: (place: Place, value: unknown) => unknown
  /** No place can take it, whatever its schema says. */
  readonly fatal?: boolean
}

const always =
  (value: unknown): Mutation['of'] =>
  () =>
    value

/** A list in a list, `depth` of them. */
export const nested = (depth: number): unknown => {
  let value: unknown = []
  for (let level = 1; level < depth; level += 1) value = [value]
  return value
}

const isText = ({ type }: Keywords): boolean => type === 'string'
const isNumber = ({ type }: Keywords): boolean => type === 'integer' || type === 'number'
const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

/** With one entry more. */
const extended =
  (...more: (readonly [unknown, unknown])[]): Mutation['of'] =>
  (_, value) =>
    isMap(value) ? new Entries([...entriesOf(value), ...more]) : undefined

const text =
  (make: (schema: Keywords, value: string) => string): Mutation['of'] =>
  ({ schema }, value) =>
    isText(schema) && typeof value === 'string' ? make(schema, value) : undefined

const number =
  (make: (schema: Keywords) => number): Mutation['of'] =>
  ({ schema }) =>
    isNumber(schema) ? make(schema) : undefined

/** A letter that stays one, however many marks stand on it. */
const tower = (marks: number): string => `a${'\u0301'.repeat(marks)}`

/** The largest text that is tried for want of a limit. */
const longChars = 2_000

/** More than a stored value may have. */
const largeText = 'x'.repeat(1_200_000)

export const mutations: readonly Mutation[] = [
  { name: 'removed', of: always(absent) },
  { name: 'null', of: always(null) },
  { name: 'true', of: always(true) },
  { name: 'a number', of: always(7) },
  { name: 'a text', of: always('hostile') },
  { name: 'an empty text', of: always('') },
  { name: 'a list', of: always(['hostile']) },
  { name: 'an empty map', of: always({}) },
  { name: 'bytes', of: always(Uint8Array.of(0, 255)) },
  { name: 'a list that is deep', of: always(nested(20)) },
  { name: 'a list that is too deep', of: always(nested(40)), fatal: true },
  { name: 'NaN', of: always(new Verbatim([0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], 'NaN')), fatal: true },
  { name: 'Infinity', of: always(new Verbatim([0xca, 0x7f, 0x80, 0, 0], '1e999')), fatal: true },
  { name: '2^63', of: always(new Verbatim([0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], undefined)), fatal: true },
  { name: '-2^63', of: always(new Verbatim([0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], undefined)), fatal: true },
  { name: '2^53', of: number(() => 2 ** 53) },
  { name: '1e300', of: number(() => 1e300) },
  { name: 'a negative number', of: number(() => -1) },
  { name: 'a huge negative number', of: number(() => -(2 ** 40)) },
  { name: 'half a number', of: number(() => 1.5) },
  { name: 'the least number less one', of: number(({ minimum = 0 }) => minimum - 1) },
  { name: 'the largest number and one', of: number(({ maximum = 2 ** 53 - 1 }) => maximum + 1) },
  { name: 'too long a text', of: text(({ maxLength }) => 'x'.repeat((maxLength ?? longChars) + 1)) },
  { name: 'a tower of marks', of: text(({ maxLength }) => tower(Math.min(maxLength ?? longChars, 8_192) + 1)) },
  { name: 'a text of control characters', of: text(() => '\u001b[2J\u0000\r\n\u009b31m\u202e') },
  { name: 'a text with a line end', of: text((_, value) => `${value}\n`) },
  { name: 'half a surrogate pair', of: text((_, value) => `${value}\ud800`), fatal: true },
  { name: '__proto__', of: text(() => '__proto__') },
  { name: 'constructor', of: text(() => 'constructor') },
  { name: 'an extension', of: always(new Verbatim([0xd4, 0x01, 0x00], undefined)), fatal: true },
  { name: 'one field more', of: extended(['hostile', 'x']) },
  { name: 'one deep field more', of: extended(['hostile', nested(12)]) },
  { name: 'the key __proto__', of: extended(['__proto__', { polluted: true }]), fatal: true },
  { name: 'the key constructor', of: extended(['constructor', { prototype: { polluted: true } }]) },
  { name: 'a key with a line end', of: extended(['a\nb', { not: 'checked' }]) },
  { name: 'a key that is too long', of: extended(['k'.repeat(longChars), 'x']) },
  { name: 'a key that is a number', of: extended([7, 'x']), fatal: true },
  { name: 'the same key twice', of: (_, value) => (isMap(value) ? twice(value) : undefined) },
  { name: 'too many fields', of: (place, value) => (isMap(value) ? crowded(place, value) : undefined) },
  { name: 'too many items', of: ({ schema }, value) => (Array.isArray(value) ? many(schema, value) : undefined) },
  { name: 'an empty list', of: ({ schema }) => (schema.type === 'array' ? [] : undefined) },
]

/** Tried where it may be stored: each costs more than a megabyte. */
export const largeField: Mutation = { name: 'one large field more', of: extended(['hostile', largeText]) }

function twice(value: object): unknown {
  const entries = entriesOf(value)
  return entries.length === 0 ? undefined : new Entries([...entries, ...entries])
}

function crowded({ schema }: Place, value: object): unknown {
  const count = (schema.maxProperties ?? 64) + 1
  const more = Array.from({ length: count }, (_, at) => [`k${at}`, 'x'] as const)
  return new Entries([...entriesOf(value), ...more])
}

const many = ({ maxItems }: Keywords, [first]: readonly unknown[]): unknown[] =>
  Array.from({ length: Math.min((maxItems ?? 64) + 1, 4_097) }, () => first)

/** The value with something else at this place. */
export function changed(value: unknown, path: Path, to: unknown): unknown {
  const [name, ...rest] = path
  if (name === undefined) return to
  if (Array.isArray(value)) {
    const items = value.flatMap((item, at) => {
      const next = at === name ? changed(item, rest, to) : item
      return next === absent ? [] : [next]
    })
    return items
  }
  const entries = Object.entries(value as object).map(
    ([key, field]) => [key, key === name ? changed(field, rest, to) : field] as const,
  )
  return new Entries(entries.filter(([, field]) => field !== absent))
}
