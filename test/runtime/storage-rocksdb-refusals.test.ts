import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { lackingFlags } from '../../runtime/storage/rocksdb/load.ts'
import {
  allOf,
  filesOf,
  makeRoot,
  open,
  put,
  refusalOf,
  startChild,
  tryInChild,
  whyNoMount,
  withMount,
  writeSynced,
} from './storage-world.ts'

const root = makeRoot()
afterAll(() => rmSync(root, { recursive: true, force: true }))
const fresh = () => mkdtempSync(join(root, 's-'))

const isRoot = process.getuid?.() === 0

test('a new store is made with its parents, for its owner alone', async () => {
  const dir = join(fresh(), 'some', 'where')
  await (await open(dir)).close()
  for (const made of [dir, join(dir, '..'), join(dir, 'db')]) expect(statSync(made).mode & 0o777).toBe(0o700)
})

describe('locked', () => {
  test('by another process: says which folder, leaves nothing behind, and opens once that process is gone', async () => {
    const dir = fresh()
    const child = await startChild('hold', dir, 1)
    try {
      const refusal = await refusalOf(open(dir))
      expect(refusal.code).toBe('locked')
      expect(refusal.message).toContain(`The store ${dir} is in use by another process: stop the Troupe`)
      expect(existsSync(join(dir, 'log-before-open'))).toBe(false)
    } finally {
      await child.kill()
    }
    await (await open(dir)).close()
  })

  test('by this very process', async () => {
    const dir = fresh()
    const storage = await open(dir)
    expect((await refusalOf(open(dir))).code).toBe('locked')
    await writeSynced(storage, put('a'))
    await storage.close()
  })
})

describe('permission', () => {
  const permission = (dir: string) =>
    expect.objectContaining({
      code: 'permission',
      message: expect.stringContaining(`may not read and write the store ${dir}: give it the folder`),
    })

  test('a folder that another user owns', async () => {
    const dir = fresh()
    await (await open(dir)).close()
    if (!isRoot) chmodSync(dir, 0)
    expect(tryInChild(dir)).toEqual(permission(dir))
    if (!isRoot) chmodSync(dir, 0o700)
  })

  test('a parent in which this user may make nothing', () => {
    const parent = fresh()
    chmodSync(parent, 0o555)
    expect(tryInChild(join(parent, 'store'))).toEqual(permission(join(parent, 'store')))
  })

  test('one file of RocksDB’s own that this user may not write', async () => {
    const dir = fresh()
    await (await open(dir)).close()
    if (isRoot) for (const name of ['.', ...Object.keys(filesOf(dir))]) chownSync(join(dir, name), 65_534, 65_534)
    expect(tryInChild(dir)).toBe('ok')
    const lock = join(dir, 'db', 'LOCK')
    chmodSync(lock, 0o400)
    if (isRoot) chownSync(lock, 0, 0)
    expect(tryInChild(dir)).toEqual(permission(dir))
  })
})

describe('newer format', () => {
  test('is refused before anything is changed', async () => {
    const dir = fresh()
    const storage = await open(dir, { format: 2 })
    await writeSynced(storage, put('a'))
    await storage.close()
    const before = filesOf(dir)
    const refusal = await refusalOf(open(dir))
    expect(refusal.code).toBe('newer-format')
    expect(refusal.message).toContain(
      `${dir} was written by a newer Troupe (format 2; this one knows up to 1): run that Troupe`,
    )
    expect(filesOf(dir)).toEqual(before)
    await (await open(dir, { format: 2 })).close()
  })

  test('an older one is opened, and from then on bears the newer', async () => {
    const dir = fresh()
    await (await open(dir)).close()
    await (await open(dir, { format: 3 })).close()
    expect((await refusalOf(open(dir))).code).toBe('newer-format')
  })
})

