/** What every store must do. An adapter's test gives it `{ test, expect }` of its test runner, and a `StorageWorld`. */
import {
  type ScanRange,
  type Storage,
  type StorageErrorCode,
  type StorageOp,
  storageLimits,
} from '../storage/storage.ts'

/** The part of vitest's `test` and `expect` that the suite uses. */
export interface StorageTools {
  /** Defines a test; `timeoutMs`: how long it may take, in milliseconds. */
  test(name: string, body: () => Promise<void>, timeoutMs?: number): unknown
  /** Throws in the test what does not hold. */
  expect(actual: unknown, message?: string): { toBe(expected: unknown): void; toEqual(expected: unknown): void }
}

/** Where stores are opened for the suite. */
export interface StorageWorld {
  /** An empty store, its own for each call. */
  open(): Storage | Promise<Storage>
  /** Opens once more what a store of `open`, closed by now, has held. Given exactly by those that are durable. */
  reopen?(storage: Storage): Promise<Storage>
}

/** Each test's limit in milliseconds: far above what a busy machine needs. */
const testTimeoutMs = 30_000

/** Defines the suite's tests with `tools.test`. They may run one after the other or at once. */
export function storageConformance(tools: StorageTools, world: StorageWorld): void {
  const define: Define = (name, body) => {
    tools.test(
      name,
      async () => {
        const storage = await world.open()
        try {
          await body(storage)
        } finally {
          await storage.close()
        }
      },
      testTimeoutMs,
    )
  }
  values(define, tools)
  batches(define, tools)
  orders(define, tools)
  bounds(define, tools)
  snapshots(define, tools)
  ranges(define, tools)
  limits(define, tools)
  epochs(define, tools)
  closes(define, tools)
  durability(define, tools, world)
}

type Define = (name: string, body: (storage: Storage) => Promise<void>) => void

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value)
const put = (key: string, value = key): StorageOp => ({ type: 'put', key, value: bytes(value) })
const del = (key: string): StorageOp => ({ type: 'del', key })
const write = (storage: Storage, ...ops: StorageOp[]) => storage.batch(ops, { sync: false, epoch: 1 })

async function entriesOf(storage: Storage, range: ScanRange = {}): Promise<[string, string | undefined][]> {
  const entries: [string, string | undefined][] = []
  for await (const [key, value] of storage.scan(range)) entries.push([key, text(value)])
  return entries
}

async function keysOf(storage: Storage, range: ScanRange = {}): Promise<string[]> {
  return (await entriesOf(storage, range)).map(([key]) => key)
}

/** The code with which it rejects, `none` if it does not, or the error itself if it has no code. */
async function codeOf(promise: Promise<unknown>): Promise<StorageErrorCode | 'none' | unknown> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

function values(define: Define, { expect }: StorageTools): void {
  define('get: the value, or undefined', async (storage) => {
    expect(await storage.get('a')).toBe(undefined)
    await write(storage, put('a', 'one'))
    expect(text(await storage.get('a'))).toBe('one')
    await write(storage, del('a'))
    expect(await storage.get('a')).toBe(undefined)
  })

  define('get: every byte, and none, and plain bytes', async (storage) => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const ops: StorageOp[] = [
      { type: 'put', key: 'all', value: all },
      { type: 'put', key: 'none', value: new Uint8Array(0) },
    ]
    await write(storage, ...ops)
    expect(await storage.get('all')).toEqual(all)
    expect(await storage.get('none')).toEqual(new Uint8Array(0))
  })

  define('get, scan: the bytes are the caller’s to change', async (storage) => {
    await write(storage, put('a', 'kept'))
    const value = await storage.get('a')
    value?.fill(0)
    for await (const [, scanned] of storage.scan({})) scanned.fill(0)
    expect(text(await storage.get('a'))).toBe('kept')
  })
}

