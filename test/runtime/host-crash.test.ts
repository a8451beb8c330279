/**
 * A process that dies at any of its boundaries and starts again: the disk has the state of before or the one after, never
 * a mixture; nothing that the outside heard is taken back; and what may not have been done is asked for again.
 */
import { describe, expect, test } from 'vitest'
import type { Boundary } from '../../runtime/host/boundary.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { HandStorage, HostWorld, placed, settle } from './host-world.ts'

interface Crash {
  readonly boundary: Boundary
  /** At which passing of it, from 1. */
  readonly nth: number
}

/** Of a process that has died nothing more reaches the outside or the disk. */
class Mortal {
  dead = false
  readonly passed: Boundary[] = []
  readonly #crash: Crash | undefined

  constructor(crash: Crash | undefined) {
    this.#crash = crash
  }

  readonly onBoundary = (boundary: Boundary): void => {
    if (this.dead) return
    this.passed.push(boundary)
    const count = this.passed.filter((former) => former === boundary).length
    if (boundary === this.#crash?.boundary && count === this.#crash.nth) this.dead = true
  }
}

/** A disk that stops with its process. A batch that was handed over may still have reached it. */
class MortalStorage extends HandStorage {
  mortal: Mortal | undefined
  reachesDiskAtDeath = false

  override async batch(...args: Parameters<HandStorage['batch']>): Promise<void> {
    if (this.mortal?.dead) {
      if (this.reachesDiskAtDeath) {
        void super.batch(...args)
        this.applySilently()
      }
      return new Promise(() => {})
    }
    const done = super.batch(...args)
    await this.flush()
    return done
  }
}

interface Life {
  readonly storage: MortalStorage
  /** What the outside really heard before the death. */
  readonly heard: readonly string[]
  readonly passed: readonly Boundary[]
  readonly dead: boolean
}

const address = 'attempt/a.1'

/** A task and its attempt, that step together in one turn: either both have moved on the disk, or none. */
async function live(crash: Crash | undefined, reachesDiskAtDeath: boolean): Promise<Life> {
  const mortal = new Mortal(crash)
  const storage = new MortalStorage()
  storage.mortal = mortal
  storage.reachesDiskAtDeath = reachesDiskAtDeath
  const heard: string[] = []
  const world = new HostWorld({
    storage,
    onBoundary: mortal.onBoundary,
    onStep: ({ actor, event }, turn) => {
      if (actor.kind === 'attempt') turn.put(`mark/${event.type}`, encodeRecord(1))
    },
  })
  const push = world.heard.push.bind(world.heard)
  Object.defineProperty(world.heard, 'push', {
    value: (...words: string[]) => {
      if (!mortal.dead) heard.push(...words)
      return push(...words)
    },
  })
  world.host.run((turn) => {
    world.host.create(turn, 'task/t', 'task', { taskId: 't', spec: { driver: 'process', command: ['x'] }, atMs: 1 })
    turn.finally(() => world.heard.push('submitted'))
  })
  world.attempt('a')
  await settle()
  if (mortal.dead) return { storage, heard, passed: mortal.passed, dead: true }
  world.host.run((turn) => {
    turn.tell('task/t', placed())
    turn.tell(address, { type: 'Absent' })
    turn.finally(() => world.heard.push('placed'))
  })
  await settle()
  return { storage, heard, passed: mortal.passed, dead: mortal.dead }
}

const undisturbed = await live(undefined, false)
const crashes = undisturbed.passed.map((boundary, index): Crash => {
  const nth = undisturbed.passed.slice(0, index + 1).filter((former) => former === boundary).length
  return { boundary, nth }
})

test('without a crash all is stored, done and answered, and every boundary is passed', () => {
  expect(undisturbed.heard).toEqual(['submitted', 'start a.1', 'stop a.1', 'placed'])
  expect([...new Set(undisturbed.passed)]).toEqual([
    'stepped',
    'flush',
    'flushed',
    'before:startAttempt',
    'after:startAttempt',
    'before:stopAttempt',
    'after:stopAttempt',
  ])
})

describe.each(
  crashes.flatMap((crash) => [
    { ...crash, reaches: false },
    { ...crash, reaches: true },
  ]),
)('a crash at $boundary (no. $nth), its batch reaching the disk: $reaches', ({ boundary, nth, reaches }) => {
  test('leaves the old state or the new one, keeps what was heard, and asks again for what may be undone', async () => {
    const { storage, heard, dead } = await live({ boundary, nth }, reaches)
    expect(dead).toBe(true)

    const next = new HostWorld({ storage: new HandStorage(storage.values, true) })
    const paths = ['task/t', address].map((key) => next.stored(key)?.path)
    const marks = ['Created', 'Absent'].map((type) => storage.values.has(`mark/${type}`))
    expect([
      [undefined, undefined, false, false],
      ['Pending.Queued', 'Starting', true, false],
      ['Scheduled.Starting', 'Stopping', true, true],
    ]).toContainEqual([...paths, ...marks])

    // What the outside heard of is on the disk.
    if (heard.includes('submitted')) expect(paths[0]).toBeDefined()
    if (heard.includes('start a.1')) expect(paths[1]).toBeDefined()
    if (heard.includes('placed')) expect(paths).toEqual(['Scheduled.Starting', 'Stopping'])

    for (const key of ['task/t', address]) if (storage.values.has(key)) next.reload(key)
    await settle()
    const asked = paths[1] === undefined ? [] : [paths[1] === 'Starting' ? 'start a.1' : 'stop a.1']
    expect(next.heard).toEqual(asked)
    expect(next.storage.asked).toEqual([])
  })
})
