/**
 * Whether a value fits a schema, told fast by functions that are put together and never by code made from text: what
 * TypeBox compiles to is forbidden to a page by a strict Content-Security-Policy, and without it TypeBox takes half a
 * millisecond for a task. It errs on one side only: what it takes fits; what it does not take may still, so ask TypeBox.
 */
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'

export type QuickCheck = (value: unknown) => boolean

/** The keywords of JSON Schema that our messages are written with. */
interface Keywords {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly TSchema[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly additionalProperties?: TSchema | boolean
  readonly patternProperties?: Readonly<Record<string, TSchema>>
  readonly maxProperties?: number
  readonly items?: TSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

const always: QuickCheck = () => true
/** What TypeBox notes on a schema without a meaning for what fits. */
const notes = ['~kind', '~optional', '~unsafe', 'description']
const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  object: ['required', 'properties', 'additionalProperties', 'patternProperties', 'maxProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum'],
  number: ['minimum', 'maximum', 'exclusiveMinimum'],
  boolean: [],
  null: [],
}

/** Of any schema: what is written with a keyword that is not known here is left to TypeBox. */
export function quickCheck(schema: TSchema): QuickCheck {
  const keywords = schema as Keywords
  const used = Reflect.ownKeys(schema).map(String)
  const fitsOnly = (...known: readonly string[]) => used.every((key) => known.includes(key) || notes.includes(key))
  if (keywords.anyOf !== undefined && fitsOnly('anyOf')) return anyOf(keywords.anyOf.map(quickCheck))
  if (keywords.enum !== undefined && fitsOnly('enum')) return oneOf(keywords.enum)
  if ('const' in keywords && fitsOnly('type', 'const')) return oneOf([keywords.const])
  const { type } = keywords
  if (type === undefined && fitsOnly()) return always
  const own = type === undefined ? undefined : keywordsOf[type]
  if (own === undefined || !fitsOnly('type', ...own)) return (value) => Check(schema, value)
  if (type === 'object') return objectCheck(keywords)
  if (type === 'array') return arrayCheck(keywords)
  if (type === 'string') return stringCheck(keywords)
  if (type === 'boolean') return (value) => typeof value === 'boolean'
  if (type === 'null') return (value) => value === null
  return numberCheck(keywords, type === 'integer')
}

const anyOf = (checks: readonly QuickCheck[]): QuickCheck => {
  return (value) => {
    for (const check of checks) if (check(value)) return true
    return false
  }
}

/** Lists and maps among them are left to TypeBox: it compares them by what is in them. */
const oneOf = (values: readonly unknown[]): QuickCheck => {
  const [first] = values
  return values.length === 1 ? (value) => value === first : (value) => values.includes(value)
}

function objectCheck(keywords: Keywords): QuickCheck {
  const { required = [], properties = {}, maxProperties = Number.POSITIVE_INFINITY } = keywords
  const names = Object.keys(properties)
  const checks = names.map((name) => quickCheck(properties[name] as TSchema))
  const isRequired = names.map((name) => required.includes(name))
  const unnamed = required.filter((name) => !Object.hasOwn(properties, name))
  const others = othersCheck(keywords)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const fields = value as Record<string, unknown>
    for (let at = 0; at < names.length; at += 1) {
      const name = names[at] as string
      if (!Object.hasOwn(fields, name)) {
        if (isRequired[at]) return false
      } else if (!(checks[at] as QuickCheck)(fields[name])) return false
    }
    for (const name of unnamed) if (!Object.hasOwn(fields, name)) return false
    return others === undefined || others(fields, Object.keys(fields), maxProperties)
  }
}

/** Of the keys that are not named one by one; undefined where any will do. */
function othersCheck({ properties = {}, patternProperties = {}, additionalProperties, maxProperties }: Keywords) {
  const patterns = Object.entries(patternProperties).map(([pattern, schema]) => ({
    matches: new RegExp(pattern, 'u'),
    check: quickCheck(schema),
  }))
  const isOpen = additionalProperties === undefined || additionalProperties === true
  if (isOpen && patterns.length === 0 && maxProperties === undefined) return undefined
  const rest =
    typeof additionalProperties === 'object' ? quickCheck(additionalProperties) : isOpen ? always : () => false
  return (fields: Readonly<Record<string, unknown>>, keys: readonly string[], keysMax: number): boolean => {
    if (keys.length > keysMax) return false
    for (const key of keys) {
      const fitting = patterns.filter(({ matches }) => matches.test(key))
      for (const { check } of fitting) if (!check(fields[key])) return false
      if (fitting.length === 0 && !Object.hasOwn(properties, key) && !rest(fields[key])) return false
    }
    return true
  }
}

function arrayCheck({ items, minItems = 0, maxItems = Number.POSITIVE_INFINITY }: Keywords): QuickCheck {
  const check = items === undefined ? always : quickCheck(items)
  return (value) => {
    if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return false
    for (const item of value) if (!check(item)) return false
    return true
  }
}

/** TypeBox counts characters as people see them. There are never more of those than of UTF-16, and none only in ''. */
function stringCheck({ minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern }: Keywords): QuickCheck {
  const matches = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  return (value) => {
    if (typeof value !== 'string' || value.length > maxLength) return false
    if (minLength > 0 && (minLength > 1 || value === '')) return false
    return matches === undefined || matches.test(value)
  }
}

function numberCheck(keywords: Keywords, isInteger: boolean): QuickCheck {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, exclusiveMinimum } = keywords
  const above = exclusiveMinimum ?? Number.NEGATIVE_INFINITY
  const isKind = isInteger ? Number.isInteger : Number.isFinite
  return (value) =>
    isKind(value) && (value as number) >= minimum && (value as number) <= maximum && (value as number) > above
}
