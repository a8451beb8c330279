/** Reads of one turn go to RocksDB together, and each has its own answer. */
import type { RocksLevel } from '@nxtedition/rocksdb'
import { expect, test } from 'vitest'
import { Reads } from '../../runtime/storage/rocksdb/reads.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString()

/** A database in which each key but `none…` has itself as its value, and `bad…` cannot be read. */
function open() {
  const calls: (readonly string[])[] = []
  const _getManySync = (keys: readonly string[]) => {
    calls.push(keys)
    const bad = keys.find((key) => key.startsWith('bad'))
    if (bad !== undefined) throw new Error(`Corruption: ${bad}`)
    return keys.map((key) => (key.startsWith('none') ? undefined : bytes(key)))
  }
  const db = { _getManySync } as unknown as RocksLevel
  return { calls, reads: new Reads(db, (error) => new Error(`told: ${(error as Error).message}`)) }
}

test('those of one turn are one call', async () => {
  const { calls, reads } = open()
  const values = await Promise.all(['a', 'none', 'b', 'a'].map((key) => reads.get(key)))
  expect(values.map(text)).toEqual(['a', undefined, 'b', 'a'])
  expect(calls).toEqual([['a', 'none', 'b', 'a']])
  expect(text(await reads.get('c'))).toBe('c')
  expect(calls).toHaveLength(2)
})

test('very many are several calls', async () => {
  const { calls, reads } = open()
  const keys = Array.from({ length: 600 }, (_, at) => `k${at}`)
  const values = await Promise.all(keys.map((key) => reads.get(key)))
  expect(values.map(text)).toEqual(keys)
  expect(calls.map(({ length }) => length)).toEqual([256, 256, 88])
})

test('what cannot be read costs nobody else', async () => {
  const { reads } = open()
  const told = ['a', 'bad1', 'none', 'bad2', 'b'].map((key) => reads.get(key).then(text, (error) => error.message))
  expect(await Promise.all(told)).toEqual([
    ...['a', 'told: Corruption: bad1', undefined, 'told: Corruption: bad2', 'b'],
  ])
})