describe('a file in the way', () => {
  test('where the folder should be, and where its parent should be', async () => {
    const file = join(fresh(), 'file')
    writeFileSync(file, 'mine')
    for (const dir of [file, join(file, 'store')]) {
      const refusal = await refusalOf(open(dir))
      expect(refusal.code).toBe('io')
      expect(refusal.message).toContain(`The store ${dir} cannot be a folder, for a file stands in its place`)
    }
  })

  test('where RocksDB’s part should be', async () => {
    const dir = fresh()
    writeFileSync(join(dir, 'db'), 'mine')
    expect((await refusalOf(open(dir))).message).toContain('for a file stands in its place')
  })
})

describe('unsupported platform', () => {
  const sentence = /RocksDB cannot run on this machine \(\w+ \w+\): .* use --storage memory, which forgets/

  test('no prebuilt binary: told by the library itself in a process that takes itself for another', () => {
    const dir = join(fresh(), 'never')
    const refusal = tryInChild(dir, { npm_config_arch: 'riscv64' })
    expect(refusal).toMatchObject({ code: 'unsupported-platform', message: expect.stringMatching(sentence) })
    expect(refusal).toMatchObject({ message: expect.stringContaining('arch=riscv64') })
    expect(existsSync(dir)).toBe(false)
  })

  test('a binary that does not load', async () => {
    const load = () => Promise.reject(new Error('ld-linux-x86-64.so.2: cannot open shared object file\nmore'))
    const refusal = await refusalOf(open(fresh(), { load }))
    expect(refusal.code).toBe('unsupported-platform')
    expect(refusal.message).toMatch(sentence)
    expect(refusal.message).not.toContain('\n')
  })

  test('a processor that lacks what the binary was built for', () => {
    expect(lackingFlags('processor : 0\nflags\t\t: fpu sse4_2 avx avx2 bmi1 bmi2 fma\n')).toEqual([])
    expect(lackingFlags('flags\t\t: fpu sse4_2 avx bmi2\n')).toEqual(['avx2', 'fma'])
    expect(lackingFlags('')).toEqual([])
  })
})

const why = whyNoMount()
// Filling a disk for real takes a small one of our own, which only root may mount; whyNoMount says what is in the way.
describe.skipIf(why !== undefined)(`on a file system of its own${why ? ` (${why})` : ''}`, () => {
  test('full while it writes: nothing goes on, and what was acknowledged is there once there is room', async () => {
    const at = fresh()
    await withMount(at, 'size=4m', async (remount) => {
      const dir = join(at, 'store')
      const storage = await open(dir)
      let acknowledged = 0
      const fill = async () => {
        for (; acknowledged < 100; acknowledged += 1) {
          await writeSynced(storage, put(`k${acknowledged}`, 'x'.repeat(300_000)))
        }
      }
      const refusal = await refusalOf(fill())
      expect(refusal.code).toBe('full')
      expect(refusal.message).toContain(`No space is left for the store ${dir}: free some, then start again`)
      expect(acknowledged).toBeGreaterThan(2)
      expect((await refusalOf(writeSynced(storage, put('small')))).code).toBe('full')
      expect((await storage.get('k0'))?.byteLength).toBe(300_000)
      await storage.close()
      remount('size=64m')
      const again = await open(dir)
      const keys = Object.keys(await allOf(again))
      for (let n = 0; n < acknowledged; n += 1) expect(keys).toContain(`k${n}`)
      await writeSynced(again, put('small'))
      await again.close()
    })
  })

  test('full before it is made', async () => {
    const at = fresh()
    await withMount(at, 'size=64k', async () => {
      try {
        writeFileSync(join(at, 'ballast'), Buffer.alloc(1_000_000))
      } catch {
        // It is full now.
      }
      expect((await refusalOf(open(join(at, 'store')))).code).toBe('full')
    })
  })

  test('read-only, new or not', async () => {
    const at = fresh()
    await withMount(at, 'size=64m', async (remount) => {
      const dir = join(at, 'store')
      const storage = await open(dir)
      await writeSynced(storage, put('a'))
      await storage.close()
      mkdirSync(join(at, 'new'))
      remount('ro')
      for (const folder of [dir, join(at, 'new')]) {
        const refusal = await refusalOf(open(folder))
        expect(refusal.code, refusal.message).toBe('permission')
        expect(refusal.message).toContain(`The store ${folder} is on a read-only file system: remount it`)
      }
    })
  })
})