function batches(define: Define, { expect }: StorageTools): void {
  define('batch: later operations win over earlier ones of the same batch', async (storage) => {
    await write(storage, put('a', '1'), put('a', '2'), put('b'), del('b'), del('c'), put('c'))
    expect(await entriesOf(storage)).toEqual([
      ['a', '2'],
      ['c', 'c'],
    ])
  })

  define('batch: takes effect in the order of the calls, synced or not', async (storage) => {
    const calls = Array.from({ length: 20 }, (_, i) =>
      storage.batch([put('a', String(i)), put(`n${i}`)], { sync: i % 3 === 0, epoch: 1 }),
    )
    calls.push(storage.deleteRange('n0', 'n2', { epoch: 1 }), write(storage, put('n19', 'again')))
    await Promise.all(calls)
    expect(text(await storage.get('a'))).toBe('19')
    expect((await keysOf(storage, { gte: 'n', lt: 'o' })).join(' ')).toBe('n19 n2 n3 n4 n5 n6 n7 n8 n9')
    expect(text(await storage.get('n19'))).toBe('again')
  })

  define('batch: copies at the call, and takes effect after it', async (storage) => {
    const value = bytes('as called')
    const ops: StorageOp[] = [{ type: 'put', key: 'a', value }]
    const done = write(storage, ...ops)
    value.fill(0)
    const early = storage.get('a')
    await done
    expect(await early).toBe(undefined)
    expect(text(await storage.get('a'))).toBe('as called')
  })

  define('batch: nothing at all is fine', async (storage) => {
    await storage.batch([], { sync: true, epoch: 1 })
    expect(await keysOf(storage)).toEqual([])
  })

  define('batch: of 8,192 operations', async (storage) => {
    const ops = Array.from({ length: 8_192 }, (_, i) => put(String(i).padStart(5, '0')))
    await storage.batch(ops, { sync: true, epoch: 1 })
    expect((await keysOf(storage)).length).toBe(8_192)
    expect(await keysOf(storage, { limit: 1, reverse: true })).toEqual(['08191'])
  })
}

function orders(define: Define, { expect }: StorageTools): void {
  // By UTF-8 bytes; UTF-16 units, a locale or the case would each give another order.
  const ordered = [
    '\0',
    '!',
    'B',
    'a',
    'a\0',
    'a\u0001',
    'a!',
    'aa',
    'b',
    '~',
    'ß',
    'é',
    '한',
    '\uffee',
    '\u{10000}',
    '😀',
  ]

  define('scan: in the order of the keys’ UTF-8 bytes, both ways', async (storage) => {
    const mixed = [...ordered].sort((a, b) => a.length - b.length || (a < b ? 1 : -1))
    await write(storage, ...mixed.map((key) => put(key)))
    expect(await keysOf(storage)).toEqual(ordered)
    expect(await keysOf(storage, { reverse: true })).toEqual([...ordered].reverse())
  })

  define('scan, deleteRange: bounds follow the same order', async (storage) => {
    await write(storage, ...ordered.map((key) => put(key)))
    expect(await keysOf(storage, { gte: 'é', lt: '\u{10000}' })).toEqual(['é', '한', '\uffee'])
    expect(await keysOf(storage, { gt: '\uffee' })).toEqual(['\u{10000}', '😀'])
    await storage.deleteRange('\uffee', '😀', { epoch: 1 })
    expect(await keysOf(storage, { gte: '한' })).toEqual(['한', '😀'])
  })
}

function bounds(define: Define, { expect }: StorageTools): void {
  const cases: readonly (readonly [ScanRange, string])[] = [
    [{}, 'abcdef'],
    [{ gte: 'c' }, 'cdef'],
    [{ gt: 'c' }, 'def'],
    [{ lt: 'c' }, 'ab'],
    [{ gte: 'b', lt: 'e' }, 'bcd'],
    [{ gt: 'b', lt: 'e' }, 'cd'],
    [{ gte: 'b', gt: 'c' }, 'def'],
    [{ gte: 'd', gt: 'b' }, 'def'],
    [{ gte: 'c', gt: 'c' }, 'def'],
    [{ gte: 'bb', lt: 'dd' }, 'cd'],
    [{ gt: 'bb' }, 'cdef'],
    [{ gte: 'c', lt: 'c' }, ''],
    [{ gte: 'e', lt: 'b' }, ''],
    [{ gte: 'x' }, ''],
    [{ lt: '' }, ''],
    [{ gte: '' }, 'abcdef'],
    [{ limit: 2 }, 'ab'],
    [{ limit: 0 }, ''],
    [{ limit: 99 }, 'abcdef'],
    [{ gt: 'b', limit: 2 }, 'cd'],
    [{ reverse: true }, 'fedcba'],
    [{ reverse: true, limit: 2 }, 'fe'],
    [{ reverse: true, gte: 'b', lt: 'e' }, 'dcb'],
    [{ reverse: true, gt: 'b', lt: 'e', limit: 1 }, 'd'],
    [{ reverse: true, gt: 'bb', lt: 'dd' }, 'dc'],
  ]
  define('scan: bounds, limit and direction', async (storage) => {
    await write(storage, ...[...'fbdace'].map((key) => put(key)))
    for (const [range, expected] of cases) {
      expect((await keysOf(storage, range)).join(''), JSON.stringify(range)).toBe(expected)
    }
  })

  define('scan: an undefined bound is none', async (storage) => {
    await write(storage, put('a'), put('z'))
    const range = { gte: undefined, gt: undefined, lt: undefined, limit: undefined, reverse: undefined }
    expect(await keysOf(storage, range as object)).toEqual(['a', 'z'])
  })
}

