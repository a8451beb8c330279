/**
 * Writes the JSON Schema of the protocol: the very schemas that both ends' doors validate with, as they stand in
 * `troupe.v1.json`. Made with each build, so that it cannot be older than what it describes.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { TSchema } from 'typebox'
import * as health from '../actors/health.ts'
import * as model from '../actors/model.ts'
import * as client from '../actors/protocol/client.ts'
import { Frame } from '../actors/protocol/frame.ts'
import * as session from '../actors/protocol/session.ts'
import * as usage from '../actors/usage.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonMap = Record<string, Json>

/** Who says what: the name of a direction's frames, and the messages in them. */
export const directions = {
  fromClient: client.clientMessages,
  toClient: client.clientReplies,
  fromWorker: session.workerMessages,
  toWorker: session.managerMessages,
} as const satisfies Record<string, Readonly<Record<string, TSchema>>>
export type Direction = keyof typeof directions

/** Where the definition of a direction's frames is. */
export const frameRef = (direction: Direction): string => `#/$defs/${direction}.Frame`

const onlyBytes: JsonMap = { type: 'object', required: ['$bytes'], properties: { $bytes: {} } }

/** As `transport/json.ts` writes bytes; a test holds the two to each other. */
const bytesAsJson: JsonMap = {
  type: 'object',
  required: ['$bytes'],
  properties: {
    $bytes: {
      type: 'string',
      contentEncoding: 'base64',
      pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
    },
  },
  additionalProperties: false,
}

const description =
  'Frames of the subprotocol troupe.v1.json, one per WebSocket message; docs/PROTOCOL.md says what they mean. ' +
  'troupe.v1.msgpack carries the same, with bytes as bin in place of {"$bytes": base64}. Fields that are not named here ' +
  'may come from a newer end, and are to be ignored; message types that are not named here too.'

/** The shapes that have a name of their own in the code, and so get one here. */
function namedShapes(): Map<string, string> {
  const exported: readonly [string, unknown][] = Object.entries({
    ...health,
    ...usage,
    ...model,
    ...session,
    ...client,
  })
  const shapes = exported.filter(([, value]) => typeof value === 'object' && value !== null && 'properties' in value)
  return new Map(shapes.map(([name, shape]) => [JSON.stringify(plain(shape)), name]))
}

/** A schema as plain JSON. Throws for a check that JSON cannot state, unless it is known what stands for it. */
function plain(schema: unknown): Json {
  if (typeof schema !== 'object' || schema === null) return schema as Json
  if (schema === session.Bytes) return bytesAsJson
  if ('~refine' in schema)
    throw new Error('a schema has a check that JSON Schema cannot state; say here what stands for it')
  if (Array.isArray(schema)) return schema.map(plain)
  const map = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, plain(value)]))
  // A map of the user's own with this one key bears one more `$`; as it stands it would be bytes.
  return 'patternProperties' in map ? { ...map, not: { ...onlyBytes, maxProperties: 1 } } : map
}

/** The same with references in place of the shapes that have a name; the outermost stays as it is. */
function referring(schema: Json, names: ReadonlyMap<string, string>, outermost = true): Json {
  if (typeof schema !== 'object' || schema === null) return schema
  const name = outermost ? undefined : names.get(JSON.stringify(schema))
  if (name !== undefined) return { $ref: `#/$defs/${name}` }
  if (Array.isArray(schema)) return schema.map((item: Json) => referring(item, names, false))
  const entries = Object.entries(schema).map(([key, value]) => [key, referring(value, names, false)] as const)
  return Object.fromEntries(entries)
}

/** The whole schema. `anyOf` at its root takes a frame of any direction; `frameRef` names one. */
export function protocolSchema(): JsonMap {
  const names = namedShapes()
  const definitions: JsonMap = {}
  for (const [text, name] of names) definitions[name] = referring(JSON.parse(text) as Json, names)
  for (const [direction, messages] of Object.entries(directions)) {
    for (const [type, schema] of Object.entries(messages)) {
      definitions[`${direction}.${type}`] = referring(plain(schema), names)
    }
    const anyOf = Object.keys(messages).map((type) => ({ $ref: `#/$defs/${direction}.${type}` }))
    const frame = plain(Frame) as { properties: { m: JsonMap } & JsonMap } & JsonMap
    const m = { ...frame.properties.m, items: { anyOf } }
    definitions[`${direction}.Frame`] = { ...frame, properties: { ...frame.properties, m } }
  }
  const anyOf = Object.keys(directions).map((direction) => ({ $ref: frameRef(direction as Direction) }))
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'troupe.v1', description }
  return { ...head, anyOf, $defs: definitions }
}

if (import.meta.filename === process.argv[1]) {
  const file = resolve(import.meta.dirname, '../dist/schema.json')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(protocolSchema(), null, 2)}\n`)
}
