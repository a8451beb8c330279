/** Records of actors are read as the library reads them, however alike or odd they are; what is alike they share. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { persist, step } from '../../actors/step.ts'
import { readActor } from '../../runtime/host/load.ts'
import { actorRecord, decodeActorRecord, decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import { RecordReader } from '../../runtime/host/record-reader.ts'
import { cases } from '../actors/machine-subjects.ts'
import { places } from '../actors/machine-walk.ts'

type Fields = Record<string, unknown>

/** As it lies in a record. */
const inContext = (context: unknown) => ({ snapshot: { context }, revision: 1 })
const contextOf = (read: unknown) => (read as { snapshot: { context: Fields } }).snapshot.context
const bodyOf = (value: unknown) => Uint8Array.from(encodeRecord(value).subarray(4))

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ minLength: 250, maxLength: 260 }),
  fc.constantFrom('a', 'a', 'process', '文字', '\u{1f600}', 'é', '\uffff', '__proto_'),
)
const everyday = fc.oneof(
  text,
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(null, undefined, true, false, 0, -0, -1, -32, -33, 127, 128, 65_535, 65_536, 2 ** 32, -(2 ** 31) - 1),
)
/** No actor has any of these so far. */
const rare = fc.oneof(
  fc.uint8Array({ maxLength: 3 }),
  fc.date({ noInvalidDate: true }),
  fc.bigInt({ min: -5n, max: 2n ** 63n }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const leaf = fc.oneof({ weight: 200, arbitrary: everyday }, { weight: 1, arbitrary: rare })
const name = fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), fc.constantFrom('a', 'b', 'c', '1', 'toString'))
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('tree'), { maxLength: 20 }),
    fc.dictionary(name, tie('tree'), { maxKeys: 20, noNullPrototype: true }),
  ),
}))
/** Contexts of which each has much of the one before. */
const alike = fc
  .tuple(fc.dictionary(name, tree, { noNullPrototype: true }), fc.array(fc.tuple(name, tree), { maxLength: 8 }))
  .map(([first, changes]) => {
    const all: Fields[] = [first]
    for (const [field, value] of changes) all.push({ ...all.at(-1), [field]: value })
    return all
  })

describe('a record of an actor', () => {
  test('is read as any record is, after whatever came before it', () => {
    let readHere = 0
    fc.assert(
      fc.property(alike, (contexts) => {
        const reader = new RecordReader()
        for (const context of contexts) {
          const bytes = encodeRecord(inContext(context)).slice()
          const known = decodeRecord(bytes)
          expect(decodeActorRecord(bytes)).toStrictEqual(known)
          const read = reader.read(bytes.subarray(4))
          if (read === undefined) continue
          readHere += 1
          expect(read.value).toStrictEqual(known)
        }
      }),
      { numRuns: 100, seed: 5 },
    )
    expect(readHere).toBeGreaterThan(100)
  })

  test('shares with the one before what is written alike in its context, and nothing else', () => {
    const reader = new RecordReader()
    const read = (context: Fields) => contextOf(reader.read(bodyOf(inContext(context)))?.value)
    // However many names users have thought of before.
    for (let at = 0; at < 3_000; at += 1) read({ id: '', labels: { [`label-${at % 40}`]: 1, [`other-${at}`]: 2 } })
    const list = [1, { deep: true }]
    const [a, b, c, d] = [
      ...[read({ id: 'a', labels: { x: 1 }, list }), read({ id: 'b', labels: { x: 1 }, list })],
      ...[read({ id: 'c', labels: { x: 2 }, list }), read({ id: 'd', labels: { x: 2 }, list })],
    ] as [Fields, Fields, Fields, Fields]
    expect([a.labels, b.labels, c.labels, d.labels]).toEqual([{ x: 1 }, { x: 1 }, { x: 2 }, { x: 2 }])
    expect([b.labels === a.labels, c.labels === b.labels, d.labels === c.labels]).toEqual([true, false, true])
    expect([b.list === a.list, d.list === a.list]).toEqual([true, true])
    expect(a).not.toBe(b)
  })

  test('may change its bytes afterwards', () => {
    const bytes = encodeRecord(inContext({ labels: { x: 'old' } })).slice()
    const before = decodeActorRecord(bytes)
    const after = encodeRecord(inContext({ labels: { x: 'new' } }))
    bytes.set(after)
    expect(contextOf(decodeActorRecord(bytes))).toEqual({ labels: { x: 'new' } })
    expect(contextOf(before)).toEqual({ labels: { x: 'old' } })
  })

  test('that is large, or names what no tree has room for, is read all the same', () => {
    const labels = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${from + at}`, at]))
    const records = [
      { text: 'x'.repeat(70_000) },
      ...Array.from({ length: 80 }, (_, at) => ({ labels: labels(at, 30), own: { [`own-${at}`]: { a: at } } })),
      { odd: JSON.parse('{"__proto__": {"a": 1}}') },
    ].map(inContext)
    for (const record of records) {
      const bytes = encodeRecord(record)
      expect(decodeActorRecord(bytes)).toStrictEqual(decodeRecord(bytes))
    }
  })
})

describe('what the reader leaves to the library', () => {
  test.each([
    ['bytes', new Uint8Array([1])],
    ['a date', new Date(0)],
    ['a large integer', 2n ** 60n],
    ['half of a pair', '\ud800'],
    ['a field that is called __proto__', JSON.parse('{"__proto__": 1}')],
  ])('%s', (_, value) => {
    expect(new RecordReader().read(bodyOf(inContext({ value })))).toBeUndefined()
  })

  test('what is cut short, goes on behind its end, or is larger than any record of an actor', () => {
    const reader = new RecordReader()
    const body = bodyOf(inContext({ labels: { a: 'word', b: 1.5, c: [undefined, -300] } }))
    for (let length = 0; length < body.length; length += 1) {
      expect(reader.read(body.subarray(0, length)), `cut to ${length}`).toBeUndefined()
    }
    expect(reader.read(Uint8Array.from([...body, 0xc0]))).toBeUndefined()
    expect(reader.read(bodyOf('x'.repeat(65_536)))).toBeUndefined()
    expect(reader.read(body)?.value).toStrictEqual(inContext({ labels: { a: 'word', b: 1.5, c: [undefined, -300] } }))
  })
})

/** Throws where anybody changes it. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const field of Object.values(value)) freeze(field)
}

describe.each(cases.filter(({ subject }) => ['task', 'attempt', 'node'].includes(subject.name)))(
  '$title',
  ({ subject, input }) => {
    test('is restored as it was in each of its places, and what it shares is never changed', () => {
      const kind = subject.name as 'task' | 'attempt' | 'node'
      for (const { snapshot } of places(subject, input)) {
        const read = readActor(kind, kind, encodeRecord(actorRecord(kind, 1, 1, snapshot, [])))
        expect(persist(read.snapshot)).toStrictEqual(persist(snapshot))
        freeze(read.snapshot.context)
        for (const event of subject.events) step(subject.machine, read.snapshot, event)
      }
    })
  },
)