function snapshots(define: Define, { expect }: StorageTools): void {
  define('scan: sees the moment of its call, whatever is written before and while it is read', async (storage) => {
    const keys = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(4, '0'))
    await write(storage, ...keys.map((key) => put(key, 'old')))
    const scan = storage.scan({})
    await write(storage, put('0000', 'new'), del('0001'), put('5000'))
    const seen: string[] = []
    for await (const [key, value] of scan) {
      if (seen.length === 500) await storage.deleteRange('0', '9', { epoch: 1 })
      seen.push(`${key} ${text(value)}`)
    }
    expect(seen).toEqual(keys.map((key) => `${key} old`))
    expect(await keysOf(storage)).toEqual([])
  })

  define('scan: a batch under way is in it whole or not at all', async (storage) => {
    const states = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const done = storage.batch([put('a', `${round}`), put('b', `${round}`)], { sync: false, epoch: 1 })
      const [a, b] = await entriesOf(storage)
      states.add(a?.[1] === b?.[1] ? 'whole' : 'torn')
      await done
    }
    expect([...states]).toEqual(['whole'])
  })

  define('scan: several at once, left early, and one that nobody reads', async (storage) => {
    await write(storage, ...[...'abcdef'].map((key) => put(key)))
    storage.scan({})
    for await (const [key] of storage.scan({ gte: 'b' })) {
      expect(await keysOf(storage, { lt: 'c' })).toEqual(['a', 'b'])
      if (key === 'c') break
    }
  })
}

function ranges(define: Define, { expect }: StorageTools): void {
  define('deleteRange: from gte to before lt', async (storage) => {
    await write(storage, ...[...'abcdef'].map((key) => put(key)))
    await storage.deleteRange('b', 'd', { epoch: 1 })
    expect((await keysOf(storage)).join('')).toBe('adef')
    await storage.deleteRange('d', 'd', { epoch: 1 })
    await storage.deleteRange('f', 'b', { epoch: 1 })
    expect((await keysOf(storage)).join('')).toBe('adef')
    await write(storage, put('b', 'again'))
    expect(text(await storage.get('b'))).toBe('again')
    await storage.deleteRange('', 'z', { epoch: 1 })
    expect(await keysOf(storage)).toEqual([])
  })
}

function limits(define: Define, { expect }: StorageTools): void {
  const { valueBytesMax, keyBytesMax } = storageLimits
  const big = (length: number): StorageOp => ({ type: 'put', key: 'big', value: new Uint8Array(length).fill(7) })

  define('limits: the largest value fits, a larger one is refused', async (storage) => {
    await write(storage, big(valueBytesMax))
    expect((await storage.get('big'))?.byteLength).toBe(valueBytesMax)
    expect(await codeOf(write(storage, put('a'), big(valueBytesMax + 1)))).toBe('too-large')
    expect(await keysOf(storage)).toEqual(['big'])
  })

  define('limits: the longest key fits, a longer one is refused, counted in bytes', async (storage) => {
    const longest = '한'.repeat(Math.floor(keyBytesMax / 3)) + 'a'.repeat(keyBytesMax % 3)
    await write(storage, put(longest, 'long'), put('b'.repeat(keyBytesMax)))
    expect(text(await storage.get(longest))).toBe('long')
    expect(await codeOf(write(storage, put(`${longest}a`)))).toBe('too-large')
    expect(await codeOf(write(storage, del('b'.repeat(keyBytesMax + 1))))).toBe('too-large')
  })

  define('limits: a key that no UTF-8 can say is refused', async (storage) => {
    expect((await codeOf(write(storage, put('a\ud800')))) instanceof TypeError).toBe(true)
    expect(await keysOf(storage)).toEqual([])
  })

  define('limits: after a refusal the store goes on', async (storage) => {
    expect(await codeOf(write(storage, big(valueBytesMax + 1)))).toBe('too-large')
    await write(storage, put('a'))
    expect(await keysOf(storage)).toEqual(['a'])
  })
}

