/**
 * What the tests of hostile input read out of the TypeBox schemas: values that fit, and the places in them. A new message, or
 * a new field, is found by itself.
 */
import fc from 'fast-check'
import type { TSchema } from 'typebox'
import type { Dice } from './dice.ts'

/** The keywords of JSON Schema that our messages are written with. */
export interface Keywords {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Keywords[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Keywords>>
  readonly additionalProperties?: boolean
  readonly patternProperties?: Readonly<Record<string, Keywords>>
  readonly maxProperties?: number
  readonly items?: Keywords
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly '~refine'?: unknown
}

export type Path = readonly (string | number)[]

/** One place in a value: of which schema, and whether it may be left out. */
export interface Place {
  readonly path: Path
  readonly schema: Keywords
  readonly required: boolean
}

export const keywordsOf = (schema: TSchema): Keywords => schema as Keywords

/** Words that fit most patterns of ours, harmless in every meaning. */
const words = ['h1', '/hostile', 'hostile=h1', 'H1', '127.0.0.1']

/** The schema of a map's values, where any name will do. */
export const valuesOf = (schema: Keywords): Keywords | undefined => Object.values(schema.patternProperties ?? {})[0]

/** The only schema there is that says nothing and wants bytes. */
const isBytes = (schema: Keywords): boolean => '~refine' in schema && schema.type === undefined

/** A value that fits, with every optional field; of each choice the one number `turn`, over and over. */
export function fitting(schema: Keywords, turn: number): unknown {
  if ('const' in schema) return schema.const
  if (schema.enum !== undefined) return schema.enum[turn % schema.enum.length]
  if (schema.anyOf !== undefined) return fitting(schema.anyOf[turn % schema.anyOf.length] as Keywords, turn)
  if (isBytes(schema)) return Uint8Array.of(104, 105)
  switch (schema.type) {
    case 'object':
      return fittingMap(schema, turn)
    case 'array':
      return schema.items === undefined ? [] : [fitting(schema.items, turn)]
    case 'string':
      return fittingText(schema)
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, (schema.exclusiveMinimum ?? -1) + 1)
    case 'boolean':
      return turn % 2 === 0
    default:
      return null
  }
}

function fittingMap(schema: Keywords, turn: number): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(schema.properties ?? {})) map[name] = fitting(field, turn)
  const values = valuesOf(schema)
  if (values !== undefined) map.hostile = fitting(values, turn)
  return map
}

function fittingText({ pattern, minLength = 0, maxLength = 64 }: Keywords): string {
  const regex = new RegExp(pattern ?? '', 'u')
  const known =
    words.find((word) => regex.test(word)) ??
    (fc.sample(fc.stringMatching(regex), { numRuns: 1, seed: 1 })[0] as string)
  return known.slice(0, maxLength).padEnd(minLength, 'x')
}

/** Some value that fits: of numbers often the first or the last, of texts often an odd one. */
export function chance(schema: Keywords, dice: Dice): unknown {
  if ('const' in schema) return schema.const
  if (schema.enum !== undefined) return dice.pick(schema.enum)
  if (schema.anyOf !== undefined) return chance(dice.pick(schema.anyOf), dice)
  if (isBytes(schema)) return dice.bytes(dice.below(64))
  switch (schema.type) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {})
      const kept = fields.filter(([name]) => schema.required?.includes(name) || dice.below(2) === 0)
      const values = valuesOf(schema)
      const more = values === undefined ? [] : [[dice.pick(words), chance(values, dice)]]
      return Object.fromEntries([...kept.map(([name, field]) => [name, chance(field, dice)]), ...more])
    }
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, dice.below(3)) }, () =>
        chance(schema.items ?? {}, dice),
      )
    case 'string':
      return schema.pattern === undefined && dice.below(2) === 0
        ? dice.pick(odd).slice(0, schema.maxLength)
        : fittingText(schema)
    case 'integer':
    case 'number':
      return chanceNumber(schema, dice)
    case 'boolean':
      return dice.below(2) === 0
    default:
      return null
  }
}

const odd = [
  'h1',
  'constructor',
  '__proto__',
  'toString',
  '\u001b[2J',
  '\u0000',
  '漢字',
  'a'.repeat(200),
  '-',
  '\u202e',
  '%s',
  '../..',
]

function chanceNumber({ minimum = 0, maximum = 2 ** 53 - 1, exclusiveMinimum, type }: Keywords, dice: Dice): number {
  const low = exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1
  const number = dice.pick([low, maximum, low + dice.roll() * Math.min(maximum - low, 2 ** dice.below(50))])
  return type === 'integer' ? Math.floor(number) : number
}

/** How many turns it takes until every choice has been made everywhere. */
export const turns = 12

/** Every place of a value that fits, the value itself excepted. */
export function placesOf(schema: Keywords, turn: number, path: Path = []): Place[] {
  if (schema.anyOf !== undefined) return placesOf(schema.anyOf[turn % schema.anyOf.length] as Keywords, turn, path)
  const places: Place[] = []
  const visit = (name: string | number, field: Keywords, required: boolean) => {
    const place = [...path, name]
    places.push({ path: place, schema: field, required }, ...placesOf(field, turn, place))
  }
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    visit(name, field, schema.required?.includes(name) ?? false)
  }
  const values = valuesOf(schema)
  if (values !== undefined) visit('hostile', values, false)
  if (schema.items !== undefined) visit(0, schema.items, false)
  return places
}

/** Every place that a schema knows, by all its choices; `a/0/b`. */
export function namesIn(schema: Keywords, at = ''): string[] {
  const below = (name: string | number, field: Keywords) => [`${at}/${name}`, ...namesIn(field, `${at}/${name}`)]
  return [
    ...(schema.anyOf ?? []).flatMap((choice) => namesIn(choice, at)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => below(name, field)),
    ...(valuesOf(schema) === undefined ? [] : below('hostile', valuesOf(schema) as Keywords)),
    ...(schema.items === undefined ? [] : below(0, schema.items)),
  ]
}

export const nameOf = (path: Path): string => path.map((name) => `/${name}`).join('')
