/** Messages with one field spoiled: every message, times every field, times every way to spoil it that says something there. */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Frame } from '../../actors/protocol/frame.ts'
import type { Dice } from './dice.ts'
import { changed, type Mutation, mutations } from './mutations.ts'
import { codecOf } from './peer.ts'
import { chance, fitting, keywordsOf, nameOf, type Path, type Place, placesOf, turns } from './schema.ts'
import { type Protocol, payloadOf } from './wire.ts'

export type Schemas = Readonly<Record<string, TSchema>>

/** A frame that holds one spoiled message. */
export interface Case {
  readonly type: string
  /** `SubmitTask/spec/restart/max` is `too long a text`. */
  readonly name: string
  readonly path: Path
  readonly mutation: Mutation
  readonly payload: Uint8Array
  /** What comes of it: the frame cannot be read, its message breaks the schema, or it is as good as any. */
  readonly fate: 'unreadable' | 'invalid' | 'taken'
  /** Of a request whose number is not what was spoiled. */
  readonly req: number | undefined
}

type Message = Readonly<Record<string, unknown>>

export interface CasesOptions {
  readonly schemas: Schemas
  readonly protocol: Protocol
  /** What a message is given before it is spoiled. Default: nothing. */
  readonly prepare?: (message: Message) => Message
  /** Messages of types that are not known are passed over. */
  readonly lenient: boolean
  /** Ways to spoil a field beside the usual ones. */
  readonly more?: readonly Mutation[]
}

/** The places of all messages, each once, with a fitting message around it. */
export function* targets(schemas: Schemas): Generator<{ type: string; base: unknown; place: Place }> {
  for (const [type, schema] of Object.entries(schemas)) {
    const seen = new Map<string, Set<unknown>>()
    for (let turn = 0; turn < turns; turn += 1) {
      const base = fitting(keywordsOf(schema), turn)
      for (const place of placesOf(keywordsOf(schema), turn)) {
        const name = nameOf(place.path)
        const schemasThere = seen.get(name) ?? new Set()
        if (schemasThere.has(place.schema)) continue
        seen.set(name, schemasThere.add(place.schema))
        yield { type, base, place }
      }
    }
  }
}

/** Every case in this format. */
export function* casesOf(options: CasesOptions): Generator<Case> {
  const { schemas, protocol, prepare = (message) => message, more = [] } = options
  for (const { type, base, place } of targets(schemas)) {
    const { path } = place
    for (const mutation of [...mutations, ...more]) {
      const message = prepare(base as Message)
      const value = path.reduce<unknown>(
        (at, name) => (at as Record<string | number, unknown> | undefined)?.[name],
        message,
      )
      const to = mutation.of(place, value)
      // A message may have been prepared so that it has no such field.
      if (to === undefined || value === undefined) continue
      const payload = payloadOf(protocol, { m: [changed(message, path, to)] })
      if (payload === undefined) continue
      const name = `${type}${nameOf(path)} is ${mutation.name}`
      const req = path[0] === 'req' || path[0] === 'type' ? undefined : (message.req as number | undefined)
      yield { type, name, path, mutation, payload, fate: fateOf(options, payload), req }
    }
  }
}

/** As many cases again, in which the one field has another value that it may have: these reach what is behind the door. */
export function* chancesOf(options: CasesOptions, dice: Dice, count: number): Generator<Case> {
  const { schemas, protocol, prepare = (message) => message } = options
  const all = [...targets(schemas)].filter(({ place }) => place.path[0] !== 'type')
  const mutation: Mutation = { name: 'by chance', of: () => undefined }
  for (let made = 0; made < count; ) {
    const { type, base, place } = dice.pick(all)
    const { path } = place
    const message = prepare(base as Message)
    const payload = payloadOf(protocol, { m: [changed(message, path, chance(place.schema, dice))] })
    if (payload === undefined) continue
    const fate = fateOf(options, payload)
    // `__proto__` as a text is good, as a key it is not.
    if (fate !== 'taken') continue
    made += 1
    const req = path[0] === 'req' ? undefined : (message.req as number | undefined)
    yield { type, name: `${type}${nameOf(path)} is by chance ${made}`, path, mutation, payload, fate, req }
  }
}

const compiled = new Map<TSchema, (value: unknown) => boolean>()

/** Whether a value fits. */
function fits(schema: TSchema, value: unknown): boolean {
  let check = compiled.get(schema)
  if (check === undefined) {
    const validator = Compile(schema)
    check = (value) => validator.Check(value)
    compiled.set(schema, check)
  }
  return check(value)
}

/** By the codec and the schemas alone, as the door would see it. */
export function fateOf({ schemas, protocol, lenient }: CasesOptions, payload: Uint8Array): Case['fate'] {
  let frame: unknown
  try {
    frame = codecOf(protocol).decode(payload)
  } catch {
    return 'unreadable'
  }
  if (!fits(Frame, frame)) return 'invalid'
  const isTaken = (frame as Frame).m.every((message) =>
    Object.hasOwn(schemas, message.type) ? fits(schemas[message.type] as TSchema, message) : lenient,
  )
  return isTaken ? 'taken' : 'invalid'
}
