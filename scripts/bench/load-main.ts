/** A worker whose driver runs nothing: what happens to its attempts happens when it is said. It also submits them. */
import type { AttemptKey } from '../../actors/model.ts'
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'
import { built } from './built.ts'
import { createIdleDriver } from './idle-driver.ts'
import { answer } from './verbs.ts'

const { startWorker, transportLimits } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { connectClient } = await built<typeof import('../../runtime/client/client.ts')>('runtime/client/client.js')
const { createMemoryStorage } =
  await built<typeof import('../../runtime/storage/memory.ts')>('runtime/storage/memory.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')
const { systemClock, systemRandom } = await built<typeof import('../../runtime/system.ts')>('runtime/system.js')
const { silentLogger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

const inFlight = 100
const parts = {
  ...{ transport: createWebsocketTransport({ limits: transportLimits, logger: silentLogger }) },
  ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
}

/** Attempts that were handed over, in the order in which they came. */
const attempts: AttemptKey[] = []
let tell: (event: DriverEvent) => void = () => {}

const driver: Driver = {
  ...createIdleDriver(),
  async watch(_, listener) {
    tell = listener
  },
  async start(key) {
    attempts.push(key)
  },
}

/** Tasks begin one after the other, and each ends when so many others have begun, or there are no others. */
const runningAtOnce = 20
let begun = 0
let ended = 0

function transition(): void {
  const atMs = Date.now()
  const ends = begun - ended >= runningAtOnce || begun === attempts.length
  const key = attempts[ends ? ended : begun]
  if (key === undefined) throw new Error('there are too few tasks for so many transitions')
  if (ends) tell({ type: 'Exited', key, atMs, exitCode: 0 })
  else tell({ type: 'Started', key, atMs })
  if (ends) ended += 1
  else begun += 1
}

answer({
  /** Submits so many tasks, `t0`, `t1` …, and resolves when all of them are with the driver. */
  async open({ address, token, tasks }: { address: string; token: string; tasks: number }) {
    const worker = await startWorker({
      ...parts,
      ...{ managerUrl: address, token, storage: createMemoryStorage(), drivers: new Map([[driver.name, driver]]) },
      offer: { name: 'load', cpus: 4_096, memoryBytes: 2 ** 45 },
    })
    await worker.connected
    const client = await connectClient({ ...parts, url: address, token, requestMs: 60_000 })
    const spec = { driver: 'process' as const, command: ['true'] }
    for (let from = 0; from < tasks; from += inFlight) {
      const some = Array.from({ length: Math.min(inFlight, tasks - from) }, (_, at) => `t${from + at}`)
      await Promise.all(some.map((id) => client.submit(id, spec)))
    }
    await client.close()
    while (attempts.length < tasks) await new Promise((wake) => setTimeout(wake, 10))
  },
  /** Makes so many transitions at this rate; resolves with the ids of all tasks that have ended so far. */
  async run({ transitions, perSecond }: { transitions: number; perSecond: number }) {
    const beganMs = performance.now()
    for (let made = 0; made < transitions; made += 1) {
      const dueMs = beganMs + (made * 1_000) / perSecond
      while (performance.now() < dueMs) await new Promise((wake) => setTimeout(wake, dueMs - performance.now()))
      transition()
    }
    return attempts.slice(0, ended).map(({ taskId }) => taskId)
  },
})
