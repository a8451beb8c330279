/** A client that has so many tasks under way: each is submitted when one before it was seen to have ended. */
import { built } from './built.ts'
import { type Counts, Histogram } from './histogram.ts'
import { answer } from './verbs.ts'

const { transportLimits: limits } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { connectClient } = await built<typeof import('../../runtime/client/client.ts')>('runtime/client/client.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')
const { systemClock: clock, systemRandom: random } =
  await built<typeof import('../../runtime/system.ts')>('runtime/system.js')
const { silentLogger: logger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

export interface Lives {
  readonly perSecond: number
  /** From the call to submit a task to the news of its completion. */
  readonly spans: Counts
}

let client: Awaited<ReturnType<typeof connectClient>>
const spec = { driver: 'process' as const, command: ['true'] }
/** By the ids of tasks that are under way. */
const waiting = new Map<string, () => void>()
let submitted = 0

async function life(): Promise<void> {
  const id = `t${submitted}`
  submitted += 1
  const ended = new Promise<void>((resolve) => waiting.set(id, resolve))
  await client.submit(id, spec)
  await ended
}

answer({
  async open({ address: url, token }: { address: string; token: string }) {
    const transport = createWebsocketTransport({ limits, logger })
    // On a busy machine a thousand tasks may take their time.
    client = await connectClient({ transport, url, token, clock, random, logger, requestMs: 60_000 })
    await new Promise<void>((resolve, reject) => {
      const ended = (id: string, state: string) => {
        if (state !== 'Completed') throw new Error(`${id} has ended as ${state}`)
        waiting.get(id)?.()
        waiting.delete(id)
      }
      client.subscribe(
        { topic: 'tasks', filter: { states: ['Completed', 'Failed'] }, from: 'now' },
        { onSnapshot: () => resolve(), onDelta: ({ task }) => task && ended(task.id, task.state), onEnd: reject },
      )
    })
  },
  async run({ inFlight, ms }: { inFlight: number; ms: number }): Promise<Lives> {
    const spans = new Histogram()
    const beganMs = performance.now()
    const untilMs = beganMs + ms
    const loop = async () => {
      for (let nowMs = performance.now(); nowMs < untilMs; ) {
        await life()
        const thenMs = performance.now()
        spans.add(thenMs - nowMs)
        nowMs = thenMs
      }
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
    return { perSecond: (spans.count * 1_000) / (performance.now() - beganMs), spans: spans.counts() }
  },
  /** Goes on until so many were submitted in all, and have ended. Answers how many there were in a second. */
  async upTo({ inFlight, tasks }: { inFlight: number; tasks: number }): Promise<number> {
    const beganMs = performance.now()
    const before = submitted
    const loop = async () => {
      while (submitted < tasks) await life()
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
    return ((submitted - before) * 1_000) / (performance.now() - beganMs)
  },
  /** How many there were since it began, `t0`, `t1` and so on. */
  submitted: () => submitted,
})
