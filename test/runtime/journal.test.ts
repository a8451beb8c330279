/** The journal: units become durable in order and together, act afterwards, and a failure is final. */
import { describe, expect, test } from 'vitest'
import type { Boundary } from '../../runtime/host/boundary.ts'
import { Journal, journalLimits } from '../../runtime/host/journal.ts'
import type { StorageOp } from '../../runtime/storage/storage.ts'
import { HandStorage, settle } from './host-world.ts'

function build() {
  const storage = new HandStorage()
  const heard: string[] = []
  const failures: string[] = []
  const errors: string[] = []
  const boundaries: Boundary[] = []
  const journal = new Journal({
    storage,
    epoch: 3,
    revision: 10,
    logger: { debug() {}, info() {}, warn() {}, error: (_, fields) => errors.push(String(fields?.error)) },
    onBoundary: (boundary) => boundaries.push(boundary),
    onFailure: (error) => failures.push(error.message),
  })
  const commit = (name: string, opsCount = 1) => {
    const ops = Array.from({ length: opsCount }, (_, index): StorageOp => ({ type: 'del', key: `${name}${index}` }))
    journal.commit({ ops, actions: [() => heard.push(name)] })
  }
  return { storage, heard, failures, errors, boundaries, journal, commit }
}

describe('a flush', () => {
  test('carries every unit of the same turn of the loop, and their actions run in order', async () => {
    const { commit, storage, heard } = build()
    for (const name of ['a', 'b', 'c']) commit(name)
    await settle()
    expect([storage.asked, heard]).toEqual([[['del a0', 'del b0', 'del c0']], []])
    await storage.flush()
    expect(heard).toEqual(['a', 'b', 'c'])
  })

  test('is one at a time; what comes meanwhile goes together into the next', async () => {
    const { commit, storage, heard } = build()
    commit('a')
    await settle()
    for (let index = 0; index < 50; index += 1) {
      commit(`b${index}-`)
      await settle()
    }
    expect(storage.asked).toHaveLength(1)
    await storage.flush()
    expect([storage.asked.length, storage.asked[1]?.length, heard]).toEqual([2, 50, ['a']])
    await storage.flush()
    expect(heard).toHaveLength(51)
  })

  test('has a bound, and never splits a unit', async () => {
    const { commit, storage } = build()
    const unitOps = 100
    const units = Math.ceil(journalLimits.flushOpsMax / unitOps) + 5
    for (let index = 0; index < units; index += 1) commit(`u${index}-`, unitOps)
    await settle()
    await storage.flush()
    const [first = [], second = []] = storage.asked
    expect(first.length).toBeLessThanOrEqual(journalLimits.flushOpsMax)
    expect(first.length % unitOps).toBe(0)
    expect(first.length + second.length).toBe(units * unitOps)
  })

  test('that has only actions needs no disk, and still comes after what was before it', async () => {
    const { commit, storage, heard } = build()
    commit('alone', 0)
    await settle()
    expect([heard, storage.asked]).toEqual([['alone'], []])
    commit('a')
    commit('answer', 0)
    await settle()
    expect(heard).toEqual(['alone'])
    await storage.flush()
    expect(heard).toEqual(['alone', 'a', 'answer'])
  })

  test('is not synced if all of it may be lost, and acts once it is written; beside anything else it is synced', async () => {
    const { storage, heard, journal, commit } = build()
    storage.takesUnsynced = true
    const drop = (name: string) => {
      const ops: StorageOp[] = [{ type: 'del', key: name }]
      journal.commit({ ops, mayBeLost: true, actions: [() => heard.push(name)] })
    }
    drop('a')
    journal.afterAll(() => heard.push('after a'))
    await settle()
    expect([storage.asked, heard]).toEqual([[['unsynced del a']], []])
    await storage.flush()
    expect([heard, journal.metrics().flushes]).toEqual([['a', 'after a'], 0])
    drop('b')
    commit('c')
    await settle()
    await storage.flush()
    expect([storage.asked[1], heard.slice(2), journal.metrics().flushes]).toEqual([['del b', 'del c0'], ['b', 'c'], 1])
  })

  test('passes its boundaries in order', async () => {
    const { commit, storage, boundaries } = build()
    commit('a')
    await settle()
    await storage.flush()
    expect(boundaries).toEqual(['stepped', 'flush', 'flushed'])
  })

  test('an action that commits more is followed by a flush of that', async () => {
    const { journal, storage, heard, commit } = build()
    journal.commit({ ops: [{ type: 'del', key: 'a' }], actions: [() => commit('b')] })
    await settle()
    await storage.flush()
    expect(storage.pending).toHaveLength(1)
    await storage.flush()
    expect(heard).toEqual(['b'])
  })

  test('an action that throws is told of, and the others run', async () => {
    const { journal, storage, heard, errors } = build()
    const fail = () => {
      throw new Error('a defect')
    }
    journal.commit({ ops: [{ type: 'del', key: 'a' }], actions: [fail, () => heard.push('next')] })
    await settle()
    await storage.flush()
    expect(heard).toEqual(['next'])
    expect(errors[0]).toContain('a defect')
    expect(journal.failed).toBe(false)
  })

  test('settled waits for all that was committed, and for what follows from it', async () => {
    const { journal, storage, heard, commit } = build()
    journal.commit({ ops: [{ type: 'del', key: 'a' }], actions: [() => commit('b')] })
    let isSettled = false
    void journal.settled().then(() => {
      isSettled = true
    })
    await settle()
    await storage.flush()
    expect(isSettled).toBe(false)
    await storage.flush()
    expect([isSettled, heard]).toEqual([true, ['b']])
  })
})

