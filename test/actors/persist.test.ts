/**
 * A machine does not notice that it was written down and read again: at every place it goes on from its bytes exactly as it
 * would have gone on from memory.
 */
import { describe, expect, test } from 'vitest'
import { persist, restore, step } from '../../actors/step.ts'
import { decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import { essence } from './live-oracle.ts'
import { cases } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

type Persisted = ReturnType<typeof persist>

describe.each(cases)('$title', ({ subject, input }) => {
  const { machine, events } = subject
  const found = places(subject, input)

  test('goes on from its bytes as from memory, at every place and for every event', () => {
    for (const { snapshot } of found) {
      const bytes = encodeRecord(persist(snapshot))
      for (const event of events) {
        const read = restore(machine, decodeRecord(bytes) as Persisted)
        expect(essence(read)).toEqual(essence(snapshot))
        const [here, there] = [step(machine, snapshot, event), step(machine, read, event)]
        expect(essence(there.snapshot)).toStrictEqual(essence(here.snapshot))
        expect(there.effects).toEqual(here.effects)
        expect(there.changed).toBe(here.changed)
      }
    }
  })

  test('is written the same after it was read', () => {
    for (const { snapshot } of found) {
      const bytes = encodeRecord(persist(snapshot))
      expect(encodeRecord(persist(restore(machine, decodeRecord(bytes) as Persisted)))).toEqual(bytes)
    }
  })

  test('a step leaves the snapshot that it came from as it was', () => {
    for (const { snapshot } of found) {
      const before = encodeRecord(persist(snapshot))
      for (const event of events) step(machine, snapshot, event)
      expect(encodeRecord(persist(snapshot))).toEqual(before)
    }
  })

  test('two actors of one input share nothing that a step could change', () => {
    const [first, second] = [places(subject, input), places(subject, input)]
    const bytes = second.map(({ snapshot }) => encodeRecord(persist(snapshot)))
    for (const { snapshot } of first) {
      const read = restore(machine, decodeRecord(encodeRecord(persist(snapshot))) as Persisted)
      for (const event of events) step(machine, read, event)
    }
    expect(second.map(({ snapshot }) => encodeRecord(persist(snapshot)))).toEqual(bytes)
  })
})
