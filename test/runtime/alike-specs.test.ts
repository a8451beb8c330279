/** Equal specifications are one object; nothing is kept of what is large or was not known for long. */
import { expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import { decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import { AlikeSpecs, alikeSpecsLimits } from '../../runtime/manager/alike-specs.ts'

const specOf = (word: string): TaskSpec => ({ driver: 'process', command: ['sleep', word] })

/** What is kept for a specification that was read anew. */
function taken(specs: AlikeSpecs, spec: TaskSpec): TaskSpec {
  const bytes = encodeRecord(spec).slice()
  return specs.of(bytes, () => decodeRecord(bytes) as TaskSpec)
}

test('those with the same bytes are one, and others are not', () => {
  const specs = new AlikeSpecs()
  const first = taken(specs, specOf('1'))
  expect(taken(specs, specOf('1'))).toBe(first)
  expect(taken(specs, specOf('2'))).toEqual(specOf('2'))
  expect(first).toEqual(specOf('1'))
})

test('the oldest is forgotten, and what is large was never known', () => {
  const specs = new AlikeSpecs()
  const first = taken(specs, specOf('first'))
  for (let at = 1; at < alikeSpecsLimits.specsMax; at += 1) taken(specs, specOf(String(at)))
  expect(taken(specs, specOf('first'))).toBe(first)
  taken(specs, specOf('one more'))
  expect(taken(specs, specOf('first'))).not.toBe(first)
  const large = specOf('x'.repeat(alikeSpecsLimits.specBytesMax))
  expect(taken(specs, large)).toEqual(large)
  expect(taken(specs, large)).not.toBe(taken(specs, large))
})

test('what cannot be read is read again, and told each time', () => {
  const specs = new AlikeSpecs()
  const bytes = new Uint8Array([1, 2, 3])
  const read = () => {
    throw new Error('cannot be read')
  }
  expect(() => specs.of(bytes, read)).toThrow('cannot be read')
  expect(() => specs.of(bytes, read)).toThrow('cannot be read')
})