function epochs(define: Define, { expect }: StorageTools): void {
  define('epoch: once a later one has written, an earlier one may not', async (storage) => {
    await storage.batch([put('a', '5')], { sync: true, epoch: 5 })
    expect(await codeOf(storage.batch([put('a', '4')], { sync: true, epoch: 4 }))).toBe('stale-epoch')
    expect(await codeOf(storage.deleteRange('a', 'b', { epoch: 4 }))).toBe('stale-epoch')
    expect(text(await storage.get('a'))).toBe('5')
    await storage.batch([put('a', 'again 5')], { sync: true, epoch: 5 })
    await storage.deleteRange('b', 'c', { epoch: 6 })
    expect(await codeOf(storage.batch([put('a', 'late 5')], { sync: true, epoch: 5 }))).toBe('stale-epoch')
    expect(text(await storage.get('a'))).toBe('again 5')
  })
}

function closes(define: Define, { expect }: StorageTools): void {
  define('close: waits for what is under way, and may be called twice', async (storage) => {
    let written = 0
    const calls = [1, 2, 3].map((n) =>
      storage.batch([put(`k${n}`)], { sync: true, epoch: 1 }).then(() => {
        written += 1
      }),
    )
    const closing = storage.close()
    await Promise.all([closing, storage.close()])
    expect(written).toBe(3)
    await Promise.all(calls)
  })

  define('close: every later call is refused', async (storage) => {
    await write(storage, put('a'))
    const closing = storage.close()
    const calls = () => [
      storage.get('a'),
      write(storage, put('b')),
      storage.deleteRange('a', 'b', { epoch: 1 }),
      keysOf(storage),
    ]
    const whileClosing = calls()
    expect(await Promise.all(whileClosing.map(codeOf))).toEqual(['closed', 'closed', 'closed', 'closed'])
    await closing
    expect(await Promise.all(calls().map(codeOf))).toEqual(['closed', 'closed', 'closed', 'closed'])
  })

  define('close: ends the scans, begun or not', async (storage) => {
    await write(storage, ...Array.from({ length: 1_000 }, (_, i) => put(`k${i}`)))
    const begun = storage.scan({})[Symbol.asyncIterator]()
    const waiting = storage.scan({})[Symbol.asyncIterator]()
    await begun.next()
    await storage.close()
    expect(await codeOf(begun.next())).toBe('closed')
    expect(await codeOf(waiting.next())).toBe('closed')
  })
}

function durability(define: Define, { test, expect }: StorageTools, world: StorageWorld): void {
  define('supports: says durable exactly if it can be opened again', async (storage) => {
    expect(storage.supports.durable).toBe(world.reopen !== undefined)
  })

  const { reopen } = world
  if (reopen === undefined) return
  test(
    'reopen: all that was written is there, and what was removed is not',
    async () => {
      let storage = await world.open()
      for (let round = 1; round <= 3; round += 1) {
        const epoch = round
        await storage.batch([put('round', `${round}`), put(`synced ${round}`)], { sync: true, epoch })
        await storage.batch([put(`unsynced ${round}`), put(`gone ${round}`)], { sync: false, epoch })
        await storage.deleteRange('gone', 'gonf', { epoch })
        await storage.close()
        storage = await reopen(storage)
        expect(await keysOf(storage, { gte: 'gone', lt: 'gonf' })).toEqual([])
        expect(text(await storage.get('round'))).toBe(String(round))
      }
      expect((await keysOf(storage)).length).toBe(7)
      await storage.close()
    },
    testTimeoutMs,
  )
}
