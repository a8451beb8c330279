/** Records: what is written is read again, and what is damaged, foreign or newer is refused with its reason. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot } from 'xstate'
import { initialStep, persist, step } from '../../actors/step.ts'
import { kinds } from '../../runtime/host/kinds.ts'
import { loadActors, readActor, readMeta } from '../../runtime/host/load.ts'
import { type ActorRecord, actorRecord, decodeRecord, encodeRecord, RecordError } from '../../runtime/host/record.ts'
import { attemptOf, HandStorage, placed, taskOf } from './host-world.ts'

const taskSnapshot = (): AnyMachineSnapshot => {
  const { machine } = kinds.task
  const first = initialStep(machine, taskOf('t', 5, { labels: { app: 'web' } })).snapshot
  return step(machine, first, { ...placed(), atMs: 5, roll: 0.5 }).snapshot
}
const timers = [{ id: 'backOff', event: { type: 'BackOffElapsed' }, delayMs: 10, dueAtMs: 1_700_000_000_000 }]
const recordOf = (fields: Partial<ActorRecord> = {}): Uint8Array =>
  encodeRecord({ ...actorRecord('task', 1, 7, taskSnapshot(), timers), ...fields })

/** The reason of the refusal. */
function refusal(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(RecordError)
    return (error as Error).message
  }
  throw new Error('it was read')
}

describe('a record', () => {
  test('is read as it was written', () => {
    const { snapshot, record, key } = readActor('task/t', 'task', recordOf())
    expect(persist(snapshot)).toStrictEqual(persist(taskSnapshot()))
    expect([key, record.revision, record.version, record.timers]).toEqual(['task/t', 7, 1, timers])
  })

  test('of any plain data is read as it was written, bytes, absent fields and large numbers too', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
      fc.uint8Array(),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('tree'), { maxLength: 5 }),
        fc.dictionary(fc.string({ minLength: 1 }), tie('tree'), { maxKeys: 5 }),
      ),
    }))
    const plain = (value: unknown): unknown =>
      value instanceof Uint8Array
        ? [...value]
        : Array.isArray(value)
          ? value.map(plain)
          : value !== null && typeof value === 'object'
            ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
            : value
    fc.assert(
      fc.property(tree, (value) => {
        expect(plain(decodeRecord(encodeRecord(value)))).toStrictEqual(plain(value))
      }),
      { numRuns: 200, seed: 3 },
    )
  })

  test('shares nothing with its bytes, nor two readings with each other', () => {
    const bytes = encodeRecord({ list: [1], data: new Uint8Array([1, 2]) })
    const [first, second] = [decodeRecord(bytes), decodeRecord(bytes)] as { list: number[]; data: Uint8Array }[]
    first?.list.push(2)
    first?.data.fill(9)
    bytes.fill(0)
    expect(second?.list).toEqual([1])
    expect([...(second?.data ?? [])]).toEqual([1, 2])
  })

  test('is read from within a larger buffer', () => {
    const bytes = recordOf()
    const larger = new Uint8Array(bytes.length + 20)
    larger.set(bytes, 11)
    expect(decodeRecord(larger.subarray(11, 11 + bytes.length))).toEqual(decodeRecord(bytes))
  })

  test('with any bit flipped is refused', () => {
    const bytes = recordOf()
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(refusal(() => readActor('task/t', 'task', flipped))).toBe('its checksum does not match')
    }
  })

  test('cut at any length is refused', () => {
    const bytes = recordOf()
    for (let length = 0; length < bytes.length; length += 1) {
      const reason = refusal(() => decodeRecord(bytes.subarray(0, length)))
      expect(reason).toBe(length <= 4 ? 'it is cut short' : 'its checksum does not match')
    }
  })
})

describe('a record is refused', () => {
  test.each<[string, () => Uint8Array, string]>([
    ['of another machine', () => recordOf({ machineId: 'node' }), 'it is of a machine called node'],
    ['of a newer Troupe', () => recordOf({ version: 2 }), 'it was written by a newer Troupe (version 2)'],
    [
      'of a state that the machine does not have',
      () => recordOf({ snapshot: { ...persist(taskSnapshot()), value: { Pending: 'Dreaming' } } }),
      'its state cannot be restored',
    ],
    ['without a snapshot', () => recordOf({ snapshot: undefined as never }), 'its state cannot be restored'],
    ['that is no record', () => encodeRecord(null), 'it is not the record of an actor'],
    ['that is a mere number', () => encodeRecord(7), 'it is not the record of an actor'],
    ['without timers', () => recordOf({ timers: undefined as never }), 'it is not the record of an actor'],
    ['with a version that is none', () => recordOf({ version: 'one' as never }), 'it is not the record of an actor'],
  ])('%s', (_, build, reason) => {
    expect(refusal(() => readActor('task/t', 'task', build()))).toContain(reason)
  })

  test('with a right checksum over what is no MessagePack', async () => {
    const { crc32 } = await import('node:zlib')
    const body = new Uint8Array([0xc1, 0xff])
    const bytes = new Uint8Array(6)
    new DataView(bytes.buffer).setUint32(0, crc32(body))
    bytes.set(body, 4)
    expect(refusal(() => decodeRecord(bytes))).toContain('it cannot be decoded')
  })
})

describe('loading', () => {
  test('sets aside what cannot be read, names it, and goes on with the others', async () => {
    const storage = new HandStorage()
    const damaged = recordOf()
    damaged[20] = (damaged[20] as number) ^ 1
    storage.values.set('task/a', recordOf())
    storage.values.set('task/b', damaged)
    storage.values.set('task/c', recordOf({ version: 9 }))
    storage.values.set('task/d', encodeRecord([1, 2]))
    storage.values.set('task/e', recordOf())
    storage.values.set('taskless', encodeRecord('not ours'))
    const found: string[] = []
    for await (const loaded of loadActors(storage, 'task/', 'task')) {
      found.push(`${loaded.key}: ${'record' in loaded ? 'read' : loaded.reason}`)
    }
    expect(found).toEqual([
      'task/a: read',
      'task/b: its checksum does not match',
      'task/c: it was written by a newer Troupe (version 9)',
      'task/d: it is not the record of an actor',
      'task/e: read',
    ])
  })

  test('takes an attempt’s record for an attempt and not for a task', () => {
    const { snapshot } = initialStep(kinds.attempt.machine, attemptOf('a'))
    const bytes = encodeRecord(actorRecord('attempt', 1, 1, snapshot, []))
    expect(readActor('attempt/a.1', 'attempt', bytes).snapshot.value).toBe('Starting')
    expect(refusal(() => readActor('task/a', 'task', bytes))).toBe('it is of a machine called attempt')
  })

  test('reads small values, and tells one that is not there', async () => {
    const storage = new HandStorage(new Map([['meta/epoch', encodeRecord(4)]]))
    expect([await readMeta(storage, 'meta/epoch'), await readMeta(storage, 'meta/none')]).toEqual([4, undefined])
  })
})

test('every kind’s record bears the name of its machine, and its migrations lead to its version', () => {
  for (const [name, { machine, version, migrate }] of Object.entries(kinds)) {
    expect([machine.id, migrate.length]).toEqual([name, version - 1])
  }
})