describe('revisions', () => {
  test('go on from the last that the store holds', () => {
    const { journal } = build()
    expect([journal.revision, journal.nextRevision(), journal.nextRevision(), journal.revision]).toEqual([
      10, 11, 12, 12,
    ])
    expect(journal.epoch).toBe(3)
  })
})

describe('a flush that fails', () => {
  test('drops all that waits, nobody hears of it, and it is told once', async () => {
    const { commit, storage, heard, failures, journal } = build()
    commit('a')
    await settle()
    commit('b')
    journal.afterAll(() => heard.push('answer'))
    await storage.fail(new Error('no space left on device'))
    expect([heard, failures, storage.asked.length]).toEqual([[], ['no space left on device'], 1])
    commit('c')
    journal.afterAll(() => heard.push('answer'))
    await settle()
    expect([heard, failures.length, storage.asked.length, journal.failed]).toEqual([[], 1, 1, true])
    await journal.settled()
  })

  test('refuses later work from outside', async () => {
    const { commit, storage, journal } = build()
    expect(() => journal.admit()).not.toThrow()
    commit('a')
    await settle()
    await storage.fail(new Error('io'))
    expect(() => journal.admit()).toThrow(expect.objectContaining({ code: 'StorageFailed', retryable: true }))
  })

  test('is told to those who wait for an answer, once, and not to those who have it', async () => {
    const { commit, storage, journal, failures } = build()
    const told: string[] = []
    journal.onFailed(() => {
      // Before the process is told to end, so that the refusal can still be sent.
      told.push(`waits ${failures.length}`)
    })
    const forget = journal.onFailed(() => told.push('answered'))
    forget()
    commit('a')
    await settle()
    await storage.fail(new Error('io'))
    expect([told, failures]).toEqual([['waits 0'], ['io']])
  })

  test('one who asks after the failure is told as well', async () => {
    const { commit, storage, journal } = build()
    commit('a')
    await settle()
    await storage.fail(new Error('io'))
    const told: string[] = []
    journal.onFailed(() => told.push('late'))
    await settle()
    expect(told).toEqual(['late'])
  })

  test('a store that throws at the call fails it just so', async () => {
    const { commit, storage, journal, failures } = build()
    storage.batch = () => {
      throw new TypeError('not well-formed')
    }
    commit('a')
    await settle()
    expect([journal.failed, failures]).toEqual([true, ['not well-formed']])
  })
})

describe('large values', () => {
  const value = new Uint8Array(512 * 1_024)
  const put = (journal: Journal, key: string) => journal.commit({ ops: [{ type: 'put', key, value }], actions: [] })

  test('share a flush only as far as its bytes go, and one that is larger goes alone', async () => {
    const { storage, journal } = build()
    const each = value.length + 'u00'.length
    const fit = Math.floor(journalLimits.flushBytesMax / each)
    for (let index = 0; index < 2 * fit; index += 1) put(journal, `u${String(index).padStart(2, '0')}`)
    await settle()
    expect(storage.asked[0]).toHaveLength(fit)
    await storage.flush()
    expect(storage.asked[1]).toHaveLength(fit)
    await storage.flush()
    const large = new Uint8Array(journalLimits.flushBytesMax + 1)
    put(journal, 'before')
    await settle()
    journal.commit({ ops: [{ type: 'put', key: 'large', value: large }], actions: [] })
    put(journal, 'after')
    await storage.flush()
    await settle()
    expect(storage.asked[3]).toHaveLength(1)
  })

  test('fill the backlog by their bytes, long before their number does', async () => {
    const { storage, journal } = build()
    const count = Math.ceil(journalLimits.backlogBytesMax / value.length)
    for (let index = 0; index < count; index += 1) {
      expect(() => journal.admit()).not.toThrow()
      put(journal, `u${index}`)
    }
    expect(count).toBeLessThan(journalLimits.backlogOpsMax)
    expect(() => journal.admit()).toThrow(expect.objectContaining({ code: 'Overloaded', retryable: true }))
    for (let flushes = 0; flushes <= count && journal.isBehind; flushes += 1) {
      await settle()
      await storage.flush()
    }
    expect(() => journal.admit()).not.toThrow()
  })
})

test('a backlog over its limit refuses new work from outside until the disk has caught up', async () => {
  const { commit, storage, journal } = build()
  for (let index = 0; index <= journalLimits.backlogOpsMax / 1_000 + 1; index += 1) commit(`u${index}-`, 1_000)
  expect(() => journal.admit()).toThrow(expect.objectContaining({ code: 'Overloaded', retryable: true }))
  await settle()
  expect(() => journal.admit()).toThrow(expect.objectContaining({ code: 'Overloaded' }))
  await storage.flush()
  expect(() => journal.admit()).not.toThrow()
})
