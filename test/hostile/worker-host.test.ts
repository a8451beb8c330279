/** A hostile manager towards a worker: every message, times every field, in a session that was welcomed. */
import { expect, test } from 'vitest'
import { managerMessages } from '../../actors/protocol/session.ts'
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { systemRandom as random } from '../../runtime/system.ts'
import { WorkerHost } from '../../runtime/worker/worker.ts'
import { documentedCodes } from './attack.ts'
import { type Case, casesOf } from './cases.ts'
import { heapUsed } from './memory.ts'
import { codecOf } from './peer.ts'
import { expectAllPlaces } from './siege.ts'
import { transportOf, type WireEnd } from './wire-end.ts'

const protocol = 'troupe.v1.msgpack'
const { Welcome, ...messages } = managerMessages
const welcome = { clusterId: 'c', sessionId: 's', epoch: 1, heartbeatMs: 2 ** 30, leaseMs: 2 ** 31 - 1 }
const desired = { seq: 1, complete: true, last: true, set: [], remove: [] }

/** A thousand times as fast, so that nobody waits for a back-off. */
const clock = {
  nowMs: () => Date.now(),
  uptimeMs: () => performance.now() * 1_000,
  setTimer(callback: () => void, delayMs: number) {
    const timer = setTimeout(callback, delayMs / 1_000)
    return () => clearTimeout(timer)
  },
}

function driver(): Driver {
  let tell = (_: DriverEvent) => {}
  return {
    ...{ name: 'process', supports: { logs: true, stats: false, exec: false } },
    probe: async () => ({ state: 'complete', detail: '' }),
    watch: async (_, listener) => {
      tell = listener
    },
    start: async (key) => tell({ type: 'Started', key, atMs: 1 }),
    stop: async (key) => tell({ type: 'Exited', key, atMs: 2, exitCode: 0 }),
    ...{ remove: async () => {}, list: async () => [], close: async () => {} },
    async *logs() {},
  }
}

/** A worker, and the newest of its connections, on which it was welcomed. */
class Stage {
  end: WireEnd | undefined
  failure: Error | undefined
  readonly worker: WorkerHost

  constructor() {
    const transport = transportOf((end) => {
      this.end = end
    })
    this.worker = new WorkerHost({
      ...{ storage: createMemoryStorage(), transport, managerUrl: 'ws://hostile', token: 't', clock, random },
      drivers: new Map([['process', driver()]]),
      registration: { name: 'w', resources: { cpus: 1, memoryBytes: 2 ** 30 }, labels: {} },
      ...{ logger: silentLogger, version: 'test' },
      onFailure: (error) => {
        this.failure = error
      },
    })
  }

  /** Its next connection, once it has said Hello; undefined if it has given up. */
  async hello(): Promise<WireEnd | undefined> {
    await until('a Hello', () => this.failure !== undefined || this.#greeted() !== undefined)
    return this.#greeted()
  }

  #greeted(): WireEnd | undefined {
    const { end } = this
    return end?.closed === undefined && end?.said.some(({ type }) => type === 'WorkerHello') ? end : undefined
  }

  async welcomed(): Promise<WireEnd | undefined> {
    const end = await this.hello()
    end?.hear({
      e: 1,
      m: [
        { type: 'Welcome', ...welcome },
        { type: 'Desired', ...desired },
      ],
    })
    return end
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The worker answers a Ping behind it, or ends the connection with a code of the table. */
async function hear(end: WireEnd, { name, payload }: Case): Promise<void> {
  const pongs = () => end.said.filter(({ type }) => type === 'Pong').length
  const before = pongs()
  const { m } = codecOf(protocol).decode(payload) as { m: unknown[] }
  end.hear({ e: 1, m })
  end.hear({ e: 1, m: [{ type: 'Ping' }] })
  await until(`an answer to ${name}`, () => end.closed !== undefined || pongs() > before)
  if (end.closed !== undefined && !documentedCodes.has(end.closed.code))
    throw new Error(`closed with ${end.closed.code} ${end.closed.reason}, after ${name}`)
}

test('every place of every message is found', () => expectAllPlaces(managerMessages))

test('every message times every field costs at most a connection, and then it runs what it is told', async () => {
  let stage = new Stage()
  await stage.worker.start()
  let heapBefore = 0
  let end: WireEnd | undefined
  for (const one of casesOf({ schemas: messages, protocol, lenient: true })) {
    if (one.fate === 'unreadable') continue
    if (end === undefined || end.closed !== undefined) end = await stage.welcomed()
    if (stage.failure !== undefined) {
      // Refused for good, as it was told to be.
      expect(stage.failure.message).not.toContain('defect')
      stage = new Stage()
      await stage.worker.start()
      end = await stage.welcomed()
    }
    await hear(end as WireEnd, one)
    heapBefore ||= await heapUsed()
  }
  if (end === undefined || end.closed !== undefined) end = await stage.welcomed()
  const attempt = { taskId: 'honest', attempt: 1, graceMs: 1, spec: { driver: 'process', command: ['true'] } }
  const set = [{ ...attempt, action: 'run' }]
  end?.hear({ e: 1, m: [{ type: 'Desired', ...desired, seq: 2, set }] })
  const isTold = () =>
    end?.said.some(({ type, attempts }) => type === 'Status' && JSON.stringify(attempts).includes('honest'))
  await until('the status of an honest task', () => isTold() === true)
  await stage.worker.stop()
  expect((await heapUsed()) - heapBefore).toBeLessThan(32 * 1_024 * 1_024)
}, 120_000)

test('every field of the Welcome', async () => {
  for (const one of casesOf({ schemas: { Welcome }, protocol, lenient: true })) {
    if (one.fate === 'unreadable') continue
    const stage = new Stage()
    await stage.worker.start()
    const end = (await stage.hello()) as WireEnd
    await hear(end, one)
    await stage.worker.stop()
    expect(stage.failure).toBeUndefined()
  }
}, 120_000)
